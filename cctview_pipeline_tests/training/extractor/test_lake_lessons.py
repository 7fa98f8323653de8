"""What a lake's tracks tell of vehicles: which are the same, which are others, and what is kept for measuring."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from cctview_pipeline.errors import CctviewError
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.match.verdicts import Judged
from cctview_pipeline.privacy.forgetting import erase, of_span
from cctview_pipeline.training.extractor.lake_lessons import (
    FAR_S,
    LakeTrack,
    different,
    divide,
    load_lessons,
    meetings,
    vehicles,
    with_verdicts,
)
from cctview_pipeline_tests.factories.archive import HOUR_17
from cctview_pipeline_tests.factories.tables import campaign, rows
from cctview_pipeline_tests.factories.tracked_lake import Passage, passages, track_id, write_lake

READ = {"crops": 600, "of_a_track": 4, "held_out": 0.2, "seed": 1}


def lake_track(name: str, first: float, last: float, camera: str = "cam-1", continues: str | None = None) -> LakeTrack:
    return LakeTrack(
        id=name,
        hour=Partition.camera_hour(camera, HOUR_17),
        first=first,
        last=last,
        continues=continues,
        detections=(),
        model="tracker",
    )


@pytest.mark.parametrize(
    ("other", "sure"),
    [
        (lake_track("b", 8, 20), True),
        (lake_track("b", 10 + FAR_S + 1, 90), True),
        (lake_track("b", 12, 20), False),
        (lake_track("b", 8, 20, camera="cam-2"), False),
        (lake_track("b", 8, 20, continues="a"), False),
    ],
    ids=["seen at one time", "minutes later", "seconds later", "at another camera", "goes on from it"],
)
def test_who_is_certainly_another_vehicle(other: LakeTrack, sure: bool):
    found = different([lake_track("a", 0, 10), other])
    np.testing.assert_array_equal(found, [[False, sure], [sure, False]])


def test_what_is_held_out_is_later_at_every_camera():
    tracks = [lake_track(f"{camera} {n}", 20.0 * n, 20.0 * n + 15, camera) for camera in ("cam-1", "cam-2") for n in range(20)]
    train, held_out = divide(tracks, 0.2)
    for camera in ("cam-1", "cam-2"):
        begins = min(track.first for track in held_out if track.camera == camera)
        assert max(track.last for track in train if track.camera == camera) < begins - FAR_S + 20
        assert sum(track.camera == camera for track in held_out) == 4
    assert {track.id for track in train}.isdisjoint(track.id for track in held_out)


def test_who_crosses_the_border_is_in_neither_part():
    tracks = [lake_track(str(n), 100.0 * n, 100.0 * n + 10) for n in range(11)]
    crossing = replace(tracks[2], id="crossing", last=850.0)
    just_before = replace(tracks[2], id="just before", last=800.0 - FAR_S + 1)
    parts = divide([*tracks, crossing, just_before], 0.2)
    assert {"crossing", "just before"}.isdisjoint(track.id for part in parts for track in part)


def test_crops_are_those_of_moving_tracks_over_their_whole_time(tmp_path: Path):
    moving = passages(20)
    lake, hours = write_lake(tmp_path, [*moving, Passage(99, 0.0, parked=True), Passage(98, 0.0, lasts=2.0)])
    lessons = load_lessons(lake, hours, **READ)
    assert {track.id for track in lessons.train + lessons.held_out} < {track_id(each) for each in moving}
    assert {len(track.images) for track in lessons.train} == {READ["of_a_track"]}
    images = dict(zip(*(lake.read("crops", hours[0])[name].to_pylist() for name in ("detection_id", "image")), strict=True))
    for track in lessons.train:
        assert (track.images[0], track.images[-1]) == (images[track.detections[0]], images[track.detections[-1]])


def test_no_more_crops_than_are_asked_for_the_same_share_of_every_hour(tmp_path: Path):
    lake, hours = write_lake(tmp_path, passages(60) + passages(60, camera="cam-2"))
    lessons = load_lessons(lake, hours, **READ | {"crops": 120})
    counts = [sum(len(track.images) for track in lessons.train if track.camera == camera) for camera in ("cam-1", "cam-2")]
    assert counts == [60, 60]
    assert lessons.version() == load_lessons(lake, hours[::-1], **READ | {"crops": 120}).version()
    assert lessons.version() != load_lessons(lake, hours, **READ | {"crops": 120, "seed": 2}).version()


def test_tracks_whose_crops_were_deleted_are_left_out(tmp_path: Path):
    lake, hours = write_lake(tmp_path, passages(20))
    before = load_lessons(lake, hours, **READ).train
    lake.write("crops", hours[0], lake.read("crops", hours[0]).slice(6 * 5))  # without those of the first five vehicles
    assert load_lessons(lake, hours, **READ).train == before[5:]


def test_tracks_that_meet_come_together_and_every_one_once():
    tracks = [lake_track(f"{c} {n}", 30.0 * n, 30.0 * n + 10, c) for c in ("cam-1", "cam-2") for n in range(50)]
    met = meetings(tracks, 10, np.random.default_rng(0))
    assert sorted(np.concatenate(met)) == list(range(100))
    for rows_ in met:
        assert len({tracks[row].camera for row in rows_}) == 1
        assert np.ptp([tracks[row].first for row in rows_]) < 30 * 10 + 4 * FAR_S


def test_what_is_missing_is_told_with_its_mend(tmp_path: Path):
    lake, hours = write_lake(tmp_path, passages(3))
    with pytest.raises(CctviewError, match="name at least one camera and one hour"):
        load_lessons(lake, [], **READ)
    later = [Partition.camera_hour("cam-1", HOUR_17 + timedelta(hours=1))]
    with pytest.raises(CctviewError, match=r"no tracks of moving vehicles for cam-1 2020-05-05T18: run `cctview backfill`"):
        load_lessons(lake, later, **READ)
    with pytest.raises(CctviewError, match="100 crops of 2 camera-hours are 50 of each, too few"):
        load_lessons(lake, hours + later, **READ | {"crops": 100})
    lake.write("tracks", hours[0], rows("tracks", {"parked": True}))
    with pytest.raises(CctviewError, match="no tracks of moving vehicles"):
        load_lessons(lake, hours, **READ)


def say(lake: Lake, one: Passage, other: Passage, verdict: str, by: str = "anna") -> None:
    """Of two tracks, the second of which is of cam-2."""
    place = Partition.camera_hour("cam-2", HOUR_17)
    word = {"query_track_id": track_id(other), "gallery_track_id": track_id(one), "verdict": verdict, "said_by": by}
    lake.write("verdicts", place, rows("verdicts", *lake.read("verdicts", place).to_pylist(), word))


def test_people_say_which_tracks_of_two_cameras_are_one_vehicle_and_which_are_two(tmp_path: Path):
    here, there = passages(20), passages(20, camera="cam-2")
    lake, hours = write_lake(tmp_path, here + there)
    unsaid = load_lessons(lake, hours, **READ)
    say(lake, here[1], there[1], "same")
    say(lake, here[2], there[3], "different")
    for by, verdict in (("anna", "same"), ("ben", "different")):
        say(lake, here[4], there[4], verdict, by)
    lessons = load_lessons(lake, hours, **READ)
    place = {track.id: row for row, track in enumerate(lessons.train)}
    row = lambda passed: place[track_id(passed)]  # noqa: E731
    whose, apart = vehicles(lessons.train), different(lessons.train)
    assert whose[row(here[1])] == whose[row(there[1])]
    assert len(set(whose)) == len(whose) - 1
    assert apart[row(here[2]), row(there[3])]
    assert apart[row(there[3]), row(here[2])]
    assert not apart[row(here[4]), row(there[4])], "people disagree, so nobody knows"
    assert not apart[row(here[1]), row(there[1])]
    assert lessons.version() != unsaid.version()


def test_who_is_one_vehicle_by_two_words_is_no_other_by_a_third(tmp_path: Path):
    one, two, three = (lake_track(name, 0, 10, f"cam-{n}") for n, name in enumerate("abc", 1))
    judged = Judged(same=frozenset({("b", "a"), ("c", "b")}), different=frozenset({("c", "a")}))
    tracks = with_verdicts([one, two, three], judged)
    assert set(vehicles(tracks)) == {0}
    assert not different(tracks).any()


def test_judged_tracks_come_first_where_not_all_are_taken(tmp_path: Path):
    here, there = passages(60), passages(60, camera="cam-2")
    lake, hours = write_lake(tmp_path, here + there)
    for number in range(0, 20, 2):
        say(lake, here[number], there[number], "same")
    few = load_lessons(lake, hours, **READ | {"crops": 120})
    assert sum(bool(track.alike) for track in few.train) == 20


def test_what_was_erased_teaches_nothing(tmp_path: Path):
    here, there = passages(20), passages(20, camera="cam-2")
    lake, hours = write_lake(tmp_path, here + there)
    say(lake, here[1], there[1], "same")
    begin = HOUR_17 + timedelta(seconds=here[1].enters)
    asked = of_span(lake, campaign(), ["cam-1"], begin, begin + timedelta(seconds=1), "letter 1", begin + timedelta(days=1))
    erase(lake, campaign(), asked, {table: set() for table in ("crops", "tracks", "verdicts")})
    assert not any(track.judged for track in load_lessons(lake, hours, **READ).train)
