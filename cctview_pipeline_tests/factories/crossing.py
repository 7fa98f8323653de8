"""A crossing that a camera looks at from the south, every vehicle of which is known: tracks and detections without a renderer."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np
import pyarrow as pa

from cctview_pipeline.lake.schemas import schema_of
from cctview_pipeline_tests.factories.archive import HOUR_17
from cctview_pipeline_tests.factories.tables import rows

FOCAL, HORIZON, HEIGHT_M, SIZE = 387.0, 20.0, 9.0, (352, 240)
MIDDLE_M = 34.0
"""From the camera, to the north of which the crossing lies, to its middle."""
LANE_M, ARM_M = 3.0, 60.0
CAR_M = (1.8, 1.57)
_INWARD = {"N": (0, -1), "E": (-1, 0), "S": (0, 1), "W": (1, 0)}
"""How who comes by an arm drives: metres to the east, and to the north."""
SPEED = 8.0


@dataclass(frozen=True)
class Drive:
    """Somebody who comes by one arm and leaves by another. start: s into the hour; stands_s: how long it waits at the stop line;
    gone: frames, counted from its first, in which nobody finds it, and after which its track begins anew."""

    approach: str
    exit: str
    start: float
    stands_s: float = 0.0
    gone: tuple[int, ...] = ()
    missed: tuple[int, ...] = ()
    """Frames in which nobody finds it, though its track goes on."""
    line: np.ndarray | None = None
    """(K, 2) m east and north of the crossing's middle: another way than over the crossing."""


@dataclass
class Crossing:
    """detections, tracks: of the hour; times: of its frames, s since 1970."""

    drives: list[Drive]
    view: str = "352x240"
    detections: pa.Table = field(init=False)
    tracks: pa.Table = field(init=False)

    def __post_init__(self) -> None:
        found, tracks = [], []
        for number, drive in enumerate(self.drives):
            piece: list[dict] = []
            for frame, (at, box) in enumerate(_boxes(drive)):
                if frame in drive.missed:
                    continue
                if frame in drive.gone:
                    tracks, piece = [*tracks, piece], []
                    continue
                piece.append(_detection(number, at, box))
                found.append(piece[-1])
            tracks.append(piece)
        self.detections = rows("detections", *found)
        self.tracks = rows("tracks", *(_track(piece, self.view) for piece in tracks if piece))

    @property
    def times(self) -> np.ndarray:
        return HOUR_17.timestamp() + np.arange(0.0, 3600.0)


def traffic(movements: Iterable[tuple[str, str]], each: int = 8, **how) -> list[Drive]:
    """So many vehicles of every movement, one after the other."""
    ways = [way for _ in range(each) for way in movements]
    return [Drive(*way, start=20.0 + 24.0 * number, **how) for number, way in enumerate(ways)]


def _boxes(drive: Drive) -> list[tuple[float, np.ndarray]]:
    """Of a vehicle in every frame in which it is whole: s into the hour, and (4,) px."""
    line = _line(drive.approach, drive.exit) if drive.line is None else drive.line
    run = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    stop = ARM_M - 8.0
    found = []
    for at in np.arange(np.ceil(drive.start), drive.start + run[-1] / SPEED + drive.stands_s):
        driven = (at - drive.start) * SPEED
        driven = min(driven, stop) if driven < stop + drive.stands_s * SPEED else driven - drive.stands_s * SPEED
        x, y = (np.interp(driven, run, line[:, axis]) for axis in (0, 1))
        ahead = y + MIDDLE_M
        if ahead < 5:
            continue
        half, high = (FOCAL * size / ahead for size in (CAR_M[0] / 2, CAR_M[1]))
        foot, across = HORIZON + FOCAL * HEIGHT_M / ahead, SIZE[0] / 2 + FOCAL * x / ahead
        box = np.array([across - half, foot - high, across + half, foot])
        if box[0] > 0 and box[2] < SIZE[0] and box[3] < SIZE[1]:
            found.append((float(at), box))
    return found


def _line(approach: str, exit: str) -> np.ndarray:
    """(K, 2) m east and north of the crossing's middle: along an arm, round a corner, along another; on the right-hand side."""
    come, go = np.array(_INWARD[approach], float), -np.array(_INWARD[exit], float)
    right = lambda way: np.array([way[1], -way[0]])  # noqa: E731
    begin, end = -ARM_M * come + LANE_M * right(come), ARM_M * go + LANE_M * right(go)
    a, b = -9.0 * come + LANE_M * right(come), 9.0 * go + LANE_M * right(go)
    corner = a + max((b - a) @ come, 0.0) * come if abs(come @ go) < 0.5 else (a + b) / 2
    t = np.linspace(0, 1, 20)[:, None]
    return np.concatenate([begin[None], (1 - t) ** 2 * a + 2 * t * (1 - t) * corner + t**2 * b, end[None]])


def _detection(vehicle: int, at: float, box: np.ndarray) -> dict:
    moment = HOUR_17 + timedelta(seconds=at)
    frame = f"cam-1--2020-05-05--{moment:%H.%M.%S}.000Z"
    x1, y1, x2, y2 = (float(each) for each in box)
    said = f"car--90.0--{round(x2 - x1)}x{round(y2 - y1)}--{round(x1)}.{round(y1)}v{round(x2)}.{round(y2)}"
    name = f"{frame}--detections--{vehicle + 1}--{said}"
    return {"detection_id": name, "frame_id": frame, "captured_at": moment, "x1": x1, "y1": y1, "x2": x2, "y2": y2} | {
        "frame_width": SIZE[0],
        "frame_height": SIZE[1],
    }


def _track(piece: list[dict], view: str) -> dict:
    ids = [each["detection_id"] for each in piece]
    return {
        "track_id": ids[0].split("--car")[0].replace("detections", "track"),
        "detection_ids": ids,
        "sizes": [1.0] * len(ids),
        "first_seen": piece[0]["captured_at"],
        "last_seen": piece[-1]["captured_at"],
        "view": view,
    }


def joined(*hours: Crossing) -> tuple[pa.Table, pa.Table]:
    """tracks, detections of several views."""
    return (
        pa.concat_tables(each.tracks for each in hours).cast(schema_of("tracks")),
        pa.concat_tables(each.detections for each in hours).cast(schema_of("detections")),
    )
