"""How many of those found are there by chance."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cctview_pipeline.match.propose.false_discovery import q_values

SCORES = st.lists(st.floats(0, 10), max_size=30).map(np.array)


def test_what_no_decoy_reaches_is_as_sure_as_their_tail_says_and_no_more():
    decoys = np.random.default_rng(0).exponential(size=2000)
    q = q_values(np.array([30.0, 9.0, 1.0, 1.0]), decoys, 4)
    assert q[0] == pytest.approx(4 / 100 / 2001)
    assert q[1] == pytest.approx(4 * np.exp(-9) / 2, rel=0.8)
    assert q[2:] == pytest.approx(4 * np.exp(-1) / 4, rel=0.1)


def test_few_decoys_claim_no_more_than_their_number():
    assert q_values(np.array([9.0]), np.zeros(9), 1) == pytest.approx(0.1)


def test_nothing_has_no_rates():
    assert q_values(np.zeros(0), np.zeros(0), 0).shape == (0,)


def test_a_score_among_decoys_is_nothing():
    rng = np.random.default_rng(0)
    assert (q_values(rng.normal(size=50), rng.normal(size=2000), 50) > 0.2).all()


def test_among_fewer_that_count_the_same_chance_is_a_higher_rate():
    """Ten were asked and found, and six of them are told by the others."""
    scores, decoys = np.array([9.0] * 10), np.zeros(9)
    assert q_values(scores, decoys, 10) == pytest.approx(0.1)
    assert q_values(scores[:4], decoys, 10) == pytest.approx(0.25)


@given(SCORES, SCORES)
def test_a_higher_score_never_has_a_higher_rate(scores: np.ndarray, decoys: np.ndarray):
    q = q_values(scores, decoys, len(scores))
    order = np.argsort(scores)
    assert (np.diff(q[order]) <= 1e-12).all()
    assert ((q > 0) & (q <= 1)).all()
