"""The shipped people finder on cities that it was not trained on."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from cctview_pipeline.city import CityNetwork, CitySettings
from cctview_pipeline.city.network import START
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.ids import FrameId
from cctview_pipeline.images import decode
from cctview_pipeline.redaction.people import PeopleDetector, grown, halvings_of, rectangles, without_covered
from cctview_pipeline.redaction.people_network import SOMEBODY, VEHICLE, TorchBackend
from cctview_pipeline.registry.manifest import find_model
from cctview_pipeline.training.detector.augmentation import Example
from cctview_pipeline.training.detector.labels import FrameLabels
from cctview_pipeline.training.people.frames import CutOut, PeopleFrame, pasted, with_truth
from cctview_pipeline.training.people.recipe import Left, OperatingPoint, choose, left
from cctview_pipeline.training.people.targets import VEHICLE_WEIGHS, people_loss, render_people
from cctview_pipeline_tests.factories.archive import HOUR_17


@pytest.fixture(scope="module")
def finder() -> PeopleDetector:
    return PeopleDetector.load("cpu")


@pytest.fixture(scope="module")
def frames() -> list[PeopleFrame]:
    """An early hour's, to which traffic is quick to drive."""
    start = START.replace(hour=12)
    network, found = CityNetwork(CitySettings(seed=1003, start=start, minutes=2, people=1200)), []
    for camera in network.cameras()[1:5]:
        for shot in network.shots(camera, start)[10:60:8]:
            frame, truth = network.picture_and_truth(camera, shot)
            found.append(with_truth(decode(frame.jpeg), truth))
    return found


def test_hardly_anything_of_people_is_left_and_vehicles_stay(finder: PeopleDetector, frames: list[PeopleFrame]):
    assert sum(len(frame.people) for frame in frames) > 100
    found = left(finder, frames)
    assert found.people < 0.05
    assert found.vehicles < 0.06


def test_people_in_larger_pictures_are_found_as_in_small_ones(finder: PeopleDetector, frames: list[PeopleFrame]):
    """The same frames with four times the pixels a side: looked at as they are, two thirds of everybody would stay."""
    chosen = [frame for frame in frames if len(frame.people)][::9]
    covered = []
    for times in (1, 4):
        painted = whole = 0
        for frame in chosen:
            height, width = (times * side for side in frame.image.shape[:2])
            (found,) = finder.find([np.asarray(Image.fromarray(frame.image).resize((width, height), Image.Resampling.BICUBIC))])
            inside, there = (np.zeros((height, width), bool) for _ in range(2))
            for mask, boxes in ((inside, found), (there, frame.people * times)):
                for x1, y1, x2, y2 in boxes.astype(int):
                    mask[y1:y2, x1:x2] = True
            painted, whole = painted + (inside & there).sum(), whole + there.sum()
        covered.append(painted / whole)
    assert min(covered) > 0.9
    assert covered[1] > covered[0] - 0.03


def test_how_often_a_picture_is_halved():
    assert [halvings_of((240, 352, 3)), halvings_of((288, 352, 3)), halvings_of((360, 640, 3))] == [(0,)] * 3
    assert [halvings_of((480, 640, 3)), halvings_of((576, 720, 3))] == [(0, 1)] * 2
    assert [halvings_of((720, 1280, 3)), halvings_of((1080, 1920, 3)), halvings_of((2160, 3840, 3))] == [(1,), (1, 2), (2, 3)]


def test_of_two_looks_at_one_place_one_rectangle_is_left():
    boxes = np.array([[0, 0, 8, 8], [2, 2, 6, 6], [0, 0, 8, 8], [4, 4, 12, 12]], np.float32)
    assert without_covered(boxes).tolist() == [[0, 0, 8, 8], [4, 4, 12, 12]]
    assert without_covered(boxes[:0]).shape == (0, 4)


def test_frames_of_any_size(finder: PeopleDetector):
    for height, width in ((16, 16), (17, 33), (240, 352), (241, 351), (480, 640)):
        image = np.full((height, width, 3), 120, np.uint8)
        [boxes] = finder.find([image])
        assert boxes.dtype == np.float32
        assert boxes.shape[1:] == (4,)
        assert finder.probabilities(image).shape == (-(-height // 4), -(-width // 4))
        assert (boxes[:, 2] <= width).all()
    assert finder.find([]) == []


def test_the_same_picture_gives_the_same_rectangles(finder: PeopleDetector, frames: list[PeopleFrame]):
    first, second = finder.find([frames[0].image, frames[0].image])
    assert np.array_equal(first, second)
    kept = finder.probabilities(frames[0].image)
    before = kept.copy()
    finder.probabilities(frames[-1].image)
    assert np.array_equal(kept, before), "the next picture is written elsewhere"


def test_openvino_and_pytorch_agree(finder: PeopleDetector, frames: list[PeopleFrame]):
    """8-bit integers are not exact: where one fills something and the other nothing, it is a cell at the edge of somebody."""
    of_pytorch = TorchBackend.of(find_model("people-finder", "masker"), "cpu")
    for frame in frames[::4]:
        (expected,) = of_pytorch.start(frame.image[None])()
        ours, theirs = (grown(each, finder.threshold, finder.sure) for each in (finder.probabilities(frame.image), expected[0]))
        assert (ours != theirs).mean() < 0.01
        assert (ours & theirs).sum() > 0.6 * (ours | theirs).sum()


def test_the_version_names_the_weights(finder: PeopleDetector):
    assert finder.version == find_model("people-finder", "masker").version


def test_damaged_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    entry = find_model("people-finder", "masker")
    (tmp_path / "manifest.toml").write_bytes((entry.path.parent / "manifest.toml").read_bytes())
    monkeypatch.setenv("CCTVIEW_MODELS", str(tmp_path))
    with pytest.raises(CctviewError, match="are missing"):
        PeopleDetector.load()
    (tmp_path / entry.path.name).write_bytes(entry.path.read_bytes()[:-1] + b"!")
    with pytest.raises(CctviewError, match="are damaged"):
        PeopleDetector.load()


def test_rectangles_follow_a_slanting_queue():
    cells = np.eye(6, dtype=bool)
    boxes = rectangles(cells, 2, 24, 24)
    assert len(boxes) == 6
    assert boxes[0].tolist() == [0, 0, 6, 6]
    assert boxes[3].tolist() == [10, 10, 18, 18]
    filled = sum((box[2] - box[0]) * (box[3] - box[1]) for box in boxes)
    assert filled < 0.7 * 24 * 24


def test_who_is_found_is_filled_to_the_edges_and_a_faint_doubt_fills_nothing():
    found = np.array([[0.1, 0.9, 0.1, 0.0, 0.0], [0.0, 0.1, 0.0, 0.0, 0.1], [0.0, 0.0, 0.0, 0.0, 0.1]])
    assert grown(found, 0.1, 0.5).astype(int).tolist() == [[1, 1, 1, 0, 0], [0, 1, 0, 0, 0], [0, 0, 0, 0, 0]]
    assert not grown(np.zeros((3, 3)), 0.1, 0.5).any()


def seen(people: list[list[float]] = [], unsure: list[list[float]] = [], vehicles: list[list[float]] = []) -> Example:  # noqa: B006
    objects, people, unsure = (np.array(boxes, np.float32).reshape(-1, 4) for boxes in (vehicles, people, unsure))
    return Example(
        pixels=torch.zeros(3, 240, 352),
        objects=objects,
        labels=np.zeros(len(objects), np.int64),
        ignored=objects[:0],
        people=people,
        unsure=unsure,
    )


BOX = [8.0, 8.0, 16.0, 24.0]


def test_where_nobody_knows_nothing_is_learned():
    inside, weight = render_people(seen([BOX]))
    assert inside[SOMEBODY, 2:6, 2:4].all()
    assert inside.sum() == 8
    inside, weight = render_people(seen(unsure=[BOX]))
    assert inside.sum() == 0
    assert (weight[SOMEBODY, 2:6, 2:4] == 0).all()
    assert weight[SOMEBODY].mean() > 0.98


def test_a_rider_is_somebody_in_front_of_a_vehicle():
    inside, weight = render_people(seen([BOX], vehicles=[[4.0, 8.0, 24.0, 40.0]]))
    assert inside[SOMEBODY].sum() == 8
    assert inside[VEHICLE, 2:10, 1:6].all()
    assert weight[SOMEBODY, 8, 3] == VEHICLE_WEIGHS, "what is left of the vehicle must stay"


def test_the_truth_costs_least():
    targets = [part[None] for part in render_people(seen([BOX], vehicles=[[40.0, 40.0, 80.0, 60.0]]))]
    right = 16 * (targets[0] - 0.5)
    nobody, everywhere = right.clone(), right.clone()
    nobody[:, SOMEBODY], everywhere[:, SOMEBODY] = -8, 8
    assert people_loss(right, targets).item() == pytest.approx(0, abs=0.01)
    assert people_loss(nobody, targets).item() > 0.1
    assert people_loss(everywhere, targets).item() > 1


def test_people_are_pasted_into_recorded_frames_with_their_boxes():
    nothing = np.zeros((0, 4), np.float32)
    frame = FrameLabels(
        path=Path("a.jpeg"),
        frame_id=FrameId("cam-1", HOUR_17),
        objects=nothing,
        labels=np.zeros(0, np.int64),
        ignored=nothing,
        still=nothing,
    )
    piece = CutOut(np.full((20, 8, 3), 250, np.uint8), np.ones((20, 8), np.float32), 0.5)
    image = np.full((240, 352, 3), 60, np.uint8)
    changed, labels = pasted((image, frame), [piece], np.random.default_rng(3))
    assert len(labels.people) > 0
    outside = np.ones(image.shape[:2], bool)
    for x1, y1, x2, y2 in labels.people.astype(int):
        assert (changed[y1:y2, x1:x2] != 60).any()
        outside[y1:y2, x1:x2] = False
    assert (changed[outside] == 60).all()
    same, labels = pasted((image, frame), [], np.random.default_rng(0), most=0)
    assert len(labels.people) == 0
    assert (same == image).all()


def test_who_walks_is_one_box():
    cells = np.zeros((10, 10), bool)
    cells[2:7, 3:5] = True
    cells[2, 3] = False
    assert rectangles(cells, 2, 40, 40).tolist() == [[10, 6, 22, 30]]


def test_of_operating_points_the_one_that_leaves_least_of_people_where_vehicles_stay():
    def point(threshold: float, recorded: tuple[float, float, float], city: float) -> OperatingPoint:
        return OperatingPoint(threshold, threshold, Left(*recorded), Left(city, 0, 0))

    careful, greedy = point(0.3, (0.05, 0.003, 0.004), 0.01), point(0.1, (0.0, 0.03, 0.05), 0.0)
    lax = point(0.6, (0.2, 0, 0), 0.1)
    assert choose([greedy, careful, lax]) is careful
    assert choose([greedy]) is greedy
