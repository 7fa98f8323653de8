"""Collectors of every network, all at once in one process, from the stand-in; and what became of every frame that was due."""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import pyarrow as pa

from cctview_pipeline.cameras.listed import CameraList
from cctview_pipeline.cameras.live import open_live
from cctview_pipeline.cameras.networks.generic import Source
from cctview_pipeline.cameras.protocol import LiveNetwork, Rate
from cctview_pipeline.cameras.spooled import SpoolNetwork, describe, keep_source
from cctview_pipeline.cameras.tables import frames_table, merge_frames, merge_rejected, rejected_table
from cctview_pipeline.campaign import HOUR, floor_hour
from cctview_pipeline.collect.engine import Engine, EngineSettings
from cctview_pipeline.collect.session import list_cameras
from cctview_pipeline.collect.tables import gaps_table, status_table
from cctview_pipeline.images import decode
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.redaction.masking import Masker
from cctview_pipeline.spool.segments import SpoolWriter
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
        """Every frame that was due between the run's beginning and its end."""
        played, (stored, cards) = self.played, self.stored
        gaps = self.table("gaps").to_pylist()
        due = in_gaps = as_card = lost = 0
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
            "lost": lost,
            "lost_at": unexplained[:20],
            "set_aside": dict(rejected),
            "not_used": dict(refused),
            "notices": self.tally("notices"),
            "unchanged": self.tally("unchanged"),
            "asked": self.tally("asked"),
            "gaps": dict(Counter(row["reason"] for row in gaps)),
        }


async def collect_networks(
    url: str, played: Mapping[str, Played], root: Path, run_s: float, masker: Masker, hurried: bool = False
) -> dict[str, Collected]:
    """All of them, side by side, for so long."""
    runs = (_collect(url, name, each, root / name, run_s, masker, hurried) for name, each in played.items())
    return dict(zip(played, await asyncio.gather(*runs), strict=True))


async def _collect(url: str, name: str, played: Played, folder: Path, run_s: float, masker: Masker, hurried: bool) -> Collected:
    network = network_of(name, url, played.period_s, hurried)
    listed = await list_cameras(network, SETTINGS)
    # How often the real cameras take a picture is not how often these do.
    cameras = [replace(camera, period_s=0.0) for camera in listed.cameras]
    spool = folder / "spool"
    describe(spool, cameras)
    if name == "generic":
        keep_source(spool, network.source)
    writer, stop = SpoolWriter(spool / "1", 1 << 30), asyncio.Event()
    engine = Engine(network, cameras, writer, SETTINGS, masker)
    played.began = began = time.time()
    asyncio.get_running_loop().call_later(run_s, stop.set)
    await engine.run(stop)
    writer.close()
    return Collected(played, listed, engine, spool, Lake(str(folder / "lake")), began, time.time())


def seal(run: Collected) -> None:
    """What the assets raw_frames, camera_status and gaps do."""
    network = SpoolNetwork(run.played.name, run.spool)
    for place in run.places():
        found = network.read_hour(place.camera, place.hour)
        frames = merge_frames(run.lake.read("raw_frames", place), frames_table(found, network.name))
        run.lake.write("raw_frames", place, frames)
        rejected = merge_rejected(run.lake.read("rejected_frames", place), rejected_table(found), frames)
        run.lake.write("rejected_frames", place, rejected)
        status = status_table(run.spool, place.camera, place.hour, run.lake.read("camera_status", place))
        run.lake.write("camera_status", place, status)
        before = run.lake.read("raw_frames", Partition.camera_hour(place.camera, place.hour - HOUR))
        run.lake.write("gaps", place, gaps_table(status, frames, before, place.camera, place.hour))


def play(names: Sequence[str], root: Path, run_s: float, period_s: float, masker: Masker, hurried: bool) -> dict[str, Collected]:
    """A stand-in of these networks, their collectors, and their hours sealed."""
    played = {name: Played(name, period_s=period_s, run_s=run_s) for name in names}
    with StandIn(played).serving() as url:
        runs = asyncio.run(collect_networks(url, played, root, run_s, masker, hurried))
    for run in runs.values():
        seal(run)
    return runs
