"""The space-time diagram of one carriageway and a day: distance downwards, local time to the right, speed as colour and number,
and what has no speed hatched by its reason."""

import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from cctview_pipeline.analytics.clock import Clock
from cctview_pipeline.analytics.lines import harmonic, speed_class
from cctview_pipeline.analytics.report.figures import Figure, Figures
from cctview_pipeline.analytics.report.scale import BOTTOM, LEFT, RIGHT, WIDTH, Band, Scale, gap_kind
from cctview_pipeline.analytics.svg import Drawing

TOP = 10
LEAST_ROW, MOST_ROW, LEAST = 20, 90, 150
"""Units of the way between two cameras, and of the whole."""
NUMBER_ROOM = 26
"""Units that a speed of two digits needs."""
_STEPS = (5, 15, 30, 60, 120)
SIDES = {
    "N": "northbound",
    "S": "southbound",
    "E": "eastbound",
    "W": "westbound",
    "away": "away from the camera",
    "towards": "towards the camera",
}


@dataclass(frozen=True)
class Road:
    """One carriageway of a corridor. ways: figures of corridor_speeds, from its first camera on; flagged: way -> for every
    cell whether an anomaly says not to use it."""

    corridor: str
    side: str
    ways: list[Figure]
    flagged: Mapping[tuple[str, ...], list[bool]]

    @property
    def title(self) -> str:
        return f"{self.corridor}, {SIDES.get(self.side, self.side)}"

    def kinds(self, way: Figure) -> list[str]:
        """The class of every cell: a speed's, ``blank`` where nobody was timed though all could be, or a gap's."""
        columns = (way.values[name] for name in ("speed_kmh", "status", "missing"))
        out = self.flagged.get(way.of[1:3], [False] * len(way.values["status"]))
        return [
            "flagged" if flagged else gap_kind(status, why) or ("blank" if speed is None else f"s{speed_class(speed)}")
            for speed, status, why, flagged in zip(*columns, out, strict=True)
        ]


def roads(figures: Figures) -> list[Road]:
    """The space-time diagrams of a day, one a corridor and carriageway."""
    found: dict[tuple[str, str], list[Figure]] = {}
    for figure in figures.tables["corridor_speeds"]:
        found.setdefault((figure.of[0], figure.of[3]), []).append(figure)
    cells = figures.bins.step // figures.cells.step
    flagged = {
        way.of[:2]: [letter == "f" for letter in way.values["status"] for _ in range(cells)]
        for way in figures.tables["travel_times"]
    }
    place = lambda way: min(way.values["from_m"], way.values["to_m"])  # noqa: E731
    return [Road(*key, sorted(ways, key=place), flagged) for key, ways in sorted(found.items())]


@dataclass(frozen=True)
class Layout:
    """Where a road's ways lie in its diagram: from which unit downwards, and over how many."""

    scale: Scale
    rows: list[tuple[Figure, float, float]]

    @property
    def bottom(self) -> float:
        return TOP + sum(tall for _, _, tall in self.rows)


def layout(road: Road, figures: Figures, clock: Clock) -> Layout:
    """As many units high as the road is long, within bounds."""
    ends = [(min(each), max(each)) for each in ((w.values["from_m"], w.values["to_m"]) for w in road.ways)]
    heights = _heights([below - above for above, below in ends])
    places = itertools.accumulate(heights, initial=float(TOP))
    return Layout(Scale(figures.cells, clock), list(zip(road.ways, places, heights, strict=False)))


def diagram(road: Road, figures: Figures, clock: Clock, link: Callable[[str], str] = lambda camera: "") -> Drawing:
    """link: of a camera, where its name leads to."""
    placed = layout(road, figures, clock)
    drawing = Drawing(
        WIDTH, placed.bottom + BOTTOM, f"{road.title}: speed by place and time. The table below has the same speeds by hour."
    )
    band = Band(placed.scale)
    numbers: list[tuple[float, list[tuple[float, str]]]] = []
    for way, y, tall in placed.rows:
        kinds = road.kinds(way)
        band.paint(kinds, y, tall)
        band.paint(["few" if letter == "e" else None for letter in way.values["status"]], y, tall)
        whys = [why if kind and kind.startswith("gap") else "" for why, kind in zip(way.values["missing"], kinds, strict=True)]
        band.letter(whys, y + tall / 2, lambda letter: letter not in ("", "."))
        numbers.append((y + tall / 2 + 4, _numbers(shown_speeds(way, kinds), placed.scale)))
    band.draw(drawing)
    for at, of_way in numbers:
        drawing.texts(at, of_way, "onspeed")
    _cameras(drawing, placed, link)
    placed.scale.hours(drawing, TOP, placed.bottom)
    return drawing


def shown_speeds(way: Figure, kinds: list[str]) -> list[float | None]:
    """Without those that are flagged."""
    return [None if kind == "flagged" else speed for speed, kind in zip(way.values["speed_kmh"], kinds, strict=True)]


def by_hour(figures: Figures, values: list, clock: Clock) -> dict[str, list]:
    """Local hour -> its bins' values: as the clock names it, so that the hour which autumn repeats is two."""
    found: dict[str, list] = {}
    for at, value in zip(figures.cells.began, values, strict=True):
        begin = at - timedelta(minutes=clock.local(at).minute)
        found.setdefault(clock.minute(begin), []).append(value)
    return found


def _heights(metres: list[float]) -> list[float]:
    wanted = max(LEAST, 46 * len(metres))
    total = sum(metres) or 1.0
    return [round(min(MOST_ROW, max(LEAST_ROW, wanted * each / total)), 1) for each in metres]


def _numbers(speeds: list[float | None], scale: Scale) -> list[tuple[float, str]]:
    """Where they stand, and the mean of the speeds of as many minutes as have room for it; none over a gap."""
    wide = scale.at(1) - scale.at(0)
    cell = scale.axis.step // timedelta(minutes=1)
    minutes = next((step for step in _STEPS if step % cell == 0 and wide * step / cell >= NUMBER_ROOM), _STEPS[-1])
    count, found = minutes // cell, []
    first = -(scale.axis.began[0].minute // cell) % count if minutes <= 60 else 0
    for begin in range(first, len(speeds), count):
        there = [speed for speed in speeds[begin : begin + count] if speed]
        if len(there) >= math.ceil(count / 2) and all(speeds[begin + count // 3 : begin + count - count // 3]):
            found.append(((scale.at(begin) + scale.at(min(begin + count, len(speeds)))) / 2, f"{harmonic(there):.0f}"))
    return found


def _cameras(drawing: Drawing, placed: Layout, link: Callable[[str], str]) -> None:
    names = [_upper(placed.rows[0][0]), *(_lower(way) for way, _, _ in placed.rows)]
    for name, y in zip(names, [*(y for _, y, _ in placed.rows), placed.bottom], strict=True):
        drawing.line(LEFT, y, WIDTH - RIGHT, y, "camera")
        drawing.text(LEFT - 18, y + 4, name, "label", link(name), "end")  # the first time stands below, in the middle of LEFT


def _upper(way: Figure) -> str:
    return way.of[1] if way.values["from_m"] <= way.values["to_m"] else way.of[2]


def _lower(way: Figure) -> str:
    return way.of[2] if way.values["from_m"] <= way.values["to_m"] else way.of[1]
