"""Ranking, probabilities and the choice, in a made corridor where the truth is known."""

from collections import Counter, defaultdict
from itertools import product
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cctview_pipeline.match.belief import APPEARANCE
from cctview_pipeline.match.gate import admits, longest_s, shortest_s
from cctview_pipeline.match.matching import TOP_K, Candidates, marginals, match
from cctview_pipeline.match.pairs import FEW, TrackSet, two_vehicles
from cctview_pipeline.match.pairs import candidates as admitted
from cctview_pipeline_tests.factories.corridor import EDGE, Corridor, corridor, track_set


class Candidate(NamedTuple):
    """One row of what was found."""

    query: int
    gallery: int
    rank: int
    distance: float
    gap_s: float
    speed_kmh: float
    probability: float
    assigned: bool
    margin: float


def each(found: Candidates | None) -> list[Candidate]:
    columns = [getattr(found, name).tolist() for name in Candidate._fields] if found else []
    return [Candidate(*row) for row in zip(*columns, strict=True)]


def paired(queries: TrackSet, gallery: TrackSet) -> list[Candidate]:
    """Along the one edge."""
    (matching,) = match(queries, [(EDGE, gallery)])
    return each(matching.candidates)


def matched(made: Corridor) -> list[Candidate]:
    return paired(made.queries, made.gallery)


def by_query(found: list[Candidate]) -> dict[int, list[Candidate]]:
    groups = defaultdict(list)
    for candidate in found:
        groups[candidate.query].append(candidate)
    return groups


def test_distinctive_vehicles_are_matched_and_those_from_ramps_are_not():
    made = corridor()
    chosen = {candidate.query: candidate.gallery for candidate in matched(made) if candidate.assigned}
    right = [query for query, gallery in chosen.items() if made.truth[query] == gallery]
    assert len(right) >= 57
    assert len(chosen) - len(right) <= 1


def test_right_pairs_are_likely_and_wrong_ones_are_not():
    made = corridor()
    right = [c.probability for c in matched(made) if made.truth[c.query] == c.gallery]
    wrong = [c.probability for c in matched(made) if made.truth[c.query] != c.gallery]
    assert np.median(right) > 0.9
    assert np.median(wrong) < 0.01


def test_look_alikes_are_told_apart_by_the_travel_time():
    """Everyone looks the same; the one that arrives when the usual time has passed is the likeliest."""
    looks = [np.eye(4, dtype=np.float32)[[0, 0]]] * 2
    usual = EDGE.metres / (60 / 3.6)
    source = track_set([0, 3 * usual], [5, 3 * usual + 5], looks)
    target = track_set([5 + usual, 3 * usual + 5 + usual], [usual + 9, 4 * usual + 9], looks)
    found = by_query(paired(target, source))
    best = {query: max(candidates, key=lambda c: c.probability).gallery for query, candidates in found.items()}
    assert best == {0: 0, 1: 1}


def test_impossible_pair_takes_nobodys_place():
    """The first query looks just like the track, but would have had to fly; the second comes late and looks a little like it."""
    looks = np.eye(4, dtype=np.float32)
    worse = looks[[0]] * 0.8 + looks[[1]] * 0.6
    source = track_set([0.0], [5.0], [looks[[0]]])
    target = track_set([5 + shortest_s(EDGE) - 1, 5 + 130.0], [50.0, 140.0], [looks[[0]], worse])
    assert [(c.query, c.assigned) for c in paired(target, source)] == [(1, True)]


corridors = st.builds(
    corridor, st.integers(1, 25), st.integers(0, 8), noise=st.sampled_from([0.1, 1.0, 5.0]), seed=st.integers(0, 10_000)
)


@given(corridors)
def test_what_holds_of_any_match(made):
    found = matched(made)
    for candidates in by_query(found).values():
        assert sum(c.probability for c in candidates) <= 1 + 1e-6
        assert [c.rank for c in candidates] == sorted(c.rank for c in candidates)
        assert [c.probability for c in candidates] == sorted((c.probability for c in candidates), reverse=True)
        assert candidates[0].rank == 1
        assert len([c for c in candidates if c.rank <= TOP_K]) <= TOP_K
    chosen = [c for c in found if c.assigned]
    assert max(Counter(c.query for c in chosen).values(), default=1) == 1
    assert max(Counter(c.gallery for c in chosen).values(), default=1) == 1
    for c in found:
        assert shortest_s(EDGE) <= c.gap_s <= longest_s(EDGE)
        assert 0 <= c.probability <= 1
        seconds = made.queries.passed[c.query] - made.gallery.passed[c.gallery]
        assert c.speed_kmh == pytest.approx(EDGE.metres / max(seconds, 1) * 3.6)


@given(corridors)
def test_what_is_chosen_is_likelier_than_no_match(made):
    for candidates in by_query(matched(made)).values():
        if len(candidates) < TOP_K:  # otherwise not every candidate is told
            nothing = 1 - sum(c.probability for c in candidates)
            assert all(c.probability >= nothing - 1e-6 for c in candidates if c.assigned)


def test_distances_are_those_of_the_looks_and_gaps_those_of_the_times():
    made = corridor(8, 2)
    queries, gallery = (side.looks - side.looks.sum(0) / (len(side) + FEW) for side in (made.queries, made.gallery))
    for c in matched(made):
        assert c.distance == pytest.approx(np.linalg.norm(queries[c.query] - gallery[c.gallery]), abs=1e-3)
        assert c.gap_s == made.queries.first[c.query] - made.gallery.last[c.gallery]


def test_every_pair_is_one_that_the_gate_admits_or_one_that_it_keeps_out():
    """By looking at all of them, which is what need not be done."""
    made = corridor(300, 40)  # more than are compared at once
    gaps = made.queries.first[:, None] - made.gallery.last[None, :]
    passing = made.queries.passed[:, None] - made.gallery.passed[None, :]
    inside = admits(EDGE, gaps, passing)
    looks = [side.looks - side.looks.sum(0) / (len(side) + FEW) for side in (made.queries, made.gallery)]
    apart = two_vehicles(EDGE, made.queries, made.gallery, most=1_000_000)
    some = two_vehicles(EDGE, made.queries, made.gallery, most=500)
    for pairs, every in ((admitted(EDGE, made.queries, made.gallery), inside), (apart, ~inside)):
        np.testing.assert_array_equal(np.stack([pairs.query, pairs.gallery]), np.nonzero(every))
    step = len(apart) // 500
    np.testing.assert_array_equal([some.query, some.gallery], [apart.query[::step], apart.gallery[::step]])
    for pairs in (apart, some):  # of the few all distances are reckoned one by one
        expected = np.linalg.norm(looks[0][pairs.query] - looks[1][pairs.gallery], axis=1)
        np.testing.assert_allclose(pairs.cues[APPEARANCE], expected, atol=1e-3)


def test_margin_is_the_lead_over_the_best_other():
    for candidates in by_query(matched(corridor(8, 2, noise=2.0))).values():
        for c in candidates:
            others = [other.probability for other in candidates if other is not c]
            assert c.margin == pytest.approx(c.probability - max(others, default=0.0))


def test_twenty_candidates_at_most_and_always_the_chosen_one():
    found = matched(corridor(120, 0, noise=8.0))
    counts = [len([c for c in candidates if not c.assigned]) for candidates in by_query(found).values()]
    assert max(counts) == TOP_K
    assert all(c.assigned for c in found if c.rank > TOP_K)


def test_order_of_the_tracks_makes_no_difference():
    made = corridor(20, 5)
    turned = np.arange(len(made.queries.ids))[::-1]
    queries = track_set(made.queries.first[turned], made.queries.last[turned], [made.queries.looks[[i]] for i in turned])
    straight = {(c.query, c.gallery): c.probability for c in matched(made)}
    back = {(int(turned[c.query]), c.gallery): c.probability for c in paired(queries, made.gallery)}
    assert straight.keys() == back.keys()
    np.testing.assert_allclose([straight[pair] for pair in back], list(back.values()), rtol=1e-5, atol=1e-9)


def test_nobody_could_be_anybody():
    nobody = track_set([], [], [])
    made = corridor(5, 0)
    for queries, gallery in ((nobody, made.gallery), (made.queries, nobody), (made.gallery, made.queries)):
        assert paired(queries, gallery) == []


def test_probabilities_are_those_of_all_ways_to_pair_them_up():
    """Against a sum over every choice of pairs in which no track is twice."""
    rng = np.random.default_rng(5)
    pairs = admitted(EDGE, *(track_set(list(begin + 10.0 * np.arange(3)), [begin + 200.0] * 3, [np.eye(4)[:1]] * 3)
                               for begin in (1000.0, 600.0)))  # fmt: skip
    assert len(pairs) == 9
    odds = rng.lognormal(0, 1.5, (3, 3))
    exact = np.zeros((3, 3))
    total = 0.0
    for chosen in product([-1, 0, 1, 2], repeat=3):
        taken = [g for g in chosen if g >= 0]
        if len(set(taken)) == len(taken):
            weight = np.prod([odds[q, g] for q, g in enumerate(chosen) if g >= 0])
            total += weight
            for q, g in enumerate(chosen):
                exact[q, g] += weight if g >= 0 else 0
    found = marginals(pairs, np.log(odds[pairs.query, pairs.gallery]))
    np.testing.assert_allclose(found, (exact / total)[pairs.query, pairs.gallery], atol=0.04)


def test_vehicle_that_another_query_surely_is_takes_no_part():
    """Two queries like one track about equally; the second has another that is surely it."""
    pairs = admitted(
        EDGE, *(track_set([begin, begin + 20], [begin + 30.0] * 2, [np.eye(4)[:1]] * 2) for begin in (1000.0, 800.0))
    )
    odds = np.array([[1.0, 1e-9], [1.0, 1e6]])
    found = marginals(pairs, np.log(odds[pairs.query, pairs.gallery])).reshape(2, 2)
    assert found[0, 0] == pytest.approx(0.5, abs=1e-3)
    assert found[1, 0] < 1e-3 < 0.999 < found[1, 1]


def test_a_vehicle_that_can_have_come_by_two_ways_is_matched_once():
    """Half of the queries came by each of two ways of one length; to the other way's vehicles they are strangers."""
    one, other = corridor(seed=1, from_ramps=0), corridor(seed=2, from_ramps=0)
    queries = TrackSet(
        **{
            name: getattr(one.queries, name) + getattr(other.queries, name)
            if name == "ids"
            else np.concatenate([getattr(one.queries, name), getattr(other.queries, name)])
            for name in TrackSet.__dataclass_fields__
        }
    )
    found = match(queries, [(EDGE, one.gallery), (EDGE, other.gallery)])
    chosen = [(c.query, way, c.gallery) for way, matching in enumerate(found) for c in each(matching.candidates) if c.assigned]
    assert len({query for query, _, _ in chosen}) == len(chosen)
    truth = [(0, gallery) for gallery in one.truth] + [(1, gallery) for gallery in other.truth]
    right = [each for each in chosen if truth[each[0]] == each[1:]]
    assert len(right) >= 0.9 * len(queries)
    assert len(chosen) - len(right) <= 3
    totals = Counter()
    for c in (c for matching in found for c in each(matching.candidates)):
        totals[c.query] += c.probability
    assert max(totals.values()) <= 1 + 1e-6
