"""The labels' rule on a made folder of ten frames: what becomes an object, what is left out, what is background."""

import json
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cctview_pipeline.detect.detections import LABELS
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.training.detector.labels import FrameLabels, find_frames, load_labels, published_truth
from cctview_pipeline_tests.factories.archive import HOUR_17, write_frame

CAR, ELSEWHERE = [100, 100, 140, 130], [200, 150, 240, 190]
FRAMES = 10
Seen = tuple[str, float, list[float]]


def make_folder(root: Path, published: dict[int, list[Seen]] = {}, first: dict = {}, second: dict = {}) -> Path:  # noqa: B006
    """Ten frames of one camera; each source says for some frames (by number) which label, score and box it saw."""
    rows = []
    for number in range(FRAMES):
        path = write_frame(root, "cam-1", HOUR_17 + timedelta(seconds=2 * number), b"jpeg")
        frame_id = path.name.removesuffix("--original.jpeg")
        found = {
            f"{frame_id}--{i}": {"type": label, "percentage_probability": 100 * score, "box_points": box}
            for i, (label, score, box) in enumerate(published.get(number, []))
        }
        path.with_name(f"{frame_id}--detections.json").write_text(json.dumps(found))
        for model, seen in (("first", first), ("second", second)):
            for label, score, box in seen.get(number, []):
                corners = dict(zip(("x1", "y1", "x2", "y2"), map(float, box), strict=True))
                rows.append({"frame_id": frame_id, "model": model, "type": label, "score": score} | corners)
    names = ("frame_id", "model", "type", "score", "x1", "y1", "x2", "y2")
    pq.write_table(pa.table({name: [row[name] for row in rows] for name in names}), root / "packaged-detections.parquet")
    return root


def labels_of(root: Path, number: int = 5) -> FrameLabels:
    labels = load_labels(root)
    assert len(labels) == FRAMES
    return labels[number]


def objects(labels: FrameLabels) -> list[tuple[str, list[float]]]:
    return [(LABELS[label], box) for label, box in zip(labels.labels, labels.objects.tolist(), strict=True)]


def test_published_at_forty_per_cent_is_an_object(tmp_path):
    found = labels_of(make_folder(tmp_path, {5: [("car", 0.40, CAR), ("truck", 0.39, ELSEWHERE)]}))
    assert objects(found) == [("car", CAR)]
    assert found.ignored.tolist() == [ELSEWHERE]
    assert str(found.frame_id) == "cam-1--2020-05-05--13.00.10"


def test_published_below_a_quarter_is_background(tmp_path):
    found = labels_of(make_folder(tmp_path, {5: [("car", 0.24, CAR)]}))
    assert (len(found.objects), len(found.ignored)) == (0, 0)


def test_both_packaged_models_at_thirty_per_cent_make_an_object_of_their_mean(tmp_path):
    moved = [edge + 4 for edge in CAR]
    found = labels_of(make_folder(tmp_path, {}, {5: [("car", 0.3, CAR)]}, {5: [("bus", 0.9, moved)]}))
    assert objects(found) == [("bus", [102, 102, 142, 132])]
    assert len(found.ignored) == 0


def test_both_packaged_models_at_twenty_per_cent_must_see_it_move(tmp_path):
    weak = [("car", 0.25, CAR)]
    moving = labels_of(make_folder(tmp_path / "moving", {}, {5: weak}, {5: weak}))
    still = labels_of(make_folder(tmp_path / "still", {}, {3: weak, 5: weak}, {3: weak, 5: weak}))
    assert objects(moving) == [("car", CAR)]
    assert objects(still) == []


def test_one_packaged_model_alone_is_left_out(tmp_path):
    found = labels_of(make_folder(tmp_path, {}, {5: [("car", 0.3, CAR)]}, {5: [("person", 0.9, ELSEWHERE)]}))
    assert objects(found) == []
    assert sorted(found.ignored.tolist()) == [CAR, ELSEWHERE]


def test_packaged_models_that_see_a_car_and_a_person_do_not_agree(tmp_path):
    found = labels_of(make_folder(tmp_path, {}, {5: [("car", 0.9, CAR)]}, {5: [("person", 0.9, CAR)]}))
    assert objects(found) == []


def test_sources_that_agree_make_one_object(tmp_path):
    found = labels_of(make_folder(tmp_path, {5: [("car", 0.9, CAR)]}, {5: [("car", 0.9, CAR)]}, {5: [("bus", 0.9, CAR)]}))
    assert objects(found) == [("car", CAR)]


def test_car_and_bus_of_one_source_on_one_place_are_one_vehicle_but_a_person_is_another(tmp_path):
    seen = [("car", 0.6, CAR), ("bus", 0.8, CAR), ("person", 0.7, CAR)]
    assert objects(labels_of(make_folder(tmp_path, {5: seen}))) == [("bus", CAR), ("person", CAR)]


def test_the_label_is_what_all_sources_say_together(tmp_path):
    published = {5: [("car", 0.6, CAR), ("bus", 0.8, CAR), ("bus", 0.9, ELSEWHERE)]}
    packaged = {5: [("car", 0.5, CAR), ("truck", 0.4, ELSEWHERE)]}
    assert objects(labels_of(make_folder(tmp_path, published, packaged))) == [("car", CAR), ("bus", ELSEWHERE)]


def test_what_one_packaged_model_sees_standing_still_is_background(tmp_path):
    arrow = [("car", 0.35, CAR)]
    root = make_folder(tmp_path, {}, dict.fromkeys((0, 2, 4, 5, 7), arrow), {})
    assert (objects(labels_of(root)), labels_of(root).ignored.tolist()) == ([], [])
    assert labels_of(root).still.tolist() == [CAR]


def test_what_both_packaged_models_see_standing_still_is_left_out(tmp_path):
    shed = {number: [("car", 0.35, CAR)] for number in (0, 2, 4, 5, 7)}
    root = make_folder(tmp_path, {}, shed, shed)
    assert (objects(labels_of(root)), labels_of(root).still.tolist()) == ([], [])
    assert CAR in labels_of(root).ignored.tolist()


def test_what_one_source_sees_standing_still_for_a_third_of_the_recording_is_background(tmp_path):
    tree = [("car", 0.8, CAR)]
    seen = dict.fromkeys((0, 2, 5, 7), tree) | {5: [*tree, ("car", 0.8, ELSEWHERE)]}
    root = make_folder(tmp_path, seen)
    assert objects(labels_of(root)) == [("car", ELSEWHERE)]
    for number in range(FRAMES):
        assert CAR not in labels_of(root, number).ignored.tolist()
    assert CAR in labels_of(root).still.tolist()


def test_what_stands_still_for_less_is_an_object(tmp_path):
    root = make_folder(tmp_path, {number: [("car", 0.8, CAR)] for number in (0, 2, 5)})
    assert objects(labels_of(root)) == [("car", CAR)]


def test_boxes_are_cut_at_the_frame_and_other_labels_dropped(tmp_path):
    beyond = [("car", 0.9, [330, 200, 400, 260]), ("car", 0.9, [351, 0, 400, 50]), ("dog", 0.9, ELSEWHERE)]
    assert objects(labels_of(make_folder(tmp_path, {5: beyond}))) == [("car", [330, 200, 352, 240])]


def test_published_truth_has_vehicles_and_what_to_leave_out(tmp_path):
    root = make_folder(tmp_path, {5: [("car", 0.4, CAR), ("bus", 0.3, ELSEWHERE), ("person", 0.9, [0, 0, 9, 20])]})
    truth, ignored = published_truth(find_frames(root)[5][0])
    assert (truth.tolist(), ignored.tolist()) == ([CAR], [ELSEWHERE])


def test_frame_without_published_detections_is_background(tmp_path):
    root = make_folder(tmp_path, {}, {5: [("car", 0.2, CAR)]})
    for path in root.rglob("*.json"):
        path.unlink()
    assert np.concatenate([labels_of(root).objects, labels_of(root).ignored]).size == 0


def test_empty_folder_is_told(tmp_path):
    with pytest.raises(CctviewError, match=r"There is nothing to train on: no \*--original.jpeg below"):
        find_frames(tmp_path)


def test_a_frame_with_another_name_is_told(tmp_path: Path):
    (make_folder(tmp_path) / "735-683-N--original (1)--original.jpeg").write_bytes(b"")
    with pytest.raises(CctviewError, match=r"735-683-N--original \(1\)--original.jpeg is no frame to train on, take it away"):
        find_frames(tmp_path)


def test_missing_packaged_detections_are_told(tmp_path):
    (make_folder(tmp_path) / "packaged-detections.parquet").unlink()
    with pytest.raises(CctviewError, match=r"The training labels need .*packaged-detections.parquet, which is not there"):
        load_labels(tmp_path)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is no JSON"),
        (b"[]", "is no list of detections"),
        (b'{"x": {"type": "car", "percentage_probability": 80, "box_points": [1, 2, 3]}}', "has a car without four box_points"),
        (b'{"x": {"type": "bus", "box_points": [1, 2, 3, 4]}}', "has a bus without .* a percentage_probability from 0 to 100"),
    ],
)
def test_published_detections_that_are_none_are_named(tmp_path: Path, content: bytes, sentence: str):
    (tmp_path / "a--detections.json").write_bytes(content)
    with pytest.raises(CctviewError, match=f"a--detections.json {sentence}"):
        published_truth(tmp_path / "a--original.jpeg")
