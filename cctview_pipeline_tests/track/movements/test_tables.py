"""A crossing's movements, found from tracks: who comes whence, goes whither, and how many."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from cctview_pipeline.track.movements.tables import HourOfMovements, movements_of_hour
from cctview_pipeline.track.retraced import seen_again
from cctview_pipeline_tests.factories.archive import HOUR_17
from cctview_pipeline_tests.factories.crossing import Crossing, Drive, joined, traffic
from cctview_pipeline_tests.factories.tables import NORTH, rows

WAYS = [("N", "S"), ("S", "N"), ("E", "W"), ("W", "E"), ("N", "W"), ("E", "N"), ("S", "E"), ("N", "E")]
TURN = {
    "NS": "through",
    "SN": "through",
    "EW": "through",
    "WE": "through",
    "NW": "right",
    "EN": "right",
    "SE": "right",
    "NE": "left",
}


def found(*views: Crossing, camera=NORTH, before: pa.Table | None = None) -> HourOfMovements:
    tracks, detections = joined(*views)
    times = {each.view: each.times for each in views}
    before = rows("camera_flows") if before is None else before
    return movements_of_hour(camera, HOUR_17, seen_again(tracks, detections), times.__getitem__, before)


def names(hour: HourOfMovements) -> set[tuple[str, str]]:
    return set(zip(hour.flows["approach"].to_pylist(), hour.flows["exit"].to_pylist(), strict=True))


def counted(hour: HourOfMovements, column: str = "followed") -> dict[tuple[str, str], int]:
    sums: Counter = Counter()
    for row in hour.seen.to_pylist():
        sums[row["approach"], row["exit"]] += row[column]
    return {way: round(value) for way, value in sums.items()}


@pytest.fixture(scope="module")
def ordinary() -> HourOfMovements:
    return found(Crossing(traffic(WAYS)))


def test_every_movement_is_found_and_named_by_the_compass(ordinary):
    assert names(ordinary) == set(WAYS)
    turns = {row["approach"] + row["exit"]: row["turn"] for row in ordinary.flows.to_pylist()}
    assert turns == TURN


def test_everybody_is_counted_once(ordinary):
    assert counted(ordinary) == dict.fromkeys(WAYS, 8)
    assert ordinary.unassigned == {"352x240": 0.0}


def test_where_nobody_knows_how_it_faces_the_pictures_sides_name_the_arms():
    assert ("from-far", "to-near") in names(found(Crossing(traffic(WAYS)), camera=replace(NORTH, faces="")))


def test_who_is_lost_on_the_way_still_counts_once_and_for_its_movement():
    broken = [*traffic(WAYS), *(Drive(*way, start=2000.0 + 24.0 * number, gone=(4, 5)) for number, way in enumerate(WAYS * 4))]
    assert counted(found(Crossing(broken)), "shared") == dict.fromkeys(WAYS, 12)


def test_who_was_seen_once_is_shared_out_but_was_not_followed():
    once = [Drive("N", "S", start=2000.0 + 24.0 * each, gone=(*range(each), *range(each + 1, 60))) for each in range(9)]
    hour = found(Crossing([*traffic([("N", "S"), ("S", "N")]), *once]))
    assert counted(hour)["N", "S"] == 8
    assert counted(hour, "shared")["N", "S"] > 8


def test_a_quarter_holds_who_crossed_in_it(ordinary):
    by_quarter: Counter = Counter()
    for row in ordinary.seen.to_pylist():
        by_quarter[row["began_at"].minute] += round(row["followed"])
    starts = Counter(15 * int((drive.start + 8) // 900) for drive in traffic(WAYS))
    assert by_quarter == starts


def test_who_waits_at_the_line_stands_in_the_queue_of_its_approach():
    waiting = [Drive("N", "S", start=600.0 + number, stands_s=20.0) for number in (0.0,)]
    hour = found(Crossing([*traffic(WAYS), *waiting]))
    first = pc.equal(hour.queues["approach"], "N")
    of_north = hour.queues.filter(first).to_pylist()
    assert sum(row["stops"] for row in of_north) == pytest.approx(1.0, abs=0.1)
    assert sum(row["stood_s"] for row in of_north) == pytest.approx(20.0, abs=3.0)
    assert max(row["longest_queue"] for row in of_north) == pytest.approx(1.0, abs=0.1)
    assert all(row["stops"] == 0 for row in hour.queues.filter(pc.invert(first)).to_pylist())


def test_queues_tell_every_quarter_of_every_approach(ordinary):
    assert ordinary.queues.num_rows == 4 * 4
    assert ordinary.queues["seen_s"].to_pylist() == pytest.approx([900.0] * 16, abs=1.0)


def test_another_hour_finds_the_same_names(ordinary):
    again = found(Crossing(traffic(WAYS[::-1], each=5)), before=ordinary.flows)
    assert names(again) == set(WAYS)


def test_views_keep_their_names_though_an_hour_numbers_them_otherwise():
    one, other = traffic([("N", "S"), ("S", "N")]), traffic([("E", "W"), ("W", "E")])
    first = found(Crossing(one), Crossing(other, view="352x240/2"))
    later = found(Crossing(other), Crossing(one, view="352x240/2"), before=first.flows)
    view = {row["hour_view"]: row["view"] for row in later.flows.to_pylist()}
    assert view == {"352x240": "352x240/2", "352x240/2": "352x240"}


def test_of_several_views_nobody_knows_which_one_faces_so():
    hour = found(Crossing(traffic([("N", "S")])), Crossing(traffic([("E", "W")]), view="352x240/2"))
    assert {approach.split("-")[0] for approach, _ in names(hour)} == {"from"}


def test_nothing_comes_of_nothing():
    hour = movements_of_hour(NORTH, HOUR_17, [], lambda view: np.zeros(0), rows("camera_flows"))
    assert (hour.flows.num_rows, hour.seen.num_rows, hour.queues.num_rows) == (0, 0, 0)


def test_the_same_tracks_give_the_same_tables(ordinary):
    again = found(Crossing(traffic(WAYS)))
    assert again.flows.equals(ordinary.flows)
    assert again.seen.equals(ordinary.seen)
