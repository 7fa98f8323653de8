"""A made lake of tracks and crops: vehicles of faint patterns, each crop in a light of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np

from cctview_pipeline.ids import DetectionId, FrameId
from cctview_pipeline.images import encode_png
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline_tests.factories.archive import HOUR_17
from cctview_pipeline_tests.factories.tables import campaign, rows


@dataclass(frozen=True)
class Passage:
    """A vehicle that passes a camera. number: decides its pattern; enters: s after 17:00; lasts: s, with a frame every 2 s."""

    number: int
    enters: float
    lasts: float = 10.0
    camera: str = "cam-1"
    parked: bool = False
    continues: str | None = None


def passages(count: int, begins: float = 0.0, first: int = 0, camera: str = "cam-1") -> list[Passage]:
    """So many vehicles, numbered from the first on, of which one or two are in sight at once."""
    return [Passage(first + place, begins + 8.0 * place, camera=camera) for place in range(count)]


def write_lake(root: Path, passed: Sequence[Passage], faint: float = 60.0) -> tuple[Lake, list[Partition]]:
    """A lake with these passages as tracks, and its camera-hours. faint: how much a pattern stands out, in grey levels."""
    lake = Lake(str(root))
    lake.write_campaign(campaign())
    hours = []
    for camera in sorted({each.camera for each in passed}):
        made = [_made(each, faint) for each in passed if each.camera == camera]
        hours.append(Partition.camera_hour(camera, HOUR_17))
        lake.write("tracks", hours[-1], rows("tracks", *(track for track, _ in made)))
        lake.write("crops", hours[-1], rows("crops", *(crop for _, crops in made for crop in crops)))
    return lake, hours


def track_id(passed: Passage) -> str:
    return f"{_frame(passed, 0)}--track--{passed.number}"


def _made(passed: Passage, faint: float) -> tuple[dict, list[dict]]:
    seen = range(0, int(passed.lasts) + 1, 2)
    ids = [
        str(
            DetectionId(frame_id=_frame(passed, second), number=passed.number, label="car", percent=90.0, box=(100, 80, 140, 110))
        )
        for second in seen
    ]
    begin = HOUR_17 + timedelta(seconds=passed.enters)
    track = {"track_id": track_id(passed), "camera_id": passed.camera, "detection_ids": ids, "parked": passed.parked}
    track |= {"first_seen": begin, "last_seen": begin + timedelta(seconds=seen[-1]), "continues": passed.continues}
    return track, [
        {"detection_id": detection, "image": encode_png(_picture(passed.number, second, faint))}
        for detection, second in zip(ids, seen, strict=True)
    ]


def _picture(number: int, second: int, faint: float) -> np.ndarray:
    pattern = np.random.default_rng([number, 1]).uniform(-0.5, 0.5, (4, 4, 3)).repeat(8, 0).repeat(8, 1)
    light = np.random.default_rng([number, second, 2]).uniform(68, 188, 3)
    return np.clip(light + faint * pattern, 0, 255).astype(np.uint8)


def _frame(passed: Passage, second: int) -> str:
    return str(FrameId(passed.camera, HOUR_17 + timedelta(seconds=passed.enters + second)))
