"""What the extractor learns from: recorded crops, who is whose successor, and the city's vehicles in groups."""

from pathlib import Path

import numpy as np
import pytest

from cctview_pipeline.errors import CctviewError
from cctview_pipeline.training.extractor.lessons import (
    RADIUS,
    SyntheticVehicles,
    city_groups,
    frame_pairs,
    load_recorded,
    published_basis,
)
from cctview_pipeline_tests.factories.vehicles import driving, write_features


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_features(tmp_path_factory.mktemp("data"))


def test_vehicles_of_every_camera_in_order_of_time(folder: Path):
    first, second = load_recorded(folder)
    assert (first.camera_id, second.camera_id) == ("cam-1", "cam-2")
    assert len(first.crops) == 48  # of 24 frames; people teach nothing
    assert all(crop.shape[2] == 3 for crop in first.crops)
    assert (np.diff(first.seen.times) >= 0).all()
    assert set(first.minutes) == {10, 43, 50}
    assert set(first.seen.labels) == {"car"}
    np.testing.assert_allclose(np.linalg.norm(first.seen.embeddings, axis=1), 1, atol=1e-5)


def test_times_are_the_camera_s_own(folder: Path):
    """The drawn frames carry a clock as an Axis camera's do."""
    steps = np.diff(np.unique(load_recorded(folder)[0].seen.times))
    assert np.median(steps) == pytest.approx(2.0, abs=0.01)


def test_nothing_to_learn_from(tmp_path: Path):
    with pytest.raises(CctviewError, match=r"nothing to learn from: no .*features-pca256.parquet below"):
        load_recorded(tmp_path)
    with pytest.raises(CctviewError, match=r"mean and components are missing: there is no .*features-basis\.npz"):
        published_basis(tmp_path)


def test_targets_keep_the_euclidean_distances():
    """On the sphere two features are as far apart as they were, but for what is lost where they are long."""
    recorded, _ = driving()
    targets = recorded.targets()
    np.testing.assert_allclose(np.linalg.norm(targets, axis=1), 1, atol=1e-6)
    apart = lambda vectors: np.linalg.norm(vectors[:, None] - vectors[None], axis=2)  # noqa: E731
    laid, original = apart(targets) * RADIUS, apart(recorded.features)
    assert (laid >= original - 1e-3).all()
    np.testing.assert_allclose(laid, original, rtol=0.15, atol=0.5)


def test_successors_are_the_same_vehicle():
    recorded, which = driving()
    successor = recorded.successors()
    found = np.flatnonzero(successor >= 0)
    assert len(found) == 20  # four vehicles, five steps
    np.testing.assert_array_equal(which[successor[found]], which[found])
    assert (recorded.seen.times[successor[found]] > recorded.seen.times[found]).all()


def test_twins_have_no_certain_successor():
    """Two vehicles that look the same, within each other's reach."""
    recorded, which = driving(vehicles=2)
    twins = np.where(which == 1)[0]
    recorded.crops[twins] = recorded.crops[which == 0]
    recorded.seen.boxes[twins] += [-35, 0, -35, 0]
    assert (recorded.successors() == -1).all()


def test_every_frame_comes_with_a_neighbour():
    recorded, _ = driving(frames=7)
    for seed in range(4):
        pairs = frame_pairs([recorded], np.random.default_rng(seed))
        rows = np.concatenate([rows for _, rows in pairs])
        assert len(pairs) == 3
        assert len(rows) == len(set(rows)) == 24
        assert all(len(np.unique(recorded.seen.times[rows])) == 2 for _, rows in pairs)


def rendered(vehicles: int = 12) -> SyntheticVehicles:
    """Vehicles of two cities, each seen three times by two cameras; every third by one camera only."""
    which = np.repeat(np.arange(vehicles), 6)
    camera = np.tile(np.repeat(["city-1", "city-2"], 3), vehicles)
    camera[which % 3 == 0] = "city-1"
    return SyntheticVehicles(
        crops=np.zeros((len(which), 64, 64, 3), np.uint8),
        vehicles=which,
        cameras=camera,
        seeds=which // (vehicles // 2),
        times=which * 10.0,
    )


def test_groups_are_of_one_city_and_of_vehicles_that_two_cameras_saw():
    city = rendered()
    groups = city_groups(city, vehicles=2, crops=4, rng=np.random.default_rng(1))
    assert len(groups) == 4
    for rows in groups:
        counted = np.unique(city.vehicles[rows], return_counts=True)
        assert counted[1].tolist() == [4, 4]
        assert (counted[0] % 3 != 0).all()
        assert len(np.unique(city.seeds[rows])) == 1
