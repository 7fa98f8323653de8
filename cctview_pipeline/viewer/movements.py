"""A view's movements as a drawing: the ways that were found, over an empty picture, with their arms and an hour's vehicles.

No frame lies below it: what a camera saw needs a purpose, and this is about no vehicle.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from cctview_pipeline.analytics.svg import Drawing
from cctview_pipeline.lake.marts import LEAST_FOLLOWED, LEAST_WHOLE

WIDTH = 352
LABEL_PX = 12
UNSURE = "?"
"""Instead of a number that would be a guess."""


def movement_drawings(flows: Sequence[Mapping[str, Any]], seen: Sequence[Mapping[str, Any]]) -> list[Drawing]:
    """One a view. flows, seen: rows of camera_flows and movements_seen of one camera's hour. No number is told of which too few
    were seen from end to end."""
    counts: Counter = Counter()
    whole: Counter = Counter()
    for row in seen:
        counts[row["view"], row["approach"], row["exit"]] += row["shared"]
        whole[row["view"], row["approach"], row["exit"]] += row["whole"]
    told = {
        way: str(round(count)) if whole[way] >= max(LEAST_WHOLE * count, LEAST_FOLLOWED) else UNSURE
        for way, count in counts.items()
    }
    views = dict.fromkeys(row["view"] for row in flows)
    return [_drawing(view, [row for row in flows if row["view"] == view], told) for view in views]


def _drawing(view: str, flows: list[Mapping[str, Any]], told: Mapping[tuple, str]) -> Drawing:
    width, height = (int(side) for side in view.split("/")[0].split("x"))
    scale = WIDTH / width
    said = {
        way: f"{way[0]} to {way[1]}: {told.get((view, *way), UNSURE)}"
        for way in ((row["approach"], row["exit"]) for row in flows)
    }
    drawing = Drawing(WIDTH, height * scale, f"Movements of view {view}: {'; '.join(said.values())}", "map")
    drawing.rect(0, 0, WIDTH, height * scale, "frame")
    taken: list[float] = []
    for row in flows:
        points = [(x * scale, y * scale) for x, y in zip(row["path_x"], row["path_y"], strict=True)]
        text = f"{said[row['approach'], row['exit']]} ({row['turn']})"
        drawing.path(points, "way", text)
        drawing.circle(*points[-1], 4, "place", text)
        drawing.text(8, _free(points[-1][1], taken, height * scale), text, "axis")
    return drawing


def _free(y: float, taken: list[float], height: float) -> float:
    """The nearest line for a text, so that no two lie over each other."""
    lines = [LABEL_PX * (number + 1) for number in range(int(height // LABEL_PX))]
    free = [line for line in lines if line not in taken] or lines
    found = min(free, key=lambda line: abs(line - y))
    taken.append(found)
    return found
