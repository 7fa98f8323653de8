"""Small drawings of a report: what was seen of every camera's day, and a plot for every camera's flow and every way's time."""

import itertools
from collections.abc import Callable, Sequence
from datetime import timedelta

from cctview_pipeline.analytics.clock import Clock
from cctview_pipeline.analytics.lines import runs
from cctview_pipeline.analytics.report.figures import Figure, Figures, known
from cctview_pipeline.analytics.report.scale import LEFT, RIGHT, WIDTH, Band, Scale, box, gap_kind
from cctview_pipeline.analytics.svg import Drawing

SMALL, TALL, MARGIN, FOOT, HEAD = 480, 190, 52, 26, 30
STRIP = 18


def seen(figures: Figures, statuses: dict[str, str], clock: Clock) -> Drawing | None:
    """A strip a camera. statuses: camera -> a letter a quarter. None where the day has no quarter."""
    if not figures.bins.began or not statuses:
        return None
    scale, lost = Scale(figures.bins, clock), {each.of[0]: each.values["missing"] for each in figures.tables["coverage"]}
    height = 10 + STRIP * len(statuses) + 24
    drawing = Drawing(WIDTH, height, "What was seen of every camera's day. The table below has the same in minutes.")
    band = Band(scale)
    for number, (camera, letters) in enumerate(statuses.items()):
        y = 10 + STRIP * number
        why = lost.get(camera, "." * len(letters))
        band.paint([gap_kind(*each) or "whole" for each in zip(letters, why, strict=True)], y + 2, STRIP - 4)
        band.paint(["few" if letter == "e" else None for letter in letters], y + 2, STRIP - 4)
        band.letter(["" if s in "oef" else w for s, w in zip(letters, why, strict=True)], y + STRIP / 2, lambda w: w not in ".")
        drawing.text(LEFT - 8, y + 13, camera, "label", anchor="end")
    band.draw(drawing)
    drawing.line(LEFT, 10, WIDTH - RIGHT, 10, "tick")
    scale.hours(drawing, 10, height - 24)
    return drawing


def worst_sides(figures: Figures) -> dict[str, str]:
    """Camera -> of two carriageways the worse status, quarter by quarter."""
    worst: dict[str, str] = {}
    for side in figures.tables["flows"]:
        before = worst.get(side.of[0], side.values["status"])
        pairs = zip(before, side.values["status"], strict=True)
        worst[side.of[0]] = "".join(max(pair, key="oeinf".index) for pair in pairs)
    return worst


def flow_plots(figures: Figures, clock: Clock) -> list[Drawing]:
    """A camera each, both carriageways in it, all to one scale."""
    unit = bin_name(figures)
    cameras: dict[str, list[Figure]] = {}
    for figure in figures.tables["flows"]:
        cameras.setdefault(figure.of[0], []).append(figure)
    tallest = max(
        (n for each in figures.tables["flows"] for name in ("expanded", "upper") for n in known(each.values[name])), default=0
    )
    found = []
    for camera, sides in cameras.items():
        plot = _Plot(figures, clock, f"{camera}: vehicles by {unit}", tallest)
        plot.gaps(sides[0].values["status"], _lost(figures, camera))
        for number, side in enumerate(sides):
            plot.curve(side, ("lower", "expanded", "upper"), f"c{number}")
        plot.names([side.of[1] for side in sides])
        found.append(plot.done(camera))
    return found


def bin_name(figures: Figures) -> str:
    """What a bin of these figures is called."""
    return "hour" if figures.bins.step >= timedelta(hours=1) else "quarter of an hour"


def time_plots(figures: Figures, clock: Clock) -> list[Drawing]:
    """A way each, to a scale of its own: they are of different lengths."""
    found = []
    for way in figures.tables["travel_times"]:
        tallest = max(known(way.values["median_upper_s"]), default=0)
        name = f"{way.of[0]} to {way.of[1]}"
        plot = _Plot(figures, clock, f"{name}: median travel time in seconds", tallest)
        losts = zip(_lost(figures, way.of[1]), _lost(figures, way.of[0]), strict=True)
        plot.gaps(way.values["status"], "".join(one if one != "." else other for one, other in losts))
        plot.curve(way, ("median_lower_s", "median_s", "median_upper_s"), "c0")
        found.append(plot.done(f"{name}, s"))
    return found


def _lost(figures: Figures, camera: str) -> str:
    """What most of a camera's quarters was lost to, a letter each."""
    there = (each.values["missing"] for each in figures.tables["coverage"] if each.of[0] == camera)
    return next(there, "." * len(figures.bins.began))


class _Plot:
    """From 0 to ``tallest`` upwards. An interval is a band around its line; a gap breaks both."""

    def __init__(self, figures: Figures, clock: Clock, title: str, tallest: float) -> None:
        self._drawing = Drawing(SMALL, TALL, title, "plot")
        self._scale = Scale(figures.bins, clock, MARGIN, SMALL - 18)
        self._top = round_up(tallest)
        levels = [(round(self._y(self._top * share)), f"{self._top * share:g}") for share in (0, 0.5, 1)]
        self._drawing.outline("".join(f"M{MARGIN} {y}H{SMALL - 18}" for y, _ in levels), "tick")
        for y, said in levels[::2]:
            self._drawing.text(MARGIN - 5, y + 4, said, "axis", anchor="end")
        self._scale.hours(self._drawing, HEAD, TALL - FOOT, 7)

    def _y(self, value: float) -> float:
        return TALL - FOOT - (TALL - FOOT - HEAD) * min(value, self._top) / self._top

    def gaps(self, status: str, why: str) -> None:
        band = Band(self._scale)
        kinds = [gap_kind(*each) for each in zip(status, why, strict=True)]
        band.paint(kinds, HEAD, TALL - FOOT - HEAD)
        band.draw(self._drawing)

    def curve(self, figure: Figure, columns: tuple[str, str, str], kind: str) -> None:
        """columns: the lower end, the value and the upper end."""
        low, middle, high = (figure.values[name] for name in columns)
        low, high = ([m if end is None else end for m, end in zip(middle, ends, strict=True)] for ends in (low, high))
        there = [value is not None for value in middle]
        areas, line = [], []
        for first, end, known_ in runs(there):
            if not known_:
                continue
            x = self._scale.at
            if end - first == 1:  # a line of one point would not be seen
                wide = x(end) - x(first)
                areas.append(box(x(first), self._y(high[first]), wide, max(1, self._y(low[first]) - self._y(high[first]))))
                line.append(f"M{x(first):.0f} {self._y(middle[first]):.0f}h{wide:.0f}")
            else:
                places = [x(place + 0.5) for place in range(first, end)]
                there_and_back = [*zip(places, map(self._y, high[first:end]), strict=True)]
                there_and_back += reversed([*zip(places, map(self._y, low[first:end]), strict=True)])
                areas.append(_steps(there_and_back) + "z")
                line.append(_steps([*zip(places, map(self._y, middle[first:end]), strict=True)]))
        if line:
            self._drawing.outline("".join(areas), f"area {kind}")
            self._drawing.outline("".join(line), f"curve {kind}")

    def names(self, sides: Sequence[str]) -> None:
        """Which line is whose, above the plot."""
        for number, side in enumerate(sides):
            x = SMALL - 18 - 92 * (len(sides) - number)
            self._drawing.outline(f"M{x} 12h24", f"curve c{number}")
            self._drawing.text(x + 30, 16, side, "label")

    def done(self, name: str) -> Drawing:
        self._drawing.text(4, 16, name, "name")
        return self._drawing


def _steps(points: Sequence[tuple[float, float]]) -> str:
    """A path by whole units from point to point, which is short."""
    whole = [(round(x), round(y)) for x, y in points]
    said = [f"M{whole[0][0]} {whole[0][1]}l"]
    for (x0, y0), (x1, y1) in itertools.pairwise(whole):
        said.append(f"{x1 - x0} {y1 - y0} ".replace(" -", "-"))
    return "".join(said).rstrip()


def round_up(value: float) -> float:
    """To a number that is easily halved: 10, 20, 50, 100 ..."""
    steps: Callable[[int], list[int]] = lambda power: [each * 10**power for each in (1, 2, 4, 6, 8)]  # noqa: E731
    return next(step for power in range(12) for step in steps(power) if step >= max(value, 1))
