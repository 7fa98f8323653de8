"""Rows of a mart as lines along a day: what plots, the daily report and the comparison of two times draw and calculate with."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

USABLE = frozenset({"observed", "expanded"})
"""Statuses whose values count."""
SPEEDS = (20, 40, 60, 80)
"""km/h at which the colour of a speed changes."""


@dataclass(frozen=True)
class Line:
    """One side of a camera's road, or one way between two cameras. of: its names; columns: name -> a value a bin of the axis,
    None where the mart has none."""

    of: tuple[str, ...]
    columns: Mapping[str, list[Any]]

    @property
    def name(self) -> str:
        """``road-1 N``, ``road-1 to road-2 N``."""
        cameras, side = self.of[:-1], self.of[-1]
        return f"{' to '.join(cameras)} {side}"


@dataclass(frozen=True)
class Lines:
    """began: when the bins of the axis begin, UTC; local: as the mart's local_at has it; lines: sorted by their names."""

    began: list[datetime]
    local: list[str]
    lines: list[Line]


def lines_of(rows: pa.Table, by: Sequence[str], columns: Sequence[str]) -> Lines:
    """A mart that has began_at and local_at. by: the columns that name a line; columns: those that it takes along."""
    found: dict[tuple[str, ...], dict[datetime, tuple]] = {}
    axis: dict[datetime, str] = {}
    names = zip(*(rows[name].to_pylist() for name in by), strict=True)
    values = zip(*(rows[name].to_pylist() for name in columns), strict=True)
    times = zip(rows["began_at"].to_pylist(), rows["local_at"].to_pylist(), strict=True)
    for of, row, (began, local) in zip(names, values, times, strict=True):
        axis[began] = local
        found.setdefault(of, {})[began] = row
    began = sorted(axis)
    nothing = (None,) * len(columns)
    lines = [
        Line(of, {name: [cells.get(at, nothing)[place] for at in began] for place, name in enumerate(columns)})
        for of, cells in sorted(found.items())
    ]
    return Lines(began, [axis[at] for at in began], lines)


def runs(cells: Sequence[Any]) -> Iterator[tuple[int, int, Any]]:
    """First place, place after the last, and value of every stretch of equal cells."""
    place = 0
    for value, group in itertools.groupby(cells):
        end = place + sum(1 for _ in group)
        yield place, end, value
        place = end


def speed_class(kmh: float) -> int:
    """0 is the slowest, ``len(SPEEDS)`` the fastest."""
    return sum(kmh >= each for each in SPEEDS)


def harmonic(kmh: Sequence[float]) -> float:
    """Mean of speeds over equal distances."""
    return len(kmh) / sum(1 / each for each in kmh)
