"""The streets on paper: an arterial from north to south, four side streets across it, and every lane that is driven.

Places are metres: x towards the west, y towards the south, 0 in the middle of the arterial at the northernmost crossing. A lane
is a piece: one line that is driven one way, with those that go on from its end. Nobody changes lanes: who turns off drives in the
lane that turns off from the start.
"""

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np

CROSSINGS_Y = (0.0, 210.0, 470.0, 690.0)
BEGIN_Y, END_Y, SIDE_M = -260.0, 950.0, 150.0
"""The arterial's ends; how far a side street goes to each side."""

LANES_X = (3.25, 6.55)
"""Middles of the arterial's lanes, inner and outer, to the right of its middle; between the two directions is a lane to turn
left."""
BIKE_X, PARKED_X, KERB_X = 8.95, 10.85, 12.0
SIDE_LANE, SIDE_PARKED, SIDE_KERB = 1.75, 4.65, 5.8
"""The same of a side street, which has one lane each way."""

STOP_Y, STOP_X = 11.5, 17.7
"""From a crossing's middle to the stop lines, and to where its exits begin, along the arterial and along a side street."""
CROSSWALK_Y, CROSSWALK_X = (7.2, 10.2), (13.2, 16.2)
"""Between which distances from the middle people cross the arterial, and a side street."""

POCKET_M = 55.0
"""Length of the lane to turn left."""
STEP_M = 0.5
"""Between two points of a piece's line."""

ARMS = ("N", "E", "S", "W")
_OUT = {"N": (0, -1), "E": (-1, 0), "S": (0, 1), "W": (1, 0)}
"""Where each arm of a crossing leads."""
OPPOSITE = {"N": "S", "E": "W", "S": "N", "W": "E"}
TURNS = ("left", "through", "right")
LEFTS, ARTERIAL, FROM_WEST, FROM_EAST = range(4)
"""Phases of a crossing's lights: the arterial's left turns; its other lanes; each side street's approach alone."""


@dataclass(frozen=True, kw_only=True)
class Piece:
    """line (K, 2): points STEP_M apart. crossing: of a way over a crossing, else -1; approach, exit: its arms; phase: of its
    light; common_m: how far beside its siblings, which begin where it begins, it is one lane with them; slow: m/s of a turn."""

    name: str
    line: np.ndarray
    crossing: int = -1
    approach: str = ""
    exit: str = ""
    phase: int = -1
    common_m: float = 0.0
    slow: float = np.inf

    @property
    def length(self) -> float:
        return STEP_M * (len(self.line) - 1)

    @property
    def turn(self) -> str:
        """Of TURNS, of a way over a crossing; else empty."""
        return turn_of(self.approach, self.exit) if self.crossing >= 0 else ""


@dataclass(frozen=True)
class Plan:
    """pieces: P of them; number: name -> place; after: of each piece the pieces that go on from its end."""

    pieces: tuple[Piece, ...]
    number: dict[str, int]
    after: dict[int, tuple[int, ...]]

    @cached_property
    def _joined(self) -> tuple[np.ndarray, np.ndarray]:
        """first (P + 1,): where each piece's points begin; points (N, 2)."""
        counts = [len(piece.line) for piece in self.pieces]
        return np.concatenate([[0], np.cumsum(counts)]), np.concatenate([piece.line for piece in self.pieces])

    def at(self, piece: np.ndarray, x: np.ndarray, aside: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Metres along pieces, and to their right -> (N, 2) places, (N, 2) directions (unit) there, (N, 2) to their right."""
        first, points = self._joined
        steps = np.diff(first)[piece] - 1
        run = np.clip(x, 0.0, STEP_M * steps - 1e-6) / STEP_M
        row = first[piece] + run.astype(np.int64)
        part = (run - np.floor(run))[:, None]
        ahead = points[row + 1] - points[row]
        before, behind = points[np.maximum(row, first[piece] + 1)], points[np.maximum(row - 1, first[piece])]
        # The direction changes evenly along a bend, and not from point to point.
        follow = points[np.minimum(row + 2, first[piece] + steps)] - points[row + 1]
        bend = (1 - part) * (ahead + (before - behind)) + part * (ahead + follow)
        along = bend / np.linalg.norm(bend, axis=1, keepdims=True)
        right = np.stack([along[:, 1], -along[:, 0]], axis=1)
        return points[row] + part * ahead + aside[:, None] * right, along, right


def turn_of(approach: str, exit: str) -> str:
    """left, through or right, of who comes from one arm and leaves by another."""
    return TURNS[(ARMS.index(exit) - ARMS.index(approach)) % 4 - 1]


def exit_of(approach: str, turn: str) -> str:
    """The arm by which somebody leaves."""
    return ARMS[(ARMS.index(approach) + 1 + TURNS.index(turn)) % 4]


@cache
def plan() -> Plan:
    """The streets; the same in every city."""
    pieces = [*_arterial("S"), *_arterial("N"), *_sides()]
    for crossing in range(len(CROSSINGS_Y)):
        pieces += _over(crossing)
    number = {piece.name: place for place, piece in enumerate(pieces)}
    starts: dict[tuple, list[int]] = {}
    for place, piece in enumerate(pieces):
        starts.setdefault(tuple(np.round(piece.line[0], 2)), []).append(place)
    after = {place: tuple(starts.get(tuple(np.round(piece.line[-1], 2)), ())) for place, piece in enumerate(pieces)}
    return Plan(tuple(pieces), number, after)


def stretches(heading: str) -> list[tuple[float, float]]:
    """y of the begin and end of the arterial's stretches between crossings, in the direction of travel: from stop line to stop
    line, so that number i comes after i crossings."""
    ys = sorted(CROSSINGS_Y, reverse=heading == "N")
    sign = 1 if heading == "S" else -1
    begins = [BEGIN_Y if sign > 0 else END_Y, *(y + sign * STOP_Y for y in ys)]
    ends = [*(y - sign * STOP_Y for y in ys), END_Y if sign > 0 else BEGIN_Y]
    return list(zip(begins, ends, strict=True))


def _arterial(heading: str) -> list[Piece]:
    """Lanes of one direction: ``S2-1`` is the outer one after two crossings; ``S2-0`` the inner one until the pocket begins,
    ``S2-0b`` the rest of it and ``S2-p`` the pocket."""
    sign = 1 if heading == "S" else -1
    inner, outer = (sign * x for x in LANES_X)
    pieces = []
    for place, (begin, end) in enumerate(stretches(heading)):
        pieces.append(Piece(name=f"{heading}{place}-1", line=_straight((outer, begin), (outer, end))))
        if place == len(CROSSINGS_Y):
            pieces.append(Piece(name=f"{heading}{place}-0", line=_straight((inner, begin), (inner, end))))
            continue
        opens = end - sign * POCKET_M
        pieces.append(Piece(name=f"{heading}{place}-0", line=_straight((inner, begin), (inner, opens))))
        pieces.append(Piece(name=f"{heading}{place}-0b", line=_straight((inner, opens), (inner, end)), common_m=20.0))
        line = _straight((inner, opens), (inner, end))
        along = np.abs(line[:, 1] - opens)
        line[:, 0] = inner * (1 - _smooth(along / 16.0))
        pieces.append(Piece(name=f"{heading}{place}-p", line=line, common_m=20.0))
    return pieces


def _sides() -> list[Piece]:
    """``W1>``: the lane that comes to the second crossing from the west; ``W1<`` leads away from it."""
    pieces = []
    for crossing, y in enumerate(CROSSINGS_Y):
        for arm, sign in (("W", 1), ("E", -1)):
            inward, outward = y + sign * SIDE_LANE, y - sign * SIDE_LANE
            near, far = sign * STOP_X, sign * (STOP_X + SIDE_M)
            pieces.append(Piece(name=f"{arm}{crossing}>", line=_straight((far, inward), (near, inward))))
            pieces.append(Piece(name=f"{arm}{crossing}<", line=_straight((near, outward), (far, outward))))
    return pieces


def _over(crossing: int) -> list[Piece]:
    """Every way over a crossing. ``1N>S-0``: over the second one from its north arm to its south arm, to lane 0 there."""
    pieces = []
    for approach in ARMS:
        arterial = approach in "NS"
        for turn in TURNS:
            leaves = exit_of(approach, turn)
            phase = (LEFTS if turn == "left" else ARTERIAL) if arterial else FROM_WEST if approach == "W" else FROM_EAST
            for lane in (0, 1) if leaves in "NS" else (0,):
                begin = _entry(crossing, approach, turn, lane)
                line = _bent(begin, _out(approach, -1), _exit(crossing, leaves, lane), _out(leaves, 1))
                slow = {"left": 7.0, "through": np.inf, "right": 5.0}[turn]
                common = STEP_M * len(line)
                name = f"{crossing}{approach}>{leaves}-{lane}"
                pieces.append(
                    Piece(
                        name=name,
                        line=line,
                        crossing=crossing,
                        approach=approach,
                        exit=leaves,
                        phase=phase,
                        common_m=common,
                        slow=slow,
                    )
                )
    return pieces


def _entry(crossing: int, approach: str, turn: str, lane: int) -> tuple[float, float]:
    """Where somebody crosses the stop line; the lane matters to who drives straight on along the arterial."""
    y = CROSSINGS_Y[crossing]
    if approach in "WE":
        sign = 1 if approach == "W" else -1
        return sign * STOP_X, y + sign * SIDE_LANE
    sign = 1 if approach == "N" else -1
    x = {"left": 0.0, "through": LANES_X[lane], "right": LANES_X[1]}[turn]
    return sign * x, y - sign * STOP_Y


def _exit(crossing: int, leaves: str, lane: int) -> tuple[float, float]:
    y = CROSSINGS_Y[crossing]
    if leaves in "WE":
        sign = 1 if leaves == "W" else -1
        return sign * STOP_X, y - sign * SIDE_LANE
    sign = 1 if leaves == "S" else -1
    return sign * LANES_X[lane], y + sign * STOP_Y


def _out(arm: str, sign: int) -> np.ndarray:
    return sign * np.array(_OUT[arm], float)


def _straight(begin: tuple[float, float], end: tuple[float, float]) -> np.ndarray:
    """Points STEP_M apart; the last step is left out where it would be shorter, but for the end itself."""
    steps = max(round(float(np.hypot(end[0] - begin[0], end[1] - begin[1])) / STEP_M), 1)
    return np.linspace(begin, end, steps + 1)


def _bent(begin: tuple[float, float], way: np.ndarray, end: tuple[float, float], then: np.ndarray) -> np.ndarray:
    """A smooth line that begins and ends in these directions, in even steps."""
    first, last = np.array(begin), np.array(end)
    reach = 0.55 * float(np.abs(last - first).min() if abs(way @ then) < 0.5 else np.linalg.norm(last - first) / 2)
    spare = np.abs(last - first).max() - np.abs(last - first).min() if abs(way @ then) < 0.5 else 0.0
    long = reach + spare
    along_first = abs((last - first) @ way) >= abs((last - first) @ then)
    a, b = first + way * (long if along_first else reach), last - then * (reach if along_first else long)
    t = np.linspace(0, 1, 400)[:, None]
    curve = (1 - t) ** 3 * first + 3 * (1 - t) ** 2 * t * a + 3 * (1 - t) * t**2 * b + t**3 * last
    run = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(curve, axis=0), axis=1))])
    even = np.linspace(0, run[-1], max(round(run[-1] / STEP_M), 1) + 1)
    return np.stack([np.interp(even, run, curve[:, axis]) for axis in (0, 1)], axis=1)


def _smooth(part: np.ndarray) -> np.ndarray:
    part = np.clip(part, 0, 1)
    return part * part * (3 - 2 * part)
