"""Journeys as lines over distance and time."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cctview_pipeline.analytics.clock import Clock
from cctview_pipeline.analytics.svg import Drawing
from cctview_pipeline.roads import Road
from cctview_pipeline.viewer.vehicle import Leg

SURE = 0.8
LEFT, RIGHT, TOP, BOTTOM, WIDTH = 120, 20, 26, 30, 960


@dataclass(frozen=True)
class Scale:
    """From metres and times to units."""

    road: Road
    first: datetime
    last: datetime
    clock: Clock

    @property
    def height(self) -> float:
        return TOP + BOTTOM + max(160, 46 * (len(self.road.cameras) - 1))

    def x(self, at: datetime) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * ((at - self.first) / (self.last - self.first))

    def y(self, metres: float) -> float:
        """The first camera is uppermost, as in every list of them."""
        return TOP + (self.height - TOP - BOTTOM) * metres / max(self.road.length, 1)

    def axis(self, drawing: Drawing) -> None:
        for at in self.clock.ticks(self.first, self.last, 14):
            drawing.line(self.x(at), TOP, self.x(at), self.height - BOTTOM, "tick")
            drawing.text(self.x(at), self.height - 10, self.clock.minute(at), "axis", anchor="middle")


def journey_lines(road: Road, journeys: Sequence[Sequence[Leg]], clock: Clock) -> Drawing | None:
    """Each leg from camera to camera: a whole line where its match is surer than SURE, a broken one where it is not."""
    journeys = [[leg for leg in legs if leg.camera in road.ids] for legs in journeys]
    every = [leg for legs in journeys for leg in legs]
    if not every:
        return None
    first, last = min(leg.entered_at for leg in every), max(leg.left_at for leg in every)
    scale = Scale(road, first, max(last, first + timedelta(seconds=30)), clock)
    count = len(journeys)
    drawing = Drawing(WIDTH, scale.height, f"{count} {'journey' if count == 1 else 'journeys'} along {road.name}", "lines")
    for camera in road.cameras:
        y = scale.y(road.at(camera.id))
        drawing.line(LEFT, y, WIDTH - RIGHT, y, "camera")
        drawing.text(LEFT - 8, y + 4, camera.id, "label", anchor="end")
    for legs in journeys:
        for one, other in itertools.pairwise(legs):
            kind = "leg" if other.probability >= SURE else "leg unsure"
            speed = f", {other.speed_kmh:.0f} km/h" if other.speed_kmh is not None else ""
            tip = f"{one.camera} to {other.camera}: probability {other.probability:.2f}{speed}"
            drawing.path([(scale.x(_passed(leg)), scale.y(road.at(leg.camera))) for leg in (one, other)], kind, tip)
        for leg in legs:
            if leg.is_this:
                drawing.circle(scale.x(_passed(leg)), scale.y(road.at(leg.camera)), 5, "this", "this vehicle")
    scale.axis(drawing)
    return drawing


def _passed(leg: Leg):
    return leg.track.at if leg.track else leg.entered_at + (leg.left_at - leg.entered_at) / 2
