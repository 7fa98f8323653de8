"""Vehicles that drive routes past cameras, and what the cameras see of them: the truth about links is what the routes say."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from cctview_pipeline.lake import Lake
from cctview_pipeline.match.propose import Passers
from cctview_pipeline_tests.factories.archive import HOUR_17
from cctview_pipeline_tests.factories.tables import partition_of, rows

DIMENSION = 48


@dataclass(frozen=True)
class Route:
    """stops: camera, direction of flow in its picture, and s from the first; vehicles: how many drive it."""

    stops: tuple[tuple[str, str, float], ...]
    vehicles: int


def driven(
    routes: Sequence[Route], *, lasts: float = 1800.0, noise: float = 0.7, wave: bool = False, seed: int = 0
) -> list[Passers]:
    """What every camera sees, by direction. noise: how much a vehicle looks another at each camera, over how much it differs from
    others; wave: traffic comes in platoons, two minutes apart, at all cameras at the same time."""
    rng = np.random.default_rng(seed)
    seen = defaultdict(list)
    for route in routes:
        begins = np.sort(rng.uniform(0, lasts, route.vehicles))
        if wave:
            begins = np.sort(120 * rng.integers(0, lasts // 120, route.vehicles) + rng.normal(0, 10, route.vehicles))
        looks, pace = rng.normal(size=(route.vehicles, DIMENSION)), rng.lognormal(0, 0.05, route.vehicles)
        for camera, direction, seconds in route.stops:
            seen[camera, direction].append((begins + seconds * pace, looks))
    return [_seen(camera, direction, parts, noise, rng) for (camera, direction), parts in sorted(seen.items())]


def _seen(camera: str, direction: str, parts: list, noise: float, rng: np.random.Generator) -> Passers:
    passed, looks = (np.concatenate(each) for each in zip(*parts, strict=True))
    order = np.argsort(passed)
    light = rng.normal(size=DIMENSION)
    looks = looks + noise * rng.normal(size=looks.shape) + light
    return Passers(
        camera=camera,
        direction=direction,
        passed=passed[order],
        looks=looks[order].astype(np.float32),
        sizes=np.full(len(order), np.nan),
        labels=np.full(len(order), "car"),
    )


def write_tracks(lake: Lake, groups: Sequence[Passers]) -> None:
    """As tracks of one detection each, with its features, in the hour from 17:00."""
    for camera in sorted({group.camera for group in groups}):
        tracks, features = [], []
        for group in (each for each in groups if each.camera == camera):
            for number, (passed, looks) in enumerate(zip(group.passed, group.looks, strict=True)):
                name, at = f"{camera}-{group.direction}-{number}", HOUR_17 + timedelta(seconds=float(passed))
                track = {"track_id": name, "camera_id": camera, "detection_ids": [name], "direction": group.direction}
                tracks.append(track | {"first_seen": at, "last_seen": at, "passed_at": at, "carriageway": None})
                features.append({"detection_id": name, "embedding": looks})
        lake.write("tracks", partition_of("tracks", camera), rows("tracks", *tracks))
        lake.write("features", partition_of("features", camera), rows("features", *features, dimension=DIMENSION))
