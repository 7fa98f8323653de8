"""What the streets' cameras take: pictures that show who the truth says, and views that change."""

import io
import itertools

import numpy as np
import pyarrow.compute as pc
import pytest
from PIL import Image

from cctview_pipeline.campaign import Campaign
from cctview_pipeline.city import CityNetwork, CitySettings
from cctview_pipeline.city.mounts import PATROL_S
from cctview_pipeline.city.people import PERSON
from cctview_pipeline.city.streets.mounts import CAMERAS
from cctview_pipeline.roads import RoadNetwork
from cctview_pipeline_tests.city.streets.conftest import MORNING

SMALL = {"world": "streets", "seed": 1000, "start": MORNING, "minutes": 13}


def test_cameras_along_the_arterial_are_linked_there_and_back():
    campaign = Campaign(name="streets", network="city", start=MORNING, end=None, cameras=CAMERAS)
    network = RoadNetwork.of(campaign)
    along = [camera for camera in CAMERAS if camera.corridor]
    for one, other in itertools.pairwise(along):
        assert 150 < network.edge(one.id, other.id).metres < 300
        assert network.edge(other.id, one.id)
    assert len(CAMERAS) == 7
    assert {camera.faces for camera in CAMERAS} == {"north", "south", "east", "west"}


@pytest.mark.parametrize("camera", ["street-1", "street-3", "street-6"])
def test_boxes_lie_on_vehicles_that_are_drawn(streets, traffic, camera):
    """Without a vehicle the picture differs in its box, in its shadow, and nowhere far from them."""
    studio, shot = streets._studios[camera], streets.shots(camera, MORNING)[20]
    painter, backdrop = studio._view(*shot.view)[0], studio._backdrop_at(shot)
    light, there = studio._light(shot.shows), traffic.at(shot.shows)
    picture, seen = painter.paint(there, backdrop, light)
    size = (seen.boxes[:, 2:] - seen.boxes[:, :2]).min(axis=1)
    chosen = np.flatnonzero((size > 8) & (seen.fraction > 0.6))
    assert len(chosen) >= 3
    for row in chosen[:6]:
        keep = there.vehicle != seen.number[row]
        alone = type(there)(**{name: values[keep] for name, values in vars(there).items()})
        without, _ = painter.paint(alone, backdrop, light)
        changed = np.abs(picture - without).max(axis=2) > 1e-3
        x1, y1, x2, y2 = np.round(seen.boxes[row]).astype(int)
        assert changed[y1:y2, x1:x2].mean() > 0.35
        rows, columns = np.nonzero(changed)
        reach = 2.5 * max(x2 - x1, y2 - y1) + 6
        assert (np.abs(columns - (x1 + x2) / 2) < reach).all()
        assert (np.abs(rows - (y1 + y2) / 2) < reach).all()


def test_a_camera_goes_from_view_to_view(streets):
    shots = streets.shots("street-5", MORNING)
    presets = [shot.preset for shot in shots]
    assert set(presets) == {0, 1, 2}
    changes = np.flatnonzero(np.diff(presets))
    assert [shots[place + 1].captured_at.timestamp() // 1 % PATROL_S < 3 for place in changes] == [True] * len(changes)
    assert {shot.preset for shot in streets.shots("street-4", MORNING)} == {0}
    one, two = (next(shot for shot in shots if shot.preset == preset) for preset in (0, 1))
    grey = [
        np.asarray(Image.open(io.BytesIO(streets.picture("street-5", shot).jpeg)).convert("L"), float)[40:-30]
        for shot in (one, two)
    ]
    assert np.corrcoef(grey[0].ravel(), grey[1].ravel())[0, 1] < 0.6


def test_parked_cars_are_dark_at_night(streets, traffic):
    night = CityNetwork(CitySettings(**SMALL, faults=("night",), people=0))
    studio, shot = night._studios["street-4"], night.shots("street-4", MORNING)[20]
    painter, backdrop, light = studio._view(*shot.view)[0], studio._backdrop_at(shot), studio._light(shot.shows)
    there = traffic.at(shot.shows)
    off = type(there)(**{**vars(there), "dark": np.ones(len(there.vehicle), bool)})
    on = type(there)(**{**vars(there), "dark": np.zeros(len(there.vehicle), bool)})
    dark, lit = (painter.paint(each, backdrop, light)[0].max() for each in (off, on))
    assert lit > 1.2 * dark


@pytest.mark.parametrize("camera", ["street-2", "street-7"])
def test_truth_names_vehicles_people_and_where_they_drive(streets, camera):
    shots = streets.shots(camera, MORNING)[:60:12]
    tables = [streets.picture_and_truth(camera, shot)[1] for shot in shots]
    assert all(table.num_rows > 5 for table in tables)
    for table in tables:
        assert set(table["carriageway"].to_pylist()) <= set("NESW")
        assert pc.all(pc.less(table["x1"], table["x2"])).as_py()
        assert len(set(table["vehicle_id"].to_pylist())) == table.num_rows
    assert PERSON  # people are in it under their own labels
    assert {"car"} <= {label for table in tables for label in table["label"].to_pylist()}


def test_the_same_settings_make_the_same_bytes(streets, traffic):
    again = CityNetwork(CitySettings(**SMALL))
    again.traffic = streets.traffic
    shot = again.shots("street-7", MORNING)[5]
    assert again.picture("street-7", shot) == streets.picture("street-7", shot)
