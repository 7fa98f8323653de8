"""The corridor on a plain map: true places, where cameras look, a scale and north. Nothing is fetched from anywhere."""

import math
from collections.abc import Sequence

from cctview_pipeline.analytics.svg import Drawing
from cctview_pipeline.roads import Road

LOOKS = {"north": 0, "east": 90, "south": 180, "west": 270}
WIDTH, EDGE, DEEPEST = 380, 46, 460
WEDGE, OPEN = 20, 24
METRES_A_DEGREE = 111_195


def corridor_map(road: Road, passed: Sequence[str] = ()) -> Drawing:
    """Equirectangular about the middle of the road, which at a corridor's size is off by less than a line's width.

    passed: cameras of a journey in its order, from one to the next of which its way is drawn.
    """
    latitude = sum(camera.latitude for camera in road.cameras) / len(road.cameras)
    across = METRES_A_DEGREE * math.cos(math.radians(latitude))
    places = [(camera.longitude * across, -camera.latitude * METRES_A_DEGREE) for camera in road.cameras]
    left, top = min(x for x, _ in places), min(y for _, y in places)
    wide, deep = (max(axis) - min(axis) for axis in zip(*places, strict=True))
    scale = min((WIDTH - 2 * EDGE) / max(wide, 1), (DEEPEST - 2 * EDGE) / max(deep, 1))
    shift = (WIDTH - wide * scale) / 2
    height = deep * scale + 2 * EDGE + 16
    title = f"Map of {road.name}: {', '.join(passed or road.ids)}"
    drawing = Drawing(WIDTH, height, title, "map")
    points = [(shift + (x - left) * scale, EDGE + (y - top) * scale) for x, y in places]
    drawing.path(points, "roadway")
    where = dict(zip(road.ids, points, strict=True))
    drawing.path([where[each] for each in passed if each in where], "way")
    for camera, (x, y) in zip(road.cameras, points, strict=True):
        if camera.faces:
            drawing.path(_wedge(x, y, LOOKS[camera.faces]), "wedge")
        tip = f"{camera.id}, {camera.name}{', looks ' + camera.faces if camera.faces else ''}"
        drawing.circle(x, y, 6, "place" if not passed or camera.id in passed else "place off", tip, f"/cameras/{camera.id}")
        right = x < WIDTH * 0.6
        drawing.text(x + (12 if right else -12), y + 4, camera.id, "label", anchor="start" if right else "end")
    _scale_bar(drawing, scale, height)
    drawing.path([(WIDTH - 22, 34), (WIDTH - 16, 14), (WIDTH - 10, 34), (WIDTH - 16, 29), (WIDTH - 22, 34)], "north")
    drawing.text(WIDTH - 16, 46, "N", "axis", anchor="middle")
    return drawing


def _wedge(x: float, y: float, bearing: float) -> list[tuple[float, float]]:
    ends = [math.radians(bearing + turn) for turn in (-OPEN, OPEN)]
    return [(x, y), *((x + WEDGE * math.sin(end), y - WEDGE * math.cos(end)) for end in ends), (x, y)]


def _scale_bar(drawing: Drawing, scale: float, height: float) -> None:
    metres = next((m for m in (100, 200, 500, 1000, 2000, 5000, 10_000, 50_000) if m * scale >= 50), 100_000)
    drawing.line(12, height - 10, 12 + metres * scale, height - 10, "scalebar")
    drawing.text(12, height - 15, f"{metres / 1000:g} km" if metres >= 1000 else f"{metres} m", "axis")
