"""One sitting of a collector: from the list of cameras to a clean stop."""

import asyncio
import contextlib
import signal
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import aiohttp
from rich.console import Group
from rich.table import Table

from cctview_pipeline.cameras.live import LiveCamera, LiveNetwork
from cctview_pipeline.cameras.spooled import describe
from cctview_pipeline.collect.engine import Engine, EngineSettings
from cctview_pipeline.collect.metrics import serve_metrics
from cctview_pipeline.collect.sharding import Shard
from cctview_pipeline.collect.spool import SpoolWriter, used_bytes
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.privacy.masking import Masker

TICK_S = 1.0
WORST = 10
"""Cameras that the live table names: those that are in trouble."""


async def list_cameras(network: LiveNetwork, settings: EngineSettings) -> list[LiveCamera]:
    """The network's own list, now. Raises CctviewError when it does not come."""
    request = network.list_request()
    headers = dict(request.headers) | {"User-Agent": settings.user_agent}
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(60), headers=headers) as session,
            session.get(request.url) as answer,
        ):
            if answer.status != 200:
                raise CctviewError(f"{request.url} answers {answer.status} {answer.reason}: there is no list of cameras.")
            return network.read_list(await answer.read())
    except (TimeoutError, aiohttp.ClientError) as error:
        raise CctviewError(f"{request.url} cannot be reached: {str(error) or 'it timed out'}.") from error


def choose(cameras: Sequence[LiveCamera], wanted: Sequence[str], shard: Shard) -> list[LiveCamera]:
    """The cameras to collect: those wanted by id or network id, or all, of them the shard's."""
    known = {name: camera for camera in cameras for name in (camera.network_id, camera.id)}
    if unknown := [name for name in wanted if name not in known]:
        raise CctviewError(f"The network has no camera '{unknown[0]}': `cctview cameras list` shows what it has.")
    chosen = {known[name].id: known[name] for name in wanted} if wanted else {camera.id: camera for camera in cameras}
    return [chosen[camera_id] for camera_id in shard.own(chosen)]


async def collect(
    network: LiveNetwork,
    cameras: Sequence[LiveCamera],
    spool: Path,
    budget: int,
    settings: EngineSettings,
    masker: Masker,
    shard: Shard = Shard(),
    seconds: float | None = None,
    metrics_port: int = 0,
    tick: Callable[[Engine], None] = lambda engine: None,
) -> Engine:
    """Follow the cameras for so long, or until SIGTERM or SIGINT; what was gathered is then on the disk.

    spool: all shards' directory; budget: bytes that this one may take there; tick: called every second.
    """
    if not cameras:
        raise CctviewError("There is no camera to collect: this shard has none of those that were chosen.")
    writer = SpoolWriter(spool / str(shard), budget)
    describe(spool, cameras)
    try:
        engine, stop, loop = Engine(network, cameras, writer, settings, masker), asyncio.Event(), asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        if metrics_port:
            serve_metrics(engine, metrics_port)
        if seconds is not None:
            loop.call_later(seconds, stop.set)
        ticking = asyncio.create_task(_tick(engine, tick))
        try:
            await engine.run(stop)
        finally:
            ticking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await ticking
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)
        tick(engine)
        return engine
    finally:
        writer.close()


async def _tick(engine: Engine, tick: Callable[[Engine], None]) -> None:
    while True:
        tick(engine)
        await asyncio.sleep(TICK_S)


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
    trouble = [followed for followed in engine.followed if followed.watch.state not in ("live", "unknown")][:WORST]
    if not trouble:
        return Group(whole, line)
    worst = Table("camera", "state", "frames", "failed", "last failure")
    for each in trouble:
        worst.add_row(each.camera.id, each.watch.state, f"{each.tally.new:,}", f"{each.tally.failed:,}", each.tally.last_failure)
    return Group(whole, line, worst)
