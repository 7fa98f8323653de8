"""What a way from gate to gate is called: the arm it comes from, the arm it leaves by, and the turn between.

Arms are the four sides that a crossing's roads lie at: by the compass where it is known how the camera faces, else by the
picture's. A gate tells by the heading of who passes it, not by its place: who leaves the picture at its left edge still drives
straight on, if so they head. Who is seen in the midst of a turn is called by the end of the way that lies along the roads, and by
the turn."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from cctview_pipeline.links import FACINGS
from cctview_pipeline.track.movements.gates import Gate

SIDES = ("far", "right", "near", "left")
"""Of the picture, clockwise as seen from above."""
COMPASS = tuple(facing[0].upper() for facing in FACINGS)
LEFT, THROUGH, RIGHT, U_TURN = TURNS = ("left", "through", "right", "u-turn")
_EXITS = {U_TURN: 0, LEFT: 1, THROUGH: 2, RIGHT: 3}
"""By how many sides clockwise the exit lies from the approach."""
TURN_FROM, TURN_TO = np.radians(25.0), np.radians(150.0)
"""Of headings at both ends of a way: below the first it is straight on; above the other it leads back. Of a turn often only the
first half is in the picture, while who drives straight over a crossing hardly turns at all."""


@dataclass(frozen=True, order=True)
class Movement:
    """approach, exit: N, E, S or W; else from-left, to-far and the like. turn: of TURNS."""

    approach: str
    exit: str
    turn: str


@dataclass(frozen=True)
class Rose:
    """How the roads lie before a camera. grid: radians to the right of straight ahead of the road that leads on, -pi/4..pi/4;
    faces: of FACINGS, or empty."""

    grid: float
    faces: str

    def movement(self, entry: Gate, exit: Gate, turn: str) -> Movement:
        come, go = self._side(entry.heading + np.pi), self._side(exit.heading)
        if self._off(entry.heading) <= self._off(exit.heading):
            go = (come + _EXITS[turn]) % 4
        else:
            come = (go - _EXITS[turn]) % 4
        return Movement(self._name(come, "from"), self._name(go, "to"), turn)

    def _side(self, heading: float) -> int:
        return round((heading - self.grid) / (np.pi / 2)) % 4

    def _off(self, heading: float) -> float:
        """From the nearest of the roads' ways."""
        quarters = (heading - self.grid) / (np.pi / 2)
        return abs(quarters - round(quarters))

    def _name(self, side: int, how: str) -> str:
        if self.faces:
            return COMPASS[(FACINGS.index(self.faces) + side) % 4]
        return f"{how}-{SIDES[side]}"


def rotated(movement: Movement, quarters: int) -> Movement:
    """The same with all arms so many sides further clockwise."""
    return Movement(_next(movement.approach, quarters), _next(movement.exit, quarters), movement.turn)


def _next(arm: str, quarters: int) -> str:
    if arm in COMPASS:
        return COMPASS[(COMPASS.index(arm) + quarters) % 4]
    how, side = arm.split("-")
    return f"{how}-{SIDES[(SIDES.index(side) + quarters) % 4]}"


def turn_of(entered: float, left: float) -> str:
    """Headings, radians to the right -> of TURNS."""
    change = (left - entered + np.pi) % (2 * np.pi) - np.pi
    if abs(change) < TURN_FROM:
        return THROUGH
    if abs(change) > TURN_TO:
        return U_TURN
    return RIGHT if change > 0 else LEFT


def in_company(entry: Gate, exit: Gate, others: Iterable[tuple[Gate, Gate]]) -> str:
    """Which of TURNS a way is among all of its view that do not lead back. Where everybody drives along one road, this way or the
    other, it bends and nobody turns."""
    come, go = entry.heading, exit.heading
    along = (
        (turn_of(come, one.heading), turn_of(go, other.heading)) == (THROUGH, THROUGH)
        or (turn_of(come, other.heading), turn_of(go, one.heading)) == (U_TURN, U_TURN)
        for one, other in others
    )
    return THROUGH if all(along) else turn_of(come, go)


def grid_of(headings: np.ndarray) -> float:
    """The way of the roads, -pi/4..pi/4: the mean of four times the angle, as roads cross at right angles or nearly. Without
    any, straight ahead."""
    return float(np.angle(np.exp(4j * headings).sum()) / 4) if len(headings) else 0.0
