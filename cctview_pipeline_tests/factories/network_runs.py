"""Collectors of every network, all at once in one process, from the stand-in; and what became of every frame that was due."""

import asyncio
import math
import os
import shutil
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from unittest import mock

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq

from cctview_pipeline.assets.weights import record_models
from cctview_pipeline.backfill.select import Asked, choose
from cctview_pipeline.cameras.listed import CameraList
from cctview_pipeline.cameras.live import open_live
from cctview_pipeline.cameras.local_time import calendar_of
from cctview_pipeline.cameras.networks.generic import Source
from cctview_pipeline.cameras.protocol import LiveNetwork, Rate
from cctview_pipeline.cameras.spooled import CAMERAS, SpoolNetwork, describe, keep_source
from cctview_pipeline.cameras.spooled import SOURCE as SOURCE_NOTE
from cctview_pipeline.campaign import HOUR, floor_hour
from cctview_pipeline.collect.engine import Engine, EngineSettings
from cctview_pipeline.collect.session import list_cameras
from cctview_pipeline.images import decode
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.partitions import partition_order
from cctview_pipeline.redaction.masking import Masker
from cctview_pipeline.spool.folder import SpoolFolder
from cctview_pipeline.spool.records import Kind
from cctview_pipeline.spool.segments import utc
from cctview_pipeline.spool.writer import SpoolWriter
from cctview_pipeline_tests.factories.jobs import run as run_job
from cctview_pipeline_tests.factories.spool import seal
from cctview_pipeline_tests.factories.stand_in import HOSTS, SOURCE, Played, StandIn, mark_of

SETTINGS = EngineSettings(contact="test@example.org", connect_s=2.0, silence_s=5.0, whole_s=10.0)
NAMES = tuple(HOSTS)


def network_of(name: str, url: str, period_s: float, hurried: bool = False) -> LiveNetwork:
    """A network whose server is the stand-in, at the stand-in's rhythm. hurried: what is allowed a minute is allowed a second."""
    network = open_live(name, url, Source.read(SOURCE) if name == "generic" else None)
    network.cadence_s = period_s
    if network.frames_every_s:
        network.frames_every_s = max(0.3, period_s / 4)
    if hurried:
        network.rates = {place: Rate(rate.requests, 1.0) for place, rate in network.rates.items()}
    return network


@dataclass
class Collected:
    """One network's run. engine: as it ended; began, ended: since 1970."""

    played: Played
    listed: CameraList
    engine: Engine
    spool: Path
    lake: Lake
    began: float
    ended: float

    @property
    def ids(self) -> list[str]:
        """By the stand-in's numbers: lists keep that order."""
        return [followed.camera.id for followed in self.engine.followed]

    def tally(self, name: str) -> int:
        return sum(getattr(followed.tally, name) for followed in self.engine.followed)

    def places(self) -> list[Partition]:
        hours = {floor_hour(datetime.fromtimestamp(at, UTC)) for at in (self.began, self.ended)}
        return [Partition.camera_hour(camera, hour) for camera in self.ids for hour in sorted(hours)]

    def table(self, name: str) -> pa.Table:
        return pa.concat_tables(self.lake.read(name, place) for place in self.places())

    @cached_property
    def stored(self) -> tuple[dict[int, Counter[int]], list[tuple[str, float]]]:
        """Camera -> the numbers of its frames in the lake; and the cards that are there, by camera and time."""
        numbers = {camera: Counter[int]() for camera in range(len(self.ids))}
        cards: list[tuple[str, float]] = []
        for row in self.table("raw_frames").select(["camera_id", "captured_at", "jpeg"]).to_pylist():
            if (mark := mark_of(decode(row["jpeg"]))) is None:
                cards.append((row["camera_id"], row["captured_at"].timestamp()))
            else:
                assert self.ids[mark[0]] == row["camera_id"], "A frame stands with another camera than its own."
                numbers[mark[0]][mark[1]] += 1
        return numbers, cards

    @cached_property
    def account(self) -> dict[str, object]:
        """Every frame that was due between the run's beginning and its end.

        single_between_two: missed while the frames before and after it are there, and too near to one another for ``gaps``: where
        pictures have no clock, times are those at which they were fetched.
        """
        played, (stored, cards) = self.played, self.stored
        gaps = self.table("gaps").to_pylist()
        due = in_gaps = as_card = single = lost = 0
        unexplained: list[tuple[str, float]] = []
        for camera, name in enumerate(self.ids):
            spans = [(row["began_at"].timestamp(), row["ended_at"].timestamp()) for row in gaps if row["camera_id"] == name]
            first = math.ceil((self.began - played.phase(camera)) / played.period_s)
            last = math.floor((self.ended - played.period_s - played.phase(camera)) / played.period_s)
            for number in range(first, last):
                due += 1
                taken = played.taken(camera, number)
                if stored[camera][number]:
                    continue
                if any(began - 0.02 <= taken <= ended + 0.02 for began, ended in spans):
                    in_gaps += 1
                elif any(camera_id == name and abs(at - taken) <= played.period_s for camera_id, at in cards):
                    as_card += 1
                elif stored[camera][number - 1] and stored[camera][number + 1]:
                    single += 1
                else:
                    lost += 1
                    unexplained.append((name, round(taken - self.began, 2)))
        rejected = Counter(self.table("rejected_frames")["reason"].to_pylist())
        refused = sum((followed.tally.reasons for followed in self.engine.followed), Counter[str]())
        return {
            "due": due,
            "served": sum(map(len, played.served.values())),
            "stored": sum(sum(each.values()) for each in stored.values()),
            "a_card_in_its_place": as_card,
            "stored_cards_until_known": len(cards),
            "twice": sum(sum(each.values()) - len(each) for each in stored.values()),
            "in_gaps": in_gaps,
            "single_between_two": single,
            "lost": lost,
            "lost_at": unexplained[:20],
            "set_aside": dict(rejected),
            "not_used": dict(refused),
            "notices": self.tally("notices"),
            "unchanged": self.tally("unchanged"),
            "asked": self.tally("asked"),
            "gaps": dict(Counter(row["reason"] for row in gaps)),
        }


@dataclass(frozen=True, kw_only=True)
class How:
    """seconds: how long, or until every camera has given frames of them; period_s: of every camera; hurried: what is allowed a
    minute is allowed a second; masker: what masks; faulty: whether the stand-in's servers fail now and then."""

    masker: Masker
    seconds: float = 60.0
    frames: int = 0
    period_s: float = 1.0
    hurried: bool = True
    faulty: bool = True


async def _collect_all(url: str, played: Mapping[str, Played], root: Path, how: How) -> dict[str, Collected]:
    """All of them, side by side."""
    runs = (_collect(url, name, each, root / name, how) for name, each in played.items())
    return dict(zip(played, await asyncio.gather(*runs), strict=True))


async def _collect(url: str, name: str, played: Played, folder: Path, how: How) -> Collected:
    network = network_of(name, url, played.period_s, how.hurried)
    listed = await list_cameras(network, SETTINGS)
    # How often the real cameras take a picture is not how often these do.
    cameras = [replace(camera, period_s=0.0) for camera in listed.cameras]
    spool = folder / "spool"
    describe(SpoolFolder(spool), cameras)
    if name == "generic":
        keep_source(SpoolFolder(spool), network.source)
    writer, stop = SpoolWriter(spool / "1", 1 << 30), asyncio.Event()
    engine = Engine(network, cameras, writer, SETTINGS, how.masker)
    played.began = began = time.time()
    ending = asyncio.create_task(_end(engine, stop, began + how.seconds, how.frames))
    await engine.run(stop)
    await ending
    writer.close()
    return Collected(played, listed, engine, spool, Lake(str(folder / "lake")), began, time.time())


async def _end(engine: Engine, stop: asyncio.Event, at: float, frames: int) -> None:
    while time.time() < at and not (frames and all(each.tally.new >= frames for each in engine.followed)):
        await asyncio.sleep(0.05)
    stop.set()


def play(names: Sequence[str], root: Path, how: How) -> dict[str, Collected]:
    """A stand-in of these networks, their collectors, and their hours sealed."""
    played = {name: Played(name, period_s=how.period_s, run_s=how.seconds, faulty=how.faulty) for name in names}
    server = StandIn(played, window_s=1.0 if how.hurried else 60.0)
    with server.serving() as url:
        runs = asyncio.run(_collect_all(url, played, root, how))
    assert not server.over.total(), "A limit of the operator's was passed."
    assert server.agents == {SETTINGS.user_agent}
    for run in runs.values():
        seal(SpoolNetwork(run.played.name, SpoolFolder(run.spool)), run.lake, run.places())
    return runs


DAYS_AGO = timedelta(days=3)
"""By which a run is set back, so that its local day is over, and has figures."""


def set_back(run: Collected, spool: Path) -> list[datetime]:
    """The run's spool as if it had been collected some days before. Gives its hours."""
    writer, hour, back = SpoolWriter(spool / "1", 1 << 30), 0, DAYS_AGO // timedelta(microseconds=1)
    hours: set[datetime] = set()
    records = list(SpoolFolder(run.spool).records())
    for record in sorted(records, key=lambda record: record.fetched_us):
        if hour != record.fetched_us // 3_600_000_000:
            writer.flush()
            writer.roll()
            hour = record.fetched_us // 3_600_000_000
        writer.append(replace(record, captured_us=record.captured_us - back, fetched_us=record.fetched_us - back))
        if record.kind == Kind.FRAME:
            hours.add(floor_hour(utc(record.captured_us - back)))
    writer.close()
    for name in (CAMERAS, SOURCE_NOTE):
        if (run.spool / name).exists():
            shutil.copy(run.spool / name, spool / name)
    return sorted(hours)


def through_pipeline(name: str, run: Collected, folder: Path) -> Lake:
    """From the spool to the marts of its local day, as `cctview backfill` brings it there, in this process."""
    spool, lake = folder / "spool", Lake(str(folder / "lake"))
    hours = set_back(run, spool)
    asked = Asked(network=name, path=str(spool), begin=hours[0], end=hours[-1] + HOUR)
    campaign = choose(lake, asked).campaign
    lake.write_campaign(campaign)
    places = {"CCTVIEW_LAKE": str(folder / "lake"), "CCTVIEW_KEYS": str(folder / "keys")}
    places |= {"CCTVIEW_AUDIT": str(folder / "audit.jsonl"), "DAGSTER_HOME": str(folder / "dagster")}
    (folder / "dagster").mkdir()
    ids = partition_order(campaign, {})
    days = calendar_of(campaign).days_of(hours)
    with mock.patch.dict(os.environ, places), dg.DagsterInstance.ephemeral() as instance:
        record_models(instance, campaign)
        for job, begin, end in (
            ("camera_hours", Partition.camera_hour(ids[0], hours[0]), Partition.camera_hour(ids[-1], hours[-1])),
            ("hours", Partition.of_hour(hours[0]), Partition.of_hour(hours[-1])),
            ("days", Partition.of_day(days[0]), Partition.of_day(days[-1])),
        ):
            assert run_job(lake, job, begin, end, instance).success, f"{name}: {job} failed."
    return lake


def rows_of(lake: Lake, tables: Sequence[str]) -> dict[str, int]:
    """Table -> all of its rows in a lake."""
    folder = Path(lake.uri)
    return {name: sum(pq.read_metadata(path).num_rows for path in (folder / name).rglob("*.parquet")) for name in tables}
