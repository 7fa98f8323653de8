"""Calibrated scores are probabilities."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit

from cctview_pipeline.detect.calibration import Calibration


def squares(*sides: float) -> np.ndarray:
    return np.array([[0, 0, side, side] for side in sides], np.float32)


def test_by_default_nothing_changes():
    scores = np.array([0.05, 0.5, 0.99], np.float32)
    np.testing.assert_allclose(Calibration().apply(scores, squares(8, 16, 200)), scores, rtol=1e-5)


def test_what_made_the_hits_is_found_again():
    rng = np.random.default_rng(0)
    true = Calibration(0.8, 2.5, 1.2, -0.2)
    scores, boxes = rng.uniform(0.02, 0.98, 20_000).astype(np.float32), squares(*rng.uniform(6, 80, 20_000))
    hits = rng.random(20_000) < true.apply(scores, boxes)
    fitted = Calibration.fit(scores, boxes, hits)
    np.testing.assert_allclose(fitted.apply(scores, boxes), true.apply(scores, boxes), atol=0.04)


def test_of_boxes_that_score_seventy_per_cent_seven_in_ten_are_right():
    rng = np.random.default_rng(1)
    chance = rng.uniform(0, 1, 20_000)
    hits, modest = rng.random(20_000) < chance, expit(0.4 * logit(np.clip(chance, 1e-4, 1 - 1e-4)) - 1).astype(np.float32)
    calibrated = Calibration.fit(modest, squares(*np.full(20_000, 20)), hits).apply(modest, squares(*np.full(20_000, 20)))
    near = np.abs(calibrated - 0.7) < 0.05
    assert near.sum() > 500
    assert abs(hits[near].mean() - 0.7) < 0.05


def test_nothing_to_learn_from_changes_nothing():
    scores, boxes = np.array([0.3, 0.6], np.float32), squares(10, 20)
    assert Calibration.fit(scores, boxes, np.array([True, True])) == Calibration()
    assert Calibration.fit(scores[:0], boxes[:0], np.zeros(0, bool)) == Calibration()


def test_boxes_that_one_figure_tells_apart_do_not_run_away():
    fitted = Calibration.fit(np.array([0.2, 0.8], np.float32), squares(10, 10), np.array([False, True]))
    assert np.isfinite([fitted.offset, fitted.slope]).all()


@given(st.floats(-5, 5), st.floats(0.1, 5), st.floats(-3, 3), st.floats(-1, 1))
def test_it_survives_the_file_and_keeps_the_order_of_equal_sizes(offset, slope, size, bend):
    calibration = Calibration(offset, slope, size, bend)
    read = Calibration.read(str(calibration))
    scores = np.linspace(0, 1, 11).astype(np.float32)
    np.testing.assert_allclose(read.apply(scores, squares(*[12] * 11)), calibration.apply(scores, squares(*[12] * 11)), atol=1e-4)
    assert (np.diff(read.apply(scores, squares(*[12] * 11))) >= 0).all()
