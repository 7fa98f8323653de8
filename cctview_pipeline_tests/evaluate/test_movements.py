"""Movements against a truth of a few rows."""

from datetime import timedelta
from pathlib import Path

import pytest

from cctview_pipeline.evaluate.movements import geh, movement_rows
from cctview_pipeline.evaluate.report import ALL, Evaluation
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline_tests.factories.archive import HOUR_17
from cctview_pipeline_tests.factories.tables import NORTH, rows

PLACE = Partition.camera_hour(NORTH.id, HOUR_17)


def lake(folder: Path, true: dict[str, int], found: dict[tuple[str, str], float], whole: float = 1.0) -> Lake:
    """A camera's hour with a frame a second. true: NS -> vehicles; found: likewise; whole: share seen from end to end, but all of
    the first way."""
    made = Lake(str(folder / "lake"))
    frames = [{"frame_id": f"f{at}", "captured_at": HOUR_17 + timedelta(seconds=at)} for at in range(3600)]
    made.write("raw_frames", PLACE, rows("raw_frames", *frames))
    crossed = [
        {"approach": way[0], "exit": way[1], "crossed_at": HOUR_17 + timedelta(seconds=10 + each)}
        for way, count in true.items()
        for each in range(count)
    ]
    made.write("truth_movements", PLACE, rows("truth_movements", *crossed))
    ways = [{"approach": approach, "exit": exit} for approach, exit in found]
    made.write("camera_flows", PLACE, rows("camera_flows", *ways))
    flows = [float(found[way["approach"], way["exit"]]) for way in ways]
    shares = [1.0, *[whole] * len(ways)]
    seen = [
        way | {"followed": 0.0, "shared": flow, "whole": share * flow}
        for way, flow, share in zip(ways, flows, shares, strict=False)
    ]
    made.write("movements_seen", PLACE, rows("movements_seen", *seen))
    quarters = [HOUR_17 + number * timedelta(minutes=15) for number in range(4)]
    made.write("queues_seen", PLACE, rows("queues_seen", *({"began_at": at, "seen_s": 900.0} for at in quarters)))
    return made


def evaluated(of: Lake) -> Evaluation:
    return Evaluation(tuple(movement_rows(of, [NORTH.id], [HOUR_17])))


def test_the_geh_of_flows_an_hour():
    assert geh(110, 100) == pytest.approx((2 * 100 / 210) ** 0.5)
    assert geh(0, 0) == 0


def test_a_movement_that_was_not_found_is_held_against_it(tmp_path):
    found = evaluated(lake(tmp_path, {"NS": 100, "NW": 30}, {("N", "S"): 110.0}))
    assert found.value("movements", "GEH_hour_below_5") == 0.5
    assert found.value("movements", "counted_per_h", f"{NORTH.id} N>S") == pytest.approx(110, rel=0.01)
    assert found.value("movements", "counted_per_h", f"{NORTH.id} N>W") == 0
    assert found.value("movements", "GEH_approach_below_5") == 1.0, "of 130 that came from N 110 were found"


def test_a_movement_that_nobody_made_is_held_against_it(tmp_path):
    found = evaluated(lake(tmp_path, {"NS": 100}, {("N", "S"): 100.0, ("E", "W"): 40.0}))
    assert found.value("movements", "GEH_hour_below_5") == 0.5


def test_names_of_the_pictures_sides_are_turned_as_fits_best(tmp_path):
    found = evaluated(lake(tmp_path, {"EW": 100, "WE": 50}, {("from-far", "to-near"): 50.0, ("from-near", "to-far"): 100.0}))
    assert found.value("movements", "GEH_hour_below_5") == 1.0


def test_where_the_truth_knows_no_movements_nothing_is_said(tmp_path):
    assert evaluated(lake(tmp_path, {}, {})).rows == ()


def test_the_tables_have_them(tmp_path):
    said = evaluated(lake(tmp_path, {"NS": 100}, {("N", "S"): 100.0}))
    assert ALL in said.scopes("movements")
    assert "| cam-1 N>S | 100.028 | 100.000 | 0.003 |" in said.markdown()


def test_movements_whose_number_no_user_is_told_are_judged_apart(tmp_path):
    true, found = {"NS": 400, "NW": 100}, {("N", "S"): 400, ("N", "W"): 10}
    made = evaluated(lake(tmp_path, true, found, whole=0.2))
    assert (made.value("movements", "GEH_hour_below_5", ALL), made.value("movements", "GEH_told_below_5", ALL)) == (0.5, 1.0)
