"""Rank lists, their quality and re-ranking, on lists one can check by eye."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cctview_pipeline.match import Ranking, evaluate_ranking, rank, rerank


def test_nearest_first_and_ties_by_id():
    (ranked,) = rank(np.array([[0.5, 0.1, 0.5, 0.9]]), ["d", "c", "b", "a"])
    assert ranked.tolist() == [1, 2, 0, 3]


def test_only_so_many_and_only_what_is_admitted():
    distances, admits = np.array([[3.0, 1.0, 2.0], [1.0, 2.0, 3.0]]), np.array([[True, False, True], [False] * 3])
    first, second = rank(distances, ["a", "b", "c"], top=1, admits=admits)
    assert (first.tolist(), second.tolist()) == ([2], [])


def test_rank_and_average_precision():
    """One query, its vehicle second and fourth among five: precision 1/2 and 2/4."""
    ranking = evaluate_ranking(np.array([[0.1, 0.2, 0.3, 0.4, 0.5]]), ["a"], ["b", "a", "b", "a", "c"])
    assert ranking.first.tolist() == [2]
    assert (ranking.rank1, ranking.rank5, ranking.mean_average_precision) == (0, 1, 0.5)
    assert [ranking.within(rank) for rank in (1, 2, 3)] == [0, 1, 1]


def test_ties_go_by_id_and_queries_without_a_match_are_apart():
    distances = np.full((3, 2), 0.5)
    ranking = evaluate_ranking(distances, ["a", "b", "c"], ["a", "b"])
    assert (ranking.first.tolist(), ranking.without_match) == ([1, 2], 1)
    ranking = evaluate_ranking(distances, ["a", "b", "c"], ["a", "b"], gallery_ids=["2", "1"])
    assert ranking.first.tolist() == [2, 1]


def test_a_match_that_is_not_admitted_is_none():
    ranking = evaluate_ranking(np.zeros((1, 2)), ["a"], ["a", "b"], admits=np.array([[False, True]]))
    assert ranking.without_match == 1
    assert np.isnan(ranking.rank1)
    assert np.isnan(ranking.mean_average_precision)


def test_rankings_of_two_cameras_as_one():
    one, two = evaluate_ranking(np.zeros((1, 1)), ["a"], ["a"]), evaluate_ranking(np.zeros((2, 1)), ["a", "b"], ["a"])
    joined = Ranking.join([one, two])
    assert (len(joined.first), joined.without_match, joined.rank1) == (2, 1, 1)


@given(st.integers(1, 6), st.integers(1, 8), st.integers(0, 1000))
def test_average_precision_of_a_plain_loop(queries, gallery, seed):
    rng = np.random.default_rng(seed)
    distances = rng.integers(0, 4, (queries, gallery)).astype(float)  # many ties
    asked, among = (rng.integers(0, 3, n).astype(str) for n in (queries, gallery))
    found = evaluate_ranking(distances, asked, among)
    expected = []
    for row, vehicle in zip(distances, asked, strict=True):
        order = sorted(range(gallery), key=lambda g: (row[g], g))
        hits = [among[g] == vehicle for g in order]
        if any(hits):
            expected.append(np.mean([sum(hits[: k + 1]) / (k + 1) for k in range(gallery) if hits[k]]))
    np.testing.assert_allclose(found.precision, expected)
    assert found.without_match == queries - len(expected)


def test_neighbours_that_choose_each_other_win():
    """A query between two groups, nearer to one image of the wrong one, but a mutual neighbour of the whole right one."""
    rng = np.random.default_rng(1)
    right, wrong = rng.normal((0, 0), 0.3, (5, 2)), rng.normal((4, 0), 0.3, (5, 2))
    wrong[0] = (1.4, 0.0)
    asked = np.concatenate([rng.normal((0, 0), 0.3, (4, 2)), [[0.9, 0.0]]])
    among = np.concatenate([right, wrong])
    apart = lambda a, b: np.linalg.norm(a[:, None] - b[None], axis=2)  # noqa: E731
    before = apart(asked, among)
    assert before[4].argmin() == 5
    after = rerank(before, apart(asked, asked), apart(among, among), k1=6, k2=2, weight=0.1)
    assert after[4].argmin() < 5
    np.testing.assert_array_equal(after[:4, :5].max(1) < after[:4, 5:].min(1), True)


def test_the_original_distance_alone_keeps_every_order():
    rng = np.random.default_rng(2)
    everything = rng.normal(size=(12, 3))
    apart = np.linalg.norm(everything[:, None] - everything[None], axis=2)
    asked, among = slice(0, 5), slice(5, 12)
    after = rerank(apart[asked, among], apart[asked, asked], apart[among, among], weight=1.0)
    by_column = np.argsort(apart[asked, among] ** 2 / (np.delete(apart, 0, 1)[:, 4:] ** 2).max(0), axis=1)
    np.testing.assert_array_equal(np.argsort(after, axis=1), by_column)


def test_outside_the_gate_nothing_is_ranked():
    rng = np.random.default_rng(3)
    everything = rng.normal(size=(9, 3))
    apart = np.linalg.norm(everything[:, None] - everything[None], axis=2)
    admits = rng.random((4, 5)) < 0.5
    after = rerank(apart[:4, 4:], apart[:4, :4], apart[4:, 4:], admits, k1=3, k2=2)
    np.testing.assert_array_equal(np.isfinite(after), admits)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: rank(np.zeros((2, 3)), ["a"]), r"shape \(queries, 1\), not \(2, 3\)"),
        (lambda: rank(np.full((1, 1), np.nan), ["a"]), "must not be NaN"),
        (lambda: rank(np.zeros((1, 1)), ["a"], admits=np.ones((2, 1), bool)), r"shape of the distances, \(1, 1\), not \(2, 1\)"),
        (lambda: evaluate_ranking(np.zeros((1, 1)), ["a", "b"], ["a"]), "2 query and 1 gallery vehicles"),
    ],
)
def test_what_does_not_fit_is_named(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()
