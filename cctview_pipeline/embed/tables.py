"""Features of one camera-hour, as the lake's table."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa

from cctview_pipeline.embed import Extractor
from cctview_pipeline.lake.schemas import schema_of


def embed_crops(
    extractor: Extractor, crops: pa.Table, batch: int = 1024, advance: Callable[[int], None] = lambda count: None
) -> pa.Table:
    """crops -> features, in the same order. advance: called with the number of crops done."""
    blocks = [np.zeros((0, extractor.dimension), np.float32)]
    for chunk in crops.select(["image"]).to_batches(batch):
        blocks.append(extractor.embed(chunk["image"].to_pylist()))
        advance(chunk.num_rows)
    values = np.concatenate(blocks).astype(np.float16)
    schema = schema_of("features", extractor.dimension)
    kind = schema.field("embedding").type
    columns = {
        "detection_id": crops["detection_id"].combine_chunks(),
        "embedding": pa.FixedSizeListArray.from_arrays(pa.array(values.ravel(), pa.float16()), type=kind),
        "model": pa.array([extractor.version] * crops.num_rows, pa.string()),
    }
    return pa.table(columns, schema)
