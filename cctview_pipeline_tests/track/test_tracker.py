"""Made sightings of made cars: each car becomes one track."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cctview_pipeline.boxes import pairwise_iou
from cctview_pipeline.track.sightings import CameraDetections, sightings
from cctview_pipeline.track.tracker import UNSURE_FROM, TrackerSettings, track
from cctview_pipeline_tests.factories.tables import rows
from cctview_pipeline_tests.factories.traffic import DrivenCar, MadeHour, drive, two_way_traffic

PARKED = DrivenCar(500, 0, speed=0)


def tracked_cars(made: MadeHour, settings: TrackerSettings = TrackerSettings()) -> list[tuple[int, ...]]:
    """For each track the numbers of the cars in it, one a detection."""
    seen = made.sightings
    return [tuple(made.car_of[seen.ids[row]] for row in found) for found in track(seen, settings).tracks]


def assert_one_track_each(made: MadeHour) -> None:
    found = tracked_cars(made)
    assert all(len(set(cars)) == 1 for cars in found), "a track mixes cars"
    assert Counter(cars[0] for cars in found) == Counter(set(made.car_of.values())), "a car has more than one track"


def test_boxes_of_moving_cars_never_overlap_in_the_next_frame():
    seen = drive([DrivenCar(1, 0)]).sightings
    assert pairwise_iou(seen.boxes[:-1], seen.boxes[1:]).diagonal().max() == 0


def test_every_car_becomes_one_track():
    made = drive(two_way_traffic())
    assert len(set(made.car_of.values())) == 40
    assert_one_track_each(made)


def test_too_few_cars_to_learn_a_flow_are_told_apart_by_their_looks():
    made = drive([DrivenCar(1, 0, away=True), DrivenCar(2, 1, away=False), DrivenCar(3, 2, away=True)])
    assert track(made.sightings).flow.unknown
    assert_one_track_each(made)


def test_cars_that_meet_on_opposite_carriageways_stay_apart():
    """The two are beside each other in the middle of the picture at the same moment."""
    made = drive([*two_way_traffic(), DrivenCar(100, 61.0, away=True), DrivenCar(101, 61.0, away=False)])
    assert_one_track_each(made)


def test_look_alikes_on_opposite_carriageways_stay_apart():
    meeting = [DrivenCar(100, 61.0, away=True), DrivenCar(100, 61.0, away=False)]
    made = drive([*two_way_traffic(), *meeting])
    seen = made.sightings
    ways = [seen.boxes[rows, 0] for rows in track(seen).tracks if made.car_of[seen.ids[rows[0]]] == 100]
    assert len(ways) == 2
    assert all(np.ptp(x) == 0 for x in ways)


def test_parked_car_is_one_track():
    made = drive([*two_way_traffic(), PARKED])
    assert_one_track_each(made)
    assert (500,) * 60 in tracked_cars(made)


def test_parked_car_alone_is_one_track():
    assert tracked_cars(drive([PARKED], seconds=40)) == [(500,) * 20]


def frames_of(car: int, made: MadeHour) -> list[int]:
    """Numbers of the frames in which a car is seen."""
    names = sorted({name.split("--detections")[0] for name in made.car_of})
    return [names.index(name.split("--detections")[0]) for name, number in made.car_of.items() if number == car]


def test_car_below_the_threshold_is_found_where_its_track_leads():
    """In the middle of its way, between look-alikes before and behind: without that box it would be one frame shorter."""
    seen = frames_of(10, drive(two_way_traffic()))
    made = drive(two_way_traffic(), unsure=[(10, seen[2])])
    assert len(made.sightings) == len(made.features) + 1
    assert (10,) * len(seen) in tracked_cars(made)
    assert_one_track_each(made)


def test_box_below_the_threshold_neither_begins_nor_ends_a_track():
    seen = frames_of(10, drive(two_way_traffic()))
    made = drive(two_way_traffic(), unsure=[(10, seen[0]), (10, seen[-1]), (11, 0)])
    assert (10,) * (len(seen) - 2) in tracked_cars(made)


def test_second_box_of_a_sure_vehicle_is_no_other():
    """A box below the threshold that lies on a sure detection of one car never joins the track of another."""
    made = drive(two_way_traffic())
    doubled = made.detections.to_pylist()
    doubled += [row | {"detection_id": f"{row['detection_id']}-twice", "score": 0.3} for row in doubled]
    seen = sightings(rows("detections", *doubled), made.features, (352, 240), UNSURE_FROM)
    assert len(seen) == 2 * made.features.num_rows
    assert all(not seen.ids[row].endswith("twice") for found in track(seen).tracks for row in found)


def test_missed_frame_is_bridged():
    whole = drive(two_way_traffic())
    frame_of = {(car, detection_id.split("--detections")[0]) for detection_id, car in whole.car_of.items()}
    frames = sorted({name for _, name in frame_of})
    second = {car: sorted(frames.index(name) for c, name in frame_of if c == car)[1] for car in (10, 11, 20)}
    made = drive(two_way_traffic(), missed=list(second.items()))
    assert len(made.car_of) == len(whole.car_of) - 3
    assert_one_track_each(made)


def test_car_unseen_for_longer_than_the_gap_is_a_new_track():
    still = drive([PARKED], seconds=40, missed=[(500, frame) for frame in range(8, 12)])
    assert [len(cars) for cars in tracked_cars(still)] == [8, 8]
    assert [len(cars) for cars in tracked_cars(still, TrackerSettings(longest_gap_s=10))] == [16]


def test_two_cars_that_follow_each_other_and_look_alike_stay_apart():
    """Appearance cannot tell the two; the flow can."""
    made = drive([*two_way_traffic(), DrivenCar(100, 60.0), DrivenCar(100, 62.6)])
    seen = made.sightings
    pair = [found for found in track(seen).tracks if made.car_of[seen.ids[found[0]]] == 100]
    assert sorted(len(found) for found in pair) == [4, 5]
    for found in pair:
        np.testing.assert_allclose(np.diff(seen.boxes[found, 3]), -40, atol=1e-3)


@pytest.mark.parametrize(("factor", "tracks"), [(1.0, 1), (2.0, 1), (8.0, 2)])
def test_vehicle_grows_no_faster_than_it_can_come_near(factor, tracks):
    made = drive([*two_way_traffic(), DrivenCar(100, 60.0)])
    seen = made.sightings
    rows = np.array([row for row, name in enumerate(seen.ids) if made.car_of[name] == 100][2:])
    x, y = seen.points[rows].T
    seen.boxes[rows] = np.stack([x - 12 * factor, y - 18 * factor, x + 12 * factor, y], axis=1)
    assert len([t for t in track(seen).tracks if made.car_of[seen.ids[t[0]]] == 100]) == tracks


def test_nothing_seen_is_no_track():
    assert track(drive([]).sightings).tracks == []


def test_same_sightings_give_the_same_tracks():
    seen = drive(two_way_traffic()).sightings
    assert track(seen).tracks == track(seen).tracks


@st.composite
def any_sightings(draw) -> CameraDetections:
    """Up to five boxes anywhere in each of up to eight frames, with any looks."""
    counts = draw(st.lists(st.integers(0, 5), max_size=8))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    steps = draw(st.lists(st.sampled_from([0.1, 1.0, 2.0, 7.0]), min_size=len(counts), max_size=len(counts)))
    times = np.repeat(np.cumsum(steps), counts)
    corner, size = rng.uniform(0, 200, (len(times), 2)), rng.uniform(5, 80, (len(times), 2))
    vectors = rng.normal(size=(len(times), 3))
    return CameraDetections(
        ids=[f"f{second}--detections--{i}--car" for i, second in enumerate(times)],
        times=times,
        boxes=np.concatenate([corner, corner + size], axis=1),
        scores=np.ones(len(times)),
        labels=["car"] * len(times),
        embeddings=vectors / np.linalg.norm(vectors, axis=1, keepdims=True),
        frame_size=(352, 240),
    )


@given(any_sightings(), st.sampled_from([0.85, 5.0]))
def test_no_track_has_two_detections_of_one_frame_and_every_detection_has_one_track(seen, dearest):
    tracks = track(seen, TrackerSettings(dearest=dearest)).tracks
    assert sorted(row for found in tracks for row in found) == list(range(len(seen)))
    for found in tracks:
        assert (np.diff(seen.times[found]) > 0).all()
        assert (np.diff(seen.times[found]) <= TrackerSettings().longest_gap_s).all()


@pytest.mark.parametrize("step_s", [1.0, 2.5])
def test_other_frame_rates(step_s):
    assert_one_track_each(drive(two_way_traffic(), step_s=step_s))
