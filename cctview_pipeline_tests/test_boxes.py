"""Geometry of boxes."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torchvision.ops import nms

from cctview_pipeline.boxes import areas, clip, pairwise_iou, suppress


def boxes(least: int = 0) -> st.SearchStrategy[np.ndarray]:
    """(N, 4) boxes of at least one pixel in both directions."""
    quads = st.integers(least, 12).flatmap(lambda n: arrays(np.int32, (n, 4), elements=st.integers(1, 200)))
    return quads.map(lambda q: np.concatenate([q[:, :2], q[:, :2] + q[:, 2:]], axis=1).astype(np.float32))


@given(boxes(), boxes())
def test_iou_is_symmetric_and_between_0_and_1(a, b):
    overlap = pairwise_iou(a, b)
    assert overlap.shape == (len(a), len(b))
    assert ((overlap >= 0) & (overlap <= 1 + 1e-6)).all()
    np.testing.assert_allclose(overlap, pairwise_iou(b, a).T)


@given(boxes(least=1))
def test_iou_with_itself_is_1(a):
    np.testing.assert_allclose(np.diag(pairwise_iou(a, a)), 1)


def test_iou_by_hand():
    a = np.array([[0, 0, 10, 10]], np.float32)
    b = np.array([[5, 0, 15, 10], [10, 0, 20, 10], [0, 0, 5, 5]], np.float32)
    np.testing.assert_allclose(pairwise_iou(a, b), [[50 / 150, 0, 0.25]])


def test_box_without_area_overlaps_nothing():
    flat, whole = np.array([[5, 5, 5, 9]], np.float32), np.array([[0, 0, 10, 10]], np.float32)
    assert pairwise_iou(flat, whole) == 0
    assert areas(flat) == 0


@given(boxes())
def test_clipped_boxes_lie_inside(a):
    clipped = clip(a - 60, 100, 50)
    assert clipped.dtype == a.dtype
    assert (clipped >= 0).all()
    assert (clipped <= [100, 50, 100, 50]).all()


@given(boxes(least=1), st.data())
def test_suppression_keeps_the_best_and_drops_only_what_overlaps_a_kept_one(a, data):
    scores = data.draw(arrays(np.float32, len(a), elements=st.floats(0, 1, width=32)))
    kept = suppress(a, scores, 0.5)
    assert kept[0] == scores.argmax()
    assert (np.diff(scores[kept]) <= 0).all()
    among = pairwise_iou(a[kept], a[kept]) > 0.5
    assert (among == np.eye(len(kept), dtype=bool)).all()
    for dropped in set(range(len(a))) - set(kept.tolist()):
        better = kept[scores[kept] >= scores[dropped]]
        assert (pairwise_iou(a[[dropped]], a[better]) > 0.5).any()


@given(boxes(least=1), st.data())
def test_suppression_is_that_of_torchvision(a, data):
    order = data.draw(st.permutations(range(len(a))))
    scores = (np.array(order, np.float32) + 1) / 100  # all different: among equals every order is right
    np.testing.assert_array_equal(suppress(a, scores, 0.5), nms(torch.from_numpy(a), torch.from_numpy(scores), 0.5).numpy())


def test_suppression_by_hand():
    a = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [50, 50, 60, 60], [2, 0, 12, 10]], np.float32)
    np.testing.assert_array_equal(suppress(a, np.array([0.5, 0.9, 0.1, 0.8]), 0.5), [1, 2])


def test_nothing_to_suppress():
    assert len(suppress(np.zeros((0, 4), np.float32), np.zeros(0), 0.5)) == 0
