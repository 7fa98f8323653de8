"""The tracks table: directions, speeds, labels, quality."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from cctview_pipeline.lake.schemas import schema_of
from cctview_pipeline.track.flow import fit_road_model
from cctview_pipeline.track.label_votes import label_of
from cctview_pipeline.track.motion import place
from cctview_pipeline.track.tables import continuations, in_sequence, track_id, tracks_table
from cctview_pipeline.track.tracker import TrackerSettings, Tracking, track
from cctview_pipeline_tests.factories.archive import HOUR_17
from cctview_pipeline_tests.factories.tables import NORTH
from cctview_pipeline_tests.factories.traffic import DrivenCar, MadeHour, drive, two_way_traffic

PARKED = DrivenCar(500, 0, speed=0)


def table_by_car(made: MadeHour, camera=NORTH, continues={}) -> dict[int, dict]:  # noqa: B006
    seen = made.sightings
    tracks = tracks_table(camera, "352x240", track(seen), np.unique(seen.times), continues, "detector extractor")
    assert tracks.schema == schema_of("tracks")
    assert tracks["first_seen"].to_pylist() == sorted(tracks["first_seen"].to_pylist())
    return {min(made.cars(row["detection_ids"])): row for row in tracks.to_pylist()}


def test_track_is_named_after_its_first_detection():
    detection_id = "735-683-N--2020-05-05--13.34.46--detections--7--car--85.4--38x38--169.120v207.158"
    assert track_id(detection_id) == "735-683-N--2020-05-05--13.34.46--track--7"


def test_two_ways_and_a_parked_car():
    found = table_by_car(drive([*two_way_traffic(), PARKED]))
    ways = {car: (row["direction"], row["carriageway"]) for car, row in found.items()}
    assert ways == {car: ("away", "N") if car % 2 == 0 else ("towards", "S") for car in range(40)} | {500: (None, None)}


def test_times_are_those_of_the_first_and_last_detection():
    row = table_by_car(drive([PARKED], seconds=20))[500]
    assert (row["first_seen"], row["last_seen"]) == (HOUR_17, HOUR_17 + timedelta(seconds=18))
    assert row["detection_ids"][0].startswith("cam-1--2020-05-05--17.00.00.000Z")
    assert len(row["detection_ids"]) == 10
    assert row["track_id"] == "cam-1--2020-05-05--17.00.00.000Z--track--1"


def test_speed_in_the_picture():
    found = table_by_car(drive([*two_way_traffic(), PARKED]))
    assert found[10]["speed_px_s"] == pytest.approx(20, rel=1e-3)
    assert found[500]["speed_px_s"] == 0
    assert found[10]["speed_kmh"] is None


def single_sighting(x: float) -> tuple[str | None, float | None]:
    """Direction and speed of what is seen once, at x in the middle of the picture, where two-way traffic has passed."""
    flow = fit_road_model(drive(two_way_traffic()).sightings, 0.5)
    seen = drive([DrivenCar(1, 0)]).sightings.select(np.array([2]))
    seen.boxes[:] = [x - 12, 132, x + 12, 150]
    frames = seen.times + np.array([-2, 0])
    (row,) = tracks_table(NORTH, "352x240", Tracking([[0]], place(seen, flow)), frames, {}, "m").to_pylist()
    return row["direction"], row["speed_px_s"]


@pytest.mark.parametrize(("x", "direction"), [(220, "away"), (120, "towards")])
def test_car_seen_once_goes_where_everyone_goes_there(x, direction):
    assert single_sighting(x) == (direction, None)


def test_car_seen_once_where_nothing_is_known_has_no_direction():
    seen = drive([DrivenCar(1, 0)]).sightings.select(np.array([0]))
    (row,) = tracks_table(NORTH, "352x240", track(seen), seen.times, {}, "m").to_pylist()
    assert (row["direction"], row["carriageway"]) == (None, None)


def test_label_is_the_vote_of_all_detections():
    """The detector calls many buses trucks, and hardly any truck a bus: two votes for a bus beat two surer ones for a truck."""
    seen = drive([PARKED], seconds=8).sightings
    votes = replace(seen, labels=["truck", "bus", "truck", "bus"], scores=np.array([0.9, 0.5, 0.9, 0.5]))
    (row,) = tracks_table(NORTH, "352x240", track(votes), votes.times, {}, "m").to_pylist()
    assert (row["label"], row["label_probability"]) == ("bus", pytest.approx(label_of(votes.labels)[1]))
    assert 0.5 < row["label_probability"] < 1


def test_recovered_boxes_are_told_apart_and_vote_for_nothing():
    made = drive(two_way_traffic(), unsure=[(10, 16)])
    whole, row = (table_by_car(each)[10] for each in (drive(two_way_traffic()), made))
    assert (len(row["detection_ids"]), len(row["sizes"]), len(row["recovered_ids"])) == (len(whole["detection_ids"]) - 1,) * 2 + (
        1,
    )
    assert row["quality"] == pytest.approx((len(row["sizes"]) * 0.9 + 0.3) / len(whole["sizes"]), abs=1e-3)
    assert row["label_probability"] == pytest.approx(label_of(["car"] * len(row["sizes"]))[1])
    assert set(row["recovered_ids"]).isdisjoint(made.features["detection_id"].to_pylist())


def test_quality_is_score_times_share_of_frames():
    whole = table_by_car(drive([PARKED, *two_way_traffic()], seconds=40))
    assert whole[500]["quality"] == pytest.approx(0.9, abs=1e-3)
    gap = table_by_car(drive([PARKED, *two_way_traffic()], seconds=40, missed=[(500, 3), (500, 10)]))
    assert gap[500]["quality"] == pytest.approx(0.9 * 18 / 20, abs=1e-3)


def test_continues_and_model_are_recorded():
    name = "cam-1--2020-05-05--17.00.00.000Z--track--1"
    row = table_by_car(drive([PARKED]), continues={name: "earlier"})[500]
    assert row["continues"] == "earlier"
    assert row["model"].endswith(" detector extractor")


def test_nothing_continues_from_nothing():
    seen = drive([PARKED]).sightings
    nothing = drive([]).sightings
    tracking = track(seen)
    assert continuations(nothing, {}, seen, tracking, TrackerSettings()) == {}
    assert continuations(seen, {"t": tracking.tracks[0]}, nothing, track(nothing), TrackerSettings()) == {}


def test_track_is_continued_once():
    """The parked car's second half, whose beginning is still close to the turn, does not go on from it as well."""
    seen = drive([PARKED], seconds=8).sightings
    later = replace(seen, times=seen.times + 8, ids=[name.replace("17.00", "18.00") for name in seen.ids])
    split = Tracking([[0, 1], [2, 3]], place(later, fit_road_model(later, 0.5)))
    found = continuations(seen, {"before": [0, 1, 2, 3]}, later, split, TrackerSettings(longest_gap_s=20))
    assert found == {track_id(later.ids[0]): "before"}


def test_no_tracks_are_an_empty_table():
    seen = drive([]).sightings
    assert tracks_table(NORTH, "352x240", track(seen), np.zeros(0), {}, "m").equals(schema_of("tracks").empty_table())


@pytest.mark.parametrize(
    ("times", "near"),
    [
        ([], []),
        ([7], [False]),
        ([0, 1, 2], [True] * 3),
        ([0, 4, 8.1, 60, 120], [True, True, False, False, False]),
        ([0, 60, 62, 120], [False, True, True, False]),
    ],
)
def test_a_frame_is_in_sequence_when_the_one_before_or_after_is_near(times, near):
    assert in_sequence(np.array(times, float)).tolist() == near


@pytest.mark.parametrize(("step_s", "countable"), [(1, True), (2, True), (5, False), (30, False), (60, False)])
def test_where_frames_come_too_seldom_rows_are_mere_sightings(step_s, countable):
    """They are seen and told, but nothing is claimed of where they went, nor that each is a vehicle."""
    made = drive([*two_way_traffic(), PARKED], seconds=240, step_s=step_s)
    found = tracks_table(NORTH, "352x240", track(made.sightings), np.unique(made.sightings.times), {}, "m").to_pylist()
    assert found
    for row in found:
        assert (row["quality"] is not None) == countable
        if not countable:
            claimed = ("direction", "carriageway", "passed_at", "speed_px_s", "speed_kmh", "pace", "continues")
            assert [row[name] for name in claimed] == [None] * len(claimed)
