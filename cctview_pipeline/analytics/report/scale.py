"""From times and values to units of a drawing, and what all drawings of a report have: hours by local time, and time without
figures, hatched by its reason."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from cctview_pipeline.analytics.clock import Clock
from cctview_pipeline.analytics.lines import runs
from cctview_pipeline.analytics.report.figures import Axis
from cctview_pipeline.analytics.svg import Drawing

WIDTH, LEFT, RIGHT, BOTTOM = 960, 116, 22, 24
LETTER_ROOM = 11
"""Units that a letter needs."""
_OPERATOR, _OURS = "SFPOM", "KCL"
"""Reasons that lie with the camera and its operator, and those that lie with the collector."""


@dataclass(frozen=True)
class Scale:
    """An axis of time, from ``left`` to ``right`` units."""

    axis: Axis
    clock: Clock
    left: float = LEFT
    right: float = WIDTH - RIGHT

    def x(self, at: datetime) -> float:
        begin, end = self.axis.began[0], self.axis.end
        assert end is not None  # an axis without bins is not drawn
        return self.left + (self.right - self.left) * ((at - begin) / (end - begin))

    def at(self, place: float) -> float:
        """Where a bin begins, by its number."""
        return self.x(self.axis.began[0] + place * self.axis.step) if place < len(self.axis.began) else self.right

    def hours(self, drawing: Drawing, top: float, bottom: float, most: int = 14) -> None:
        """Lines at round local times, and the times below them."""
        end = self.axis.end
        assert end is not None
        ticks = [(self.x(at), self.clock.minute(at)) for at in self.clock.ticks(self.axis.began[0], end, most)]
        drawing.outline("".join(f"M{x:.0f} {top:.0f}V{bottom:.0f}" for x, _ in ticks), "tick")
        drawing.texts(bottom + 15, [(round(x), said) for x, said in ticks], "axis hour")


def box(x: float, y: float, width: float, height: float) -> str:
    """A rectangle as a part of a path."""
    left, top, wide, tall = (f"{round(each, 1):g}" for each in (x, y, width, height))
    return f"M{left} {top}h{wide}v{tall}h-{wide}z"


class Band:
    """A strip of cells of one height. What looks alike is one path, so that a day of fifty cameras stays small."""

    def __init__(self, scale: Scale) -> None:
        self._scale = scale
        self._parts: dict[str, list[str]] = {}
        self._letters: list[tuple[float, float, str]] = []

    def paint(self, kinds: Sequence[str | None], y: float, height: float) -> None:
        """kinds: the class of every cell, None for none."""
        for first, end, kind in runs(kinds):
            if kind:
                x = self._scale.at(first)
                self._parts.setdefault(kind, []).append(box(x, y, self._scale.at(end) - x, height))

    def letter(self, letters: Sequence[str], y: float, shown: Callable[[str], bool]) -> None:
        """A letter in the middle of every stretch that has room for it. y: of its middle."""
        for first, end, letter in runs(letters):
            x, to = self._scale.at(first), self._scale.at(end)
            if shown(letter) and to - x >= LETTER_ROOM:
                self._letters.append(((x + to) / 2, y + 4, letter))

    def draw(self, drawing: Drawing) -> None:
        for kind, parts in self._parts.items():
            drawing.outline("".join(parts), kind)
        for y in dict.fromkeys(y for _, y, _ in self._letters):
            drawing.texts(y, [(x, letter) for x, at, letter in self._letters if at == y], "why")


def gap_kind(status: str, why: str) -> str | None:
    """The class of a bin without a figure, by the letters of its status and of what was lost; None for one that has figures."""
    if status in "oe":
        return None
    if status == "f":
        return "flagged"
    by = "operator" if why in _OPERATOR else "ours" if why in _OURS else "nobody"
    return f"gap {by} {'little' if status == 'i' else 'none'}"
