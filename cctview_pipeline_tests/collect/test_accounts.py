"""Every moment of a camera's hour has a state, and every missing frame a reason."""

from datetime import timedelta
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cctview_pipeline.campaign import HOUR
from cctview_pipeline.collect.accounts import Interval, Note, gaps, states
from cctview_pipeline.collect.tables import gaps_table
from cctview_pipeline_tests.factories.archive import HOUR_17
from cctview_pipeline_tests.factories.tables import NORTH, rows

S = 1_000_000
END = 3600 * S


def own(at_s: float, **content) -> Note:
    return Note("", int(at_s * S), content)


def of_camera(at_s: float, state: str, detail: str = "") -> Note:
    return Note("cam-1", int(at_s * S), {"state": state} | ({"detail": detail} if detail else {}))


def running(begin_s: int, end_s: int, *others: Note, state: str = "live") -> list[Note]:
    """A collector's notes: what it follows, a heartbeat every five seconds, and others."""
    notes = [own(begin_s, follows={"cam-1": state}), *(own(at, runs=True) for at in range(begin_s, end_s + 1, 5)), *others]
    return sorted(notes, key=lambda note: note.at_us)


def told(stretches: list[Interval]) -> list[tuple[str, float, float]]:
    return [(each.what, each.began_us / S, each.ended_us / S) for each in stretches]


def frames(begin_s: float, end_s: float, period_s: float = 1.0) -> list[int]:
    return [int((begin_s + i * period_s) * S) for i in range(int((end_s - begin_s) / period_s))]


def test_states_follow_one_another():
    notes = running(0, 3600, of_camera(100, "offline", "timed out"), of_camera(160, "live"))
    found = states("cam-1", [notes], 0, END)
    assert told(found) == [("live", 0, 100), ("offline", 100, 160), ("live", 160, 3600)]
    assert found[1].detail == "timed out"


def test_before_and_after_collecting():
    notes = [*running(600, 1200), own(1203, ends=True)]
    assert told(states("cam-1", [notes], 0, END)) == [
        ("not_collected", 0, 600),
        ("live", 600, 1203),
        ("not_collected", 1203, 3600),
    ]


def test_a_collector_that_was_killed_says_nothing_more():
    notes = [*running(0, 500), *running(700, 3600)]
    assert told(states("cam-1", [notes], 0, END)) == [("live", 0, 500), ("not_collected", 500, 700), ("live", 700, 3600)]


def test_one_collector_takes_over_from_another():
    assert told(states("cam-1", [running(0, 1000), running(990, 3600)], 0, END)) == [("live", 0, 3600)]
    blind = running(0, 3600, state="offline")
    assert told(states("cam-1", [blind, running(600, 1200)], 0, END)) == [
        ("offline", 0, 600),
        ("live", 600, 1200),
        ("offline", 1200, 3600),
    ]


def test_a_camera_that_nobody_follows():
    assert told(states("cam-2", [running(0, 3600)], 0, END)) == [("not_collected", 0, 3600)]
    assert told(states("cam-1", [], 0, END)) == [("not_collected", 0, 3600)]


def test_every_frame_that_is_missing_is_in_a_gap():
    taken = [at for at in frames(0, 3600) if at not in (100 * S, 200 * S, 201 * S)]
    found = gaps(taken, states("cam-1", [running(0, 3600)], 0, END), 0, END)
    assert told(found) == [("missed", 99, 101), ("missed", 199, 202)]


def test_every_other_frame_is_missing_for_most_of_the_hour():
    """The usual step is two periods then; the frames are missing all the same."""
    taken = [at for at in frames(0, 3600) if at < 1000 * S or at // S % 2 == 0]
    found = gaps(taken, states("cam-1", [running(0, 3600)], 0, END), 0, END)
    assert told(found)[:2] == [("missed", 1000, 1002), ("missed", 1002, 1004)]
    assert len(found) == 1300


def test_a_collector_that_was_killed_had_stopped_when_it_last_spoke():
    again = [*running(0, 97), own(100, follows={"cam-1": "live"}, begins=True), *running(100, 3600)[1:]]
    assert told(states("cam-1", [again], 0, END)) == [("live", 0, 95), ("not_collected", 95, 100), ("live", 100, 3600)]


def test_a_frame_that_is_a_little_late_is_none():
    taken = sorted(at + (S // 2 if i % 7 == 3 else 0) for i, at in enumerate(frames(0, 3600)))
    assert gaps(taken, states("cam-1", [running(0, 3600)], 0, END), 0, END) == []


def test_a_frame_that_is_missing_at_the_turn_of_the_hour():
    found, before = states("cam-1", [running(0, 3600)], 0, END), -S
    assert gaps(frames(0, 3600), found, 0, END, before) == []
    assert told(gaps(frames(0.9, 3600), found, 0, END, before)) == [("missed", -1, 0.9)]
    long_ago = -30 * S  # whose end the hour before has told
    assert told(gaps(frames(5, 3600), found, 0, END, long_ago)) == [("missed", 0, 5)]


def test_a_gap_is_cut_where_its_reason_changes():
    """The collector notices after three failures; what is missing before is part of the same."""
    notes = [*running(0, 1000, of_camera(510, "offline", "timed out")), *running(2000, 3600)]
    taken = frames(0, 500) + frames(2000, 3600)
    found = gaps(taken, states("cam-1", [notes], 0, END), 0, END)
    assert told(found) == [("offline", 499, 1000), ("not_collected", 1000, 2000)]
    assert found[0].detail == "timed out"


def test_a_full_spool_is_a_reason():
    found = states("cam-1", [running(0, 3600, own(800, full_since_us=700 * S))], 0, END)
    assert told(found) == [("live", 0, 700), ("spool_full", 700, 800), ("live", 800, 3600)]
    assert told(gaps(frames(0, 700) + frames(800, 3600), found, 0, END)) == [("spool_full", 699, 800)]


def test_frames_that_were_set_aside_are_a_reason():
    """They came, from 100 to 200 s, and their zones had no place in them; from 500 s on none came."""
    taken = [*frames(0, 100), *frames(200, 500)]
    aside = dict.fromkeys(frames(100, 200), "zones")
    found = gaps(taken, [Interval("live", 0, END)], 0, END, aside=aside)
    assert [(each.what, each.detail) for each in found] == [("set_aside", "zones"), ("missed", "")]
    assert told(found) == [("set_aside", 99, 200), ("missed", 499, 3600)]
    [whole] = gaps([], [Interval("live", 0, END)], 0, END, aside=dict.fromkeys(frames(1, 3600), "zones"))
    assert (whole.what, whole.began_us, whole.ended_us) == ("set_aside", 0, END)


def test_the_table_of_gaps_tells_that_frames_had_no_place_for_their_zones():
    at = [HOUR_17 + timedelta(seconds=second) for second in range(3600)]
    status = rows("camera_status", {"state": "live", "began_at": HOUR_17, "ended_at": HOUR_17 + HOUR})
    taken = rows("raw_frames", *({"captured_at": each} for each in at[:1800])).select(["captured_at"])
    refused = rows("rejected_frames", *({"reason": "zones", "fetched_at": each} for each in at[1800:]))
    for rejected, reason in ((refused, "set_aside"), (refused.slice(0, 0), "missed")):
        [gap] = gaps_table(status, taken, taken.slice(0, 0), NORTH.id, HOUR_17, rejected).to_pylist()
        assert (gap["reason"], gap["began_at"], gap["ended_at"]) == (reason, at[1799], HOUR_17 + HOUR)


def test_an_hour_without_frames_is_one_gap():
    notes = running(0, 3600, of_camera(0, "placeholder", "It is a PNG."))
    assert told(gaps([], states("cam-1", [notes], 0, END), 0, END)) == [("placeholder", 0, 3600)]
    assert told(gaps([], states("cam-1", [], 0, END), 0, END)) == [("not_collected", 0, 3600)]


notes = st.lists(
    st.tuples(st.integers(0, 3600), st.sampled_from(["follows", "runs", "ends", "live", "stale", "offline"])), max_size=30
)


@given(st.lists(notes, max_size=3), st.lists(st.integers(0, END - 1), unique=True, max_size=50))
def test_states_and_frames_and_gaps_cover_the_hour(given_notes: list, given_frames: list[int]):
    collectors = [
        [
            own(at, follows={"cam-1": "live"})
            if what == "follows"
            else own(at, **{what: True})
            if what in ("runs", "ends")
            else of_camera(at, what)
            for at, what in sorted(each)
        ]
        for each in given_notes
    ]
    found = states("cam-1", collectors, 0, END)
    assert (found[0].began_us, found[-1].ended_us) == (0, END)
    assert all(a.ended_us == b.began_us for a, b in pairwise(found))
    taken = sorted(given_frames)
    late = 1.6 * np.median(np.diff(taken)) if len(taken) > 1 else 0
    missing = gaps(taken, found, 0, END)
    for a, b in zip([0, *taken], [*taken, END], strict=True):
        inside = sum(each.ended_us - each.began_us for each in missing if each.began_us >= a and each.ended_us <= b)
        assert inside in (0, b - a)
        assert inside == b - a or b - a <= late or len(taken) < 2
