"""A folder to train on: drawn frames in the published layout, and what detectors say of them."""

import json
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from cctview_pipeline_tests.factories.archive import HOUR_17, draw_frame, traffic, write_frame


def recorded_folder(root: Path, somebody: bool = False) -> Path:
    """Twelve frames of minutes 10, 43 and 50, with the published detector and the packaged ones agreeing on one car, and on
    somebody besides."""
    rows, cars = [], traffic(120)
    times = [
        HOUR_17 + timedelta(minutes=minute, seconds=2 * i) for minute, count in ((10, 8), (43, 2), (50, 2)) for i in range(count)
    ]
    for number, time in enumerate(times):
        path = write_frame(root, "cam-1", time, draw_frame(2.0 * number, cars))
        box = [100 + number, 100, 130 + number, 125]
        frame_id = path.name.removesuffix("--original.jpeg")
        walks = [200 + 3 * number, 150, 212 + 3 * number, 180]
        seen = [("car", box)] + ([("person", walks)] if somebody else [])
        found = {
            f"{frame_id}--detections--{i}": {"type": label, "percentage_probability": 90, "box_points": each}
            for i, (label, each) in enumerate(seen)
        }
        path.with_name(f"{frame_id}--detections.json").write_text(json.dumps(found))
        for label, each in seen:
            corners = dict(zip(("x1", "y1", "x2", "y2"), map(float, each), strict=True))
            rows += [
                {"frame_id": frame_id, "model": model, "type": label, "score": 0.9} | corners for model in ("first", "second")
            ]
    pq.write_table(pa.Table.from_pylist(rows), root / "packaged-detections.parquet")
    return root
