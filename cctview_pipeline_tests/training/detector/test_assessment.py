"""A detector against several truths, and by size."""

import numpy as np
import pytest

from cctview_pipeline.detect import Detections
from cctview_pipeline.detect.evaluation import Scored, by_size
from cctview_pipeline.training.detector.assessment import assess

SMALL, MIDDLE, LARGE = [0, 0, 10, 30], [100, 100, 112, 124], [200, 50, 260, 90]
NOTHING = np.zeros((0, 4), np.float32)


def boxes(*rows: list[float]) -> np.ndarray:
    return np.array(rows, np.float32).reshape(-1, 4)


def found(*pairs: tuple[list[float], float]) -> Detections:
    return Detections(boxes(*(box for box, _ in pairs)), np.array([s for _, s in pairs], np.float32), ["car"] * len(pairs))


def test_every_size_has_its_own_figures():
    seen = found((LARGE, 0.9), (MIDDLE, 0.8), ([20, 60, 28, 70], 0.7))
    assessment = assess([seen], [(boxes(SMALL, MIDDLE, LARGE), NOTHING)])
    rows = {row["size"]: row for row in assessment.rows(0.5)}
    assert list(rows) == ["all", "under 12 px", "12-24 px", "over 24 px"]
    assert [row["vehicles"] for row in rows.values()] == [3, 1, 1, 1]
    assert (rows["under 12 px"]["precision"], rows["under 12 px"]["recall"], rows["under 12 px"]["F1"]) == (0, 0, 0)
    assert rows["12-24 px"]["AP50"] == rows["over 24 px"]["AP50"] == 1
    assert rows["all"]["precision"] == rows["all"]["recall"] == pytest.approx(2 / 3, abs=1e-4)


def test_a_box_goes_with_the_size_of_the_vehicle_that_it_finds():
    a_pixel_too_narrow = [100, 100, 111, 124]
    image = Scored(boxes(a_pixel_too_narrow), np.array([0.9], np.float32), boxes(MIDDLE), NOTHING)
    small, middle, large = by_size(image)
    assert (len(small.boxes), len(middle.boxes), len(large.boxes)) == (0, 1, 0)


def test_vehicles_of_other_sizes_count_neither_way():
    image = Scored(boxes(LARGE), np.array([0.9], np.float32), boxes(LARGE, SMALL), NOTHING)
    small, _, large = by_size(image)
    assert small.truth.tolist() == [SMALL]
    assert small.ignored.tolist() == [LARGE]
    assert large.ignored.tolist() == [SMALL]


def test_an_empty_frame_has_no_size():
    assert [len(part.truth) for part in by_size(Scored(NOTHING, np.zeros(0, np.float32), NOTHING, NOTHING))] == [0, 0, 0]
