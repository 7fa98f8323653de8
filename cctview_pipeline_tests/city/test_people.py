"""People in the city: where the truth says that they are, and nowhere when nobody asks for them."""

from datetime import datetime

import numpy as np
import pytest

from cctview_pipeline.city import CityNetwork, CitySettings
from cctview_pipeline.detect.detections import PEOPLE, VEHICLES
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.images import decode
from cctview_pipeline_tests.factories.cities import RUSH

BUSY = CitySettings(seed=1003, start=RUSH, minutes=3, people=1500)


@pytest.fixture(scope="module")
def busy() -> CityNetwork:
    return CityNetwork(BUSY)


@pytest.fixture(scope="module")
def empty(busy: CityNetwork) -> CityNetwork:
    return with_traffic_of(busy, CityNetwork(CitySettings(seed=1003, start=RUSH, minutes=3)))


def with_traffic_of(other: CityNetwork, network: CityNetwork) -> CityNetwork:
    """The same vehicles, which take seconds to set going."""
    network.traffic = other.traffic
    return network


def people(network: CityNetwork, camera: str, shot) -> tuple[np.ndarray, list[dict]]:
    frame, truth = network.picture_and_truth(camera, shot)
    return decode(frame.jpeg).astype(int), [row for row in truth.to_pylist() if row["label"] in PEOPLE]


def test_people_are_where_the_truth_says(busy: CityNetwork, empty: CityNetwork):
    changed, inside, seen = 0, 0, 0
    for camera in busy.cameras()[:3]:
        for shot in busy.shots(camera, RUSH)[20:60:20]:
            image, rows = people(busy, camera, shot)
            # Their shadows and what the JPEG smears change less.
            strong = np.abs(image - people(empty, camera, shot)[0]).max(2) > 40
            boxes = np.zeros(strong.shape, bool)
            for row in rows:
                box = np.s_[int(row["y1"]) : int(np.ceil(row["y2"])), int(row["x1"]) : int(np.ceil(row["x2"]))]
                boxes[box] = True
                seen += row["visible_fraction"] > 0.5 and row["y2"] - row["y1"] > 12
            changed, inside = changed + strong.sum(), inside + (strong & boxes).sum()
    assert seen > 20
    assert changed > 500
    assert inside / changed > 0.97


def test_vehicles_are_the_same_with_and_without_people(busy: CityNetwork, empty: CityNetwork):
    camera = busy.cameras()[1]
    shot = busy.shots(camera, RUSH)[30]
    places = ("vehicle_id", "label", "kind", "carriageway")
    told = [
        {
            tuple(row[name] for name in places)
            for row in each.picture_and_truth(camera, shot)[1].to_pylist()
            if row["label"] in VEHICLES
        }
        for each in (busy, empty)
    ]
    assert told[0] <= told[1], "somebody may hide a vehicle, and nothing else changes"
    assert len(told[0]) >= 0.8 * len(told[1])


def test_most_walk_and_some_cycle(busy: CityNetwork):
    rows = [row for camera in busy.cameras()[:3] for row in people(busy, camera, busy.shots(camera, RUSH)[40])[1]]
    count = {label: sum(row["label"] == label for row in rows) for label in PEOPLE}
    assert count["person"] > count["bicycle"] > 0
    assert len({row["vehicle_id"] for row in rows}) == len(rows)
    assert all(row["vehicle_id"].startswith(row["label"]) for row in rows)


def test_the_same_settings_make_the_same_bytes(busy: CityNetwork):
    camera = busy.cameras()[0]
    shot = busy.shots(camera, RUSH)[40]
    again = with_traffic_of(busy, CityNetwork(BUSY))
    assert again.picture(camera, shot) == busy.picture(camera, shot)


def test_people_walk_on(busy: CityNetwork):
    camera = busy.cameras()[1]
    first, second = (people(busy, camera, shot)[1] for shot in busy.shots(camera, RUSH)[40:42])
    before = {row["vehicle_id"]: (row["x1"] + row["x2"]) / 2 for row in first if row["visible_fraction"] > 0.8}
    both = [(before[row["vehicle_id"]], (row["x1"] + row["x2"]) / 2) for row in second if row["vehicle_id"] in before]
    assert len(both) >= 3
    assert all(abs(a - b) < 60 for a, b in both)
    assert any(abs(a - b) > 0.3 for a, b in both)


def test_the_setting_is_read_and_written():
    assert CitySettings.read({"people": 40}).as_dict()["people"] == 40
    assert "people" not in CitySettings().as_dict()
    for wrong in ({"people": -1}, {"people": 100_000}, {"people": 2.5}):
        with pytest.raises(CctviewError, match="people"):
            CitySettings.read(wrong)
    assert isinstance(CitySettings.read({"people": 1}).start, datetime)
