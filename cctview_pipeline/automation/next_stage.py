"""The sensor that leads hours of camera groups from one job to the next: frames, vision, tracking, matching, hours.

It looks at what has ended since its last look, and keeps what cannot begin yet:

- ``tracking`` of a group begins when nothing of its hour before goes on: tracks go on from those of the hour before;
- ``matching`` is of an hour and all groups: a camera's neighbours may be in another one. It begins when all tracks of the hour
  are there, and nothing of the hour before goes on;
- ``hours`` likewise, when all matches are there.

What has failed for good goes on no more, and nobody waits for it; what rests on it begins when somebody has made it after all.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import dagster as dg
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES
from dagster._core.storage.tags import WILL_RETRY_TAG

from cctview_pipeline.automation.jobs import GROUP, Jobs, partitions_of, range_tags
from cctview_pipeline.automation.ready import matched, stretches, tracked
from cctview_pipeline.campaign import HOUR, Campaign
from cctview_pipeline.districts import of_run
from cctview_pipeline.groups import groups_of
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.lake.roster import Roster
from cctview_pipeline.partitions import partition_order, to_key, to_partition
from cctview_pipeline.resources.lake import LakeResource

FOLLOWS = {"frames": "vision", "vision": "tracking", "tracking": "matching", "matching": "hours"}
"""Job -> the one that it makes possible."""
PLACE = {"frames": 0, "vision": 1, "tracking": 2, "camera_hours": 3, "matching": 3, "hours": 4}
"""Jobs in the order in which an hour goes through them."""
AT_ONCE = 500
"""Ends of runs that are read at a time."""


@dataclass(frozen=True)
class Work:
    """A run that goes on, or a job that waits. first, last: of its cameras and hours; after: the run that made it possible."""

    job: str
    first: Partition
    last: Partition
    after: str = ""

    def touches(self, hour: datetime) -> bool:
        return self.first.begin <= hour <= self.last.begin


@dataclass(frozen=True)
class Seen:
    """The sensor's cursor. until: Dagster's, of the ends of runs that were looked at; None before the first look."""

    until: str | None = None
    waiting: tuple[Work, ...] = ()

    @classmethod
    def parse(cls, cursor: str | None) -> "Seen":
        said = json.loads(cursor) if cursor else {"until": None, "waiting": []}
        waiting = (Work(job, to_partition(first), to_partition(last), after) for job, first, last, after in said["waiting"])
        return cls(said["until"], tuple(waiting))

    def text(self) -> str:
        waiting = [[each.job, to_key(each.first), to_key(each.last), each.after] for each in self.waiting]
        return json.dumps({"until": self.until, "waiting": waiting})


def next_stage(campaign: Campaign, jobs: Jobs, roster: Roster) -> dg.SensorDefinition:
    """The sensor; it has nothing to do where a campaign of one group is worked on by ``camera_hours``."""

    @dg.sensor(
        jobs=[jobs.vision, jobs.tracking, jobs.matching, jobs.hours],
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=5,
    )
    def next_stage(context: dg.SensorEvaluationContext, lake: LakeResource) -> Iterator[dg.RunRequest | dg.SkipReason]:
        """Start what has become possible since the last look, of an hour of a camera group, or of an hour of all."""
        seen = look(context.instance, Seen.parse(context.cursor), datetime.now(UTC), campaign.district)
        going_on = unfinished(context.instance, campaign.district) if seen.waiting else []
        turn = Turn(campaign=campaign, roster=roster, lake=lake.open(), going_on=going_on, waiting=seen.waiting)
        requests = list(turn.requests())
        context.update_cursor(Seen(seen.until, tuple(turn.left)).text())
        yield from requests
        if not requests:
            yield dg.SkipReason(f"{len(turn.left)} jobs wait for others.")

    return next_stage


def look(instance: dg.DagsterInstance, seen: Seen, now: datetime, district: str) -> Seen:
    """What of a district has ended since then, and what it makes possible. A sensor that has never looked begins with the last
    hour."""
    waiting = {(each.job, each.first, each.last): each for each in seen.waiting}
    until, more = seen.until, True
    while more:
        since = None if until else (now - HOUR).timestamp()
        ended = dg.RunStatusChangeRecordsFilter(dg.DagsterEventType.RUN_SUCCESS, after_timestamp=since)
        found = instance.fetch_run_status_changes(ended, AT_ONCE, cursor=until, ascending=True)
        ids = [record.run_id for record in found.records if record.event_log_entry.job_name in FOLLOWS]
        for run in instance.get_runs(dg.RunsFilter(run_ids=ids)) if ids else ():
            if of_run(run) == district and (covered := partitions_of(run.tags)):
                following = FOLLOWS[run.job_name]
                for first, last in [covered] if following in ("vision", "tracking") else _hours(*covered):
                    waiting[following, first, last] = Work(following, first, last, run.run_id)
        until, more = found.cursor, found.has_more
    return Seen(until, tuple(waiting.values()))


def _hours(first: Partition, last: Partition) -> Iterator[tuple[Partition, Partition]]:
    """Each hour of a range by itself; of no cameras, since it is of all."""
    for number in range((last.begin - first.begin) // HOUR + 1):
        hour = Partition.of_hour(first.begin + number * HOUR)
        yield hour, hour


def unfinished(instance: dg.DagsterInstance, district: str) -> list[Work]:
    """A district's runs of these jobs that are queued or go on, or are about to be tried again."""
    again = dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE], tags={WILL_RETRY_TAG: "true"})
    runs = list(instance.get_runs(dg.RunsFilter(statuses=NOT_FINISHED_STATUSES)))
    runs += [run for run in instance.get_runs(again, limit=1000) if run.is_complete_and_waiting_to_retry]
    own = [run for run in runs if run.job_name in PLACE and of_run(run) == district]
    return [Work(run.job_name, *covered) for run in own if (covered := partitions_of(run.tags))]


@dataclass(kw_only=True)
class Turn:
    """One look of the sensor. left: what waits still, once :meth:`requests` has been gone through."""

    campaign: Campaign
    roster: Roster
    lake: Lake
    going_on: Sequence[Work]
    waiting: Sequence[Work]
    left: list[Work] = field(init=False)

    def __post_init__(self) -> None:
        self.left = sorted(self.waiting, key=lambda each: (PLACE[each.job], each.first.begin))
        self._begun = list[Work]()
        self._order = {camera: n for n, camera in enumerate(partition_order(self.campaign, self.roster.departed))}
        self._group = {camera: group.name for group in groups_of(self.campaign) for camera in group.cameras}

    def requests(self) -> Iterator[dg.RunRequest]:
        """The runs that can begin."""
        hours: list[Partition] = []
        for each in list(self.left):
            if each.job == "hours":
                if not self._may_begin(each, hours):
                    continue
                self.left.remove(each)
                hours += [each.first] if matched(self.campaign, self.lake, self.roster, each.first.begin) else []
            elif self._may_begin(each):
                self.left.remove(each)
                if each.job != "matching" or tracked(self.campaign, self.lake, self.roster, each.first.begin):
                    self._begun.append(each)
                    yield self._request(each)
        after = {each.first: each.after for each in self.waiting if each.job == "hours"}
        for first, last in stretches(hours):
            yield dg.RunRequest(run_key=f"hours {first} {after[last]}", job_name="hours", tags=range_tags(first, last))

    def _may_begin(self, work: Work, together: Sequence[Partition] = ()) -> bool:
        """Whether nothing goes on that it has to wait for. together: hours whose journeys are made in one run with it."""
        hour, before = work.first.begin, work.first.begin - HOUR
        if work.job == "vision":
            return True
        if work.job == "tracking":
            return not self._busy(before, "tracking", work)
        if work.job == "matching":
            return not (self._busy(hour, "tracking") or self._busy(before, "tracking"))
        return not (self._busy(hour, "matching") or self._busy(before, "hours")) or Partition.of_hour(before) in together

    def _busy(self, hour: datetime, job: str, of: Work | None = None) -> bool:
        """Whether anything up to a job goes on in an hour, begins or waits; of: with a camera in common."""
        return any(
            PLACE[each.job] <= PLACE[job] and each.touches(hour) and (of is None or self._meet(each, of))
            for each in (*self.going_on, *self._begun, *self.left)
        )

    def _meet(self, one: Work, other: Work) -> bool:
        """Whether they have cameras in common."""
        places = [self._order.get(end.camera) for work in (one, other) for end in (work.first, work.last)]
        if None in places:  # of all cameras, or of one that has been forgotten
            return True
        one_first, one_last, other_first, other_last = places
        return one_first <= other_last and other_first <= one_last  # type: ignore[operator]

    def _request(self, work: Work) -> dg.RunRequest:
        first, last, tags = work.first, work.last, dict[str, str]()
        if work.job == "matching":
            cameras = list(self._order)
            first, last = (Partition.camera_hour(cameras[end], work.first.begin) for end in (0, -1))
        elif group := self._group.get(first.camera):
            tags = {GROUP: group}
        key = f"{work.job} {work.first} {work.last} {work.after}"
        return dg.RunRequest(run_key=key, job_name=work.job, tags=range_tags(first, last) | tags)
