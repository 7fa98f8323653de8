"""Track-to-track distances against plain double loops in double precision, and RSCR against scikit-learn's lasso."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.decomposition import SparseCoder
from sklearn.exceptions import ConvergenceWarning

from cctview_pipeline.errors import CctviewError
from cctview_pipeline.match import distances, sparse, track_distances

AGGREGATES = {
    "min": np.min,
    "mean": np.mean,
    "med": np.median,
    "mean50": lambda values: np.mean(np.sort(values)[: len(values) // 2 + 1]),
    "med50": lambda values: np.median(np.sort(values)[: len(values) // 2 + 1]),
}


def euclidean(q: np.ndarray, r: np.ndarray) -> float:
    return np.linalg.norm(q - r)


def cosine(q: np.ndarray, r: np.ndarray) -> float:
    return 1 - q @ r / np.linalg.norm(q) / np.linalg.norm(r)


MEASURES = {"med": euclidean, "mcd": cosine}


def plain(queries: list[np.ndarray], gallery: list[np.ndarray], metric: str = "med", aggregate: str = "min") -> np.ndarray:
    measure = MEASURES[metric]
    queries, gallery = ([t.astype(np.float64) for t in tracks] for tracks in (queries, gallery))
    return np.array(
        [[AGGREGATES[aggregate]([min(measure(q, r) for r in track) for q in query]) for track in gallery] for query in queries]
    ).reshape(len(queries), len(gallery))


def coded(queries: list[np.ndarray], gallery: list[np.ndarray], algorithm: str = "lasso_lars", **how) -> np.ndarray:
    """RSCR as the paper's code has it, by scikit-learn.

    Of a track that repeats an image, LARS drops one of the two together with what came after it, and ends up to 0.05 above the
    minimum (its objective, too); the repeat changes nothing in the problem, so it is left out.
    """
    distances = np.zeros((len(queries), len(gallery)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # nearly equal images
        for j, track in enumerate(gallery):
            images = (np.unique(track, axis=0) if algorithm == "lasso_lars" else track).astype(np.float64)
            coder = SparseCoder(images, transform_algorithm=algorithm, transform_alpha=1.0, **how)
            for i, query in enumerate(queries):
                distances[i, j] = np.linalg.norm(query - coder.transform(query.astype(np.float64)) @ images)
    return distances


def tracks(lengths: list[int], seed: int, dimension: int = 8, norm: float = 1.0) -> list[np.ndarray]:
    """Tracks of so many images each, of about one norm; the images of a track resemble each other."""
    rng = np.random.default_rng(seed)
    made = [rng.normal(size=dimension) + 0.5 * rng.normal(size=(n, dimension)) for n in lengths]
    return [(norm * v / np.linalg.norm(v, axis=1, keepdims=True)).astype(np.float32) for v in made]


def with_repeats(seed: int, dimension: int, norm: float) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Tracks of 1 to 13 images. The gallery repeats some of the queries' images, some nearly, and some of its own."""
    rng = np.random.default_rng(seed)
    queries, gallery = (tracks(list(rng.integers(1, 14, 8)), seed + k, dimension, norm) for k in (0, 1))
    gallery[0] = queries[0].copy()
    gallery[1] = np.concatenate([gallery[1], gallery[1][:1], queries[1][:1]])
    gallery[2] = (queries[2] + rng.normal(scale=1e-3, size=queries[2].shape)).astype(np.float32)
    gallery[3] = np.repeat(queries[3][:1], 5, axis=0)
    queries[4] = np.concatenate([queries[4], queries[4]])
    return queries, gallery


lengths = st.lists(st.integers(1, 13), min_size=1, max_size=6)
metrics, aggregates = st.sampled_from(["med", "mcd", "rscr"]), st.sampled_from(list(AGGREGATES))


@given(lengths, lengths, st.sampled_from(["med", "mcd"]), aggregates, st.integers(1, 400), st.integers(0, 1000))
def test_the_distances_of_a_plain_double_loop(query_lengths, gallery_lengths, metric, aggregate, block, seed):
    queries, gallery = tracks(query_lengths, seed), tracks(gallery_lengths, seed + 1)
    found = track_distances(queries, gallery, metric, aggregate, block=block)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, plain(queries, gallery, metric, aggregate), atol=2e-6)


@pytest.mark.parametrize("aggregate", AGGREGATES)
@pytest.mark.parametrize(("metric", "tolerance"), [("med", 1e-3), ("mcd", 2e-6)])
def test_embeddings_of_the_published_network_s_size(metric, tolerance, aggregate):
    queries, gallery = with_repeats(seed=5, dimension=1920, norm=30)
    found = track_distances(queries, gallery, metric, aggregate)
    np.testing.assert_allclose(found, plain(queries, gallery, metric, aggregate), atol=tolerance)


@pytest.mark.parametrize("share", [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1])
def test_however_near_two_images_are(share):
    rng = np.random.default_rng(3)
    query = tracks([40], 1, 1920, norm=30)[0]
    near = (query * (1 + share * rng.normal(size=query.shape))).astype(np.float32)
    found = track_distances([q[None] for q in query], [near])
    np.testing.assert_allclose(found, plain([q[None] for q in query], [near]), atol=1e-3)


@pytest.mark.parametrize(("dimension", "norm"), [(1920, 30), (256, 1), (16, 30), (3, 30)])
@pytest.mark.parametrize("seed", range(3))
def test_rscr_of_scikit_learn(dimension, norm, seed):
    """Three dimensions: thirteen images overdetermine them, so that the lasso has many solutions and one residual."""
    queries, gallery = with_repeats(seed, dimension, norm)
    found = track_distances(queries, gallery, "rscr", block=500)
    np.testing.assert_allclose(found, coded(queries, gallery), atol=2e-4)


def test_rscr_of_tracks_that_repeat_images():
    queries, gallery = with_repeats(4, 64, 30)
    descended = coded(queries, gallery, "lasso_cd", transform_max_iter=100_000)
    np.testing.assert_allclose(track_distances(queries, gallery, "rscr"), descended, atol=2e-4)


def test_rscr_of_long_tracks_that_hardly_change():
    """A parked vehicle: 150 images that differ by the sensor's noise."""
    rng = np.random.default_rng(2)
    parked = (tracks([1], 1, 256, norm=30)[0] + rng.normal(scale=0.02, size=(150, 256))).astype(np.float32)
    queries, gallery = [parked[:3], *tracks([2], 2, 256, norm=30)], [parked[3:], *tracks([4], 3, 256, norm=30)]
    np.testing.assert_allclose(track_distances(queries, gallery, "rscr"), coded(queries, gallery), atol=2e-4)


@pytest.mark.parametrize("rounds", [20, pytest.param(sparse.MAX_ROUNDS, marks=pytest.mark.slow)])
def test_rscr_without_a_stable_solution_is_refused(monkeypatch: pytest.MonkeyPatch, rounds: int):
    """What twenty rounds do not solve, all of them refuse as well, on some processors a minute later."""
    monkeypatch.setattr(sparse, "MAX_ROUNDS", rounds)
    rng = np.random.default_rng(0)
    (query,), huge = tracks([3], 1, 16, norm=3e4), tracks([1], 2, 16, norm=3e4)[0]
    parked = (huge + rng.normal(scale=0.01, size=(30, 16))).astype(np.float32)
    with pytest.raises(ValueError, match=r"did not converge .* norm 30000.*Scale them"):
        track_distances([query], [parked], "rscr")


def test_rscr_of_vectors_too_short_to_be_worth_the_penalty():
    """With products below 1 nothing is explained: what remains is the query itself."""
    queries, gallery = tracks([3], 1, norm=0.5), tracks([4], 2, norm=0.5)
    np.testing.assert_allclose(track_distances(queries, gallery, "rscr"), np.linalg.norm(queries[0]), rtol=1e-6)


@given(lengths, lengths, metrics, aggregates, st.integers(0, 1000))
def test_the_order_of_images_does_not_matter(query_lengths, gallery_lengths, metric, aggregate, seed):
    queries, gallery = tracks(query_lengths, seed, norm=5), tracks(gallery_lengths, seed + 1, norm=5)
    rng = np.random.default_rng(seed)
    shuffled = [[rng.permutation(t) for t in side] for side in (queries, gallery)]
    once, again = track_distances(queries, gallery, metric, aggregate), track_distances(*shuffled, metric, aggregate)
    np.testing.assert_allclose(once, again, atol=1e-4)


@given(lengths, st.sampled_from(["med", "mcd"]), st.integers(0, 1000))
def test_a_track_is_no_distance_from_itself(given_lengths, metric, seed):
    made = tracks(given_lengths, seed, 256, norm=30)
    np.testing.assert_allclose(np.diag(track_distances(made, made, metric)), 0, atol=1e-6)


@given(lengths, lengths, st.sampled_from(["med", "mcd"]), st.integers(0, 1000))
def test_repeated_images_do_not_change_the_minimum(query_lengths, gallery_lengths, metric, seed):
    queries, gallery = tracks(query_lengths, seed), tracks(gallery_lengths, seed + 1)
    doubled = [np.concatenate([t, t[::-1]]) for t in queries], [np.concatenate([t, t[:1]]) for t in gallery]
    np.testing.assert_allclose(track_distances(queries, gallery, metric), track_distances(*doubled, metric), atol=1e-6)


@given(lengths, lengths, st.sampled_from(["med", "mcd"]), st.integers(0, 1000))
def test_the_minimum_is_symmetric(query_lengths, gallery_lengths, metric, seed):
    queries, gallery = tracks(query_lengths, seed), tracks(gallery_lengths, seed + 1)
    there, back = track_distances(queries, gallery, metric), track_distances(gallery, queries, metric)
    np.testing.assert_allclose(there, back.T, atol=1e-6)


@pytest.mark.parametrize(
    ("aggregate", "expected"), [("min", 1), ("mean", 4), ("med", 3.5), ("mean50", 8 / 3), ("med50", 2)], ids=str
)
def test_aggregates_by_hand(aggregate, expected):
    """Images at 1, 2, 5 and 8 from the track's only one: the int(4 / 2) + 1 smallest are 1, 2 and 5."""
    query, track = np.array([[8, 0], [1, 0], [0, 5], [0, 2]], np.float32), np.zeros((1, 2), np.float32)
    np.testing.assert_allclose(track_distances([query], [track], aggregate=aggregate), [[expected]])


def test_zero_vectors():
    zero, one = np.zeros((2, 3), np.float32), np.array([[0, 0, 2]], np.float32)
    np.testing.assert_allclose(track_distances([zero, one], [zero, one]), [[0, 2], [2, 0]])


@pytest.mark.parametrize("metric", ["med", "mcd", "rscr"])
def test_half_precision_embeddings(metric):
    """As the lake keeps them: the same as what their rounded values give, and near what the unrounded ones would."""
    queries, gallery = tracks([2, 3], 1), tracks([4], 2)
    halves = [[t.astype(np.float16) for t in side] for side in (queries, gallery)]
    rounded = [[t.astype(np.float32) for t in side] for side in halves]
    np.testing.assert_array_equal(track_distances(*halves, metric), track_distances(*rounded, metric))
    np.testing.assert_allclose(track_distances(*halves, metric), track_distances(queries, gallery, metric), atol=5e-3)


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


def test_no_cosine_of_nothing():
    with pytest.raises(ValueError, match="gallery track 1 has an embedding of norm 0"):
        track_distances([GOOD], [GOOD, GOOD * 0], "mcd")


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [({"metric": "cosine"}, "must be med, mcd or rscr, not 'cosine'"), ({"aggregate": "max"}, "must be one of min, .*not 'max'")],
)
def test_unknown_choices_are_named(wrong, sentence):
    with pytest.raises(ValueError, match=sentence):
        track_distances([GOOD], [GOOD], **wrong)


def test_unknown_devices_are_named():
    with pytest.raises(CctviewError, match="'tpu' is no device"):
        track_distances([GOOD], [GOOD], device="tpu")


@pytest.mark.parametrize("aggregate", AGGREGATES)
@pytest.mark.parametrize("metric", MEASURES)
def test_pytorch_finds_the_same(metric: str, aggregate: str):
    """On a processor NumPy computes these two; a graphics card has no other way than PyTorch's."""
    queries, gallery = tracks([3, 1, 5], 1), tracks([4, 2], 2)
    found = np.zeros((3, 2), np.float32)
    asked, among = (distances._prepare(each, metric) for each in (queries, gallery))
    distances.fill_in_torch(found, asked, among, metric, aggregate, 1 << 20, "cpu")
    np.testing.assert_allclose(found, track_distances(queries, gallery, metric, aggregate), rtol=1e-5, atol=1e-6)


def test_a_caller_s_precision_is_left_as_it_was():
    import torch

    torch.set_float32_matmul_precision("medium")
    try:
        track_distances([GOOD], [GOOD], "rscr")
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision("highest")
