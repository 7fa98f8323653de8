"""Measuring an extractor: agreement with the published features, the next frame, the next camera."""

from dataclasses import replace

import numpy as np
import pytest

from cctview_pipeline.training.extractor.assessment import (
    agreement,
    centred_cosine,
    city_ranking,
    colour_histogram,
    next_frame_rank1,
)
from cctview_pipeline.training.extractor.lessons import RealVehicles, SyntheticVehicles
from cctview_pipeline_tests.factories.vehicles import driving


def features(camera: RealVehicles) -> np.ndarray:
    return camera.features


def test_whoever_sees_as_the_published_one_agrees_wholly():
    recorded, _ = driving()
    assert agreement(features, [recorded]) == 1
    assert agreement(lambda camera: camera.features * 3 + 7, [recorded]) == 1  # distances keep their order


def test_agreement_of_a_plain_loop():
    recorded, _ = driving(vehicles=5, frames=4, seed=3)
    others = np.random.default_rng(1).normal(size=(len(recorded.crops), 3))
    hits = []
    for i in range(len(others)):
        ours, theirs = (np.linalg.norm(v - v[i], axis=1) for v in (others, recorded.features))
        ours[i] = theirs[i] = np.inf
        hits.append(theirs.argmin() in np.argsort(ours)[:5])
    assert agreement(lambda camera: others, [recorded]) == pytest.approx(np.mean(hits))


def test_agreement_is_taken_camera_by_camera():
    """The same crops at a second camera would be everybody's nearest."""
    recorded, _ = driving()
    assert agreement(features, [recorded, replace(recorded, camera_id="cam-2")]) == 1


def test_centred_cosine_looks_past_the_mean():
    recorded, _ = driving()
    mean = np.full(300, 50.0)
    components = np.linalg.qr(np.random.default_rng(0).normal(size=(300, 256)))[0].T
    published = mean + recorded.features @ components
    assert centred_cosine(published, recorded, (mean, components)) == pytest.approx(1)
    assert centred_cosine(mean - recorded.features @ components, recorded, (mean, components)) == pytest.approx(-1)


def test_next_frame_is_found_by_who_knows_the_vehicles():
    recorded, which = driving(vehicles=4, frames=6)
    know = lambda camera: np.eye(4)[which]  # noqa: E731
    assert next_frame_rank1(know, [recorded]) == (1.0, 20)
    assert next_frame_rank1(features, [recorded]) == (1.0, 20)


def test_next_frame_is_not_found_by_who_mistakes_them():
    """An embedding that knows only the place: the nearest is whoever drives where the vehicle was."""
    recorded, _ = driving(vehicles=4, frames=6)
    blind = np.random.default_rng(0).normal(size=(len(recorded.crops), 2))
    found, queries = next_frame_rank1(lambda camera: blind, [recorded])
    assert queries == 20
    assert found < 0.5


def test_later_sightings_of_the_vehicle_are_no_mistakes():
    """Every second crop looks more like the one after the next; that is the same vehicle and no candidate."""
    recorded, which = driving(vehicles=2, frames=4)
    frame = np.arange(len(which)) // 2
    vectors = np.stack([which * 10.0, (frame % 2) * 1.0], axis=1)
    assert next_frame_rank1(lambda camera: vectors, [recorded])[0] == 1


def test_parked_vehicles_are_no_queries():
    recorded, _ = driving(vehicles=3, frames=5)
    recorded.seen.boxes[:] = np.tile(recorded.seen.boxes[:3], (5, 1))
    assert next_frame_rank1(features, [recorded]) == (0.0, 0)


def test_city_ranking_of_neighbours_both_ways():
    """Two vehicles at two neighbouring cameras; a third at two that are none. Nobody is at the next camera but one."""
    which = np.array([0, 1, 0, 1, 2, 2])
    cameras = np.array(["city-1", "city-1", "city-2", "city-2", "city-1", "city-6"])
    crops = np.stack([np.full((64, 64, 3), 40 + 90 * v, np.uint8) for v in which])

    grey = np.stack([crops.mean((1, 2, 3)), np.zeros(6)], 1).astype(np.float32)
    ranking = city_ranking(
        grey, SyntheticVehicles(crops=crops, vehicles=which, cameras=cameras, seeds=np.zeros(6), times=np.zeros(6))
    )
    assert (ranking.rank1, ranking.mean_average_precision, len(ranking.first), ranking.without_match) == (1, 1, 4, 4)


def test_colour_histogram_is_of_length_1_and_knows_colours():
    recorded, _ = driving()
    histogram = colour_histogram(recorded)
    np.testing.assert_allclose(np.linalg.norm(histogram, axis=1), 1)
    assert next_frame_rank1(colour_histogram, [recorded])[0] > 0.9
