"""Lifetimes kept: what in the lake, the spool and the keys is older than the campaign allows, and its end.

An hour's age counts from its beginning, so that nothing in it is ever older than its lifetime. An archive's hours may be years
old when they are first read: theirs counts from then (:func:`note_intake`).
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta

from cctview_pipeline.cameras.live import LIVE_NETWORKS
from cctview_pipeline.cameras.local_time import calendar_of
from cctview_pipeline.campaign import HOUR, Campaign
from cctview_pipeline.errors import CctviewError, reason_of
from cctview_pipeline.lake import Lake, Partition, layout
from cctview_pipeline.lake.schemas import TABLES
from cctview_pipeline.local_calendar import LocalCalendar
from cctview_pipeline.policy import Policy
from cctview_pipeline.privacy.keys import KeyStore
from cctview_pipeline.privacy.tombstones import Tombstone, Tombstones
from cctview_pipeline.spool.lifetime import expired
from cctview_pipeline.spool.segments import Segment
from cctview_pipeline.spool.store import SegmentStore

INTAKE = "intake"
REPORTS = "reports"


@dataclass(frozen=True, kw_only=True)
class ExpiredItem:
    """Something whose time is over. kind: a table, ``spool`` or ``keys``; place: where it lies; since: from when its age counts;
    lifetime: how long it may be kept; partition: of a table, None for a file that is none of them; segment: of the spool."""

    kind: str
    place: str
    since: datetime
    lifetime: timedelta
    partition: Partition | None = None
    segment: Segment | None = None

    @property
    def why(self) -> str:
        return f"the campaign keeps {self.kind} for {self.lifetime / HOUR:g} hours"

    def as_dict(self) -> dict:
        return {"kind": self.kind, "place": self.place, "since": self.since.isoformat()}


STRANGER = "it is no partition of the table, and nobody knows of what time it is: delete it, or move it out of the lake"
"""Why a Parquet file stays that somebody put beside a table's partitions."""


@dataclass
class PurgeReport:
    """deleted: what went; failed: what should have gone, and why it could not."""

    at: datetime
    dry_run: bool
    deleted: list[ExpiredItem] = field(default_factory=list)
    failed: list[tuple[ExpiredItem, str]] = field(default_factory=list)

    def as_dict(self) -> dict:
        deleted = [due.as_dict() for due in self.deleted]
        failed = [due.as_dict() | {"error": why} for due, why in self.failed]
        return {"at": self.at.isoformat(), "dry_run": self.dry_run, "deleted": deleted, "failed": failed}

    def counts(self) -> dict[str, int]:
        """kind -> how many went."""
        return dict(Counter(due.kind for due in self.deleted))


def note_intake(lake: Lake, campaign: Campaign, partition: Partition, now: datetime) -> None:
    """Remember when an hour that is long past was first taken into the lake. Live cameras' hours need no note."""
    if campaign.network not in LIVE_NETWORKS and not lake.storage.exists(_intake_key(partition)):
        lake.storage.write(_intake_key(partition), now.isoformat().encode())


def find_due(
    lake: Lake, campaign: Campaign, policy: Policy, now: datetime, spool: SegmentStore | None = None, keys: KeyStore | None = None
) -> list[ExpiredItem]:
    """Everything whose lifetime is over, in the order of the tables."""
    found = list(_due_partitions(lake, campaign, policy, now))
    found += _due_segments(spool, policy, now) if spool else []
    return found + (list(_due_keys(keys, policy, now)) if keys else [])


def purge(
    lake: Lake, due: Iterable[ExpiredItem], now: datetime, keys: KeyStore | None = None, dry_run: bool = False
) -> PurgeReport:
    """Delete what is due, and write a report beside the lake's tables. What fails is told and tried again next time."""
    report, tombstones = PurgeReport(now, dry_run), Tombstones(lake)
    for each in due:
        try:
            if each.kind in TABLES and each.partition is None:
                raise CctviewError(STRANGER)
            if not dry_run:
                _delete(lake, tombstones, each, now, keys)
            report.deleted.append(each)
        except (CctviewError, OSError) as error:
            report.failed.append((each, f"{reason_of(error)}."))
    if not dry_run and (report.deleted or report.failed):
        name = f"{REPORTS}/purge-{now:%Y-%m-%dT%H.%M.%S}.json"
        lake.storage.write(name, json.dumps(report.as_dict(), indent=1).encode())
    return report


def _delete(lake: Lake, tombstones: Tombstones, due: ExpiredItem, now: datetime, keys: KeyStore | None) -> None:
    if due.kind == "keys":
        assert keys is not None, "A key is found due in the store that is given here as well."
        keys.destroy(datetime.fromisoformat(due.place).date())
    elif due.kind == "spool":
        assert due.segment is not None, "It is told by the segment that it is."
        due.segment.delete()
    else:
        assert due.partition is not None, "What is no partition stays: purge has told so."
        if tombstones.get(due.kind, due.partition) is None:
            tombstones.put(Tombstone(due.kind, due.partition, due.why, now))
        lake.storage.delete(layout.key(due.kind, due.partition))


def _due_partitions(lake: Lake, campaign: Campaign, policy: Policy, now: datetime) -> Iterator[ExpiredItem]:
    intake = _intakes(lake, calendar_of(campaign)) if campaign.network not in LIVE_NETWORKS else {}
    for table in TABLES:
        lifetime = policy.lifetime(table)
        if lifetime is None:
            continue
        for key in lake.strangers(table):
            yield ExpiredItem(kind=table, place=lake.storage.path(key), since=now, lifetime=lifetime)
        for partition in lake.partitions(table):
            since = max(partition.begin, intake.get(partition, partition.begin))
            if since + lifetime <= now:
                yield ExpiredItem(
                    kind=table,
                    place=lake.storage.path(layout.key(table, partition)),
                    since=since,
                    lifetime=lifetime,
                    partition=partition,
                )


def _due_segments(spool: SegmentStore, policy: Policy, now: datetime) -> list[ExpiredItem]:
    """Segments whose oldest record is too old, sealed or not: what no run has taken into the lake by then is lost."""
    lifetime = policy.lifetime("spool")
    if lifetime is None:
        return []
    spool.close_left_behind()
    return [
        ExpiredItem(kind="spool", place=str(segment), since=since, lifetime=lifetime, segment=segment)
        for segment, since in expired(spool, lifetime, now)
    ]


def _due_keys(keys: KeyStore, policy: Policy, now: datetime) -> Iterator[ExpiredItem]:
    """A key's lifetime begins when its day is over, or when it was made for a day long past."""
    lifetime = policy.lifetime("keys")
    if lifetime is None:
        return
    for day in keys.days():
        over = datetime.combine(day, time(), UTC) + timedelta(days=1)
        since = max(over, keys.created_at(day) or over)
        if since + lifetime <= now:
            yield ExpiredItem(kind="keys", place=day.isoformat(), since=since, lifetime=lifetime)


def _intakes(lake: Lake, calendar: LocalCalendar) -> dict[Partition, datetime]:
    """A camera's hour, an hour or a day -> when the last of it was taken into the lake."""
    found: dict[Partition, datetime] = {}
    for key in lake.storage.list(INTAKE):
        _, camera, name = key.removesuffix(".txt").split("/")
        hour, at = layout.parse_hour(name), datetime.fromisoformat(lake.storage.read(key).to_pybytes().decode())
        days = (Partition.of_day(day) for day in calendar.days_of([hour]))
        for partition in (Partition.camera_hour(camera, hour), Partition.of_hour(hour), *days):
            found[partition] = max(at, found.get(partition, at))
    return found


def _intake_key(partition: Partition) -> str:
    return f"{INTAKE}/{partition.camera}/{layout.format_hour(partition.begin)}.txt"
