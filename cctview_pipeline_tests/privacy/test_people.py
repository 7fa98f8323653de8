"""The shipped people finder on cities that it was not trained on."""

from pathlib import Path

import numpy as np
import pytest

from cctview_pipeline.cameras.city import CityNetwork, CitySettings
from cctview_pipeline.cameras.city.network import START
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.images import decode
from cctview_pipeline.privacy.people import PeopleFinder, grown, rectangles
from cctview_pipeline.privacy.people_frames import PeopleFrame, pasted, scaled, targets, with_truth
from cctview_pipeline.privacy.people_network import TorchBackend
from cctview_pipeline.privacy.people_training import left
from cctview_pipeline.weights import find_model


@pytest.fixture(scope="module")
def finder() -> PeopleFinder:
    return PeopleFinder.load("cpu")


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


def test_hardly_anything_of_people_is_left_and_vehicles_stay(finder: PeopleFinder, frames: list[PeopleFrame]):
    assert sum(len(frame.people) for frame in frames) > 100
    found = left(finder, frames)
    assert found.people < 0.03
    assert found.vehicles < 0.10


def test_frames_of_any_size(finder: PeopleFinder):
    for height, width in ((16, 16), (17, 33), (240, 352), (241, 351), (480, 640)):
        image = np.full((height, width, 3), 120, np.uint8)
        [boxes] = finder.find([image])
        assert boxes.dtype == np.float32
        assert boxes.shape[1:] == (4,)
        assert finder.probabilities(image).shape == (-(-height // 4), -(-width // 4))
        assert (boxes[:, 2] <= width).all()
    assert finder.find([]) == []


def test_the_same_picture_gives_the_same_rectangles(finder: PeopleFinder, frames: list[PeopleFrame]):
    first, second = finder.find([frames[0].image, frames[0].image])
    assert np.array_equal(first, second)
    kept = finder.probabilities(frames[0].image)
    before = kept.copy()
    finder.probabilities(frames[-1].image)
    assert np.array_equal(kept, before), "the next picture is written elsewhere"


def test_openvino_and_pytorch_agree(finder: PeopleFinder, frames: list[PeopleFrame]):
    of_pytorch = TorchBackend.of(find_model("people-finder", "masker"), "cpu")
    for frame in frames[::4]:
        (expected,) = of_pytorch.start(frame.image[None])()
        np.testing.assert_allclose(finder.probabilities(frame.image), expected[0], atol=1e-3)


def test_the_version_names_the_weights(finder: PeopleFinder):
    assert finder.version == find_model("people-finder", "masker").version


def test_damaged_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    entry = find_model("people-finder", "masker")
    (tmp_path / "manifest.toml").write_bytes((entry.path.parent / "manifest.toml").read_bytes())
    monkeypatch.setenv("CCTVIEW_MODELS", str(tmp_path))
    with pytest.raises(CctviewError, match="are missing"):
        PeopleFinder.load()
    (tmp_path / entry.path.name).write_bytes(entry.path.read_bytes()[:-1] + b"!")
    with pytest.raises(CctviewError, match="are damaged"):
        PeopleFinder.load()


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


def test_where_nobody_knows_nothing_is_learned():
    nobody = np.zeros((0, 4), np.float32)
    box = np.array([[8, 8, 16, 24]], np.float32)
    image = np.zeros((48, 64, 3), np.uint8)
    inside, weight = targets(PeopleFrame(image, box, nobody, nobody))
    assert inside[2:6, 2:4].all()
    assert inside.sum() == 8
    inside, weight = targets(PeopleFrame(image, nobody, box, nobody))
    assert inside.sum() == 0
    assert (weight[2:6, 2:4] == 0).all()
    assert weight.mean() > 0.8


def test_a_larger_picture_has_larger_boxes():
    box = np.array([[8, 8, 16, 24]], np.float32)
    larger = scaled(PeopleFrame(np.zeros((48, 64, 3), np.uint8), box, box[:0], box), 1.5)
    assert larger.image.shape == (72, 96, 3)
    assert larger.people.tolist() == larger.vehicles.tolist() == [[12, 12, 24, 36]]


def test_nobody_is_pasted_where_there_is_no_piece_to_paste():
    frame = PeopleFrame(np.zeros((48, 64, 3), np.uint8), *[np.zeros((0, 4), np.float32)] * 3)
    assert pasted(frame, [], np.random.default_rng(0), most=0) is frame
