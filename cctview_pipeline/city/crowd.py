"""Who walks and cycles past a camera, when and where: a stream of its own beside the traffic.

Every hour has its own people, drawn from the seed, the camera and the hour; nobody is under way for longer than LONGEST.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

import numpy as np

from cctview_pipeline.campaign import HOUR, floor_hour
from cctview_pipeline.city.corridor import LANE_M, MEDIAN_M, NORTHBOUND, SOUTHBOUND, lanes_at
from cctview_pipeline.city.mounts import CAMERAS, Mount
from cctview_pipeline.city.people import BICYCLE, PEOPLE_KINDS, PERSON, STRIDES
from cctview_pipeline.city.scenery import SHOULDER_M

MAX_PEOPLE = 5_000
"""An hour and camera: more would not get numbers of their own."""
NEAR_M, FAR_M = -5.0, 130.0
"""Ways along the road begin and end so far from the pole, in the direction in which the camera looks."""
LONGEST = timedelta(seconds=180)

_CYCLISTS, _CROSSING, _ON_SHOULDER = 0.25, 0.25, 0.5
"""Shares: of cyclists; of the pedestrians who cross; of the others who keep to the shoulder, the rest behind the barrier."""
_NUMBERS = 6_000
STRIDE_M, TURN_M = 1.45, 5.0
"""Ground covered in two steps, and in a turn of the pedals."""


@dataclass(frozen=True, kw_only=True)
class Walkers:
    """Who is under way at one moment, P of them. number (P,) int64; kind (P,) int8; side (P,) int8: whose half of the road;
    places (P, 6): as ``draw_vehicles`` takes them; stride (P,): which of STRIDES bodies."""

    number: np.ndarray
    kind: np.ndarray
    side: np.ndarray
    places: np.ndarray
    stride: np.ndarray

    def select(self, keep: np.ndarray) -> "Walkers":
        return Walkers(**{name: values[keep] for name, values in vars(self).items()})


@dataclass(frozen=True, kw_only=True)
class _Ways:
    """One hour's people. start (N,) s since the hour; kind; crossing (N,) bool; speed (N,) m/s, negative for the way back;
    aside (N,): m from the road's middle, or of one who crosses from the pole; phase (N,): of the stride; first: number."""

    start: np.ndarray
    kind: np.ndarray
    crossing: np.ndarray
    speed: np.ndarray
    aside: np.ndarray
    phase: np.ndarray
    first: int


class Crowd:
    """The people at one camera of one city, so many an hour."""

    def __init__(self, seed: int, mount: Mount, people: int) -> None:
        self.seed, self.mount, self.people = seed, mount, people
        self._edges = {
            side: MEDIAN_M + LANE_M * lanes_at(side, mount.s + 40 * mount.ahead) + SHOULDER_M for side in (SOUTHBOUND, NORTHBOUND)
        }
        self._ways = lru_cache(maxsize=4)(self._draw)

    def at(self, moment: datetime) -> Walkers:
        """Who is there at this moment, in order of their numbers."""
        hours = sorted({floor_hour(moment - LONGEST), floor_hour(moment)})
        parts = [self._walkers(self._ways(hour), (moment - hour).total_seconds()) for hour in hours]
        return Walkers(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in Walkers.__annotations__})

    def _draw(self, hour: datetime) -> _Ways:
        rng = np.random.default_rng((self.seed, 41, self.mount.index, int(hour.timestamp())))
        count = min(int(rng.poisson(self.people)), _NUMBERS - 1)
        start = np.sort(rng.uniform(0, HOUR.total_seconds(), count))
        cycling, crossing, shoulder = (rng.random(count) < share for share in (_CYCLISTS, _CROSSING, _ON_SHOULDER))
        crossing &= ~cycling
        side, back = rng.choice([SOUTHBOUND, NORTHBOUND], (2, count))
        edge = np.where(side > 0, self._edges[SOUTHBOUND], self._edges[NORTHBOUND])
        inside, outside = edge - rng.uniform(0.35, 1.3, count), edge + rng.uniform(0.8, 3.0, count)
        aside = np.where(crossing, rng.uniform(14, 90, count), side * np.where(shoulder | cycling, inside, outside))
        speed = np.where(cycling, rng.uniform(3, 7, count), rng.uniform(1.0, 1.8, count))
        # Cyclists ride with the traffic beside them.
        speed *= np.where(cycling, side * self.mount.ahead, back)
        slot = (hour.hour * len(CAMERAS) + self.mount.index) * _NUMBERS
        first = hour.date().toordinal() * 24 * len(CAMERAS) * _NUMBERS + slot
        return _Ways(
            start=start,
            kind=np.where(cycling, BICYCLE, PERSON),
            crossing=crossing,
            speed=speed,
            aside=aside,
            phase=rng.random(count),
            first=first,
        )

    def _walkers(self, ways: _Ways, seconds: float) -> Walkers:
        mount = self.mount
        gone = np.abs(ways.speed) * (seconds - ways.start)
        low = np.where(ways.crossing, -self._edges[NORTHBOUND] - 1.5, NEAR_M)
        high = np.where(ways.crossing, self._edges[SOUTHBOUND] + 1.5, FAR_M)
        rows = np.flatnonzero((gone >= 0) & (gone <= high - low))
        forth, crossing, aside = ways.speed[rows] > 0, ways.crossing[rows], ways.aside[rows]
        at = np.where(forth, low[rows] + gone[rows], high[rows] - gone[rows])
        y = mount.ahead * np.where(crossing, aside, at)
        across = np.where(crossing, at, aside)
        x = mount.centre_x(y) + across
        slope = np.where(crossing, 0.0, mount.slope(y))
        run = np.where(forth, 1.0, -1.0) * np.where(crossing, 1.0, mount.ahead)
        cosine, sine = (np.where(crossing, a, b) * run / np.hypot(1, slope) for a, b in ((1.0, slope), (0.0, 1.0)))
        speed = np.abs(ways.speed[rows])
        kind = ways.kind[rows]
        turns = gone[rows] / np.where(kind == BICYCLE, TURN_M, STRIDE_M) + ways.phase[rows]
        return Walkers(
            number=ways.first + rows.astype(np.int64),
            kind=kind.astype(np.int8),
            side=np.where(across >= 0, SOUTHBOUND, NORTHBOUND).astype(np.int8),
            places=np.stack([x, y, cosine, sine, cosine * speed, sine * speed], axis=1),
            stride=(turns * STRIDES).astype(np.int64) % STRIDES,
        )


def person_id(number: int, kind: int) -> str:
    """Of the person with this number: "person-106507206012"; the date and the hour are in the number, which no other has."""
    return f"{PEOPLE_KINDS[int(kind) - PERSON]}-{int(number)}"
