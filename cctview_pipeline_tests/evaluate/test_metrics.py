"""Single metrics on numbers small enough to check by hand, or against their reference implementation."""

import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from trackeval.metrics import Identity

from cctview_pipeline.detect.evaluation import precision_recall
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.evaluate.detection import _images, _joined
from cctview_pipeline.evaluate.journeys import identity_scores, in_two_or_more
from cctview_pipeline.evaluate.reidentification import reidentification_rows
from cctview_pipeline.evaluate.tracking import SEQUENCE_S, sequences, tracking_rows
from cctview_pipeline.evaluate.truth import assign
from cctview_pipeline_tests.factories.boxes import BOX, found, moved, truth


def camera(true, seen, frames: int, step_s: float = 2.0, name: str = "cam-1") -> SimpleNamespace:
    times = (np.arange(frames) * step_s * 1e6).astype(np.int64)
    return SimpleNamespace(camera_id=name, truth=true, found=seen, times=times, assignment=assign(true, seen, frames))


def test_features_of_two_models_are_refused():
    cameras = [SimpleNamespace(model=("one@1",)), SimpleNamespace(model=("two@1",))]
    with pytest.raises(CctviewError, match=r"models one@1, two@1: backfill"):
        reidentification_rows(cameras, [])


identities = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 6)), max_size=40)


@given(identities, st.lists(st.integers(0, 5), max_size=6), st.lists(st.integers(0, 6), max_size=6))
def test_identity_scores_are_those_of_trackeval(together, missed, false):
    """Every pair of (vehicle, journey) is a frame in which they overlap; then boxes missed and detections on nothing."""
    frames = [([v], [j], [[1.0]]) for v, j in together] + [([v], [], []) for v in missed] + [([], [j], []) for j in false]
    vehicles, gt = np.unique([v for v, _ in together] + missed, return_inverse=True)
    tracks, predicted = np.unique([j for _, j in together] + false, return_inverse=True)
    data = {
        "num_timesteps": len(frames),
        "num_gt_ids": len(vehicles),
        "num_tracker_ids": len(tracks),
        "num_gt_dets": len(gt),
        "num_tracker_dets": len(predicted),
        "gt_ids": [np.searchsorted(vehicles, v) for v, _, _ in frames],
        "tracker_ids": [np.searchsorted(tracks, j) for _, j, _ in frames],
        "similarity_scores": [np.array(iou, float).reshape(len(v), len(j)) for v, j, iou in frames],
    }
    metric = Identity({"PRINT_CONFIG": False})
    expected = metric.combine_sequences({0: metric.eval_sequence(data)})
    names = np.array(together, str).reshape(-1, 2)
    scores = identity_scores(np.array([*names[:, 0], *map(str, missed)]), np.array([*names[:, 1], *map(str, false)]), names)
    for name, value in scores.items():
        assert (0.0 if value is None else value) == pytest.approx(expected[name])


def test_in_two_or_more_cameras():
    both = in_two_or_more([np.array(["a", "a", "b"]), np.array(["a", "c", "c"])])
    assert both.tolist() == ["a", "a", "a"]


def test_sequences_are_cut_every_ten_minutes_and_perfect_tracks_stay_perfect():
    frames = int(2 * SEQUENCE_S / 2)
    over_the_cut = range(frames // 2 - 3, frames // 2 + 3)
    one = camera(truth(*((i, "a", BOX, True) for i in over_the_cut)), found(*((i, 0, BOX) for i in over_the_cut)), frames)
    assert [data["num_timesteps"] for data in sequences(one)] == [3, 3]
    values = {row.metric: row.value for row in tracking_rows([one]) if row.scope == "all"}
    assert values["HOTA"] == values["IDF1"] == 1


def test_frames_with_truth_only_or_tracks_only():
    """Frame 0 is a hit, frame 1 a miss, frame 2 a false alarm, frame 3 empty."""
    one = camera(truth((0, "a", BOX, True), (1, "a", BOX, True)), found((0, 0, BOX), (2, 0, BOX)), 4)
    values = {row.metric: row.value for row in tracking_rows([one]) if row.scope == "cam-1"}
    assert values["DetA"] == pytest.approx(1 / 3)
    assert (values["IDP"], values["IDR"]) == (0.5, 0.5)


def test_cameras_are_combined_by_their_detections():
    good = camera(truth(*((i, "a", BOX, True) for i in range(3))), found(*((i, 0, BOX) for i in range(3))), 3)
    blind = camera(truth((0, "b", BOX, True)), found(), 3, name="cam-2")
    values = {(row.scope, row.metric): row.value for row in tracking_rows([good, blind])}
    assert (values["cam-1", "DetA"], values["cam-2", "DetA"]) == (1, 0)
    assert values["all", "DetA"] == values["all", "IDR"] == pytest.approx(3 / 4)


def test_curves_of_cameras_joined_are_one_curve():
    rng = np.random.default_rng(0)
    cameras = []
    for _ in range(3):
        places = [(f, f"v{f}", moved(BOX, 60 * k), True) for f in range(20) for k in range(2)]
        seen = [(f, 0, moved(BOX, 60 * k + rng.normal() * 3)) for f in range(20) for k in range(3)]
        one = camera(truth(*places), found(*seen), 20)
        one.found.score[:] = rng.random(len(seen))
        cameras.append(one)
    images = [list(_images(c, c.truth.counted, np.ones(len(c.found.ids), bool))) for c in cameras]
    joined = _joined([precision_recall(each) for each in images])
    whole = precision_recall([image for each in images for image in each])
    np.testing.assert_allclose(joined.precision, whole.precision)
    np.testing.assert_allclose(joined.recall, whole.recall)


def test_neither_opencv_nor_torch_is_imported():
    code = "import sys, cctview_pipeline.evaluate; print({'cv2', 'torch', 'dagster'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
