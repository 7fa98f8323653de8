"""Tracks over the hour's end: who goes on, and that it makes no difference which hour is tracked first."""

from datetime import timedelta

import pytest

from cctview_pipeline.lake.schemas import schema_of
from cctview_pipeline.track.camera_hour import track_camera_hour
from cctview_pipeline.track.flow import AWAY, TOWARDS
from cctview_pipeline_tests.factories.archive import HOUR_17
from cctview_pipeline_tests.factories.tables import NORTH, rows
from cctview_pipeline_tests.factories.traffic import DrivenCar, MadeHour, drive, two_way_traffic

TURN = HOUR_17 + timedelta(hours=1)
PARKED = DrivenCar(500, 0, speed=0)
CARS = [*two_way_traffic(40), PARKED]
NOTHING = {name: rows(name) for name in ("raw_frames", "detections", "features", "tracks")}


@pytest.fixture(scope="module")
def hours() -> tuple[MadeHour, MadeHour]:
    """100 seconds before the hour's turn, and 100 seconds after it."""
    before = drive(CARS, seconds=100, begin=TURN - timedelta(seconds=100))
    return before, drive(CARS, seconds=100, begin=TURN, first_second=100)


def test_cars_that_cross_the_turn_continue_their_track(hours):
    before, now = hours
    earlier = track_camera_hour(NORTH, before.tables(), NOTHING).tracks
    later = track_camera_hour(NORTH, now.tables(), before.tables(earlier)).tracks
    car_of = {row["track_id"]: min(before.cars(row["detection_ids"])) for row in earlier.to_pylist()}
    continued = {min(now.cars(row["detection_ids"])): row["continues"] for row in later.to_pylist() if row["continues"]}
    crossing = set(before.car_of.values()) & set(now.car_of.values())
    assert len(crossing) == 3, "one each way, and the parked one"
    assert {car: car_of[name] for car, name in continued.items()} == {car: car for car in crossing}


def test_hour_before_makes_no_difference_tracked_or_not(hours):
    before, now = hours
    earlier = track_camera_hour(NORTH, before.tables(), NOTHING).tracks
    assert track_camera_hour(NORTH, now.tables(), before.tables(earlier)).tracks.equals(
        track_camera_hour(NORTH, now.tables(), before.tables()).tracks
    )


def test_missing_hour_before_starts_fresh(hours):
    _, now = hours
    fresh = track_camera_hour(NORTH, now.tables(), NOTHING).tracks
    assert fresh["continues"].null_count == fresh.num_rows
    assert {car for row in fresh.to_pylist() for car in now.cars(row["detection_ids"])} == set(now.car_of.values())


def test_hour_before_that_ended_long_ago_continues_nothing(hours):
    _, now = hours
    long_ago = drive(CARS, seconds=100, begin=TURN - timedelta(seconds=110))
    later = track_camera_hour(NORTH, now.tables(), long_ago.tables()).tracks
    assert later["continues"].null_count == later.num_rows


def test_only_continues_differs_by_the_hour_before(hours):
    before, now = hours
    drop = ["continues"]
    with_before = track_camera_hour(NORTH, now.tables(), before.tables()).tracks.drop_columns(drop)
    assert with_before.equals(track_camera_hour(NORTH, now.tables(), NOTHING).tracks.drop_columns(drop))


def test_no_track_is_continued_twice(hours):
    before, now = hours
    continued = [name for name in track_camera_hour(NORTH, now.tables(), before.tables()).tracks["continues"].to_pylist() if name]
    assert len(set(continued)) == len(continued)


def test_models_of_both_inputs_are_recorded(hours):
    models = set(track_camera_hour(NORTH, hours[1].tables(), NOTHING).tracks["model"].to_pylist())
    assert len(models) == 1
    assert models.pop().endswith(" detector@1 extractor@1")


@pytest.mark.parametrize("embedding_length", [4, 256])
def test_empty_hour_is_an_empty_table(hours, embedding_length):
    empty = NOTHING | {"features": schema_of("features", embedding_length).empty_table()}
    for before in (empty, hours[0].tables()):
        assert track_camera_hour(NORTH, empty, before).tracks.equals(schema_of("tracks").empty_table())


def test_hour_before_without_a_vehicle_has_embeddings_of_no_length(hours):
    """An hour that was never written reads as a table without rows, of the schema's own embedding length."""
    unwritten = NOTHING | {"features": schema_of("features").empty_table()}
    assert track_camera_hour(NORTH, hours[1].tables(), unwritten).tracks.num_rows > 0


def test_the_flow_that_was_used_knows_the_size_of_the_frames():
    """Frames of 232 pixels cut every car that drives away: of whole ones none is seen, and nothing of their way is learned."""
    narrow, wide = (drive(CARS, seconds=100, size=size).tables() for size in ((232, 240), (352, 240)))
    used = track_camera_hour(NORTH, narrow, NOTHING).flow
    assert used.ways[AWAY] is None
    assert used.ways[TOWARDS] is not None
    assert track_camera_hour(NORTH, wide, NOTHING).flow.ways[AWAY] is not None
