"""What is true in a city, as tables: who is in which frame, and who passed which camera when."""

from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa

from cctview_pipeline.city.corridor import NORTHBOUND, SOUTHBOUND, lane_centre
from cctview_pipeline.city.crowd import person_id
from cctview_pipeline.city.mounts import HEIGHT, WIDTH, Mount
from cctview_pipeline.city.painter import SIGHT_M, Seen
from cctview_pipeline.city.people import PEOPLE_KINDS, PERSON
from cctview_pipeline.city.traffic import Traffic, crossings, vehicle_id
from cctview_pipeline.city.vehicles import KINDS
from cctview_pipeline.images.size import Size, sizes_of
from cctview_pipeline.lake.schemas import schema_of

COUNTED_PX, CAR_HEIGHT_M = 8.0, 1.5
"""A car, of this height, is in sight while it is at least so many pixels high where the picture is WIDTH wide."""


def in_stored_frames(truth: pa.Table, frames: pa.Table, drawn: Size = (WIDTH, HEIGHT)) -> pa.Table:
    """truth_boxes, in pixels of drawn frames of one size -> in those of raw_frames (ids, sizes), which may be stored smaller or
    have been sent larger."""
    sizes = dict(zip(frames["frame_id"].to_pylist(), sizes_of(frames), strict=True))
    if not set(sizes.values()) - {drawn}:
        return truth
    stored = np.array([sizes.get(frame, drawn) for frame in truth["frame_id"].to_pylist()]).reshape(-1, 2)
    for name, side in (("x1", 0), ("y1", 1), ("x2", 0), ("y2", 1)):
        place = truth.schema.get_field_index(name)
        scaled = np.minimum(truth[name].to_numpy() * (stored[:, side] / drawn[side]), stored[:, side])
        truth = truth.set_column(place, truth.schema.field(place), pa.array(scaled.astype(np.float32)))
    return truth


def boxes_table(camera_id: str, frames: list[tuple[str, datetime, Seen]]) -> pa.Table:
    """The ``truth_boxes`` of one camera's frames: (frame id, captured_at, who is seen)."""
    counts = [len(seen.number) for _, _, seen in frames]
    joined = (
        {name: np.concatenate([getattr(seen, name) for _, _, seen in frames]) for name in Seen.__annotations__}
        if frames
        else None
    )
    schema = schema_of("truth_boxes")
    if joined is None:
        return schema.empty_table()
    kinds = np.array([*(kind.name for kind in KINDS), *PEOPLE_KINDS])[joined["kind"]]
    labels = np.array([*(kind.label for kind in KINDS), *PEOPLE_KINDS])[joined["kind"]]
    ids = [
        vehicle_id(number) if kind < PERSON else person_id(number, kind)
        for number, kind in zip(joined["number"], joined["kind"], strict=True)
    ]
    columns = [
        pa.array(np.repeat([frame_id for frame_id, _, _ in frames], counts)),
        pa.array([camera_id] * sum(counts), pa.string()),
        pa.array(
            [captured_at for (_, captured_at, _), count in zip(frames, counts, strict=True) for _ in range(count)],
            schema.field("captured_at").type,
        ),
        pa.array(ids, pa.string()),
        *(pa.array(joined["boxes"][:, i], pa.float32()) for i in range(4)),
        pa.array(np.minimum(joined["fraction"], 1), pa.float32()),
        pa.array(labels),
        pa.array(kinds),
        pa.array(_carriageways(joined["side"])),
    ]
    return pa.table(columns, schema=schema)


def sight(mount: Mount, side: int) -> tuple[float, float]:
    """From and to which s (m, ascending) a car of a carriageway's second lane counts: at least COUNTED_PX high, and its
    middle inside the frame. What stands in the way is not considered."""
    rotation, position = mount.pose()
    y = mount.ahead * np.arange(2.0, SIGHT_M, 0.5)
    x = mount.centre_x(y) + lane_centre(side, 1)
    foot, roof = (rotation @ (np.stack([x, y, np.full_like(y, z)], axis=1) - position).T for z in (0.0, CAR_HEIGHT_M))
    depth = np.maximum((foot[2] + roof[2]) / 2, 1e-3)
    across, down = ((foot[k] + roof[k]) / 2 * mount.focal / depth for k in (0, 1))
    high = mount.focal * (foot[1] / np.maximum(foot[2], 1e-3) - roof[1] / np.maximum(roof[2], 1e-3))
    width, height = mount.size
    seen = (depth > 2) & (np.abs(across) < width / 2) & (np.abs(down) < height / 2) & (high >= COUNTED_PX * mount.scale)
    if not seen.any():
        return mount.s, mount.s
    ends = mount.s + y[np.flatnonzero(seen)[[0, -1]]]
    return float(ends.min()), float(ends.max())


def passages_table(mount: Mount, traffic: Traffic, begin: datetime, end: datetime) -> pa.Table:
    """The ``truth_passages`` of one camera: who passed its pole from begin to end."""
    schema = schema_of("truth_passages")
    first = (begin - traffic.begin).total_seconds()
    last = first + (end - begin).total_seconds()
    rows = []
    for side in (SOUTHBOUND, NORTHBOUND):
        low, high = sight(mount, side)
        # The camera looks to one side of its pole: who drives that way is seen afterwards, the others before.
        begins, ends = (_crossed(traffic, s, side) for s in ((low, high) if side == SOUTHBOUND else (high, low)))
        for number, passed in _crossed(traffic, mount.s, side).items():
            entered, left = begins.get(number), ends.get(number)
            if first <= passed < last and entered is not None and left is not None and left > entered:
                rows.append((number, side, passed, entered, left, 3.6 * (high - low) / (left - entered)))
    rows.sort(key=lambda row: (row[2], row[0]))
    kinds = dict(zip(traffic.vehicle.tolist(), traffic.kind.tolist(), strict=True))

    def moments(position: int) -> pa.Array:
        return pa.array([traffic.begin + timedelta(seconds=row[position]) for row in rows], schema.field("passed_at").type)

    columns = [
        pa.array([vehicle_id(number) for number, *_ in rows], pa.string()),
        pa.array([mount.camera.id] * len(rows), pa.string()),
        moments(3),
        moments(2),
        moments(4),
        pa.array([row[5] for row in rows], pa.float32()),
        pa.array([KINDS[kinds[number]].label for number, *_ in rows], pa.string()),
        pa.array(_carriageways(np.array([way for _, way, *_ in rows])), pa.string()),
    ]
    return pa.table(columns, schema=schema)


def _crossed(traffic: Traffic, s: float, side: int) -> dict[int, float]:
    """Vehicle -> when it passed s, seconds since the traffic's begin."""
    numbers, sides, times, _ = crossings(traffic, s)
    return dict(zip(numbers[sides == side].tolist(), times[sides == side].tolist(), strict=True))


def _carriageways(side: np.ndarray) -> list[str]:
    """S, N, and of the streets W and E, by 1, -1, 2 and -2."""
    return np.array(["", "S", "W", "E", "N"])[side].tolist()
