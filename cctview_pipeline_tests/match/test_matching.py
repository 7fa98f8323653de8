"""Ranking, probabilities and the choice, in a made corridor where the truth is known."""

from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cctview_pipeline.match import track_distances
from cctview_pipeline.match.matching import KEPT, Candidate, Pairs, Passage, believed, learn, match, posterior
from cctview_pipeline_tests.made_corridor import EDGE, Corridor, corridor, track_set


def matched(made: Corridor) -> list[Candidate]:
    return match(EDGE, made.queries, made.gallery)


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
    found = by_query(match(EDGE, target, source))
    best = {query: max(candidates, key=lambda c: c.probability).gallery for query, candidates in found.items()}
    assert best == {0: 0, 1: 1}


def test_impossible_pair_takes_nobodys_place():
    """The first query looks just like the track, but would have had to fly; the second comes late and looks a little like it."""
    looks = np.eye(4, dtype=np.float32)
    worse = looks[[0]] * 0.8 + looks[[1]] * 0.6
    source = track_set([0.0], [5.0], [looks[[0]]])
    target = track_set([5 + EDGE.shortest_s - 1, 5 + 130.0], [50.0, 140.0], [looks[[0]], worse])
    assert [(c.query, c.assigned) for c in match(EDGE, target, source)] == [(1, True)]


corridors = st.builds(
    corridor, st.integers(1, 25), st.integers(0, 8), noise=st.sampled_from([0.1, 1.0, 5.0]), seed=st.integers(0, 10_000)
)


@settings(deadline=None, max_examples=60)
@given(corridors)
def test_what_holds_of_any_match(made):
    found = matched(made)
    for candidates in by_query(found).values():
        assert sum(c.probability for c in candidates) <= 1 + 1e-6
        assert [c.rank for c in candidates] == sorted(c.rank for c in candidates)
        assert [c.distance for c in candidates] == sorted(c.distance for c in candidates)
        assert candidates[0].rank == 1
        assert len([c for c in candidates if c.rank <= KEPT]) <= KEPT
    chosen = [c for c in found if c.assigned]
    assert max(Counter(c.query for c in chosen).values(), default=1) == 1
    assert max(Counter(c.gallery for c in chosen).values(), default=1) == 1
    for c in found:
        assert EDGE.shortest_s <= c.gap_s <= EDGE.longest_s
        assert 0 <= c.probability <= 1
        assert c.speed_kmh == pytest.approx(EDGE.metres / c.gap_s * 3.6)


@settings(deadline=None, max_examples=40)
@given(corridors)
def test_what_is_chosen_is_likelier_than_no_match(made):
    for candidates in by_query(matched(made)).values():
        if len(candidates) < KEPT:  # otherwise not every candidate is told
            nothing = 1 - sum(c.probability for c in candidates)
            assert all(c.probability >= nothing - 1e-6 for c in candidates if c.assigned)


def test_ranks_and_distances_are_those_of_the_embeddings():
    made = corridor(8, 2)
    distances = track_distances(made.queries.embeddings, made.gallery.embeddings, aggregate="mean50")
    for c in matched(made):
        assert c.distance == pytest.approx(distances[c.query, c.gallery])
        assert c.gap_s == made.queries.first[c.query] - made.gallery.last[c.gallery]


def test_margin_is_the_lead_over_the_best_other():
    for candidates in by_query(matched(corridor(8, 2, noise=2.0))).values():
        for c in candidates:
            others = [other.probability for other in candidates if other is not c]
            assert c.margin == pytest.approx(c.probability - max(others, default=0.0))


def test_twenty_candidates_at_most_and_always_the_chosen_one():
    found = matched(corridor(120, 0, noise=8.0))
    counts = [len([c for c in candidates if not c.assigned]) for candidates in by_query(found).values()]
    assert max(counts) == KEPT
    assert all(c.assigned for c in found if c.rank > KEPT)


def test_order_of_the_tracks_makes_no_difference():
    made = corridor(20, 5)
    turned = np.arange(len(made.queries.ids))[::-1]
    queries = track_set(made.queries.first[turned], made.queries.last[turned], [made.queries.embeddings[i] for i in turned])
    straight = {(c.query, c.gallery): c.probability for c in matched(made)}
    back = {(int(turned[c.query]), c.gallery): c.probability for c in match(EDGE, queries, made.gallery)}
    assert straight.keys() == back.keys()
    np.testing.assert_allclose([straight[pair] for pair in back], list(back.values()), rtol=1e-5, atol=1e-9)


def test_nobody_could_be_anybody():
    nobody = track_set([], [], [])
    made = corridor(5, 0)
    assert match(EDGE, nobody, made.gallery) == []
    assert match(EDGE, made.queries, nobody) == []
    assert match(EDGE, made.gallery, made.queries) == []


BELIEVED = Passage(
    same=0.4, same_std=0.1, other=0.9, other_std=0.1, centre=np.log(EDGE.metres / (60 / 3.6)), spread=0.5, share=0.5
)


def made_pairs(count: int = 200, share: float = 0.7, alike: float = 0.6, seconds: float = 120.0, seed: int = 0) -> Pairs:
    """Everyone leaves the source 8 s after the one before; the first so many in a hundred arrive, the others come from a ramp."""
    rng = np.random.default_rng(seed)
    left = 8.0 * np.arange(count)
    arrived = left + seconds * np.exp(rng.normal(0, 0.15, count))
    known = rng.random(count) < share
    distances = rng.normal(0.9, 0.1, (count, count))
    distances[known, known.nonzero()[0]] = rng.normal(alike, 0.05, known.sum())
    gaps = arrived[:, None] - left[None, :]
    return Pairs(distances, gaps, EDGE.admits(gaps), 1 / 8)


def test_nearer_is_likelier():
    pairs = Pairs(np.linspace(0, 2, 50)[None, :], np.full((1, 50), 80.0), np.ones((1, 50), bool), 0.1)
    likelihood = believed(EDGE, pairs, [0.3, 0.4] * 10).likelihood(pairs.distances)[0]
    assert (np.diff(likelihood[10:]) <= 0).all()
    assert likelihood[10] > 1 > likelihood[40]


def test_an_edge_teaches_its_travel_time_its_looks_and_its_share():
    """A vehicle looks less like itself from the next camera than within one, and the road is slower than believed."""
    learned = learn(BELIEVED, made_pairs())
    assert np.exp(learned.centre) == pytest.approx(120, rel=0.1)
    assert 0.1 <= learned.spread <= 0.3
    assert learned.same == pytest.approx(0.6, abs=0.05)
    assert learned.same_std < 0.11
    assert learn(BELIEVED, made_pairs(share=0.2)).share < 0.4 < 0.5 < learned.share < 0.75


def test_what_is_learned_finds_more_than_what_was_believed():
    pairs = made_pairs()
    certain = lambda passage: (posterior(passage, pairs).diagonal() > 0.5).sum()  # noqa: E731
    assert certain(learn(BELIEVED, pairs)) > certain(BELIEVED) + 20


def test_where_nothing_fits_the_belief_stays_and_few_are_expected():
    nothing = Pairs(np.full((40, 3), 0.9), np.full((40, 3), 100.0), np.zeros((40, 3), bool), 1.0)
    learned = learn(BELIEVED, nothing)
    assert EDGE.metres / np.exp(learned.centre) * 3.6 == pytest.approx(60)
    assert (learned.spread, learned.same) == pytest.approx((0.5, 0.4))
    assert learned.share < 0.25


def test_probabilities_of_a_query_leave_room_for_no_match():
    pairs = Pairs(np.full((2, 30), 0.4), np.full((2, 30), 80.0), np.ones((2, 30), bool), 0.1)
    probability = posterior(BELIEVED, pairs)
    assert (probability.sum(1) < 1).all()
    np.testing.assert_allclose(probability, probability[0, 0])
