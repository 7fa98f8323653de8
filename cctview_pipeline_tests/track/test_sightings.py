"""Detections and features joined into arrays in order of time."""

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest

from cctview_pipeline.track.sightings import sightings
from cctview_pipeline_tests.factories.tables import SEEN, rows
from cctview_pipeline_tests.factories.traffic import DrivenCar, drive, two_way_traffic

SIZE = (352, 240)


def test_only_what_has_an_embedding_is_seen():
    found = rows("detections", *({"detection_id": name, "x1": float(i)} for i, name in enumerate("abc")))
    seen = sightings(found, rows("features", {"detection_id": "c"}, {"detection_id": "a"}), SIZE)
    assert seen.ids == ["a", "c"]
    np.testing.assert_array_equal(seen.boxes[:, 0], [0, 2])


def test_order_is_that_of_time():
    times = [SEEN + timedelta(seconds=second) for second in (4, 0, 2)]
    found = rows("detections", *({"detection_id": n, "captured_at": t, "label": n} for n, t in zip("abc", times, strict=True)))
    seen = sightings(found, rows("features", *({"detection_id": name} for name in "abc")), SIZE)
    assert (seen.ids, seen.labels) == (["b", "c", "a"], ["b", "c", "a"])
    np.testing.assert_array_equal(seen.times, [SEEN.timestamp() + second for second in (0, 2, 4)])


def test_embeddings_have_length_1_and_follow_their_detection():
    found = rows("detections", {"detection_id": "b"}, {"detection_id": "a"})
    features = rows(
        "features", {"detection_id": "b", "embedding": [0, 2, 0, 0]}, {"detection_id": "a", "embedding": [3, 0, 4, 0]}
    )
    np.testing.assert_allclose(sightings(found, features, SIZE).embeddings, [[0.6, 0, 0.8, 0], [0, 1, 0, 0]])


def test_points_and_sizes():
    found = rows("detections", {"detection_id": "a", "x1": 10.0, "y1": 20.0, "x2": 50.0, "y2": 30.0})
    seen = sightings(found, rows("features", {"detection_id": "a"}), SIZE)
    np.testing.assert_allclose(seen.points, [[30, 30]])
    np.testing.assert_allclose(seen.sizes, [20])


def test_frames_split_by_time():
    made = drive(two_way_traffic(3), seconds=12)
    frames = made.sightings.frames()
    counts = made.detections["captured_at"].value_counts()
    assert [len(frame) for frame in frames] == [
        row["counts"] for row in sorted(counts.to_pylist(), key=lambda row: row["values"])
    ]
    assert np.concatenate(frames).tolist() == list(range(len(made.sightings)))


def test_select_keeps_everything_together():
    seen = drive([DrivenCar(1, 0), DrivenCar(2, 1)]).sightings
    kept = seen.select(np.array([3, 1]))
    assert kept.ids == [seen.ids[3], seen.ids[1]]
    np.testing.assert_array_equal(kept.embeddings, seen.embeddings[[3, 1]])


def test_embedding_without_a_detection_is_named():
    with pytest.raises(ValueError, match="The feature 'stray' belongs to no detection"):
        sightings(rows("detections", {}), rows("features", {"detection_id": "stray"}), SIZE)


@pytest.mark.parametrize("detections", [rows("detections"), rows("detections", {})])
def test_nothing_seen(detections: pa.Table):
    seen = sightings(detections, rows("features"), SIZE)
    assert (len(seen), seen.frames(), seen.points.shape) == (0, [], (0, 2))
