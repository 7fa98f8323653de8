"""One sitting of a collector: from the list of cameras to a clean stop."""

import asyncio
import contextlib
import logging
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

import aiohttp
from rich.console import Group
from rich.table import Table

from cctview_pipeline.cameras.listed import CameraList, LiveCamera, and_known, joined
from cctview_pipeline.cameras.protocol import LiveNetwork, Request, shown
from cctview_pipeline.cameras.spooled import CAMERAS, SOURCE, describe
from cctview_pipeline.collect.engine import Engine, EngineSettings
from cctview_pipeline.collect.fetching import PRIVATE, Bounds, NoAnswer, fetch, open_session
from cctview_pipeline.collect.metrics import serve_metrics
from cctview_pipeline.collect.newest import NAME, Newest
from cctview_pipeline.collect.pace import Pace
from cctview_pipeline.collect.sharding import Shard
from cctview_pipeline.errors import CctviewError, NotFoundError
from cctview_pipeline.limits import LIST_BYTES, LIST_PAGES, LIST_S
from cctview_pipeline.redaction.masking import Masker
from cctview_pipeline.spool.bucket import SpoolBucket
from cctview_pipeline.spool.folder import SpoolFolder, used_bytes
from cctview_pipeline.spool.lease import LeaseLost
from cctview_pipeline.spool.upload import Uploader, UploadTimes
from cctview_pipeline.spool.writer import SpoolWriter

TICK_S = 1.0
WORST = 10
_KEY_REFUSED = ("400", "401", "403")
"""Cameras that the live table names: those that are in trouble."""
_log = logging.getLogger(__name__)


async def list_cameras(network: LiveNetwork, settings: EngineSettings) -> CameraList:
    """The network's own list, now: all of its parts that come. Raises CctviewError when none does."""
    if (stored := network.stored_list()) is not None:
        return network.read_list(stored)
    lists: list[CameraList] = []
    failed: list[str] = []
    pace = Pace(network.rates)
    async with open_session(settings.user_agent, 1, settings.connect_s, LIST_S.most) as session:
        for first in network.list_requests():
            request: Request | None = first
            for _ in range(int(LIST_PAGES.most)):
                assert request is not None
                await pace.turn(request.url)
                try:
                    content = await _content(session, network, request)
                    lists.append(network.read_list(content))
                except CctviewError as error:  # of several parts, one takes no other with it
                    failed.append(str(error))
                    break
                if (request := network.next_page(content)) is None:
                    break
    if not lists:
        raise CctviewError(failed[0])
    return joined(lists, failed)


async def _content(session: aiohttp.ClientSession, network: LiveNetwork, request: Request) -> bytes:
    """One page. Raises CctviewError, with the mend where there is one."""
    try:
        answer = await fetch(session, request, Bounds(network.hosts, int(LIST_BYTES.most), LIST_S.most))
    except NoAnswer as told:
        mend = " If that machine is yours, give its address itself with --base-url." if told.code == PRIVATE else ""
        if told.code[:3] in _KEY_REFUSED and (request.secret or request.secret_headers):
            mend = " That is what is answered to a key that is not known: look at the key."
        raise CctviewError(f"{shown(request.url)} gives no list of cameras: {told.code}.{mend}") from None
    assert answer.content is not None, "Only an answer to a conditional request has no content."
    return answer.content


async def cameras_of(
    network: LiveNetwork, settings: EngineSettings, known: Mapping[str, LiveCamera]
) -> tuple[CameraList, list[str]]:
    """The network's list, or what is known of its cameras from before when it does not come; and what a person should know.

    known: camera id -> camera. Raises CctviewError when there is neither.
    """
    before = CameraList(cameras=list(known.values()))
    try:
        found = await list_cameras(network, settings)
    except CctviewError as error:
        if not known:
            raise
        return before, [f"{error} The {len(known)} cameras that are known from before are followed."]
    if not found.cameras and known:
        return before, ["The network's list is empty: the cameras known from before are followed."]
    if not found.cameras:
        raise CctviewError(f"{network.terms.operator} gives an empty list of cameras, and none is known from before.")
    said = found.said()
    found, notes = and_known(found, known)
    return found, [said, *notes] if said else notes


def choose(
    listed: CameraList, wanted: Sequence[str], shard: Shard, known: Mapping[str, LiveCamera] = MappingProxyType({})
) -> tuple[list[LiveCamera], list[str]]:
    """The cameras to collect: those wanted by id or network id, or all, of them the shard's; and what a person should know.

    known: camera id -> camera, of those whose row the list lacks, or has damaged: one row takes no camera away. Raises
    CctviewError for a camera that nobody knows.
    """
    by_name = {name: camera for camera in (*known.values(), *listed.cameras) for name in (camera.network_id, camera.id)}
    if unknown := [name for name in wanted if name not in by_name]:
        left_out = f" {listed.said()}" if listed.left_out else ""
        raise CctviewError(f"The network has no camera '{unknown[0]}': `cctview cameras list` shows what it has.{left_out}")
    chosen = {by_name[name].id: by_name[name] for name in wanted} if wanted else {camera.id: camera for camera in listed.cameras}
    own = [chosen[camera_id] for camera_id in shard.own(chosen)]
    there = {camera.id for camera in listed.cameras}
    absent = [camera.id for camera in own if camera.id not in there]
    more = f" and {len(absent) - WORST:,} more" if len(absent) > WORST else ""
    said = f"Not in the network's list, and followed as they were before: {', '.join(absent[:WORST])}{more}."
    return own, [said] if absent else []


def crowded(network: LiveNetwork, cameras: Sequence[LiveCamera]) -> list[str]:
    """Sentences where so many cameras need more than the operator allows."""
    if not cameras:
        return []
    with contextlib.suppress(CctviewError):  # an address that only the frame list tells
        url = network.frame_request(cameras[0]).url
        period = sum(camera.period_s or network.cadence_s for camera in cameras) / len(cameras)
        return [said] if (said := Pace(network.rates).needs(url, len(cameras), period)) else []
    return []


@dataclass(frozen=True, kw_only=True)
class Sitting:
    """Where a sitting leaves its frames, and how long it is. spool: all shards' directory on this machine; budget: bytes that
    this shard may take there; bucket: where closed segments go from there, None to leave them; seconds: None until it is stopped;
    metrics_port: 0 for none."""

    spool: Path
    budget: int
    shard: Shard = Shard()
    bucket: SpoolBucket | None = None
    times: UploadTimes = UploadTimes()
    seconds: float | None = None
    metrics_port: int = 0


async def collect(
    network: LiveNetwork,
    cameras: Sequence[LiveCamera],
    sitting: Sitting,
    settings: EngineSettings,
    masker: Masker,
    tick: Callable[[Engine], None] = lambda engine: None,
) -> Engine:
    """Follow the cameras for so long, or until SIGTERM or SIGINT; what was gathered is then on the disk.

    tick: called every second.
    """
    if not cameras:
        raise NotFoundError("There is no camera to collect: this shard has none of those that were chosen.")
    folder, shard = SpoolFolder(sitting.spool), str(sitting.shard)
    writer = SpoolWriter(sitting.spool / shard, sitting.budget)
    uploader = Uploader(folder, shard, sitting.bucket, (CAMERAS, SOURCE, NAME), sitting.times) if sitting.bucket else None
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    try:
        describe(folder, cameras)
        if uploader and (said := uploader.begin(lambda: loop.call_soon_threadsafe(stop.set))):
            _log.warning(said)
        engine = Engine(network, cameras, writer, settings, masker, _newest(folder, sitting.bucket))
        engine.uploader = uploader
        await _run(engine, sitting, stop, tick)
    finally:
        writer.close()
        if uploader:
            await asyncio.to_thread(uploader.finish)
    _try(tick, engine)
    if uploader and uploader.lost:
        raise LeaseLost(f"{uploader.lost} This one has stopped; what it took is kept.")
    return engine


def _newest(folder: SpoolFolder, bucket: SpoolBucket | None) -> Newest:
    """What was remembered on this machine, and by whoever collected on another."""
    if bucket:
        with contextlib.suppress(CctviewError):  # a store that is away: at worst a dead camera's frame is taken once more
            return Newest.read(folder, bucket)
    return Newest.read(folder)


async def _run(engine: Engine, sitting: Sitting, stop: asyncio.Event, tick: Callable[[Engine], None]) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if sitting.metrics_port:
        serve_metrics(engine, sitting.metrics_port)
    if sitting.seconds is not None:
        loop.call_later(sitting.seconds, stop.set)
    ticking = asyncio.create_task(_tick(engine, tick))
    try:
        await engine.run(stop)
    finally:
        ticking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await ticking
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


async def _tick(engine: Engine, tick: Callable[[Engine], None]) -> None:
    while True:
        _try(tick, engine)
        await asyncio.sleep(TICK_S)


def _try(tick: Callable[[Engine], None], engine: Engine) -> None:
    """What shows how it goes must not end it."""
    try:
        tick(engine)
    except Exception as error:
        _log.warning("How the collector goes could not be shown (%s).", type(error).__name__)


def table(engine: Engine, elapsed_s: float) -> Group:
    """What a person watches: sums, states, and the cameras that are in trouble."""
    tallies = [followed.tally for followed in engine.followed]
    total = lambda name: sum(getattr(tally, name) for tally in tallies)  # noqa: E731
    whole = Table("cameras", "frames", "a second", "p99 lag s", "MB", "unchanged", "failed", "spool MiB", title="collecting")
    whole.add_row(
        str(len(tallies)),
        f"{total('new'):,}",
        f"{total('new') / max(elapsed_s, 1e-3):.1f}",
        f"{engine.lags((0.99,)).get(0.99, 0.0):.2f}",
        f"{total('bytes') / 1e6:,.0f}",
        f"{total('unchanged'):,}",
        f"{total('failed'):,}",
        f"{used_bytes(engine.writer.directory) / (1 << 20):,.0f}",
    )
    states = Counter(followed.watch.state for followed in engine.followed)
    line = ", ".join(f"{count} {state}" for state, count in states.most_common())
    line += f"\n{_uploads(engine.uploader)}" if engine.uploader else ""
    trouble = [followed for followed in engine.followed if followed.watch.state not in ("live", "unknown")][:WORST]
    if not trouble:
        return Group(whole, line)
    worst = Table("camera", "state", "frames", "failed", "last failure")
    for each in trouble:
        worst.add_row(each.camera.id, each.watch.state, f"{each.tally.new:,}", f"{each.tally.failed:,}", each.tally.last_failure)
    return Group(whole, line, worst)


def _uploads(uploader: Uploader) -> str:
    """How far the store has what was collected."""
    told, waits = uploader.tally, uploader.backlog()
    line = f"uploaded {told.segments:,} segments, {told.bytes / 1e6:,.0f} MB; {waits.segments:,} wait here"
    return f"{line} since {datetime.fromtimestamp(told.since, UTC):%H:%M:%S} UTC: {told.trouble}" if told.trouble else line


def summary(engine: Engine) -> Iterator[str]:
    """What became of all that was asked for, a sentence each: every picture is stored, unchanged or refused for a reason."""
    tallies = [followed.tally for followed in engine.followed]
    names = ("asked", "new", "unchanged", "notices", "failed")
    asked, new, unchanged, notices, failed = (sum(getattr(tally, name) for tally in tallies) for name in names)
    told = f", {notices:,} notices instead of one" if notices else ""
    yield f"{asked:,} requests: {new:,} new pictures, {unchanged:,} that had not changed{told}, {failed:,} without one."
    reasons = sum((tally.reasons for tally in tallies), Counter())
    if reasons:
        cameras = {reason: sum(reason in tally.reasons for tally in tallies) for reason in reasons}
        parts = [f"{count:,} {reason} (cameras: {cameras[reason]:,})" for reason, count in reasons.most_common()]
        yield f"Not used: {', '.join(parts)}."
    if engine.frames and (said := engine.frames.readings.said()):
        yield said
    silent = [followed for followed in engine.followed if followed.tally.new == 0]
    if silent:
        named = [f"{each.camera.id} ({each.watch.state}{_why(each.tally.last_failure)})" for each in silent[:WORST]]
        more = f" and {len(silent) - WORST:,} more" if len(silent) > WORST else ""
        yield f"{len(silent):,} of {len(tallies):,} cameras gave no new picture: {', '.join(named)}{more}."
    if engine.uploader:
        yield from _of_uploads(engine.uploader)


def _of_uploads(uploader: Uploader) -> Iterator[str]:
    told, waits, place = uploader.tally, uploader.backlog(), uploader.bucket.place
    yield f"{told.segments:,} segments are in {place}, {told.bytes / 1e6:,.0f} MB."
    if waits.segments:
        why = f" {told.trouble}" if told.trouble else ""
        yield (
            f"{waits.segments:,} segments, {waits.bytes / 1e6:,.0f} MB, wait in {uploader.folder}: the next collector that "
            f"begins here uploads them.{why}"
        )
    if told.expired:
        yield f"{told.expired:,} files in {uploader.folder} were deleted: their lifetime was over before they could be uploaded."
    if odd := uploader.folder.unreadable():
        yield f"{len(odd):,} files in {uploader.folder} are no segments of this version, such as {odd[0].name}: they stay there."


def _why(failure: str) -> str:
    return f": {failure}" if failure else ""
