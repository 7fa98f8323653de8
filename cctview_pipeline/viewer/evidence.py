"""What speaks for a candidate and what against it, as one stacked bar."""

import math
from collections.abc import Mapping

from cctview_pipeline.analytics.svg import Drawing

LETTERS = {"looks": "L", "size": "S", "pace": "P", "label": "K", "travel_time": "T"}
WORDS = {
    "looks": "looks",
    "size": "size",
    "pace": "pace",
    "label": "label",
    "travel_time": "travel time, and how many others it could be",
}
MAX_NATS, HALF = 12.0, 150
"""Of the logarithms that are drawn, and units to either side; beyond them a bar is cut off."""


def bars(evidence: Mapping[str, float]) -> Drawing | None:
    """To the right what speaks for one vehicle, to the left what speaks against it; None where it was not kept."""
    if not evidence:
        return None
    told = "; ".join(f"{WORDS[name]} {_times(value)}" for name, value in evidence.items())
    drawing = Drawing(2 * HALF, 26, f"Evidence: {told}", "evidence")
    ends = {True: float(HALF), False: float(HALF)}
    for place, (name, value) in enumerate(evidence.items()):
        wide, right = min(abs(value), MAX_NATS) / MAX_NATS * HALF * 0.9, value >= 0
        x = ends[right] if right else ends[right] - wide
        drawing.rect(x, 6, wide, 14, f"e{place}", f"{WORDS[name]}: {_times(value)}")
        if wide > 12:
            drawing.text(x + wide / 2, 17, LETTERS[name], "one", anchor="middle")
        ends[right] += wide if right else -wide
    drawing.line(HALF, 2, HALF, 24, "middle")
    return drawing


def _times(value: float) -> str:
    """A logarithm in words."""
    factor = math.exp(min(abs(value), 12))
    if factor < 1.05:
        return "says nothing"
    return f"{factor:,.1f} times likelier" if value > 0 else f"{factor:,.1f} times less likely"
