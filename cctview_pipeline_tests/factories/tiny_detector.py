"""A detector an eighth as wide as the shipped one, and a lake of small plain frames that it learns in seconds."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from cctview_pipeline.detect.calibration import Calibration
from cctview_pipeline.detect.detections import LABELS
from cctview_pipeline.detect.network import WIDTHS, DetectorNetwork
from cctview_pipeline.ids import FrameId
from cctview_pipeline.images import encode_jpeg
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.registry.manifest import ModelEntry
from cctview_pipeline.registry.state_dicts import register_weights
from cctview_pipeline.training.detector.lake_labels import label_frames
from cctview_pipeline.training.detector.quantization import quantize
from cctview_pipeline.training.detector.teachers import RecordedTeacher, TeacherEnsemble
from cctview_pipeline_tests.factories.archive import HOUR_17
from cctview_pipeline_tests.factories.tables import rows

NARROWED = 8
HEIGHT, WIDTH = 96, 128


def register_untrained(name: str) -> ModelEntry:
    """A detector of this project's network that knows nothing yet, in the folder that CCTVIEW_MODELS names."""
    torch.manual_seed(1)
    network = DetectorNetwork(len(LABELS), tuple(width // NARROWED for width in WIDTHS)).eval()
    noise = np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)
    metadata = {"threshold": "0.5", "calibration": str(Calibration())}
    return register_weights(name, "detector", network.state_dict() | quantize(network, [noise]), metadata, {"licence": "MIT"})


def plain_traffic(folder: Path, camera: str = "cam-1", frames: int = 55, vehicles: int = 6) -> tuple[Lake, list[Partition]]:
    """A lake below folder with so many frames of a camera, each with so many blue vehicles on a grey road, which two teachers
    have labelled; and its camera-hour."""
    rng, frames_made, boxes = np.random.default_rng(4), [], []
    for number in range(frames):
        at = HOUR_17 + timedelta(seconds=2 * number)
        frame_id = str(FrameId(camera, at))
        picture = rng.normal(120, 4, (HEIGHT, WIDTH, 3)).clip(0, 255).astype(np.uint8)
        for place in rng.permutation(12)[:vehicles]:
            x, y = 32 * (place % 4) + int(rng.integers(0, 8)), 32 * (place // 4) + int(rng.integers(0, 8))
            picture[y : y + 18, x : x + 22] = (20, 40, 220)
            corners = dict(zip(("x1", "y1", "x2", "y2"), map(float, (x, y, x + 22, y + 18)), strict=True))
            boxes += [{"frame_id": frame_id, "model": model, "type": "car", "score": 0.9} | corners for model in ("one", "two")]
        frames_made.append({"frame_id": frame_id, "camera_id": camera, "captured_at": at, "jpeg": encode_jpeg(picture)})
    pq.write_table(pa.Table.from_pylist(boxes), folder / "boxes.parquet")
    hour, lake, table = Partition.camera_hour(camera, HOUR_17), Lake(str(folder / "lake")), rows("raw_frames", *frames_made)
    lake.write("raw_frames", hour, table)
    lake.write("labels", hour, label_frames(TeacherEnsemble([RecordedTeacher.read(folder / "boxes.parquet")]), table))
    return lake, [hour]
