"""What tracks look like."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import csr_array

from cctview_pipeline.lake.columns import embedding_matrix


def mean_looks(tracks: pa.Table, features: pa.Table) -> np.ndarray:
    """(T, D) float64: of each track the mean of its detections' embeddings, in which large boxes weigh more.

    Raises KeyError when a detection has no embedding.
    """
    members = tracks["detection_ids"].combine_chunks()
    ids, lengths = members.flatten(), pc.list_value_length(members).to_numpy()
    rows = pc.index_in(ids, features["detection_id"].combine_chunks())
    if rows.null_count:
        raise KeyError(ids.filter(pc.is_null(rows))[0].as_py())
    weights = pc.list_flatten(tracks["sizes"]).to_numpy().astype(np.float64)
    weights /= np.repeat(np.bincount(np.repeat(np.arange(len(lengths)), lengths), weights), lengths)
    ends = np.concatenate([[0], np.cumsum(lengths)])
    means = csr_array((weights, np.arange(len(weights)), ends), shape=(len(lengths), len(weights)))
    return means @ embedding_matrix(features.take(rows))
