"""Small drawings of a report: what was seen of every camera's day, and a plot for every camera's flow and every way's time."""

from collections.abc import Callable, Sequence

from cctview_pipeline.analytics.clock import Clock
from cctview_pipeline.analytics.lines import runs
from cctview_pipeline.analytics.report.figures import Figure, Figures, known
from cctview_pipeline.analytics.report.scale import LEFT, RIGHT, WIDTH, Band, Scale, box, gap_kind
from cctview_pipeline.analytics.svg import Drawing

SMALL, TALL, MARGIN, FOOT, HEAD = 480, 190, 52, 26, 30
STRIP = 18


def seen(figures: Figures, statuses: dict[str, str], clock: Clock) -> Drawing | None:
    """A strip a camera. statuses: camera -> a letter a quarter. None where the day has no quarter."""
    if not figures.quarters.began or not statuses:
        return None
    scale, lost = Scale(figures.quarters, clock), {each.of[0]: each.values["missing"] for each in figures.tables["coverage"]}
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


def flow_plots(figures: Figures, clock: Clock) -> list[Drawing]:
    """A camera each, both carriageways in it, all to one scale."""
    cameras: dict[str, list[Figure]] = {}
    for figure in figures.tables["flows"]:
        cameras.setdefault(figure.of[0], []).append(figure)
    tallest = max((max(known(each.values["upper"]), default=0) for each in figures.tables["flows"]), default=0)
    found = []
    for camera, sides in cameras.items():
        plot = _Plot(figures, clock, f"{camera}: vehicles in a quarter of an hour", tallest)
        plot.gaps(sides[0].values["status"], _lost(figures, camera))
        for number, side in enumerate(sides):
            plot.curve(side, ("lower", "expanded", "upper"), f"c{number}", side.of[1])
        found.append(plot.done(camera))
    return found


def time_plots(figures: Figures, clock: Clock) -> list[Drawing]:
    """A way each, to a scale of its own: they are of different lengths."""
    found = []
    for way in figures.tables["travel_times"]:
        tallest = max(known(way.values["median_upper_s"]), default=0)
        name = f"{way.of[0]} to {way.of[1]}"
        plot = _Plot(figures, clock, f"{name}: median travel time in seconds", tallest)
        plot.gaps(way.values["status"], _lost(figures, way.of[1]))
        plot.curve(way, ("median_lower_s", "median_s", "median_upper_s"), "c0")
        found.append(plot.done(f"{name}, s"))
    return found


def _lost(figures: Figures, camera: str) -> str:
    """What most of a camera's quarters was lost to, a letter each."""
    there = (each.values["missing"] for each in figures.tables["coverage"] if each.of[0] == camera)
    return next(there, "." * len(figures.quarters.began))


class _Plot:
    """From 0 to ``tallest`` upwards. An interval is a band around its line; a gap breaks both."""

    def __init__(self, figures: Figures, clock: Clock, title: str, tallest: float) -> None:
        self._drawing = Drawing(SMALL, TALL, title, "plot")
        self._scale = Scale(figures.quarters, clock, MARGIN, SMALL - 18)
        self._top = _round_up(tallest)
        for share in (0, 0.5, 1):
            y = self._y(self._top * share)
            self._drawing.line(MARGIN, y, SMALL - 18, y, "tick" if share else "base")
            self._drawing.text(MARGIN - 5, y + 4, f"{self._top * share:g}", "axis", anchor="end")
        self._scale.hours(self._drawing, HEAD, TALL - FOOT, 7)

    def _y(self, value: float) -> float:
        return TALL - FOOT - (TALL - FOOT - HEAD) * min(value, self._top) / self._top

    def gaps(self, status: str, why: str) -> None:
        band = Band(self._scale)
        kinds = [gap_kind(*each) for each in zip(status, why, strict=True)]
        band.paint(kinds, HEAD, TALL - FOOT - HEAD)
        band.draw(self._drawing)

    def curve(self, figure: Figure, columns: tuple[str, str, str], kind: str, label: str = "") -> None:
        """columns: the lower end, the value and the upper end."""
        low, middle, high = (figure.values[name] for name in columns)
        there = [value is not None and end is not None for value, end in zip(middle, high, strict=True)]
        areas, line, last = [], [], None
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
            last = x(end), self._y(middle[end - 1])
        if line:
            self._drawing.outline("".join(areas), f"area {kind}")
            self._drawing.outline("".join(line), f"curve {kind}")
        if label and last:
            self._drawing.text(min(last[0] + 3, SMALL - 16), last[1] + 4, label, "label")

    def done(self, name: str) -> Drawing:
        self._drawing.text(4, 16, name, "name")
        return self._drawing


def _steps(points: Sequence[tuple[float, float]]) -> str:
    """A path by whole units from point to point, which is short."""
    whole = [(round(x), round(y)) for x, y in points]
    said = [f"M{whole[0][0]} {whole[0][1]}l"]
    for (x0, y0), (x1, y1) in zip(whole, whole[1:], strict=False):
        said.append(f"{x1 - x0} {y1 - y0} ".replace(" -", "-"))
    return "".join(said).rstrip()


def _round_up(value: float) -> float:
    """To a number that is easily halved: 10, 20, 50, 100 ..."""
    steps: Callable[[int], list[int]] = lambda power: [each * 10**power for each in (1, 2, 4, 6, 8)]  # noqa: E731
    return next(step for power in range(12) for step in steps(power) if step >= max(value, 1))
