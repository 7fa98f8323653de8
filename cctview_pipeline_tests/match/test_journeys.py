"""Chains of matches: which cameras a vehicle passed, over the hour's end."""

from collections import Counter
from datetime import timedelta

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from cctview_pipeline.lake.schemas import schema_of
from cctview_pipeline.match.journeys import chain_journeys
from cctview_pipeline_tests.factories.archive import HOUR_17
from cctview_pipeline_tests.factories.tables import rows

NONE = rows("journeys")


def tracks(*names: str, begin: float = 0, **changes) -> pa.Table:
    """Tracks called cam--track--N, a hundred seconds one after the other, each seen for 5 s."""
    times = [HOUR_17 + timedelta(seconds=begin + 100 * i) for i in range(len(names))]
    shared = [{"first_seen": t, "last_seen": t + timedelta(seconds=5)} for t in times]
    named = [{"track_id": track(name), "camera_id": name[0]} for name in names]
    return rows("tracks", *(a | b | changes for a, b in zip(named, shared, strict=True)))


def track(name: str) -> str:
    return f"{name}--track--1"


def matches(*pairs: tuple[str, str, float], assigned: bool = True) -> pa.Table:
    """(later track, earlier track, probability)."""
    named = (
        {"query_track_id": track(q), "gallery_track_id": track(g), "probability": p, "assigned": assigned} for q, g, p in pairs
    )
    return rows("matches", *named)


def legs(journeys: pa.Table) -> dict[str, tuple[str, int]]:
    """Track -> its journey and leg."""
    assert journeys.schema == schema_of("journeys")
    short = {row["track_id"]: (row["journey_id"], row["leg"]) for row in journeys.to_pylist()}
    return {name.split("--")[0]: (journey.split("--")[0], leg) for name, (journey, leg) in short.items()}


def test_matched_tracks_are_one_journey():
    found = chain_journeys(tracks("a", "b", "c", "z"), matches(("b", "a", 0.9), ("c", "b", 0.8)), NONE)
    assert legs(found) == {"a": ("a", 0), "b": ("a", 1), "c": ("a", 2), "z": ("z", 0)}
    assert {row["journey_id"] for row in found.to_pylist()} == {"a--journey--1", "z--journey--1"}
    assert [round(row["probability"], 4) for row in found.to_pylist()] == [1.0, 0.9, 0.8, 1.0]


def test_leg_tells_camera_and_times():
    row = chain_journeys(tracks("a", "b"), matches(("b", "a", 0.9)), NONE).to_pylist()[1]
    assert (row["camera_id"], row["entered_at"]) == ("b", HOUR_17 + timedelta(seconds=100))
    assert row["left_at"] == HOUR_17 + timedelta(seconds=105)


def test_leg_tells_the_speed_on_the_way_to_it():
    found = chain_journeys(tracks("a", "b"), matches(("b", "a", 0.9)), NONE).to_pylist()
    assert [row["speed_kmh"] for row in found] == [None, 63.0]


def test_match_that_was_not_chosen_makes_no_journey():
    assert legs(chain_journeys(tracks("a", "b"), matches(("b", "a", 0.9), assigned=False), NONE)) == {
        "a": ("a", 0),
        "b": ("b", 0),
    }


def test_track_that_stood_is_on_no_journey():
    assert chain_journeys(tracks("a", carriageway=None), matches(), NONE).num_rows == 0


def test_journey_keeps_its_id_over_the_hours_end():
    before = chain_journeys(tracks("a", "b"), matches(("b", "a", 0.9)), NONE)
    now = chain_journeys(tracks("c", "d", begin=3600), matches(("c", "b", 0.7), ("d", "c", 0.7)), before)
    assert legs(now) == {"c": ("a", 2), "d": ("a", 3)}


def test_track_cut_by_the_hours_turn_keeps_journey_and_leg():
    before = chain_journeys(tracks("a", "b"), matches(("b", "a", 0.75)), NONE)
    continued = tracks("b2", begin=3600, continues=track("b"))
    now = chain_journeys(continued, matches(), before)
    assert legs(now) == {"b2": ("a", 1)}
    assert now["probability"].to_pylist() == [0.75]


def test_journey_goes_on_from_a_continued_track():
    before = chain_journeys(tracks("a"), matches(), NONE)
    both = pa.concat_tables([tracks("a2", begin=3600, continues=track("a")), tracks("b", begin=3700)])
    assert legs(chain_journeys(both, matches(("b", "a2", 0.9)), before)) == {"a2": ("a", 0), "b": ("a", 1)}


def test_continuation_of_a_track_that_stood_begins_a_journey():
    assert legs(chain_journeys(tracks("b", continues=track("gone")), matches(), NONE)) == {"b": ("b", 0)}


def test_two_that_claim_one_track_the_likelier_gets_it():
    found = chain_journeys(tracks("a", "b", "c"), matches(("b", "a", 0.6), ("c", "a", 0.8)), NONE)
    assert legs(found) == {"a": ("a", 0), "b": ("b", 0), "c": ("a", 1)}


def test_place_taken_in_the_hour_before_is_not_taken_again():
    before = chain_journeys(tracks("a", "b"), matches(("b", "a", 0.9)), NONE)
    now = chain_journeys(tracks("c", begin=3600), matches(("c", "a", 0.99)), before)
    assert legs(now) == {"c": ("c", 0)}


def test_track_and_its_continuation_have_one_successor_together():
    before = chain_journeys(tracks("a"), matches(), NONE)
    both = pa.concat_tables([tracks("a2", begin=3600, continues=track("a")), tracks("c", "d", begin=3700)])
    now = chain_journeys(both, matches(("c", "a", 0.9), ("d", "a2", 0.9)), before)
    assert legs(now) == {"a2": ("a", 0), "c": ("a", 1), "d": ("d", 0)}


def test_match_with_a_track_that_is_on_no_journey_begins_one():
    assert legs(chain_journeys(tracks("b"), matches(("b", "unknown", 0.9)), NONE)) == {"b": ("b", 0)}


def test_no_tracks_are_no_journeys():
    assert chain_journeys(rows("tracks"), matches(), NONE).equals(schema_of("journeys").empty_table())


NAMES = "abcdefgh"
pairs = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES), st.floats(0, 1)), max_size=12)


@given(pairs, pairs)
def test_nobody_branches_and_everybody_is_on_one_journey(first, second):
    backwards = [(q, g, p) for q, g, p in first if g < q]
    before = chain_journeys(tracks(*NAMES), matches(*backwards), NONE)
    later = [(q.upper(), g if q <= g else g.upper(), p) for q, g, p in second if q != g]
    now = chain_journeys(tracks(*NAMES.upper(), begin=3600), matches(*later), before)
    for hour, names in ((before, NAMES), (now, NAMES.upper())):
        assert sorted(legs(hour)) == sorted(names)
    places = Counter((row["journey_id"], row["leg"]) for hour in (before, now) for row in hour.to_pylist())
    assert max(places.values()) == 1
    begun = {row["journey_id"] for hour in (before, now) for row in hour.to_pylist() if row["leg"] == 0}
    assert begun == {journey for journey, _ in places}
