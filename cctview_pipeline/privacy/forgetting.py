"""An erasure carried out: in the spool, in every table that rests on what was erased, and in the marts.

It is written down before anything is touched, and every step can be repeated: who is killed in the middle is taken up again by
the next call, and no run writes any of it meanwhile.
"""

import json
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from graphlib import TopologicalSorter

import pyarrow as pa
import pyarrow.compute as pc

from cctview_pipeline.analytics.marts import MARTS
from cctview_pipeline.analytics.marts.day import Day
from cctview_pipeline.cameras.local_time import calendar_of
from cctview_pipeline.cameras.spooled import frame_id
from cctview_pipeline.campaign import HOUR, Campaign, floor_hour
from cctview_pipeline.errors import CctviewError, is_shown, printable
from cctview_pipeline.ids import DetectionId, FrameId, camera_of
from cctview_pipeline.images.size import Size, sizes_of
from cctview_pipeline.lake import Lake, Partition, layout
from cctview_pipeline.limits import NAME_CHARACTERS
from cctview_pipeline.privacy.erasures import (
    KEPT,
    REACH,
    RULES,
    Erasure,
    Erasures,
    among,
    apply,
    boxes_of,
    erased_tracks,
    painted_over,
)
from cctview_pipeline.privacy.keys import KeyDestroyed, KeyStore, pseudonyms
from cctview_pipeline.privacy.retention import STRANGER
from cctview_pipeline.privacy.tombstones import Tombstones
from cctview_pipeline.spool.records import Kind, Record
from cctview_pipeline.spool.segments import microseconds
from cctview_pipeline.spool.store import SegmentStore

Graph = Mapping[str, set[str]]
"""Table -> the tables that it is made from."""


@dataclass(kw_only=True)
class ErasureReport:
    """id: the erasure's; changed: table -> partition -> rows that went or were painted over, in the order of the asset graph;
    spool: its records; made_anew: marts' partitions; kept: table -> why it stays; partitions: that changed or were made anew."""

    id: str
    changed: dict[str, dict[str, int]] = field(default_factory=dict)
    spool: int = 0
    made_anew: list[str] = field(default_factory=list)
    kept: dict[str, str] = field(default_factory=dict)
    partitions: list[tuple[str, Partition]] = field(default_factory=list)

    def as_dict(self) -> dict:
        names = ("id", "changed", "spool", "made_anew", "kept")
        return {name: getattr(self, name) for name in names}


def reference_of(request: str) -> str:
    """The request's reference as records and the audit log have it: one short line. Raises CctviewError for what is none."""
    reference = request.strip()
    if not reference:
        raise CctviewError("An erasure needs the reference of the request that asks for it: give --request.")
    if not is_shown(reference) or not NAME_CHARACTERS.allows(len(reference)):
        most = int(NAME_CHARACTERS.most)
        raise CctviewError(f"'{printable(reference)[:60]}' is no reference: write one line of at most {most} characters.")
    return reference


def of_span(
    lake: Lake, campaign: Campaign, cameras: Sequence[str], begin: datetime, end: datetime, why: str, now: datetime
) -> Erasure:
    """An erasure of cameras and a span of time, end exclusive. Raises CctviewError when it has no extent or is not over."""
    if begin >= end:
        raise CctviewError(
            f"An erasure's span must end after it begins, not from {begin:%Y-%m-%dT%H:%MZ} to {end:%Y-%m-%dT%H:%MZ}."
        )
    if end > now:
        raise CctviewError("An erasure is of what is past: give an end that is over.")
    erasure = Erasure(
        id=_new_id(now),
        why=reference_of(why),
        asked_at=now,
        cameras=tuple(campaign.camera(name).id for name in cameras),
        begin=begin,
        end=end,
    )
    return _with_journeys(lake, replace(erasure, tracks=tuple(_tracks_of(lake, erasure))))


def of_journey(lake: Lake, keys: KeyStore, journey: str, why: str, now: datetime) -> Erasure:
    """An erasure of one vehicle. journey: its id, or the pseudonym under which a query told it. Raises CctviewError for none."""
    tables = [lake.read("journeys", place) for place in _written(lake, "journeys")]
    rows = pa.concat_tables(tables) if tables else lake.read("journeys", Partition.of_hour(now))
    mine = _named(rows, keys, journey)
    if not mine.num_rows:
        raise CctviewError(f"The lake has no journey '{journey}': ask with `cctview query` which there are.")
    legs = set(mine["track_id"].to_pylist())
    detections: list[str] = []
    for place in _written(lake, "tracks", set(map(camera_of, legs))):
        tracks = lake.read("tracks", place, ["track_id", "detection_ids", "recovered_ids"])
        found = tracks.filter(among(tracks["track_id"], legs))
        detections += boxes_of(found).flatten().to_pylist()
    sizes = _frame_sizes(lake, {DetectionId.parse(each).frame_id for each in detections})
    erasure = Erasure(
        id=_new_id(now),
        why=reference_of(why),
        asked_at=now,
        detections=tuple(sorted(detections)),
        tracks=tuple(sorted(legs)),
        frame_sizes=sizes,
    )
    return _with_journeys(lake, erasure)


def _frame_sizes(lake: Lake, frames: set[str]) -> dict[str, Size]:
    """Of those that the lake still has: detections' boxes are in their pixels."""
    found: dict[str, Size] = {}
    hours = {floor_hour(FrameId.parse(frame).time.astimezone(UTC)) for frame in frames}
    for place in _written(lake, "raw_frames", set(map(camera_of, frames))):
        if any(abs(place.begin - hour) <= HOUR for hour in hours):
            rows = lake.read("raw_frames", place, ["frame_id", "width", "height"])
            rows = rows.filter(among(rows["frame_id"], frames))
            found |= zip(rows["frame_id"].to_pylist(), sizes_of(rows), strict=True)
    return found


def erase(
    lake: Lake,
    campaign: Campaign,
    erasure: Erasure,
    graph: Graph,
    spool: SegmentStore | None = None,
    tell: Callable[[ErasureReport], None] = lambda report: None,
) -> ErasureReport:
    """Carry an erasure out. tell: whoever else has copies; called before the erasure counts as finished.

    Raises CctviewError when a collector still writes an hour of it, and for a table without a rule.
    """
    if unruled := set(graph) - set(RULES) - set(KEPT) - set(MARTS):
        raise CctviewError(
            f"Nothing says what an erasure does to {', '.join(sorted(unruled))}: add a rule to privacy/erasures.py."
        )
    first, last = erasure.hours
    if spool and any(hour <= last for hour in spool.written_hours()):
        raise CctviewError("A collector still writes an hour of this: stop it, or wait until the hour is over.")
    erasures, report = Erasures(lake), ErasureReport(id=erasure.id)
    erasures.put(erasure)
    report.spool = _out_of(spool, erasure) if spool else 0
    # What nobody can read in one that is damaged may be of it; what can be read is in the lake.
    for each in spool.damaged() if spool else []:
        if each.hour and first - timedelta(hours=1) <= each.hour <= last + timedelta(hours=1):
            each.delete()
    hours: set[datetime] = {first, last}
    for table in (each for each in TopologicalSorter(graph).static_order() if each in graph):
        if table in KEPT:
            report.kept[table] = KEPT[table]
        if table not in RULES:
            continue
        report.kept |= {lake.storage.path(key): STRANGER for key in lake.strangers(table)}
        for place in _written(lake, table):
            if not first - timedelta(hours=1) <= place.begin <= last + REACH:
                continue
            rows = lake.read(table, place)
            left = apply(erasure, table, place, rows)
            if left is not rows:
                lake.write(table, place, left)
                gone = rows.num_rows - left.num_rows
                report.changed.setdefault(table, {})[str(place)] = gone or _painted(rows, left)
                report.partitions.append((table, place))
            lake.storage.delete_earlier(layout.key(table, place))
            hours.add(place.begin)
    _make_marts_anew(lake, campaign, graph, hours, report)
    tell(report)
    erasures.put(replace(erasure, finished=True))
    lake.storage.write(f"reports/erasure-{erasure.id}.json", json.dumps(report.as_dict(), indent=1).encode())
    return report


def erase_late(lake: Lake, spool: SegmentStore) -> int:
    """Out of the spool the spans that were erased before their frames came: a collector may have been cut off for hours. Returns
    how many records it was. A single vehicle is painted over when its frames are sealed, and its segment goes then."""
    return sum(_out_of(spool, erasure) for erasure in Erasures(lake) if erasure.finished and erasure.span)


def _out_of(spool: SegmentStore, erasure: Erasure) -> int:
    """Records that were changed or left out."""
    first, last = erasure.hours
    cameras = erasure.cameras or set(map(camera_of, erasure.painted))
    found = 0
    for segment in spool.segments():
        rows = segment.index()
        near = pc.and_(
            pc.greater_equal(rows["captured_us"], microseconds(first - HOUR)),
            pc.less(rows["captured_us"], microseconds(last + 2 * HOUR)),
        )
        if pc.any(pc.and_(near, among(rows["camera_id"], cameras))).as_py():
            found += segment.rewrite(lambda record: _record(erasure, record))
    return found


def unfinished(lake: Lake) -> list[Erasure]:
    """Erasures that were begun and not carried out everywhere."""
    return [erasure for erasure in Erasures(lake) if not erasure.finished]


def drop_spent(lake: Lake, campaign: Campaign) -> list[str]:
    """Forget the ids and times of erasures whose frames are all gone for good, since then nothing can bring back what they
    erased. Returns their ids."""
    erasures, deleted = Erasures(lake), Tombstones(lake).partitions("raw_frames")
    frames = {erasure: _frames_of(erasure, campaign) for erasure in erasures if erasure.finished}
    spent = [erasure for erasure, places in frames.items() if places and places <= deleted]
    for erasure in spent:
        erasures.drop(erasure)
    return [erasure.id for erasure in spent]


def _frames_of(erasure: Erasure, campaign: Campaign) -> set[Partition]:
    """The partitions of raw_frames that may hold anything of it."""
    (first, last), cameras = erasure.hours, erasure.cameras or set(map(camera_of, erasure.painted))
    hours = [hour for i in range((last - first) // HOUR + 1) if campaign.covers(hour := first + i * HOUR)]
    return {Partition.camera_hour(camera, hour) for camera in cameras for hour in hours}


def _make_marts_anew(lake: Lake, campaign: Campaign, graph: Graph, hours: set[datetime], report: ErasureReport) -> None:
    """As far as what they are made from is there; else they stay: a quarter of an hour's counts and medians name nobody."""
    tombstones, calendar = Tombstones(lake), calendar_of(campaign)
    made_from = ("passages", "matches", "journeys")
    gone = set(calendar.days_of([place.begin for table in made_from for place in tombstones.partitions(table)]))
    for day in calendar.days_of(sorted(hours)):
        place = Partition.of_day(day)
        written = [mart for mart in MARTS if mart in graph and lake.has(mart, place)]
        if day in gone:
            why = "tables of its day are gone for good, and it holds counts and medians of 15 minutes"
            report.kept |= {f"{mart} {place}": why for mart in written}
            continue
        with Day(lake, campaign, calendar, day) as opened:
            for mart in written:
                lake.write(mart, place, opened.build(mart))
                lake.storage.delete_earlier(layout.key(mart, place))
                report.made_anew.append(f"{mart} {place}")
                report.partitions.append((mart, place))


def _record(erasure: Erasure, record: Record) -> Record | None:
    """A spool's record as it may stay."""
    if record.kind != Kind.FRAME:
        return record
    if erasure.span is not None and record.camera_id in erasure.cameras:
        begin, end = map(microseconds, erasure.span)
        return None if begin <= record.captured_us < end else record
    name = frame_id(record.camera_id, record.captured_us)
    if name not in erasure.painted or not record.payload.startswith(b"\xff\xd8"):
        return record
    payload = painted_over(erasure, name, record.payload)
    return record if payload == record.payload else replace(record, payload=payload)


def _tracks_of(lake: Lake, erasure: Erasure) -> Iterator[str]:
    """Ids of the tracks that reach into a span."""
    first, last = erasure.hours
    for place in _written(lake, "tracks", set(erasure.cameras)):
        if first <= place.begin <= last:
            rows = lake.read("tracks", place, ["track_id", "detection_ids", "recovered_ids"])
            yield from rows.filter(pa.array(erased_tracks(erasure, rows)))["track_id"].to_pylist()


def _with_journeys(lake: Lake, erasure: Erasure) -> Erasure:
    """With the ids of the journeys that any of its tracks is a leg of, in whatever hour."""
    found: set[str] = set()
    for place in _written(lake, "journeys"):
        rows = lake.read("journeys", place, ["journey_id", "track_id"])
        found |= set(rows.filter(among(rows["track_id"], erasure.tracks))["journey_id"].to_pylist())
    return replace(erasure, journeys=tuple(sorted(found)))


def _named(rows: pa.Table, keys: KeyStore, journey: str) -> pa.Table:
    """The legs of a journey by its id or its pseudonym. Days whose key is gone have no pseudonyms any more."""
    mine = rows.filter(pc.equal(rows["journey_id"], journey))
    if mine.num_rows:
        return mine
    for known in rows["journey_id"].unique().to_pylist():
        try:
            [told] = pseudonyms(keys, pa.chunked_array([[known]])).to_pylist()
        except KeyDestroyed:
            continue
        if told == journey:
            return rows.filter(pc.equal(rows["journey_id"], known))
    return mine


def _written(lake: Lake, table: str, cameras: set[str] | None = None) -> list[Partition]:
    """A table's partitions in order of time, of cameras or of all."""
    wanted = [place for place in lake.partitions(table) if cameras is None or place.camera in cameras]
    return sorted(wanted, key=lambda place: (place.begin, place.camera))


def _painted(before: pa.Table, after: pa.Table) -> int:
    """Rows whose picture changed, or that lost what they go on from."""
    column = "sha256" if "sha256" in before.column_names else "continues" if "continues" in before.column_names else None
    return pc.sum(pc.not_equal(pc.fill_null(before[column], ""), pc.fill_null(after[column], ""))).as_py() if column else 0


def _new_id(now: datetime) -> str:
    return f"{now:%Y-%m-%dT%H.%M.%S}-{secrets.token_hex(4)}"
