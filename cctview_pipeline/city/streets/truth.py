"""What is true in the streets, as tables: who passed a camera's line when, and who went over its crossing by which way.

A camera's line lies across the arm down which it looks, where the crossing ends and its stop line is: who comes to the crossing
passes it there, and who leaves by the arm.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa

from cctview_pipeline.city.mounts import Mount
from cctview_pipeline.city.streets.mounts import POSTS
from cctview_pipeline.city.streets.plan import ARMS, CROSSINGS_Y, KERB_X, OPPOSITE, SIDE_KERB, STOP_X, STOP_Y, TURNS, plan
from cctview_pipeline.city.streets.traffic import StreetTraffic
from cctview_pipeline.city.traffic import STEP_S, vehicle_id
from cctview_pipeline.city.truth import CAR_HEIGHT_M, COUNTED_PX
from cctview_pipeline.city.vehicles import KINDS
from cctview_pipeline.lake.schemas import schema_of

SIGHT_M = 150.0
"""No farther down an arm does a vehicle count."""


def movements_table(mount: Mount, traffic: StreetTraffic, begin: datetime, end: datetime) -> pa.Table:
    """``truth_movements`` of one camera: who crossed a stop line of its crossing from begin to end, on a way that begins or
    ends at an arm that the camera shows; all ways where it shows the crossing itself or several arms."""
    schema, post, ways = schema_of("truth_movements"), POSTS[mount.index], traffic.ways
    first, last = ((moment - traffic.begin).total_seconds() for moment in (begin, end))
    chosen = (ways.crossing == post.crossing) & (ways.time >= first) & (ways.time < last)
    if len(post.arms) == 1 and not post.across:
        arm = ARMS.index(post.arms)
        chosen &= (ways.approach == arm) | (ways.exit == arm)
    ways = ways.select(chosen)
    count = len(ways.time)
    moments = [traffic.begin + timedelta(seconds=float(each)) for each in ways.time]
    lanes = [_lane(plan().pieces[piece].name) for piece in ways.piece]
    columns = [
        pa.array([vehicle_id(each) for each in ways.vehicle], pa.string()),
        pa.array([mount.camera.id] * count, pa.string()),
        pa.array(moments, schema.field("crossed_at").type),
        pa.array([ARMS[each] for each in ways.approach], pa.string()),
        pa.array([ARMS[each] for each in ways.exit], pa.string()),
        pa.array([TURNS[each] for each in ways.turn], pa.string()),
        pa.array(lanes, pa.int16()),
        pa.array(ways.stops, pa.int32()),
        pa.array(ways.stood_s, pa.float32()),
        pa.array(np.where(ways.stops > 0, ways.queue_m, np.nan), pa.float32(), from_pandas=True),
        pa.array([KINDS[each].label for each in ways.kind], pa.string()),
    ]
    return pa.table(columns, schema=schema)


def _lane(name: str) -> int:
    """Of the approach, from the left: 0 for who turns left from the arterial, and in a side street's only lane."""
    way, lane = name.split("-")
    approach, leaves = way[1], way[3]
    if approach in "WE":
        return 0
    if leaves in "WE":
        return 0 if (approach, leaves) in (("N", "E"), ("S", "W")) else 2
    return 1 + int(lane)


@dataclass(frozen=True, kw_only=True)
class _Arm:
    """The arm that a camera shows. name: of ARMS; out, beside: (N,) m of every row of the traffic, from the crossing's middle
    along the arm, and across it; line, wide: where the line lies, and half the road's width."""

    name: str
    out: np.ndarray
    beside: np.ndarray
    line: float
    wide: float

    @classmethod
    def of(cls, mount: Mount, x: np.ndarray, y: np.ndarray) -> "_Arm":
        """x, y: m, in the plan."""
        post = POSTS[mount.index]
        name, y = post.arms[0], y.astype(np.float64) - CROSSINGS_Y[post.crossing]
        x, sign = x.astype(np.float64), 1.0 if name in "SW" else -1.0
        if name in "NS":
            return cls(name=name, out=sign * y, beside=np.abs(x), line=STOP_Y, wide=KERB_X)
        return cls(name=name, out=sign * x, beside=np.abs(y), line=STOP_X, wide=SIDE_KERB)

    def letter(self, away: bool) -> str:
        """The way of who drives away from the crossing, or to it."""
        return self.name if away else OPPOSITE[self.name]


def passages_table(mount: Mount, traffic: StreetTraffic, begin: datetime, end: datetime) -> pa.Table:
    """``truth_passages`` of one camera: who passed its line from begin to end; of several views its first is meant."""
    schema = schema_of("truth_passages")
    first, last = ((moment - traffic.begin).total_seconds() for moment in (begin, end))
    arm = _Arm.of(mount, traffic.x, traffic.y)
    near, far = sight(mount)
    rows = traffic.by_vehicle
    rows = rows[(arm.beside[rows] < arm.wide) & (arm.out[rows] > arm.line - 20.0) & (arm.out[rows] < SIGHT_M + 20.0)]
    begins, ends = (_crossed(traffic, arm.out, rows, edge) for edge in (near, far))
    table = []
    for (vehicle, away), passed in _crossed(traffic, arm.out, rows, arm.line).items():
        if first <= passed < last:
            seen = _in_sight(traffic, arm.out, rows, vehicle, (begins.get((vehicle, away)), ends.get((vehicle, away))))
            table.append((passed, vehicle, away, *seen))
    table.sort()
    return _passages(mount, traffic, arm, table, schema)


def _crossed(traffic: StreetTraffic, out: np.ndarray, rows: np.ndarray, edge: float) -> dict[tuple[int, bool], float]:
    """(vehicle, whether away from the crossing) -> when its middle first passed a line across the arm, s since the traffic's
    begin. rows: by vehicle and time."""
    before, after = rows[:-1], rows[1:]
    joined = (traffic.vehicle[before] == traffic.vehicle[after]) & (traffic.step[after] - traffic.step[before] == 1)
    passes = joined & ((out[before] < edge) != (out[after] < edge))
    before, after = before[passes], after[passes]
    times = (traffic.step[before] + (edge - out[before]) / (out[after] - out[before])) * STEP_S
    keys = zip(traffic.vehicle[before].tolist(), (out[after] > out[before]).tolist(), strict=True)
    return dict(reversed([*zip(keys, times.tolist(), strict=True)]))


def _in_sight(
    traffic: StreetTraffic, out: np.ndarray, rows: np.ndarray, vehicle: int, edges: tuple[float | None, float | None]
) -> tuple[float, float, float]:
    """When a vehicle came into sight and left it, s, and its mean speed between, km/h. edges: when it passed the ends of what
    is seen, None for one that it did not, because it begins or ends at the kerb."""
    mine = rows[slice(*np.searchsorted(traffic.vehicle[rows], [vehicle, vehicle + 1]))]
    times = traffic.step[mine] * STEP_S
    known = [each for each in edges if each is not None]
    entered, left = (min(known), max(known)) if len(known) == 2 else (float(times[0]), float(times[-1]))
    way = abs(float(np.diff(np.interp([entered, left], times, out[mine]))[0]))
    return entered, left, 3.6 * way / max(left - entered, STEP_S)


def _passages(mount: Mount, traffic: StreetTraffic, arm: _Arm, table: list[tuple], schema: pa.Schema) -> pa.Table:
    kinds = dict(zip(traffic.vehicle.tolist(), traffic.kind.tolist(), strict=True))
    passed, vehicles, away, entered, left, kmh = zip(*table, strict=True) if table else ((),) * 6

    def moments(seconds: tuple[float, ...]) -> pa.Array:
        return pa.array([traffic.begin + timedelta(seconds=each) for each in seconds], schema.field("passed_at").type)

    columns = [
        pa.array([vehicle_id(each) for each in vehicles], pa.string()),
        pa.array([mount.camera.id] * len(table), pa.string()),
        moments(entered),
        moments(passed),
        moments(left),
        pa.array(kmh, pa.float32()),
        pa.array([KINDS[kinds[each]].label for each in vehicles], pa.string()),
        pa.array([arm.letter(each) for each in away], pa.string()),
    ]
    return pa.table(columns, schema=schema)


def sight(mount: Mount) -> tuple[float, float]:
    """From and to which distance from the crossing's middle, along the arm, a car counts: at least COUNTED_PX high and in the
    frame, beyond the line. What stands in the way is not considered."""
    rotation, position = mount.pose()
    along = np.arange(STOP_Y, SIGHT_M, 0.5)
    post = POSTS[mount.index]
    sign, arm = (1.0 if post.arms[0] in "SW" else -1.0), post.arms[0]
    x, y = (0 * along, sign * along) if arm in "NS" else (sign * along, 0 * along)
    y = y + CROSSINGS_Y[post.crossing] - mount.s
    foot, roof = (rotation @ (np.stack([x, y, np.full_like(y, z)], axis=1) - position).T for z in (0.0, CAR_HEIGHT_M))
    depth = np.maximum((foot[2] + roof[2]) / 2, 1e-3)
    across, down = ((foot[k] + roof[k]) / 2 * mount.focal / depth for k in (0, 1))
    high = mount.focal * (foot[1] / np.maximum(foot[2], 1e-3) - roof[1] / np.maximum(roof[2], 1e-3))
    width, height = mount.size
    seen = (depth > 2) & (np.abs(across) < width / 2) & (np.abs(down) < height / 2) & (high >= COUNTED_PX * mount.scale)
    line = STOP_Y if arm in "NS" else STOP_X
    near, far = along[np.flatnonzero(seen)[[0, -1]]] if seen.any() else (line, line + 1.0)
    return max(float(near), line), max(float(far), line + 1.0)
