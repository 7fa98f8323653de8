"""Crops of the synthetic city as the extractor's training takes them."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from cctview_pipeline.images import decode
from cctview_pipeline.training.extractor.city_crops import CROPS_A_CAMERA, MIN_SIDE_PX, draw_city_crops
from cctview_pipeline.training.extractor.lessons import SyntheticVehicles

DAWN_CITY = range(56, 57)
"""Its hour is the day's first, to which traffic is quick to drive."""


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pa.Table]:
    folder = tmp_path_factory.mktemp("crops")
    return folder, draw_city_crops(DAWN_CITY, 2, folder)


def test_some_crops_of_every_vehicle_at_every_camera_that_saw_it(drawn: tuple[Path, pa.Table]):
    counts = drawn[1].group_by(["vehicle_id", "camera_id"]).aggregate([("image", "count")])
    assert set(drawn[1]["camera_id"].to_pylist()) == {f"city-{n}" for n in range(1, 7)}
    assert pc.max(counts["image_count"]).as_py() == CROPS_A_CAMERA
    vehicles = counts.group_by("vehicle_id").aggregate([("camera_id", "count")])
    assert (vehicles["camera_id_count"].to_numpy() > 1).sum() > 20


def test_crops_are_large_enough_and_different(drawn: tuple[Path, pa.Table]):
    sizes = np.array([decode(image).shape[:2] for image in drawn[1]["image"].to_pylist()])
    assert sizes.min() >= MIN_SIDE_PX - 1
    assert len(set(drawn[1]["image"].to_pylist())) == drawn[1].num_rows


def test_drawn_once(drawn: tuple[Path, pa.Table]):
    folder, table = drawn
    (file,) = folder.iterdir()
    written = file.stat().st_mtime_ns
    assert draw_city_crops(DAWN_CITY, 2, folder).equals(table)
    assert file.stat().st_mtime_ns == written


def test_rendered_crops_know_their_vehicle(drawn: tuple[Path, pa.Table]):
    rendered = SyntheticVehicles.of(drawn[1])
    assert len(rendered.crops) == drawn[1].num_rows
    assert {crop.shape[2:] for crop in rendered.crops} == {(3,)}
    names = drawn[1]["vehicle_id"].to_pylist()
    assert len(set(rendered.vehicles)) == len(set(names))
    assert (rendered.vehicles[0] == rendered.vehicles).tolist() == [name == names[0] for name in names]
