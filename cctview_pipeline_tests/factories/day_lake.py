"""A lake that holds what the figures of a day are made from, of vehicles whose truth is known: for tests and benchmarks.

Vehicles drive along a road of cameras 500 m apart at a steady speed of their own, and are all matched.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from cctview_pipeline.campaign import HOUR, Camera, Campaign
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.lake.schemas import schema_of

QUARTER = timedelta(minutes=15)
METRES = 500.0


def road(cameras: int, start: datetime, hours: int, **said) -> Campaign:
    """Cameras that look north along a meridian, in New York's time."""
    step = np.degrees(METRES / 6_371_000)
    standing = tuple(
        Camera(
            id=f"road-{number + 1}",
            name=f"Camera {number + 1}",
            latitude=40.75 + number * step,
            longitude=-73.96,
            faces="north",
            corridor="road",
            order=number + 1,
        )
        for number in range(cameras)
    )
    said = {"timezone": "America/New_York", "country": "US"} | said
    return Campaign(name="Road", network="archive", start=start, end=start + hours * HOUR, cameras=standing, **said)


@dataclass
class DayLake:
    """What is written into a lake, an hour at a time. per_hour: vehicles of a carriageway; kmh: their median speed; live: camera,
    quarter -> seconds that are live (900 as a rule), the rest being missed."""

    lake: Lake
    campaign: Campaign
    per_hour: float = 400.0
    kmh: float = 50.0
    live: Callable[[str, datetime], float] = lambda camera, began: 900.0
    seed: int = 0
    passed: dict[tuple[str, str], list[datetime]] = field(default_factory=dict)
    """Camera, carriageway -> when vehicles passed in truth, seen or not."""

    def write(self) -> None:
        random = np.random.default_rng(self.seed)
        hours = [self.campaign.start + n * HOUR for n in range(int((self.campaign.end - self.campaign.start) / HOUR))]
        rows: dict[str, dict[tuple[str, datetime], list[dict]]] = {"passages": {}, "matches": {}}
        journeys: dict[datetime, list[dict]] = {hour: [] for hour in hours}
        for side in "NS":
            cameras = self.campaign.cameras if side == "N" else self.campaign.cameras[::-1]
            count = random.poisson(self.per_hour * len(hours))
            starts = np.sort(random.uniform(0, 3600.0 * len(hours), count))
            speeds = self.kmh * np.exp(random.normal(0, 0.1, count))
            labels = random.choice(["car", "truck", "bus", "motorcycle"], count, p=[0.85, 0.1, 0.04, 0.01])
            for number, (at, speed, label) in enumerate(zip(starts, speeds, labels, strict=True)):
                self._drive(f"{side}{number}", cameras, side, float(at), float(speed), str(label), rows, journeys)
        self._store(hours, rows, journeys)

    def _drive(self, name, cameras, side, at, speed, label, rows, journeys) -> None:
        before = None
        for leg, camera in enumerate(cameras):
            when = self.campaign.start + timedelta(seconds=at + leg * METRES / (speed / 3.6))
            if when >= self.campaign.end:
                return
            self.passed.setdefault((camera.id, side), []).append(when)
            hour, quarter = when.replace(minute=0, second=0, microsecond=0), _floor(when)
            if (when - quarter).total_seconds() >= self.live(camera.id, quarter):
                before = None
                continue
            track = f"{camera.id}--{name}"
            rows["passages"].setdefault((camera.id, hour), []).append(
                {
                    "track_id": track,
                    "track_ids": [track],
                    "camera_id": camera.id,
                    "passed_at": when,
                    "carriageway": side,
                    "label": label,
                    "label_probability": 0.9,
                    "speed_kmh": speed,
                    "speed_kmh_error": 2.0,
                    "beyond_m": 0.0,
                    "first_seen": when - timedelta(seconds=3),
                    "last_seen": when + timedelta(seconds=3),
                    "model": "made up",
                }
            )
            if before:
                rows["matches"].setdefault((camera.id, hour), []).append(_match(track, before, speed))
            if before or leg + 1 < len(cameras):
                journeys[hour].append(_leg(name, leg, track, camera.id, when))
            before = (track, cameras[leg].id)

    def _store(self, hours, rows, journeys) -> None:
        for hour in hours:
            for camera in self.campaign.cameras:
                place = Partition.camera_hour(camera.id, hour)
                passages = pa.Table.from_pylist(rows["passages"].get((camera.id, hour), []), schema_of("passages"))
                self.lake.write("passages", place, passages)
                self.lake.write(
                    "matches", place, pa.Table.from_pylist(rows["matches"].get((camera.id, hour), []), schema_of("matches"))
                )
                self.lake.write(
                    "coverage", place, covered(camera.id, hour, lambda began, camera=camera.id: self.live(camera, began))
                )
                self.lake.write("vehicles_in_view", place, self._in_view(camera.id, hour, passages))
            self.lake.write("journeys", Partition.of_hour(hour), pa.Table.from_pylist(journeys[hour], schema_of("journeys")))

    def _in_view(self, camera: str, hour: datetime, passages: pa.Table) -> pa.Table:
        sides = passages["carriageway"].to_pylist()
        quarters = [_floor(at) for at in passages["passed_at"].to_pylist()]
        seen = list(zip(sides, quarters, strict=True))
        rows = [
            {
                "camera_id": camera,
                "carriageway": side,
                "began_at": hour + number * QUARTER,
                "vehicle_s": 7.0 * seen.count((side, hour + number * QUARTER)),
                "dwell_s": 7.0,
            }
            for side in "NS"
            for number in range(4)
        ]
        return pa.Table.from_pylist(rows, schema_of("vehicles_in_view"))


def covered(camera: str, hour: datetime, live: Callable[[datetime], float] = lambda began: 900.0) -> pa.Table:
    """coverage of an hour. live: when a quarter began -> seconds of it that are live; the rest was missed."""
    zero = dict.fromkeys((field.name for field in schema_of("coverage") if field.name.endswith("_s")), 0.0)
    found = []
    for number in range(4):
        began = hour + number * QUARTER
        seconds = live(began)
        row = {"camera_id": camera, "began_at": began, "frames": int(seconds / 1.7), **zero, "live_s": seconds, "views": 1}
        row |= {"missed_s": 900 - seconds, "coverage": seconds / 900, "longest_gap_s": 900 - seconds}
        found.append(row | {"frames_per_s": 0.6 if seconds else None, "lag_p50_s": 1.0, "lag_p95_s": 2.0})
    return pa.Table.from_pylist(found, schema_of("coverage"))


def _floor(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(minute=at.minute // 15 * 15, second=0, microsecond=0)


def _match(track: str, before: tuple[str, str], speed: float) -> dict:
    return {
        "query_track_id": track,
        "gallery_track_id": before[0],
        "gallery_camera_id": before[1],
        "rank": 1,
        "distance": 0.5,
        "metric": "euclidean",
        "gap_s": METRES / (speed / 3.6) - 6,
        "implied_speed_kmh": speed,
        "probability": 0.9,
        "assigned": True,
        "margin": 0.8,
    }


def _leg(name: str, leg: int, track: str, camera: str, when: datetime) -> dict:
    times = {"entered_at": when - timedelta(seconds=3), "left_at": when + timedelta(seconds=3)}
    return {
        "journey_id": name,
        "leg": leg,
        "track_id": track,
        "camera_id": camera,
        **times,
        "speed_kmh": None,
        "probability": 0.9,
    }
