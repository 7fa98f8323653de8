"""Who passed a camera's line and who went over its crossing, against the traffic itself."""

from collections import Counter

import numpy as np
import pyarrow.compute as pc
import pytest

from cctview_pipeline.city import CityNetwork, CitySettings
from cctview_pipeline.city.streets.mounts import CAMERAS, POSTS
from cctview_pipeline.city.streets.plan import ARMS, CROSSINGS_Y, STOP_Y
from cctview_pipeline.city.streets.truth import sight
from cctview_pipeline.city.traffic import STEP_S, vehicle_id
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.lake.schemas import schema_of
from cctview_pipeline_tests.city.streets.conftest import MORNING

IDS = [camera.id for camera in CAMERAS]


@pytest.mark.parametrize("camera", IDS)
def test_tables_have_their_schemas_and_hold_what_is_collected(streets, camera):
    passages, movements = streets.truth_passages(camera, MORNING), streets.truth_movements(camera, MORNING)
    for table, name, column in ((passages, "truth_passages", "passed_at"), (movements, "truth_movements", "crossed_at")):
        assert table.schema.equals(schema_of(name))
        assert table.num_rows > 20
        assert all(streets.begin <= moment < streets.end for moment in table[column].to_pylist())
    assert passages.group_by("vehicle_id").aggregate([]).num_rows == passages.num_rows
    post = POSTS[IDS.index(camera)]
    axis = {"N": "NS", "S": "NS", "E": "EW", "W": "EW"}[post.arms[0]]
    assert set(passages["carriageway"].to_pylist()) == set(axis)


def test_vehicles_pass_the_line_when_the_traffic_says_they_are_there(streets, traffic):
    mount, post = streets.mount("street-1"), POSTS[0]
    line, (near, far) = CROSSINGS_Y[post.crossing] - STOP_Y, sight(streets.mount("street-1"))
    assert 11 < near < 30 < 60 < far, "the arm is in sight from near its line on"
    numbers = {vehicle_id(each): each for each in np.unique(traffic.vehicle)}
    for row in streets.truth_passages(mount.camera.id, MORNING).to_pylist():
        mine = traffic.by_vehicle[traffic.vehicle[traffic.by_vehicle] == numbers[row["vehicle_id"]]]
        seconds = (row["passed_at"] - traffic.begin).total_seconds()
        y = np.interp(seconds, traffic.step[mine] * STEP_S, traffic.y[mine])
        assert y == pytest.approx(line, abs=0.6)
        assert row["entered_at"] < row["left_at"]
        assert 0 <= row["speed_kmh"] < 62


def test_movements_and_passages_agree(streets):
    """Who comes over the line of the southern arm of the third crossing came to it or left it by that arm."""
    passages, movements = streets.truth_passages("street-4", MORNING), streets.truth_movements("street-4", MORNING)
    by_arm = {row["vehicle_id"]: row for row in movements.to_pylist()}
    assert set(movements["approach"].to_pylist()) | set(movements["exit"].to_pylist()) == set(ARMS)
    assert all("S" in (row["approach"], row["exit"]) for row in by_arm.values())
    joined = [(row, by_arm[row["vehicle_id"]]) for row in passages.to_pylist() if row["vehicle_id"] in by_arm]
    assert len(joined) > 0.9 * passages.num_rows
    for passage, movement in joined:
        assert passage["carriageway"] == ("N" if movement["approach"] == "S" else "S")


def test_all_ways_over_the_crossing_are_told_where_it_is_shown(streets, traffic):
    movements = streets.truth_movements("street-7", MORNING)
    ways = traffic.ways
    begin = (MORNING - traffic.begin).total_seconds()
    inside = (ways.crossing == 3) & (ways.time >= begin) & (ways.time < begin + 13 * 60)
    counted = Counter(zip(movements["approach"].to_pylist(), movements["exit"].to_pylist(), strict=True))
    true = Counter(zip([ARMS[each] for each in ways.approach[inside]], [ARMS[each] for each in ways.exit[inside]], strict=True))
    assert counted == true
    assert len(counted) == 12, "every arm to every other"
    stood = movements.filter(pc.greater(movements["stops"], 0))
    assert stood["queue_m"].null_count == 0
    assert movements.num_rows - stood.num_rows == movements["queue_m"].null_count


def test_a_vehicle_is_at_one_camera_after_the_other(streets):
    """Journeys: southbound, who passes the second camera passes the third some 15 s later at the soonest."""
    first, second = (streets.truth_passages(camera, MORNING) for camera in ("street-2", "street-4"))
    at = {row["vehicle_id"]: row["passed_at"] for row in first.to_pylist() if row["carriageway"] == "S"}
    later = [
        (row["passed_at"] - at[row["vehicle_id"]]).total_seconds()
        for row in second.to_pylist()
        if row["carriageway"] == "S" and row["vehicle_id"] in at
    ]
    assert len(later) > 30
    assert min(later) > 250 / 17
    assert np.median(later) < 180


def test_the_expressway_has_no_movements_and_stays_what_it_was():
    settings = CitySettings(seed=1000, minutes=1)
    assert CityNetwork(settings).truth_movements("city-1", settings.start).num_rows == 0
    assert set(settings.as_dict()) == {"seed", "start", "minutes", "faults"}


@pytest.mark.parametrize("people", [None, 0, 30])
def test_settings_of_the_streets_are_read_as_they_were_written(people):
    made = CitySettings(world="streets", people=people, faults=("frozen:street-2",), sizes=("640x480:street-5",))
    assert CitySettings.read(made.as_dict()) == made
    assert made.people == (120 if people is None else people)


def test_each_world_has_its_own_cameras():
    with pytest.raises(CctviewError, match="no camera named 'city-2': known are street-1"):
        CitySettings(world="streets", faults=("frozen:city-2",))
    with pytest.raises(CctviewError, match=r'world = "moon" .* write world = "streets"'):
        CitySettings.read({"world": "moon"})
