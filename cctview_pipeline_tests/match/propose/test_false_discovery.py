"""How many of those found are there by chance."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cctview_pipeline.match.propose.false_discovery import q_values

SCORES = st.lists(st.floats(0, 10), max_size=30).map(np.array)


def test_what_no_decoy_reaches_is_as_sure_as_the_decoys_are_many():
    q = q_values(np.array([9.0, 8.0, 1.0, 1.0]), np.linspace(0, 4, 99), 4)
    assert q[:2] == pytest.approx(4 * 0.01 / 2)
    assert q[2:] == pytest.approx(4 * 0.76 / 4, abs=0.03)


def test_nothing_has_no_rates():
    assert q_values(np.zeros(0), np.zeros(0), 0).shape == (0,)


def test_a_score_among_decoys_is_nothing():
    rng = np.random.default_rng(0)
    assert (q_values(rng.normal(size=50), rng.normal(size=2000), 50) > 0.2).all()


def test_among_fewer_that_count_the_same_chance_is_a_higher_rate():
    """Of a hundred that were asked ten are true, and six of them are told by the others."""
    scores, decoys = np.array([9.0] * 10), np.linspace(0, 4, 999)
    assert q_values(scores, decoys, 100) == pytest.approx(0.01)
    assert q_values(scores[:4], decoys, 100) == pytest.approx(0.025)


@given(SCORES, SCORES)
def test_a_higher_score_never_has_a_higher_rate(scores: np.ndarray, decoys: np.ndarray):
    q = q_values(scores, decoys, len(scores))
    order = np.argsort(scores)
    assert (np.diff(q[order]) <= 1e-12).all()
    assert ((q > 0) & (q <= 1)).all()
