"""Training pictures by camera, and what a detector cuts out of them."""

from pathlib import Path

import numpy as np

from cctview_pipeline.detect import VEHICLES
from cctview_pipeline.ids import FrameId
from cctview_pipeline.images import encode_png
from cctview_pipeline.training.detector.lake_labels import StoredPicture
from cctview_pipeline.training.references.pictures import by_camera, cut_vehicles
from cctview_pipeline_tests.factories.drifting_hours import MadeDetector

CITY = [FrameId.parse(f"city-{i}--2025-06-03--16.00.0{i}.000Z") for i in (1, 2)]


def test_cameras_are_told_apart_and_those_of_one_synthetic_city_are_one(tmp_path: Path):
    recorded, drawn = tmp_path / "735-683-N--2020-05-05--13.34.46--original.jpeg", tmp_path / "0123456789ab-007" / "city.jpeg"
    drawn.parent.mkdir()
    recorded.write_bytes(b"recorded")
    drawn.write_bytes(b"drawn")
    published = FrameId.parse("735-683-N--2020-05-05--13.34.46")
    found = by_camera([(recorded, published), (drawn, CITY[0]), (drawn, CITY[1]), (StoredPicture(b"stored"), CITY[0])])
    assert found == {"735-683-N": [b"recorded"], "city 007": [b"drawn", b"drawn"], "city-1": [b"stored"]}


def test_many_frames_are_thinned_evenly():
    frames = [(StoredPicture(bytes([i])), CITY[0]) for i in range(100)]
    assert [jpeg[0] for jpeg in by_camera(frames, most=4)["city-1"]] == [0, 33, 66, 99]


def test_crops_are_the_vehicles_that_a_lake_would_hold():
    """At the threshold and above, and no people."""
    picture = encode_png(np.full((240, 352, 3), 7, np.uint8))
    found = cut_vehicles(MadeDetector(), {"cam-1": [picture] * 30})["cam-1"]
    twin, expected = MadeDetector(), 0
    for _ in range(30):
        (each,) = twin.detect([picture])
        expected += sum(s >= twin.threshold and n in VEHICLES for s, n in zip(each.scores, each.labels, strict=True))
    assert len(found) == expected > 50
    assert all(crop.ndim == 3 and (crop == 7).all() for crop in found)
    assert len(cut_vehicles(MadeDetector(), {"cam-1": [picture] * 30}, most=9)["cam-1"]) == 9
