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
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import aiohttp
import numpy as np

from cctview_pipeline.cameras.live import LiveCamera, LiveNetwork
from cctview_pipeline.collect.spool import FLUSH_S, Kind, Record, SpoolFull, SpoolWriter
from cctview_pipeline.collect.watch import CameraWatch, Change, Placeholders
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.privacy.masking import Masked, Masker, Refused

HEARTBEAT_S = 2.0
MOST_WAITING = 2000
"""Frames that wait to be masked, from which on new ones are not taken: they would be late, and fill the memory."""
AT_ONCE, SIDE_BY_SIDE = 16, 2
"""Pictures that a thread masks at a time, and threads: while one decodes and encodes, the network looks at the other's."""
COLLECTOR = ""
"""The camera id of records that are about the collector itself."""


@dataclass(frozen=True)
class EngineSettings:
    """contact: an address at which the cameras' operator finds you; per_host: connections to one host at a time; the three
    times are for the phases of a fetch, in seconds; largest_bytes: of one answer."""

    contact: str
    per_host: int = 64
    connect_s: float = 5.0
    silence_s: float = 5.0
    whole_s: float = 15.0
    largest_bytes: int = 8 << 20

    def __post_init__(self) -> None:
        if "@" not in self.contact and "://" not in self.contact:
            raise CctviewError(
                f"Collecting needs a contact for the cameras' operator, an e-mail or web address, not '{self.contact}': "
                "give --contact, or set contact under [campaign.settings]."
            )

    @property
    def user_agent(self) -> str:
        return f"cctview-pipeline (+{self.contact})"


@dataclass
class Tally:
    """What happened to one camera since the engine began. unmasked: frames that could not be masked, and were not kept; lag_s:
    from due to fetched, of the newest frame; last_unmasked: why the newest of those was not."""

    asked: int = 0
    new: int = 0
    unchanged: int = 0
    failed: int = 0
    refused: int = 0
    unmasked: int = 0
    bytes: int = 0
    lag_s: float = 0.0
    last_failure: str = ""
    last_unmasked: str = ""


@dataclass
class Followed:
    """A camera, its memory and its counts. etag: of its newest answer, where the network sends one."""

    camera: LiveCamera
    watch: CameraWatch
    tally: Tally = field(default_factory=Tally)
    etag: str = ""


class Engine:
    """Follows cameras of one network until it is stopped, into one spool."""

    def __init__(
        self,
        network: LiveNetwork,
        cameras: Sequence[LiveCamera],
        writer: SpoolWriter,
        settings: EngineSettings,
        masker: Masker,
        known_placeholders: set[str] | None = None,
    ) -> None:
        self.network, self.writer, self.settings, self.masker = network, writer, settings, masker
        self.placeholders = Placeholders(known_placeholders)
        self.followed = [Followed(c, CameraWatch(c.id, self.placeholders, network.cadence_s)) for c in cameras]
        self.stored = 0
        self.full_since_us: int | None = None
        self.behind_since_us: int | None = None
        """Since when frames were not taken because masking did not keep up."""
        self._waiting: list[tuple[Followed, Record]] = []
        self._arrived = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Until stop is set; then what was gathered is written and the segment ended."""
        connector = aiohttp.TCPConnector(limit=0, limit_per_host=self.settings.per_host, ttl_dns_cache=300, keepalive_timeout=60)
        timeout = aiohttp.ClientTimeout(self.settings.whole_s, None, self.settings.silence_s, self.settings.connect_s)
        headers = {"User-Agent": self.settings.user_agent}
        self._note_followed(begins=True)
        async with aiohttp.ClientSession(
            connector=connector, timeout=timeout, headers=headers, cookie_jar=aiohttp.DummyCookieJar()
        ) as session:
            tasks = [asyncio.create_task(self._follow(session, followed)) for followed in self.followed]
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
                self.stored += await asyncio.to_thread(self.writer.flush)
                self.writer.roll()
        for task in done - {stopping}:
            task.result()

    def lags(self, quantiles: Sequence[float]) -> dict[float, float]:
        """Seconds from due to fetched of every camera's newest frame: quantile -> seconds."""
        newest = [followed.tally.lag_s for followed in self.followed if followed.tally.new]
        return dict(zip(quantiles, np.quantile(newest, quantiles).tolist(), strict=True)) if newest else {}

    async def _follow(self, session: aiohttp.ClientSession, followed: Followed) -> None:
        loop = asyncio.get_running_loop()
        request = self.network.frame_request(followed.camera.network_id)
        due = loop.time() + random.uniform(0, self.network.cadence_s)
        while True:
            await asyncio.sleep(due - loop.time())
            wait = await self._ask(session, request.url, dict(request.headers), followed, due)
            now = loop.time()
            due = now + wait if wait else max(followed.watch.next_poll(now), now + 0.005)

    async def _ask(self, session: aiohttp.ClientSession, url: str, headers: dict, followed: Followed, due: float) -> float:
        """One fetch. Returns the seconds to leave the camera alone, or 0 when its rhythm tells."""
        loop, tally, watch = asyncio.get_running_loop(), followed.tally, followed.watch
        tally.asked += 1
        if followed.etag:
            headers = headers | {"If-None-Match": followed.etag}
        try:
            async with session.get(url, headers=headers) as answer:
                if answer.status == 304:
                    tally.unchanged += 1
                    watch.received(watch.last, _now_us(), loop.time())
                    return 0.0
                if answer.status != 200:
                    return self._failed(followed, f"{answer.status} {answer.reason}", _retry_after(answer))
                if (answer.content_length or 0) > self.settings.largest_bytes:
                    return self._failed(followed, f"{answer.content_length:,} bytes are too many")
                content = await _read(answer, self.settings.largest_bytes)
        except TimeoutError:
            return self._failed(followed, "timed out")
        except aiohttp.ClientError as error:
            return self._failed(followed, str(error) or type(error).__name__)
        if content is None:
            return self._failed(followed, f"more than {self.settings.largest_bytes:,} bytes")
        followed.etag = answer.headers.get("ETag", "")
        tally.bytes += len(content)
        failures, new = watch.backoff.failures, 0
        for picture in self.network.pictures(content):
            taken = watch.received(picture, _now_us(), loop.time())
            if taken:
                new += 1
                self._keep(followed, Record(Kind.FRAME, watch.camera_id, taken.captured_us, taken.fetched_us, taken.jpeg))
        if watch.backoff.failures > failures:
            tally.failed += 1
            return watch.backoff.wait_s
        tally.new += new
        tally.unchanged += not new
        if new:
            tally.lag_s = loop.time() - due
        return 0.0

    def _failed(self, followed: Followed, detail: str, retry_after: float | None = None) -> float:
        followed.tally.failed += 1
        followed.tally.last_failure = detail
        return followed.watch.failed(_now_us(), detail, retry_after)

    def _keep(self, followed: Followed, record: Record) -> None:
        if len(self._waiting) >= MOST_WAITING:
            followed.tally.refused += 1
            self.behind_since_us = self.behind_since_us or record.fetched_us
        else:
            self._waiting.append((followed, record))
            self._arrived.set()

    def _append(self, followed: Followed, record: Record) -> None:
        try:
            self.writer.append(record)
        except SpoolFull:
            followed.tally.refused += 1
            self.full_since_us = self.full_since_us or record.fetched_us

    async def _mask(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            await self._mask_waiting()

    async def _mask_waiting(self) -> None:
        """Of a picture that can't be masked the record tells that it came and why it may not be stored, and holds no more."""
        while self._waiting:
            batches = [self._waiting[i : i + AT_ONCE] for i in range(0, min(len(self._waiting), SIDE_BY_SIDE * AT_ONCE), AT_ONCE)]
            masked = await asyncio.gather(*(asyncio.to_thread(self._masked, batch) for batch in batches))
            taken = list(zip(itertools.chain(*batches), itertools.chain(*masked), strict=True))
            del self._waiting[: len(taken)]  # only now: who is cancelled meanwhile leaves them for the end
            for (followed, record), picture in taken:
                if isinstance(picture, Refused):
                    followed.tally.unmasked += 1
                    followed.tally.last_unmasked = picture.detail
                payload = picture.jpeg if isinstance(picture, Masked) else picture.to_json()
                self._append(followed, replace(record, payload=payload))

    def _masked(self, batch: list[tuple[Followed, Record]]) -> list[Masked | Refused]:
        return self.masker.mask([record.camera_id for _, record in batch], [record.payload for _, record in batch])

    async def _store(self) -> None:
        """Twice a second to the disk; a segment ends with its hour, so that the hour can be sealed."""
        beat, hour = 0.0, _hour()
        while True:
            await asyncio.sleep(FLUSH_S)
            self._take_changes()
            if time.monotonic() - beat > HEARTBEAT_S:
                self._note({"runs": True, "synced_within_s": round(self.writer.slowest_s, 3)})
                self.writer.slowest_s = 0.0
                beat = time.monotonic()
            try:
                self.stored += await asyncio.to_thread(self.writer.flush)
            except SpoolFull:
                self.full_since_us = self.full_since_us or _now_us()
                continue
            if self.full_since_us:
                self._note({"full_since_us": self.full_since_us})
                self.full_since_us = None
            self._note_behind()
            if _hour() != hour:
                hour = _hour()
                await asyncio.to_thread(self.writer.roll)
                self._note_followed()

    def _note_behind(self) -> None:
        if self.behind_since_us and len(self._waiting) < MOST_WAITING:
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
            self.writer.append(Record(Kind.EVENT, camera_id, at_us or now, now, json.dumps(content).encode()))


def _as_dict(change: Change) -> dict:
    return {"state": change.state} | ({"detail": change.detail} if change.detail else {})


def _now_us() -> int:
    return time.time_ns() // 1000


def _hour() -> int:
    return int(time.time() // 3600)


async def _read(answer: aiohttp.ClientResponse, most: int) -> bytes | None:
    """An answer's whole content, or None when it is more than the most."""
    if answer.content_length is not None:
        return await answer.read()
    parts, size = [], 0
    async for part in answer.content.iter_any():
        size += len(part)
        if size > most:
            return None
        parts.append(part)
    return b"".join(parts)


def _retry_after(answer: aiohttp.ClientResponse) -> float | None:
    """Seconds that the server asks to wait, given as such or as a date."""
    text = answer.headers.get("Retry-After", "").strip()
    if text.isdigit():
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds()) if text else None
    except (TypeError, ValueError):
        return None
