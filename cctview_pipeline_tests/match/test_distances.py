"""Track-to-track distances against a plain double loop in double precision."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cctview_pipeline.match.distances import track_distances


def plain(queries: list[np.ndarray], gallery: list[np.ndarray]) -> np.ndarray:
    """The distance of two tracks is that of their two nearest images."""
    return np.array(
        [
            [min(np.linalg.norm(q.astype(np.float64) - g) for q in query for g in track.astype(np.float64)) for track in gallery]
            for query in queries
        ]
    ).reshape(len(queries), len(gallery))


def tracks(lengths: list[int], seed: int, dimension: int = 8) -> list[np.ndarray]:
    """Tracks of so many images each, of length 1."""
    rng = np.random.default_rng(seed)
    vectors = [rng.normal(size=(n, dimension)) for n in lengths]
    return [(v / np.linalg.norm(v, axis=1, keepdims=True)).astype(np.float32) for v in vectors]


lengths = st.lists(st.integers(1, 5), min_size=1, max_size=6)


@given(lengths, lengths, st.integers(1, 20), st.integers(0, 1000))
def test_distances_of_a_plain_double_loop(query_lengths, gallery_lengths, block, seed):
    queries, gallery = tracks(query_lengths, seed), tracks(gallery_lengths, seed + 1)
    found = track_distances(queries, gallery, block)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, plain(queries, gallery), atol=1e-3)


@given(lengths, st.integers(0, 1000))
def test_repeated_and_identical_tracks(given_lengths, seed):
    queries = tracks(given_lengths, seed)
    gallery = [*queries, queries[0], np.concatenate([queries[-1], queries[-1]])]
    found = track_distances(queries, gallery)
    np.testing.assert_allclose(found, plain(queries, gallery), atol=2e-3)
    np.testing.assert_allclose(np.diag(found), 0, atol=2e-3)
    assert np.isfinite(found).all()


def test_zero_vectors():
    zero, one = np.zeros((2, 3), np.float32), np.array([[0, 0, 2]], np.float32)
    np.testing.assert_allclose(track_distances([zero, one], [zero, one]), [[0, 2], [2, 0]])


def test_nearest_two_images_by_hand():
    query = np.array([[0, 0], [10, 0]], np.float32)
    far, near = np.array([[0, 5], [30, 0]], np.float32), np.array([[13, 4]], np.float32)
    np.testing.assert_allclose(track_distances([query], [far, near]), [[5, 5]])


def test_half_precision_embeddings():
    queries, gallery = tracks([2, 3], 1), tracks([4], 2)
    halves = track_distances([q.astype(np.float16) for q in queries], [g.astype(np.float16) for g in gallery])
    np.testing.assert_allclose(halves, plain(queries, gallery), atol=5e-3)


def test_order_does_not_matter():
    queries, gallery = tracks([1, 2, 3], 3), tracks([3, 1], 4)
    np.testing.assert_allclose(track_distances(queries, gallery), track_distances(gallery, queries).T, atol=1e-4)


@pytest.mark.parametrize(("queries", "gallery", "shape"), [([], [], (0, 0)), ([1], [], (1, 0)), ([], [1, 2], (0, 2))])
def test_no_tracks(queries, gallery, shape):
    assert track_distances(tracks(queries, 1), tracks(gallery, 2)).shape == shape


GOOD = np.ones((2, 4), np.float32)


@pytest.mark.parametrize(
    ("queries", "gallery", "sentence"),
    [
        ([GOOD, GOOD[:0]], [GOOD], r"query track 1 must have the shape \(n > 0, 4\), not \(0, 4\)"),
        ([GOOD], [GOOD, GOOD, GOOD[:, :3]], r"gallery track 2 must have the shape \(n > 0, 4\), not \(2, 3\)"),
        ([GOOD[0]], [GOOD], r"query track 0 must have the shape \(n > 0, 4\), not \(4,\)"),
        ([GOOD], [GOOD * np.nan], "gallery track 0 has an embedding that is not finite"),
        ([GOOD, GOOD * np.inf], [GOOD], "query track 1 has an embedding that is not finite"),
    ],
)
def test_what_is_no_track_is_named(queries, gallery, sentence):
    with pytest.raises(ValueError, match=sentence):
        track_distances(queries, gallery)
