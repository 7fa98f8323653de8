"""The polling engine: one process, one event loop, a thousand cameras.

Every camera has a task of its own that sleeps until its next frame is due. What is new goes to the spool at once and to the
disk twice a second, in a thread, so that a slow disk holds nothing up. Changes of state and the engine's own heartbeat go the
same way: what is not collected must be accounted for even when this process is killed. People are painted over on the way, in
a thread: what has not been masked reaches no disk.
"""

import asyncio
import contextlib
import itertools
import json
import logging
import random
import time
from collections.abc import Sequence
from dataclasses import replace

import aiohttp
import numpy as np

from cctview_pipeline.cameras.listed import LiveCamera
from cctview_pipeline.cameras.protocol import LiveNetwork, Request, Told
from cctview_pipeline.collect.accounts import NOT_MASKED, SPOOL_FULL
from cctview_pipeline.collect.fetching import TOO_MANY, Answer, Bounds, Known, NoAnswer, fetch, moment_us, open_session
from cctview_pipeline.collect.followed import CameraSession, EngineSettings, Waiting
from cctview_pipeline.collect.newest import Newest, Seen
from cctview_pipeline.collect.pace import Pace
from cctview_pipeline.collect.pictures import Rules
from cctview_pipeline.collect.told import FrameList
from cctview_pipeline.collect.watch import UNREADABLE, CameraWatch, Change, Placeholders
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.limits import LIST_BYTES, LIST_S
from cctview_pipeline.redaction.masking import Masked, Masker, Refused
from cctview_pipeline.spool.records import Kind, Record
from cctview_pipeline.spool.upload import Uploader
from cctview_pipeline.spool.writer import FLUSH_S, SpoolFull, SpoolWriter

HEARTBEAT_S = 2.0
REMEMBER_S = 10.0
"""Between two notes of which frames are the newest: a collector that is killed sooner may take one for new that is not."""
MAX_WAITING = 2000
"""Frames that wait to be masked, from which on new ones are not taken: they would be late, and fill the memory."""
AT_ONCE, SIDE_BY_SIDE = 16, 2
"""Pictures that a thread masks at a time, and threads: while one decodes and encodes, the network looks at the other's."""
FIRST_S = 60.0
"""Within which every camera is asked for the first time, however long its period."""
NO_ADDRESS = "no address"
COLLECTOR = ""
"""The camera id of records that are about the collector itself."""
_log = logging.getLogger(__name__)


class Engine:
    """Follows cameras of one network until it is stopped, into one spool."""

    def __init__(
        self,
        network: LiveNetwork,
        cameras: Sequence[LiveCamera],
        writer: SpoolWriter,
        settings: EngineSettings,
        masker: Masker,
        newest: Newest = Newest(),
    ) -> None:
        """newest: what the collectors before this one had."""
        self.network, self.writer, self.settings, self.masker = network, writer, settings, masker
        self.placeholders, self._before = Placeholders(set(newest.placeholders)), newest
        self.pace, self._rules = Pace(network.rates), Rules.of(network)
        self._bounds = Bounds(network.hosts, settings.largest_bytes, settings.whole_s, network.capture_header)
        self.frames: FrameList | None = None
        """What the network tells of newest frames, where it does."""
        self.followed = [self._followed(camera, newest.cameras.get(camera.id)) for camera in cameras]
        self.stored = 0
        self.uploader: Uploader | None = None
        """What brings its segments to a store, where something does."""
        self.full_since_us: int | None = None
        self.behind_since_us: int | None = None
        """Since when frames were not taken because masking did not keep up."""
        self._waiting: list[Waiting] = []
        self._arrived = asyncio.Event()

    def _followed(self, camera: LiveCamera, seen: Seen | None) -> CameraSession:
        guess = camera.period_s or self.network.cadence_s
        return CameraSession(camera=camera, watch=CameraWatch(camera.id, self.placeholders, guess, seen, self._rules), kept=seen)

    async def run(self, stop: asyncio.Event) -> None:
        """Until stop is set; then what was gathered is written and the segment ended."""
        self._note_followed(begins=True)
        settings = self.settings
        async with open_session(settings.user_agent, settings.per_host, settings.connect_s, settings.silence_s) as session:
            tasks = self._tasks(session)
            storing, masking = asyncio.create_task(self._store()), asyncio.create_task(self._mask())
            stopping = asyncio.create_task(stop.wait())
            try:
                # A task that ends by itself has failed: better to stop than to miss a camera silently.
                done, _ = await asyncio.wait([*tasks, storing, masking, stopping], return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (*tasks, storing, masking, stopping):
                    task.cancel()
                await asyncio.gather(*tasks, storing, masking, stopping, return_exceptions=True)
                if not (masking.done() and not masking.cancelled()):  # else it has failed, and what waits can't be stored
                    await self._mask_waiting()
                self._note_behind()
                self._take_changes()
                self._note({"ends": True})
                await asyncio.to_thread(self._write_down, self._newest())
                await asyncio.to_thread(self._end_segment)
        for task in done - {stopping}:
            task.result()

    def lags(self, quantiles: Sequence[float]) -> dict[float, float]:
        """Seconds from due to fetched of every camera's newest frame: quantile -> seconds."""
        newest = [followed.tally.lag_s for followed in self.followed if followed.tally.new]
        return dict(zip(quantiles, np.quantile(newest, quantiles).tolist(), strict=True)) if newest else {}

    def _tasks(self, session: aiohttp.ClientSession) -> list[asyncio.Task]:
        """One a camera, and one for the frame list where there is one."""
        if not self.network.frames_every_s:
            return [asyncio.create_task(self._follow(session, followed)) for followed in self.followed]
        self.frames = FrameList(self.network, lambda request: self._read_list(session, request))
        heeding = [asyncio.create_task(self._follow_list(session, followed, self.frames)) for followed in self.followed]
        return [*heeding, asyncio.create_task(self.frames.run())]

    async def _read_list(self, session: aiohttp.ClientSession, request: Request) -> Answer:
        await self.pace.turn(request.url)
        return await fetch(session, request, Bounds(self.network.hosts, int(LIST_BYTES.most), LIST_S.most))

    async def _follow_list(self, session: aiohttp.ClientSession, followed: CameraSession, frames: FrameList) -> None:
        """Ask when the frame list tells of a frame that was not had."""
        loop = asyncio.get_running_loop()
        not_before = 0.0
        while True:
            followed.wanted.reading = await frames.after(followed.wanted.reading)
            if loop.time() < not_before:
                continue
            try:
                not_before = loop.time() + await self._heed(session, followed, frames)
            except Exception as error:
                not_before = loop.time() + self._met(followed, error)

    async def _heed(self, session: aiohttp.ClientSession, followed: CameraSession, frames: FrameList) -> float:
        """What the newest reading says of a camera. Returns the seconds to leave it alone."""
        loop, watch, wanted = asyncio.get_running_loop(), followed.watch, followed.wanted
        due, told = loop.time(), frames.of(followed.camera.network_id)
        if isinstance(told, Told) and not told.off and not frames.too_old(told) and wanted.is_new(told):
            await self.pace.turn(self.network.frame_request(followed.camera, told).url)
            told = frames.of(followed.camera.network_id)  # it may have waited long for its turn
        if isinstance(told, str) or told.off:
            followed.tally.last_failure = told if isinstance(told, str) else told.off
            watch.failed(_now_us(), followed.tally.last_failure)
        elif frames.too_old(told):
            watch.outdated(_now_us(), "The network's newest picture is old.")
        elif not wanted.is_new(told):
            watch.unchanged(_now_us(), loop.time())
        else:
            wanted.tries += 1
            before = followed.tally.new + followed.tally.notices
            wait = await self._ask(session, followed, due, told)
            if followed.tally.new + followed.tally.notices > before:
                wanted.done(told)
            return wait
        return 0.0

    async def _follow(self, session: aiohttp.ClientSession, followed: CameraSession) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + random.uniform(0, min(self.network.cadence_s, FIRST_S))
        while True:
            await asyncio.sleep(due - loop.time())
            try:
                wait = await self._ask(session, followed, due)
                now = loop.time()
                due = now + wait if wait else max(followed.watch.next_poll(now), now + 0.005)
            except Exception as error:
                due = loop.time() + self._met(followed, error)

    def _met(self, followed: CameraSession, error: Exception) -> float:
        """What nobody thought of leaves its camera alone for a while, and no other."""
        told = _log.debug if followed.watch.reason == UNREADABLE else _log.warning
        told("%s: an answer met an error (%s).", followed.camera.id, type(error).__name__)
        _log.debug("How it failed:", exc_info=error)
        return self._failed(followed, UNREADABLE)

    async def _ask(self, session: aiohttp.ClientSession, followed: CameraSession, due: float, told: Told | None = None) -> float:
        """One fetch. told: by the frame list, whose turn has come already. Returns the seconds to leave the camera alone, or 0
        when its rhythm tells."""
        loop = asyncio.get_running_loop()
        followed.tally.asked += 1
        try:
            request = self.network.frame_request(followed.camera, told)
            if told is None:
                await self.pace.turn(request.url)
            answer = await fetch(session, request, self._bounds, followed.known)
        except asyncio.CancelledError:  # the collector ends, and nobody waits for this one any more
            followed.tally.asked -= 1
            raise
        except NoAnswer as why:
            if why.code == TOO_MANY and why.retry_after_s:
                self.pace.hold(request.url, why.retry_after_s)
            return self._failed(followed, why.code, why.retry_after_s)
        except CctviewError:
            return self._failed(followed, NO_ADDRESS)
        if answer.content is None:
            followed.tally.unchanged += 1
            followed.watch.unchanged(_now_us(), loop.time())
            return 0.0
        told_us = told.captured_us if told else None
        return self._look_at(followed, answer, due, moment_us(answer.told) if answer.told else told_us)

    def _look_at(self, followed: CameraSession, answer: Answer, due: float, told_us: int | None) -> float:
        """Every picture of an answer by itself."""
        now, tally, watch = asyncio.get_running_loop().time(), followed.tally, followed.watch
        content = answer.content or b""
        tally.bytes += len(content)
        new, failures, wait = 0, 0, 0.0
        for picture in self.network.pictures(content):
            before = watch.backoff.failures
            taken = watch.received(picture, _now_us(), now, told_us)
            if watch.backoff.failures > before:
                failures, wait = failures + 1, watch.backoff.wait_s
                tally.fails(watch.reason)
            elif taken:
                new += 1
                record = Record(
                    kind=Kind.FRAME,
                    camera_id=watch.camera_id,
                    captured_us=taken.captured_us,
                    fetched_us=taken.fetched_us,
                    payload=taken.jpeg,
                )
                self._keep(followed, record)
            elif watch.state == "placeholder":
                tally.notices += 1
            else:
                tally.unchanged += 1
        tally.new += new
        # Of what could not be used nothing is known that "unchanged" could mean.
        followed.known = Known() if failures else answer.known
        if new:
            tally.lag_s = now - due
        return 0.0 if new else wait

    def _failed(self, followed: CameraSession, reason: str, retry_after: float | None = None) -> float:
        followed.tally.fails(reason)
        return followed.watch.failed(_now_us(), reason, retry_after)

    def _keep(self, followed: CameraSession, record: Record) -> None:
        if len(self._waiting) >= MAX_WAITING:
            followed.tally.refuses(NOT_MASKED)
            self.behind_since_us = self.behind_since_us or record.fetched_us
        else:
            seen = followed.watch.seen
            assert seen is not None, "The watch remembers the frame that it has just called new."
            self._waiting.append(Waiting(followed, record, seen))
            self._arrived.set()

    def _append(self, waiting: Waiting, picture: Masked | Refused) -> None:
        """Of what may not be stored the record tells that it came and why, and holds no more."""
        followed = waiting.followed
        if isinstance(picture, Masked):
            payload = picture.jpeg
        else:
            payload = picture.to_json()
            followed.tally.refuses(picture.reason)
        record = replace(waiting.record, payload=payload)
        try:
            self.writer.append(record)
            followed.kept = waiting.seen
        except SpoolFull:
            if isinstance(picture, Masked):
                followed.tally.refuses(SPOOL_FULL)
            self.full_since_us = self.full_since_us or record.fetched_us

    async def _mask(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            await self._mask_waiting()

    async def _mask_waiting(self) -> None:
        while self._waiting:
            batches = [self._waiting[i : i + AT_ONCE] for i in range(0, min(len(self._waiting), SIDE_BY_SIDE * AT_ONCE), AT_ONCE)]
            masked = await asyncio.gather(*(asyncio.to_thread(self._masked, batch) for batch in batches))
            taken = list(zip(itertools.chain(*batches), itertools.chain(*masked), strict=True))
            del self._waiting[: len(taken)]  # only now: who is cancelled meanwhile leaves them for the end
            for waiting, picture in taken:
                self._append(waiting, picture)

    def _masked(self, batch: Sequence[Waiting]) -> list[Masked | Refused]:
        records = [waiting.record for waiting in batch]
        return self.masker.mask([record.camera_id for record in records], [record.payload for record in records])

    async def _store(self) -> None:
        """Twice a second to the disk; a segment ends with its hour, so that the hour can be sealed."""
        beat, remembered, hour = 0.0, time.monotonic(), _hour()
        while True:
            await asyncio.sleep(FLUSH_S)
            self._take_changes()
            if time.monotonic() - beat > HEARTBEAT_S:
                self._note({"runs": True, "synced_within_s": round(self.writer.slowest_s, 3)})
                self.writer.slowest_s = 0.0
                beat = time.monotonic()
            newest = self._newest() if time.monotonic() - remembered > REMEMBER_S else None
            if not await asyncio.to_thread(self._write_down, newest):
                continue
            if newest:
                remembered = time.monotonic()
            if self.full_since_us:
                self._note({"full_since_us": self.full_since_us})
                self.full_since_us = None
            self._note_behind()
            if _hour() != hour and await asyncio.to_thread(self._end_segment):
                hour = _hour()
                self._note_followed()

    def _write_down(self, newest: Newest | None) -> bool:
        """What was gathered, and then which of it is the newest. Whether the spool took it."""
        try:
            self.stored += self.writer.flush()
        except SpoolFull:
            self.full_since_us = self.full_since_us or _now_us()
            return False
        if newest:
            with contextlib.suppress(OSError):  # a full disk: at worst a dead camera's frame is taken once more
                newest.write(self.writer.directory)
        return True

    def _end_segment(self) -> bool:
        """Whether the disk took it; the next try, or the next collector, ends it otherwise."""
        try:
            self.writer.roll()
        except SpoolFull:
            return False
        return True

    def _newest(self) -> Newest:
        """Of what was handed to the spool so far."""
        kept = {followed.camera.id: followed.kept for followed in self.followed if followed.kept}
        return Newest(dict(self._before.cameras) | kept, frozenset(self.placeholders.known))

    def _note_behind(self) -> None:
        if self.behind_since_us and len(self._waiting) < MAX_WAITING:
            self._note({"behind_since_us": self.behind_since_us})
            self.behind_since_us = None

    def _note_followed(self, begins: bool = False) -> None:
        """At the beginning of every hour, so that it can be told without the hour before. begins: the collector, too."""
        follows = {followed.watch.camera_id: followed.watch.state for followed in self.followed}
        self._note({"follows": follows} | ({"begins": True} if begins else {}))

    def _take_changes(self) -> None:
        for followed in self.followed:
            changes, followed.watch.changes = followed.watch.changes, []
            for change in changes:
                self._note(_as_dict(change), change.camera_id, change.since_us)

    def _note(self, content: dict, camera_id: str = COLLECTOR, at_us: int | None = None) -> None:
        now = _now_us()
        # A full spool takes no notes either; the collector's silence is then what tells of the gap.
        with contextlib.suppress(SpoolFull):
            payload = json.dumps(content).encode()
            self.writer.append(
                Record(kind=Kind.EVENT, camera_id=camera_id, captured_us=at_us or now, fetched_us=now, payload=payload)
            )


def _as_dict(change: Change) -> dict:
    return {"state": change.state} | ({"detail": change.detail} if change.detail else {})


def _now_us() -> int:
    return time.time_ns() // 1000


def _hour() -> int:
    return int(time.time() // 3600)
