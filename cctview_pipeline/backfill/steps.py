"""Into which backfills of Dagster a plan is cut, and which of them wait for which.

Dagster cuts a backfill over cameras and hours into runs along one of the two: a run an hour over all its cameras where it has no
more hours than cameras, else a run a camera over all its hours. It does not keep the hours of a camera in order where they are in
several runs, nor a group's tables of one stage together. So there is a backfill for each stage of a part, and a part is a camera
group and a day at most.

A campaign of one group on one machine has one part, whatever its days: there each backfill costs a look of the daemon's, and each
run its start, and nothing is gained.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from cctview_pipeline.backfill.stages import CAMERA_HOURS, OF_CAMERA_HOURS, STAGES
from cctview_pipeline.campaign import Campaign
from cctview_pipeline.groups import groups_of, natural
from cctview_pipeline.lake import Partition
from cctview_pipeline.partitions import fits_one_run

Plan = dict[str, set[Partition]]
"""Asset -> its partitions."""
MOST_SLICES = 4
"""A part's cameras are tracked in so many slices at most, each a backfill of its own, so that its runs are of cameras; else hour
after hour."""
LAST = (*STAGES["hours"], *STAGES["days"])


@dataclass(frozen=True, kw_only=True)
class Step:
    """A backfill of Dagster. name: what a person reads; job: the one whose needs its runs have; after: numbers of the steps that
    have to have ended before."""

    name: str
    job: str
    plan: Plan
    after: tuple[int, ...] = ()


def steps_of(campaign: Campaign, plan: Plan, at_a_time: int, one_machine: bool) -> list[Step]:
    """The steps that make a plan. at_a_time: runs that go on side by side; one_machine: whether all of them are on this one."""
    groups = groups_of(campaign)
    if fits_one_run(campaign):
        steps = _Steps(plan)
        steps.add("frames to matches", CAMERA_HOURS, steps.of(_tables(*OF_CAMERA_HOURS)))
        steps.add("journeys and marts", "days", steps.of(LAST), after=steps.all())
        return steps.made
    if len(groups) < 2 and one_machine:
        return _of_one_group(plan, at_a_time)
    return _of_groups([group.cameras for group in groups], plan, at_a_time)


class _Steps:
    """Those made so far of a plan. What has nothing to make is no step."""

    def __init__(self, plan: Plan) -> None:
        self._plan, self.made = plan, list[Step]()
        self._by_hour: dict[str, dict[datetime, dict[str, Partition]]] = {table: defaultdict(dict) for table in plan}
        for table, places in plan.items():
            for place in places:
                self._by_hour[table][place.begin][place.camera] = place

    def of(self, tables: Iterable[str], cameras: Sequence[str] | None = None, hours: Iterable[datetime] | None = None) -> Plan:
        """The plan's part of some tables, and of some hours and, of these, some cameras only."""
        parts = {table: self._plan.get(table, set()) for table in tables}
        if hours is not None:
            times = list(hours)
            parts = {table: {p for hour in times for p in self._at(table, hour, cameras)} for table in parts}
        return {table: found for table, found in parts.items() if found}

    def _at(self, table: str, hour: datetime, cameras: Sequence[str] | None) -> Iterable[Partition]:
        places = self._by_hour.get(table, {}).get(hour, {})
        return places.values() if cameras is None else (places[camera] for camera in cameras if camera in places)

    def add(self, name: str, job: str, plan: Plan, after: Iterable[int] = ()) -> tuple[int, ...]:
        """Returns the numbers of the steps to wait for: its own, or, where there is nothing to make, those it would have waited
        for."""
        if not plan:
            return tuple(after)
        self.made.append(Step(name=name, job=job, plan=plan, after=tuple(sorted(set(after)))))
        return (len(self.made) - 1,)

    def all(self) -> range:
        return range(len(self.made))

    def tracking(
        self, cameras: Sequence[str], hours: Sequence[datetime], at_a_time: int, after: Sequence[int]
    ) -> tuple[int, ...]:
        """Steps of the tracks of some cameras, each camera's hours in order. Returns the numbers of the steps to wait for."""
        ends = () if cameras else tuple(after)
        for slice_ in _slices(cameras, len(hours), at_a_time):
            last = tuple(after)
            for stretch in [hours] if len(hours) > len(slice_) else [[hour] for hour in hours]:
                last = self.add("tracks", "tracking", self.of(STAGES["tracking"], slice_, stretch), last)
            ends += last
        return ends


def _of_one_group(plan: Plan, at_a_time: int) -> list[Step]:
    steps = _Steps(plan)
    steps.add("frames to features", CAMERA_HOURS, steps.of(_tables("frames", "vision")))
    tracking = steps.of(STAGES["tracking"])
    cameras, hours = _cameras(tracking), _hours(tracking)
    if len(hours) < 2 or len(hours) > len(cameras):
        steps.add("tracks and matches", CAMERA_HOURS, tracking | steps.of(STAGES["matching"]), steps.all())
    else:
        steps.tracking(cameras, hours, at_a_time, steps.all())
        steps.add("matches", CAMERA_HOURS, steps.of(STAGES["matching"]), steps.all())
    steps.add("journeys and marts", "days", steps.of(LAST), steps.all())
    return steps.made


def _of_groups(groups: Sequence[Sequence[str]], plan: Plan, at_a_time: int) -> list[Step]:
    """Day by day, so that the tracks of one group are made while another's pictures are looked at."""
    steps, slots = _Steps(plan), max(1, at_a_time // len(groups))
    tracked: dict[int, tuple[int, ...]] = defaultdict(tuple)
    for day in _days(_hours(steps.of(_tables(*OF_CAMERA_HOURS)))):
        for number, cameras in enumerate(groups):
            own = steps.of(_tables("frames", "vision", "tracking"), cameras, day)
            frames = steps.add("frames", "frames", steps.of(STAGES["frames"], cameras, day))
            vision = steps.add("vehicles", "vision", steps.of(STAGES["vision"], cameras, day), frames)
            tracked[number] = steps.tracking(_in(cameras, own), day, slots, (*vision, *tracked[number]))
        ends = (number for each in tracked.values() for number in each)
        steps.add("matches", "matching", steps.of(STAGES["matching"], hours=day), ends)
    steps.add("journeys", "hours", steps.of(STAGES["hours"]), steps.all())
    steps.add("marts", "days", steps.of(STAGES["days"]), steps.all())
    return steps.made


def _slices(cameras: Sequence[str], hours: int, at_a_time: int) -> list[Sequence[str]]:
    """Cameras in parts that lie together: as many as can go on side by side, and where it takes not many more, so many that each
    has fewer cameras than there are hours."""
    if hours < 2 or len(cameras) < hours:
        return [cameras] if cameras else []
    fewer = -(-len(cameras) // (hours - 1))
    count = min(len(cameras), max(at_a_time, fewer if fewer <= MOST_SLICES else 1))
    size = -(-len(cameras) // count)
    return [cameras[begin : begin + size] for begin in range(0, len(cameras), size)]


def _tables(*stages: str) -> list[str]:
    return [table for stage in stages for table in STAGES[stage]]


def _cameras(plan: Plan) -> list[str]:
    """Sorted as Dagster's partitions of one group are."""
    return sorted({p.camera for found in plan.values() for p in found}, key=natural)


def _in(cameras: Sequence[str], plan: Plan) -> list[str]:
    there = set(_cameras(plan))
    return [camera for camera in cameras if camera in there]


def _hours(plan: Plan) -> list[datetime]:
    return sorted({p.begin for found in plan.values() for p in found})


def _days(hours: Sequence[datetime]) -> list[list[datetime]]:
    """Hours by their day, UTC."""
    days: dict[date, list[datetime]] = defaultdict(list)
    for hour in hours:
        days[hour.date()].append(hour)
    return list(days.values())
