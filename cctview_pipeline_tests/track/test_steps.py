"""Vehicles where no flow can be learned: ten frames of a clip, a second apart, with look-alikes behind each other."""

import numpy as np
import pytest

from cctview_pipeline.track.sightings import CameraDetections
from cctview_pipeline.track.steps import step_cost
from cctview_pipeline.track.tracker import track

SIZE = 30.0
LOOKS = np.array([1.0, 0.0, 0.0])


def seen(*places: tuple[float, float, float]) -> CameraDetections:
    """Boxes that all look the same. places: second, and the middle of the lower edge, px."""
    times, x, y = np.array(sorted(places), float).T
    boxes = np.stack([x - SIZE / 2, y - SIZE, x + SIZE / 2, y], 1)
    return CameraDetections(
        ids=[f"{t:g}-{a:g}-{b:g}" for t, a, b in zip(times, x, y, strict=True)],
        times=times,
        boxes=boxes,
        scores=np.ones(len(times)),
        labels=["car"] * len(times),
        embeddings=np.tile(LOOKS, (len(times), 1)),
        frame_size=(352, 288),
    )


def tracks(*places: tuple[float, float, float]) -> list[list[tuple[float, float]]]:
    """Of each track where it was."""
    found = seen(*places)
    return sorted([(x, y) for x, y in found.points[rows].tolist()] for rows in track(found).tracks)


def cost(step: float, velocity: tuple[float, float] | None, seconds: float = 1.0) -> float:
    """Of going so far to the right."""
    both = seen((0, 100, 100), (seconds, 100 + step, 100))
    return float(step_cost(both, np.array([0]), [velocity], np.array([1]), np.array([[seconds]]))[0, 0])


@pytest.mark.parametrize("pace", [10, 20])
def test_a_line_of_look_alikes_moves_up_and_none_is_taken_for_the_one_before(pace: float):
    """At a pace of 20 each stands hardly nearer to where it stood itself than to where the one before it did."""
    line = [[(20 + car * 45 + second * pace, 100) for second in range(5)] for car in range(3)]
    assert tracks(*((second, *place) for way in line for second, place in enumerate(way))) == sorted(line)


def test_one_that_stands_is_not_joined_with_one_that_drives_past():
    standing = [(200, 150) for _ in range(6)]
    passing = [(100 + 40 * second, 140) for second in range(6)]
    found = tracks(*((second, *place) for way in (standing, passing) for second, place in enumerate(way)))
    assert found == sorted([standing, passing])


def test_a_vehicle_that_turns_stays_one():
    way = [(60, 200), (100, 200), (138, 190), (165, 160), (172, 122)]
    assert tracks(*((second, *place) for second, place in enumerate(way))) == [way]


def test_a_frame_without_it_does_not_end_it():
    way = {0: (60, 200), 1: (80, 200), 2: (100, 200), 4: (140, 200), 5: (160, 200)}
    other = [(300, 60)] * 6
    found = tracks(
        *((second, *place) for second, place in way.items()), *((second, *place) for second, place in enumerate(other))
    )
    assert found == sorted([list(way.values()), other])


def test_a_step_costs_least_where_it_would_have_been():
    at, *beside = (cost(step, (20.0, 0.0)) for step in (20, 5, 35, -20))
    assert at < min(beside)
    assert cost(0, None) < cost(20, None) < cost(60, None) < cost(200, None)


def test_of_what_was_seen_once_more_is_possible():
    assert cost(40, None) < cost(40, (0.0, 0.0))
    assert cost(0, (0.0, 0.0)) < cost(0, None)


def test_nothing_is_infinite_far_away():
    assert np.isfinite(cost(10_000, (0.0, 0.0)))
