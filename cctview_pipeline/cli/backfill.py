"""``cctview backfill``: choose, launch, say what is going on, and report what came of it."""

import os
import time
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Column

from cctview_pipeline.analytics.summary import Summary, summarise
from cctview_pipeline.backfill.select import Asked, BackfillRequest, choose
from cctview_pipeline.cameras.described import UndescribedCameras
from cctview_pipeline.cameras.local_time import calendar_of
from cctview_pipeline.campaign import TASKS, Campaign, parse_span
from cctview_pipeline.cli.options import (
    CamerasOption,
    FaultsOption,
    FromOption,
    MinutesOption,
    PeopleOption,
    SeedOption,
    SizesOption,
    ToOption,
    WorldOption,
    city_settings,
    command_line,
    split,
)
from cctview_pipeline.cli.terminal import console, print_json, say
from cctview_pipeline.errors import CctviewError, NotFoundError, printable
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.local_calendar import LocalCalendar
from cctview_pipeline.registry.manifest import check_file, find_model
from cctview_pipeline.zones import Zones

if TYPE_CHECKING:
    from cctview_pipeline.work import Work

SOON_DONE = 100
"""Partitions of all assets up to which a backfill is a matter of a minute, so that every second of waiting shows."""
LINE_EVERY_S = 30.0
"""Between two lines of progress where there is no terminal, unless another table is begun."""
MAX_CAUSES = 10


def backfill(
    network: Annotated[
        str,
        typer.Option(
            help="Where frames come from: archive, footage, pictures, city for the synthetic one, or a live network; the "
            "campaign's, or archive on an empty lake, when left out."
        ),
    ] = "",
    path: Annotated[
        list[str],
        typer.Option(
            help="An archive's folder or zip file, which may hold several of both; footage's; pictures'; a live network's spool."
        ),
    ] = [],  # noqa: B006
    cameras: CamerasOption = [],  # noqa: B006
    begin: FromOption = "",
    end: ToOption = "",
    again: Annotated[bool, typer.Option("--again", help="Also make what is finished already.")] = False,
    again_from: Annotated[
        str | None, typer.Option("--again-from", help="Also make this one table, and what rests on it: matches after new links.")
    ] = None,
    seed: SeedOption = None,
    minutes: MinutesOption = None,
    faults: FaultsOption = [],  # noqa: B006
    people: PeopleOption = None,
    world: WorldOption = None,
    fps: Annotated[float | None, typer.Option(help="Of footage: frames taken a second, 0 for all; 1 when left out.")] = None,
    timezone: Annotated[str, typer.Option(help="Of footage and pictures whose times have no zone: its IANA name.")] = "",
    sizes: SizesOption = [],  # noqa: B006
    purposes: Annotated[
        list[str], typer.Option("--purpose", help="Of a new lake: what vehicles may be asked about for; may be given again.")
    ] = [],  # noqa: B006
    as_json: Annotated[bool, typer.Option("--json", help="Print what came of it as JSON; all else goes to stderr.")] = False,
) -> None:
    """Turn an archive, video files, pictures or the synthetic city into frames, detections, crops, features, tracks, matches,
    journeys and marts.

    On an empty lake this writes campaign.toml. What an interrupted run left undone is done by the same command.
    """
    from cctview_pipeline.automation.instance import prepare_home
    from cctview_pipeline.resources.lake import open_lake

    aside = Console(stderr=True, markup=False, emoji=False) if as_json else console
    prepare_home()
    lake = open_lake()
    network = network or (campaign.network if (campaign := lake.campaign()) else "archive")
    settings = city_settings(seed, minutes, faults, people, sizes, world)
    if settings and network != "city":
        raise CctviewError("--seed, --minutes, --faults, --people, --sizes and --world are the city's: add --network city.")
    if network != "footage" and fps is not None:
        raise CctviewError("--fps is of video files: add --network footage.")
    if network not in ("footage", "pictures") and timezone:
        raise CctviewError("--timezone is of video files and pictures: add --network footage, or --network pictures.")
    settings |= {} if fps is None else {"fps": fps}
    if len(path) > 1:
        raise CctviewError("One --path is read: give the folder that holds all the archives and zip files, or links to them.")
    where = path[0] if path else ""
    try:
        first, last = parse_span(begin, end)
        asked = Asked(
            network=network,
            path=where,
            cameras=split(cameras),
            begin=first,
            end=last,
            settings=settings,
            purposes=purposes,
            timezone=timezone,
        )
        chosen = choose(lake, asked)
    except UndescribedCameras as error:
        print(error.draft)
        raise
    for note in chosen.notes:
        aside.print(note, style="yellow", soft_wrap=True)
    for camera_id in chosen.cameras:
        if sentence := Zones.of(chosen.campaign.camera(camera_id)).unsized:
            aside.print(f"Nothing more is made of its frames. {sentence}", style="yellow", soft_wrap=True)
    _check_models(chosen.campaign)
    lake.storage.check_writable()
    report = _make(lake, chosen, again, again_from, aside)
    if as_json:
        print_json(report.as_dict())
    else:
        _print(report, lake, calendar_of(chosen.campaign), chosen.hours)
    if report.failure:
        raise CctviewError(report.failure)


@dataclass(frozen=True, kw_only=True)
class Report:
    """What came of a backfill. planned: partitions of all tables that the choice leads to; asked: those that were to be made;
    finished: those of them that were; failure: the sentence that the command ends with."""

    chosen: BackfillRequest
    summary: Summary
    planned: int
    asked: int
    finished: int
    causes: list[str] = field(default_factory=list)
    failure: str = ""

    def as_dict(self) -> dict:
        return {
            "partitions": {"planned": self.planned, "asked": self.asked, "finished": self.finished},
            "notes": self.chosen.notes,
            "not_used": [asdict(found) for found in self.chosen.unused],
            "causes": self.causes,
            **self.summary.as_dict(),
        }


def _make(lake: Lake, chosen: BackfillRequest, again: bool, again_from: str | None, aside: Console) -> Report:
    """Launch and wait. The campaign is written first, since runs read it; if nothing at all could be made of a new one it goes
    again, so that the next command begins anew."""
    from cctview_pipeline.assets.weights import record_models
    from cctview_pipeline.automation.instance import check_not_served, open_instance, running_daemon
    from cctview_pipeline.backfill import launch as launching
    from cctview_pipeline.backfill.causes import find_causes
    from cctview_pipeline.definitions import build_definitions

    campaign, before = chosen.campaign, lake.campaign()
    plan = launching.whole_plan(campaign, chosen.cameras, chosen.hours)
    if again_from is not None and again_from not in plan:
        raise NotFoundError(
            f"'{printable(again_from)}' is no table that a backfill of this lake makes: name one of {', '.join(plan)}."
        )
    with open_instance() as instance:
        if before != campaign:
            check_not_served(instance)
            lake.write_campaign(campaign)
        todo = plan if again else launching.missing_plan(plan, campaign, lake, instance, filter(None, (again_from,)))
        planned, total, since, mark = launching.count(plan), launching.count(todo), datetime.now(UTC), launching.log_end(instance)
        if not total:
            record_models(instance, campaign)
            return Report(
                chosen=chosen, summary=summarise(lake, chosen.cameras, chosen.hours), planned=planned, asked=0, finished=0
            )
        title = f"{len(chosen.cameras)} cameras, {len(chosen.hours)} hours from {chosen.hours[0]:%Y-%m-%dT%HZ}"
        tick = 0.5 if total <= SOON_DONE else 2.0
        try:
            with running_daemon(instance, tick, campaign.district), _Shown(total, aside) as shown:
                record_models(instance, campaign)  # while the daemon starts
                graph = build_definitions(campaign).get_repository_def().asset_graph
                outcome = launching.run(instance, graph, campaign, todo, title, shown)
        finally:
            if before is None and not any(lake.keys(asset) for asset in plan):
                lake.withdraw_campaign()
        unwritten = launching.unwritten(todo, lake)
        if outcome.succeeded and not launching.count(unwritten):
            return Report(
                chosen=chosen, summary=summarise(lake, chosen.cameras, chosen.hours), planned=planned, asked=total, finished=total
            )
        causes = [str(cause) for cause in find_causes(instance, unwritten, since, campaign.district)]
        made = launching.finished(todo, lake, instance, mark, campaign.district)
    ended = f"; {outcome.error}" if outcome.error else ""
    failure = (
        f"{made} of {total} partitions are finished{ended}{f'; {causes[0]}' if causes else '.'} See the runs with `cctview dev`, "
        f"or daemon.log in {os.environ['DAGSTER_HOME']}; the same command does what is left."
    )
    return Report(
        chosen=chosen,
        summary=summarise(lake, chosen.cameras, chosen.hours),
        planned=planned,
        asked=total,
        finished=made,
        causes=causes,
        failure=failure,
    )


class _Shown:
    """What is going on: a bar on a terminal, lines elsewhere."""

    def __init__(self, total: int, aside: Console) -> None:
        self._total, self._aside = total, aside
        rest = Column(ratio=1, no_wrap=True, overflow="ellipsis")
        columns = BarColumn(16), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}", table_column=rest)
        self._bar = Progress(*columns, console=aside, expand=True) if aside.is_terminal else None
        self._at, self._table = 0.0, ""

    def __enter__(self) -> "_Shown":
        if self._bar:
            self._bar.start()
            self._task = self._bar.add_task("starting Dagster", total=self._total)
        else:
            self._aside.print(f"{self._total} partitions to make; starting Dagster.")
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar:
            self._bar.stop()

    def __call__(self, stage: str, done: int, working: "list[Work]") -> None:
        doing = str(working[0]) if working else "a run begins or ends"
        if self._bar:
            self._bar.update(self._task, completed=done, description=doing)
            return
        table = f"{stage} {working[0].table if working else self._table}"
        if working and (table != self._table or time.monotonic() - self._at > LINE_EVERY_S):
            self._aside.print(f"{done} of {self._total} partitions; {stage}: {doing}", soft_wrap=True, highlight=False)
            self._at, self._table = time.monotonic(), table


def _print(report: Report, lake: Lake, calendar: LocalCalendar, hours: list[datetime]) -> None:
    if not report.summary.empty:
        print_summary(report.summary)
        _print_truth(lake, calendar, hours)
    for cause in report.causes[:MAX_CAUSES]:
        console.print(cause, style="red", soft_wrap=True)
    if len(report.causes) > MAX_CAUSES:
        console.print(f"{len(report.causes) - MAX_CAUSES} more like these.")
    if report.failure:
        return
    if report.asked:
        console.print(f"Finished all {report.asked} partitions.", style="green")
    else:
        console.print(f"All {report.planned} partitions are finished. Use --again to make them anew.")
    say(f"\nNext: {command_line('view')}\n      opens the pages of the lake (frames, vehicles, figures) on http://127.0.0.1:8020")
    say(f"      {command_line('dev')}\n      opens the Dagster UI (lineage and partitions) on http://127.0.0.1:3000")
    say(f"      {command_line('query', 'select * from travel_times')}\n      asks the lake with SQL")


def print_summary(found: Summary) -> None:
    """What the lake holds of the hours that were made."""
    for table in found.tables():
        console.print(table)
    for sentence in found.sentences():
        console.print(sentence, style="yellow", soft_wrap=True)
    console.print(
        "{journeys:,} journeys, {over_two_or_more_cameras:,} of them over two or more cameras, "
        "the longest over {most_cameras}.".format(**found.journeys)
    )


def _print_truth(lake: Lake, calendar: LocalCalendar, hours: list[datetime]) -> None:
    """In the city, what was counted and timed beside what was there."""
    days = [Partition.of_day(day) for day in calendar.days_of(hours)]
    known = [day for day in days if lake.has("evaluation", day)]
    if not known:
        return
    from cctview_pipeline.evaluate import Evaluation

    for day in known:
        found = Evaluation.from_table(lake.read("evaluation", day))
        for table in found.summary_tables(f"Beside the truth, {day.day:%Y-%m-%d}"):
            console.print(table)
    say(f"{command_line('evaluate')} shows every figure.")


def _check_models(campaign: Campaign) -> None:
    """Find missing or damaged weights before anything is launched."""
    for task in TASKS:
        check_file(find_model(campaign.model(task), task))
