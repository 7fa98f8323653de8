"""What was erased on request, remembered so that no run brings it back: every table is held against it before it is written.

An erasure is of cameras and a span of time, or of one vehicle: its tracks and detections. Of the first every frame goes, and all
that was made of it. Of the second the vehicle is painted over in the frames, which show others too, and what was made of it goes.
A track that reaches into a span goes as a whole, and a journey as a whole with any of its tracks.
"""

import hashlib
import json
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import compress

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cctview_pipeline.campaign import HOUR, floor_hour
from cctview_pipeline.ids import DetectionId, FrameId
from cctview_pipeline.images import decode
from cctview_pipeline.images.size import Size, same_shape
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.privacy.tombstones import FOLDER
from cctview_pipeline.redaction.masking import fill

RECORDS = f"{FOLDER}/erasures"
MARK = f"{RECORDS}/mark"
"""Other bytes after every erasure that was begun, so that who lists them knows whether to list them again."""
PUBLISHED_ERROR = timedelta(seconds=5)
"""How far the time in a published frame's id may be from that of its capture: so much more is erased at a span's ends."""
MARGIN_PX = 3


@dataclass(frozen=True, kw_only=True)
class Erasure:
    """id: begins with when it was asked; why: the request's reference; cameras, begin, end: a span, end exclusive; detections,
    tracks, journeys: ids that go; frame_sizes: of the detections' frames, whose pixels their boxes are, as far as it is known;
    finished: whether it was carried out everywhere."""

    id: str
    why: str
    asked_at: datetime
    cameras: tuple[str, ...] = ()
    begin: datetime | None = None
    end: datetime | None = None
    detections: tuple[str, ...] = ()
    tracks: tuple[str, ...] = ()
    journeys: tuple[str, ...] = ()
    frame_sizes: Mapping[str, Size] = field(default_factory=dict, hash=False)
    finished: bool = False

    @cached_property
    def painted(self) -> Mapping[str, list[tuple[int, int, int, int]]]:
        """frame_id -> boxes in it that are painted over."""
        found: dict[str, list] = {}
        for parsed in map(DetectionId.parse, self.detections):
            found.setdefault(parsed.frame_id, []).append(parsed.box)
        return found

    @property
    def span(self) -> tuple[datetime, datetime] | None:
        """Begin and end; None of an erasure of one vehicle."""
        return (self.begin, self.end) if self.begin is not None and self.end is not None else None

    @property
    def hours(self) -> tuple[datetime, datetime]:
        """The first and the last hour that anything of it lies in."""
        if self.span is not None:
            begin, end = self.span
            return floor_hour(begin - PUBLISHED_ERROR), floor_hour(end + PUBLISHED_ERROR)
        times = [FrameId.parse(frame).time.astimezone(UTC) for frame in self.painted] or [self.asked_at]
        return floor_hour(min(times)), floor_hour(max(times) + PUBLISHED_ERROR)

    def covers(self, detection_ids: pa.ChunkedArray) -> np.ndarray:
        """(N,) bool: detections that go."""
        gone = among(detection_ids, self.detections).to_numpy(zero_copy_only=False)
        if self.span is None:
            return gone
        frames = pc.list_element(pc.split_pattern(detection_ids, "--detections--", max_splits=1), 0)
        return gone | np.array([self._in_span(FrameId.parse(frame)) for frame in frames.to_pylist()], bool)

    def _in_span(self, frame: FrameId) -> bool:
        if self.span is None or frame.camera_id not in self.cameras:
            return False
        begin, end = self.span
        slack = PUBLISHED_ERROR if frame.published else timedelta()
        return begin - slack <= frame.time.astimezone(UTC) < end + slack

    def to_json(self) -> bytes:
        return json.dumps(asdict(self), default=lambda time: time.isoformat()).encode()

    @classmethod
    def from_json(cls, data: bytes) -> "Erasure":
        said = json.loads(data)
        times = {name: datetime.fromisoformat(said[name]) for name in ("asked_at", "begin", "end") if said[name]}
        lists = {name: tuple(said[name]) for name in ("cameras", "detections", "tracks", "journeys")}
        sizes = {"frame_sizes": {frame: tuple(size) for frame, size in said.get("frame_sizes", {}).items()}}
        return cls(**(said | lists | sizes | times))


@dataclass
class Erasures:
    """All erasures of one lake.

    They are listed when something is written for the first time, and again only when another was begun since: ``put`` changes a
    mark, which is looked at before every write. So whatever is written after ``put`` has returned lacks what it erases, however
    long ago the run began that writes it, and a run costs a listing once and one small read a write.
    """

    lake: Lake
    _known: dict[str, Erasure] = field(default_factory=dict)
    _listed: tuple[bytes, list[Erasure]] | None = None

    def __iter__(self) -> Iterator[Erasure]:
        keys = [key for key in self.lake.storage.list(RECORDS) if key.endswith(".json")]
        for key in keys:
            if key not in self._known:
                self._known[key] = Erasure.from_json(self.lake.storage.read(key).to_pybytes())
            yield self._known[key]

    def put(self, erasure: Erasure) -> None:
        self.lake.storage.write(f"{RECORDS}/{erasure.id}.json", erasure.to_json())
        # After the record: who reads the new mark finds the record.
        self.lake.storage.write(MARK, secrets.token_bytes(16))
        self._known.pop(f"{RECORDS}/{erasure.id}.json", None)

    def drop(self, erasure: Erasure) -> None:
        """Forget what was erased, once nothing can bring it back: the note itself tells where somebody was."""
        self.lake.storage.delete(f"{RECORDS}/{erasure.id}.json")
        self._known.pop(f"{RECORDS}/{erasure.id}.json", None)

    def apply(self, table: str, partition: Partition, rows: pa.Table) -> pa.Table:
        """A table as it may be written."""
        for erasure in self._now() if table in RULES and rows.num_rows else ():
            rows = apply(erasure, table, partition, rows)
        return rows

    def _now(self) -> list[Erasure]:
        """Every erasure that was begun by now."""
        mark = self._mark()
        if self._listed is None or self._listed[0] != mark:
            self._listed = mark, list(self)  # the mark was read before: what is begun in between is listed twice, never missed
        return self._listed[1]

    def _mark(self) -> bytes:
        try:
            return self.lake.storage.read(MARK).to_pybytes()
        except FileNotFoundError:  # nothing was ever erased
            return b""


def apply(erasure: Erasure, table: str, partition: Partition, rows: pa.Table) -> pa.Table:
    """A partition without what was erased: the very same rows where nothing of it was."""
    first, last = erasure.hours
    near = partition.hour is not None and first - HOUR <= partition.hour <= last + REACH
    return RULES[table](erasure, rows) if near and rows.num_rows else rows


def painted_over(erasure: Erasure, frame_id: str, jpeg: bytes) -> bytes:
    """A frame's JPEG with the vehicle painted over; as a whole where it shows something else than when the vehicle was found."""
    boxes = np.array(erasure.painted[frame_id], np.float32)
    height, width = decode(jpeg).shape[:2]
    found_in = erasure.frame_sizes.get(frame_id, (width, height))
    if not same_shape(found_in, (width, height)):
        return fill(jpeg, np.array([[0, 0, width, height]], np.float32))
    boxes = boxes * np.array([width / found_in[0], height / found_in[1]] * 2, np.float32)
    return fill(jpeg, np.hstack([boxes[:, :2] - MARGIN_PX, boxes[:, 2:] + MARGIN_PX]))


def erased_tracks(erasure: Erasure, rows: pa.Table) -> np.ndarray:
    """(N,) bool: rows of tracks that go, with any of their boxes."""
    lists = boxes_of(rows)
    owners = pc.list_parent_indices(lists).to_numpy(zero_copy_only=False)
    hit = np.array(among(rows["track_id"], erasure.tracks), bool)
    hit[owners[erasure.covers(pc.list_flatten(lists))]] = True
    return hit


def boxes_of(tracks: pa.Table) -> pa.ListArray:
    """Ids of each track's detections, those below the detector's threshold included."""
    columns = (tracks[name].to_pylist() for name in ("detection_ids", "recovered_ids"))
    return pa.array([[*sure, *(unsure or [])] for sure, unsure in zip(*columns, strict=True)], pa.list_(pa.string()))


def among(column: pa.ChunkedArray, ids: Iterable[str]) -> pa.ChunkedArray:
    """bool: whose id is one of these."""
    return pc.is_in(column, pa.array(list(ids), pa.string()))


def _without(rows: pa.Table, gone: pa.ChunkedArray) -> pa.Table:
    return rows.filter(pc.invert(gone)) if pc.any(gone).as_py() else rows


def _in_span(erasure: Erasure, rows: pa.Table, column: str) -> pa.ChunkedArray:
    """bool: whose time lies in the span."""
    begin, end = (pa.scalar(time, rows.schema.field(column).type) for time in (erasure.begin, erasure.end))
    return pc.fill_null(pc.and_(pc.greater_equal(rows[column], begin), pc.less(rows[column], end)), False)


def _of_frames(erasure: Erasure, rows: pa.Table) -> pa.Table:
    """Rows of a camera that were captured in the span go."""
    if erasure.begin is None:
        return rows
    return _without(rows, pc.and_(_in_span(erasure, rows, "captured_at"), among(rows["camera_id"], erasure.cameras)))


def _frames(erasure: Erasure, rows: pa.Table) -> pa.Table:
    """Of one vehicle they stay, with the vehicle painted over."""
    rows = _of_frames(erasure, rows)
    painted = pc.match_substring(rows["masked_by"], erasure.id)
    left = pc.and_(among(rows["frame_id"], erasure.painted), pc.invert(painted))
    if not pc.any(left).as_py():
        return rows
    changed = rows.to_pylist()
    for row in compress(changed, left.to_pylist()):
        row["jpeg"] = painted_over(erasure, row["frame_id"], row["jpeg"])
        row["sha256"] = hashlib.sha256(row["jpeg"]).hexdigest()
        row["masked_by"] += f", erased {erasure.id}"
        row["filled"] += len(erasure.painted[row["frame_id"]])
    return pa.Table.from_pylist(changed, rows.schema)


def _rejected(erasure: Erasure, rows: pa.Table) -> pa.Table:
    """They have no pictures, and no column for their camera: its id begins their names."""
    if erasure.begin is None:
        return rows
    cameras = pc.list_element(pc.split_pattern(rows["name"], "--", max_splits=1), 0)
    return _without(rows, pc.and_(_in_span(erasure, rows, "fetched_at"), among(cameras, erasure.cameras)))


def _detections(erasure: Erasure, rows: pa.Table) -> pa.Table:
    return _of_detections(erasure, _of_frames(erasure, rows))


def _of_detections(erasure: Erasure, rows: pa.Table) -> pa.Table:
    return _without(rows, pa.array(erasure.covers(rows["detection_id"])))


def _labels(erasure: Erasure, rows: pa.Table) -> pa.Table:
    """Labels have no ids: of a frame in which a vehicle was painted over all go."""
    rows = _of_frames(erasure, rows)
    return _without(rows, among(rows["frame_id"], erasure.painted))


def _tracks(erasure: Erasure, rows: pa.Table) -> pa.Table:
    """What goes on from a track that goes begins anew."""
    rows = _without(rows, pa.array(erased_tracks(erasure, rows)))
    cut = among(rows["continues"], erasure.tracks)
    if not pc.any(cut).as_py():
        return rows
    place = rows.schema.get_field_index("continues")
    return rows.set_column(place, rows.schema.field(place), pc.if_else(cut, pa.scalar(None, pa.string()), rows["continues"]))


def _passages(erasure: Erasure, rows: pa.Table) -> pa.Table:
    """A vehicle goes with any of its tracks."""
    lists = rows["track_ids"].combine_chunks()
    owners = pc.list_parent_indices(lists).to_numpy(zero_copy_only=False)
    hit = np.array(among(rows["track_id"], erasure.tracks), bool)
    hit[owners[np.array(among(pc.list_flatten(lists), erasure.tracks), bool)]] = True
    return _without(rows, pa.array(hit))


def _of_pairs(erasure: Erasure, rows: pa.Table) -> pa.Table:
    """Of two tracks, either of which may go."""
    return _without(rows, pc.or_(among(rows["query_track_id"], erasure.tracks), among(rows["gallery_track_id"], erasure.tracks)))


def _journeys(erasure: Erasure, rows: pa.Table) -> pa.Table:
    """Those that were known to have one of the tracks, and those that have one here."""
    hit = rows.filter(among(rows["track_id"], erasure.tracks))["journey_id"].to_pylist()
    return _without(rows, among(rows["journey_id"], {*erasure.journeys, *hit}))


RULES: Mapping[str, Callable[[Erasure, pa.Table], pa.Table]] = {
    "raw_frames": _frames,
    "rejected_frames": _rejected,
    "detections": _detections,
    "labels": _labels,
    "crops": _of_detections,
    "features": _of_detections,
    "tracks": _tracks,
    "passages": _passages,
    "matches": _of_pairs,
    "match_evidence": _of_pairs,
    "verdicts": _of_pairs,
    "journeys": _journeys,
}
"""Of every table that tells of single vehicles."""

KEPT = {
    "camera_status": "it tells of the camera, not of who passed it",
    "gaps": "it tells of the camera, not of who passed it",
    "coverage": "it tells of the camera, not of who passed it",
    "vehicles_in_view": "it holds sums and means over quarters of an hour",
    "camera_flows": "it tells of the camera's roads, and its ways have neither a time nor a vehicle",
    "movements_seen": "it holds sums over quarters of an hour",
    "queues_seen": "it holds sums over quarters of an hour",
    "throughput": "it tells of the pipeline, not of who passed",
    "evaluation": "it holds shares and medians over whole days",
    "truth_boxes": "nobody lives in the synthetic city",
    "truth_passages": "nobody lives in the synthetic city",
    "truth_movements": "nobody lives in the synthetic city",
}
"""Of every other table, why an erasure leaves it; marts are made anew."""

REACH = 24 * HOUR
"""After an erasure's last hour, how far a journey that began in it may go."""
