"""CCTView's own example on drawn frames, and its files as its readers know them."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from cctview_pipeline.cli.app import app
from cctview_pipeline.cli.example import run_example
from cctview_pipeline.detect import Detections
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.ids import DetectionId

NAMES = ("733-681-N--2020-05-05--13.34.29", "735-683-N--2020-05-05--13.34.46", "732-680-N--2020-05-05--13.36.52")
COLOURS = {"red": (200, 30, 30), "blue": (30, 40, 200), "grey": (90, 90, 90)}


def scene(*colours: str) -> np.ndarray:
    """Coloured blocks side by side on a road, and a person at the left."""
    image = np.full((240, 352, 3), 130, np.uint8)
    for place, colour in enumerate(colours):
        image[100:140, 60 + 90 * place : 120 + 90 * place] = COLOURS[colour]
    return image


class BlockDetector:
    """Finds the blocks, a person, and something that it does not believe in itself."""

    threshold, version = 0.4, "blocks@1"

    def detect(self, images, min_score=0.05):
        found = []
        for image in images:
            count = int((np.abs(image[120, 90:352:90].astype(int) - 130).max(1) > 20).sum())
            boxes = [(60 + 90 * i, 100, 120 + 90 * i, 140) for i in range(count)]
            boxes = np.array([*boxes, (5, 90, 15.4, 120), (300, 10, 350, 30)], np.float32)
            scores = np.array([*[0.9] * count, 0.7, 0.1], np.float32)
            found.append(Detections(boxes, scores, [*["car"] * count, "person", "car"]))
        return found


class MeanColour:
    dimension, version = 3, "colour@1"

    def embed(self, crops):
        return np.array([crop.mean((0, 1)) for crop in crops], np.float32).reshape(-1, 3)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, colours in zip(NAMES, (("red", "blue"), ("grey", "red", "blue"), ("blue",)), strict=True):
        Image.fromarray(scene(*colours)).save(tmp_path / f"{name}--original.jpeg", quality=95)
    return tmp_path


def run(folder: Path, base: str = "733-681-N", **how):
    return run_example(folder, folder / "out", BlockDetector(), MeanColour(), base, **how)


def load(path: Path) -> dict:
    return json.loads(path.read_text())


def test_detections_are_written_as_they_were_published(folder: Path):
    run(folder)
    found = load(folder / "out" / f"{NAMES[1]}--detections.json")
    assert found["id"] == f"{NAMES[1]}--detections"
    assert found["model"] == "blocks@1"
    assert found["summary"] == {"total": 4, "car": 3, "person": 1}
    key = f"{NAMES[1]}--detections--1--car--90.0--60x40--60.100v120.140"
    assert found[key]["id"] == key
    assert found[key]["type"] == "car"
    assert found[key]["box_points"] == [60, 100, 120, 140]
    assert found[key]["percentage_probability"] == pytest.approx(90)
    picture = np.asarray(Image.open(folder / "out" / f"{NAMES[1]}--detections.jpeg"))
    assert picture.shape == (240, 352, 3)
    assert np.abs(picture[100, 60:120].astype(int) - scene("grey", "red", "blue")[99, 60:120]).mean() > 20  # a box is drawn


def test_only_vehicles_have_pictures_and_features(folder: Path):
    run(folder)
    crops = sorted(path.stem for path in (folder / "out" / f"{NAMES[1]}--detections").iterdir())
    features = load(folder / "out" / f"{NAMES[1]}--features.json")
    assert features.pop("id") == f"{NAMES[1]}--features"
    assert features.pop("model") == "colour@1"
    assert sorted(features) == crops
    assert [DetectionId.parse(crop).label for crop in crops] == ["car"] * 3
    red = f"{NAMES[1]}--detections--2--car--90.0--60x40--150.100v210.140"
    assert features[red]["id"] == red
    np.testing.assert_allclose(features[red]["data"], COLOURS["red"], atol=8)
    with Image.open(folder / "out" / f"{NAMES[1]}--detections" / f"{red}.jpeg") as crop:
        assert crop.size == (60, 40)


def test_matches_of_the_base_with_every_other_camera(folder: Path):
    found = run(folder)
    matches = load(folder / "out" / "733-681-N--matches.json")
    assert matches == found.distances
    red, blue = (f"{NAMES[0]}--detections--{n}--car--90.0--60x40--{x}.100v{x + 60}.140" for n, x in ((1, 60), (2, 150)))
    assert sorted(matches) == [red, blue]
    assert list(matches[red]) == ["732-680-N", "735-683-N"]
    assert len(matches[red]["735-683-N"]) == 3
    nearest = min(matches[red]["735-683-N"], key=matches[red]["735-683-N"].get)
    assert "--2--car" in nearest
    assert matches[red]["735-683-N"][nearest] < 8
    folders = sorted(path.name for path in (folder / "out" / "matches").iterdir())
    assert folders == [red, blue]
    files = sorted(path.name for path in (folder / "out" / "matches" / red).iterdir())
    assert files[0] == f"base--{red}.jpeg"
    assert [name.split("--")[0] for name in files[1:]] == ["cam-1", "cam-2", "cam-2", "cam-2"]
    assert files[2].endswith(f"--{nearest}.jpeg")  # sorted by name is sorted by distance


def test_base_and_targets_by_camera_or_frame(folder: Path):
    found = run(folder, base="732-680-N", targets=[NAMES[1], "733-681-N"])
    (others,) = found.distances.values()
    assert found.base == NAMES[2]
    assert list(others) == ["735-683-N", "733-681-N"]


def test_the_first_frame_is_the_base_when_none_is_named(folder: Path):
    assert run(folder, base="").base == NAMES[2]


def test_frames_of_one_camera_are_named_apart(folder: Path):
    again = "735-683-N--2020-05-05--13.34.48"
    Image.fromarray(scene("red")).save(folder / f"{again}--original.jpeg")
    (others, *_) = run(folder).distances.values()
    assert list(others) == ["732-680-N", NAMES[1], again]


def test_again_gives_the_same_files(folder: Path):
    run(folder)
    files = {path: path.read_bytes() for path in (folder / "out").rglob("*") if path.is_file()}
    run(folder)
    assert files == {path: path.read_bytes() for path in (folder / "out").rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("how", "sentence"),
    [({"base": "1-2-N"}, "no frame of '1-2-N': it has frames of the cameras 732-680-N, 733-681-N, 735-683-N")],
)
def test_unknown_cameras_are_told(folder: Path, how: dict, sentence: str):
    with pytest.raises(CctviewError, match=sentence):
        run(folder, **how)


def test_a_folder_without_frames_is_told(tmp_path: Path):
    with pytest.raises(CctviewError, match=r"has 0 files named \*--original\.jpeg"):
        run(tmp_path)


def test_a_frame_that_can_t_be_read_is_left_out_and_said(folder: Path):
    (folder / "733-681-N--2020-05-05--13.40.00--original.JPG").write_bytes(b"?")
    (folder / "733-681-N--2020-05-05--13.40.02--original.jpeg").symlink_to("nowhere")
    said: list[str] = []
    found = run(folder, say=said.append)
    assert sorted(found.detections) == sorted(NAMES)
    assert [line.split(". ")[0] for line in said[:2]] == [
        f"733-681-N--2020-05-05--13.40.0{second} is left out" for second in (0, 2)
    ]


def test_a_folder_that_can_t_be_written_to_is_told(folder: Path):
    (folder / "out").write_text("a file where the folder should be")
    with pytest.raises(CctviewError, match=r"can't be written: .* Make room, or choose another folder\."):
        run(folder)


def test_a_name_that_is_none_is_told(folder: Path):
    (folder / "holiday--original.jpeg").write_bytes((folder / f"{NAMES[0]}--original.jpeg").read_bytes())
    with pytest.raises(CctviewError, match=r"holiday--original\.jpeg is not named as a frame is"):
        run(folder)


def test_the_command_with_the_shipped_models(folder: Path):
    result = CliRunner().invoke(app, ["example", str(folder), "--out", str(folder / "out"), "--base", "733-681-N"])
    assert result.exit_code == 0, result.output
    assert (folder / "out" / "733-681-N--matches.json").exists()
    assert "see" in result.output
