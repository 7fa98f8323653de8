"""A collector's closed segments, brought to the object store while it goes on collecting.

A segment is uploaded first and its index last, so that whoever sees the index finds all of it. Both can be repeated: the same
name has the same bytes. The file on the disk goes only when the store has told that it has the same; until then it counts in the
spool's byte budget. A store that is away is asked again, later and later; collecting does not wait for it.
"""

import contextlib
import logging
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cctview_pipeline.errors import CctviewError, StorageError, reason_of
from cctview_pipeline.lake.conditional import WrittenByAnother, upload
from cctview_pipeline.spool.bucket import SpoolBucket
from cctview_pipeline.spool.folder import SpoolFolder
from cctview_pipeline.spool.index import index_of, written_index
from cctview_pipeline.spool.lease import LEASE_S, RENEW_S, Backlog, Lease, LeaseLost
from cctview_pipeline.spool.lifetime import expired
from cctview_pipeline.spool.opening import open_bucket
from cctview_pipeline.spool.segments import INDEX_FILE, SEGMENT, Segment, microseconds

LOOK_S = 1.0
"""Between two looks for segments that were closed."""
LONGEST_WAIT_S = 60.0
LIFETIME_S = 60.0
"""Between two looks for what is older than may be."""
DRAIN_S = 45.0
"""At its end a collector uploads what it has for so long, less than a supervisor waits before it kills (deploy/)."""
_log = logging.getLogger(__name__)


@dataclass(kw_only=True)
class UploadTally:
    """segments, bytes: that the store has; failures: tries that failed; trouble: why the last one did, empty when all is well;
    since: when that began, in s since 1970; expired: files deleted because their lifetime was over before they could be
    uploaded."""

    segments: int = 0
    bytes: int = 0
    failures: int = 0
    trouble: str = ""
    since: float = 0.0
    expired: int = 0


@dataclass(frozen=True, kw_only=True)
class UploadTimes:
    """In s. renew, lease: how often the shard's lease is renewed, and when it expires; longest_wait: between two tries; drain: at
    the end; lifetime: of what lies on the disk, None for ever."""

    renew: float = RENEW_S
    lease: float = LEASE_S
    longest_wait: float = LONGEST_WAIT_S
    drain: float = DRAIN_S
    lifetime: timedelta | None = None


class Uploader:
    """folder: of all shards on this machine; shard: this collector's; notes: names of files in the folder, or in the shard's,
    that others need beside the segments."""

    def __init__(
        self,
        folder: SpoolFolder,
        shard: str,
        bucket: SpoolBucket,
        notes: tuple[str, ...] = (),
        times: UploadTimes = UploadTimes(),
    ) -> None:
        self.folder, self.shard, self.bucket, self.times = folder, shard, bucket, times
        self.tally, self.lost = UploadTally(), ""
        """lost: why this collector has to stop, once it has."""
        self._lease = Lease(bucket.storage, shard, folder.directory / shard, times.lease)
        # Also what collectors of other shards left here, of whom none lives: nobody else would upload it.
        self._shards = {shard, *folder.abandoned()}
        self._names, self._sent = notes, dict[str, bytes]()
        self._ending, self._ended = threading.Event(), threading.Event()
        self._until, self._looked = float("inf"), float("-inf")
        self._threads: list[threading.Thread] = []
        self._troubles: dict[str, str] = {}

    def begin(self, lost: Callable[[], object]) -> str:
        """Take the shard and begin; returns a sentence for a person, or nothing. lost: called from a thread when another has
        taken it.

        Raises LeaseLost where another collector has it, when what still lay here was uploaded; StorageError without the store.
        """
        try:
            said = self._lease.take(self.backlog())
        except LeaseLost:
            self._until = time.monotonic() + self.times.drain
            self._try()
            raise
        for work in (self._upload, lambda: self._renew(lost)):
            self._threads.append(threading.Thread(target=work, daemon=True))
            self._threads[-1].start()
        return said

    def finish(self) -> None:
        """Upload what there is, as far as the time allows, and give the shard up. What is left waits here for the next one."""
        self._until = time.monotonic() + self.times.drain
        self._ending.set()
        for thread in self._threads:
            thread.join(max(0.0, self._until - time.monotonic()) + 1)

    def backlog(self) -> Backlog:
        """What the store does not have yet. The hour that goes on counts while this collector does."""
        own = self._own()
        hours = [segment.hour for segment in own if segment.hour] + self.folder.written_hours(self.shard)
        now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        hours += [] if self._ending.is_set() else [now]
        size = sum(_size(segment) for segment in own)
        return Backlog(microseconds(min(hours)) if hours else None, len(own), size, self.tally.trouble)

    def _own(self) -> list[Segment]:
        return [segment for segment in self.folder.segments() if segment.shard in self._shards]

    def _upload(self) -> None:
        wait = LOOK_S
        while not self._ending.wait(wait):
            if self._try():
                wait = LOOK_S
            else:
                wait = min(2 * wait, self.times.longest_wait) * random.uniform(0.8, 1.2)
                self._reopen()
        while not (self._try() and not self._own()) and time.monotonic() < self._until:
            time.sleep(LOOK_S)
        self._ended.set()

    def _try(self) -> bool:
        """Upload all that there is; whether that went well."""
        well = True
        try:
            self._index()
            self._end_lifetime()
            self._send_notes()
        except Exception as error:  # whatever it is, collecting goes on
            well = self._failed("segments", error)
        for segment in self._own():
            try:
                self._send(segment)
            except Exception as error:
                well = self._failed("segments", error)
                if isinstance(error, StorageError) and not isinstance(error, WrittenByAnother):
                    break  # the store, and not this segment
            if time.monotonic() > self._until:
                break
        if well:
            self._went_well("segments")
        return well

    def _reopen(self) -> None:
        """With credentials of now: those of a role end after some hours."""
        with contextlib.suppress(CctviewError):
            self.bucket = open_bucket(self.bucket.place)
            self._lease.storage = self.bucket.storage

    def _went_well(self, what: str) -> None:
        self._troubles.pop(what, None)
        self.tally.trouble = next(iter(self._troubles.values()), "")

    def _failed(self, what: str, error: Exception) -> bool:
        if not isinstance(error, CctviewError | OSError):
            _log.warning("Uploading met an error (%s).", type(error).__name__, exc_info=error)
        if not self.tally.trouble:
            self.tally.since = time.time()
            _log.warning("Segments wait on this machine: %s.", reason_of(error))
        self.tally.failures += 1
        self.tally.trouble = self._troubles[what] = f"{reason_of(error)}."
        return False

    def _send(self, segment: Segment) -> None:
        beside = segment.key.removesuffix(SEGMENT) + INDEX_FILE
        try:
            index, size = written_index(segment.index()), _size(segment)
            upload(self.bucket.storage, segment.key, segment.path)
        except FileNotFoundError:  # deleted meanwhile: its lifetime was over
            return
        except WrittenByAnother:
            if self.bucket.has(beside):  # another machine's, begun in the same microsecond
                segment.path.rename(self.folder.directory / segment.free_name())
            else:  # not whole: what came before its index was damaged on the way
                self.bucket.delete(segment.key)
            raise
        self.bucket.write(beside, index)
        segment.delete()
        self.tally.segments += 1
        self.tally.bytes += size

    def _index(self) -> None:
        """Segments that were closed just now, with regard for the thread that asks the cameras."""
        for segment in self._own():
            key = segment.key.removesuffix(SEGMENT) + INDEX_FILE
            if not self.folder.has(key):
                with contextlib.suppress(OSError):  # of one that cannot be read, which is told when it is sent
                    self.folder.remember(key, written_index(index_of(self.folder.read(segment.key), pauses=True)))

    def _send_notes(self) -> None:
        """What changed of them since they were sent."""
        for name in self._names:
            for path in (self.folder.directory / name, self.folder.directory / self.shard / name):
                if path.is_file() and (content := path.read_bytes()) != self._sent.get(str(path)):
                    self.bucket.write(f"{self.shard}/{name}", content)
                    self._sent[str(path)] = content

    def _end_lifetime(self) -> None:
        """What could not be uploaded in time is deleted here, since no other machine can."""
        if time.monotonic() < self._looked + LIFETIME_S:
            return
        self._looked = time.monotonic()
        for segment, _ in expired(self.folder, self.times.lifetime, datetime.now(UTC)):
            if segment.shard in self._shards:
                segment.delete()
                self.tally.expired += 1
                _log.warning("%s was deleted: it could not be uploaded before its lifetime was over.", segment)

    def _renew(self, lost: Callable[[], object]) -> None:
        while not self._ending.wait(self.times.renew):
            try:
                self._lease.renew(self.backlog())
                self._went_well("lease")
            except LeaseLost as error:
                self.lost = str(error)
                lost()
                return
            except Exception as error:
                self._failed("lease", error)
                self._reopen()
        self._ended.wait(self.times.drain)
        try:
            self._lease.give_up(self.backlog())
        except (CctviewError, OSError) as error:
            _log.warning("Shard %s was not given up (%s): it is free in %.0f s.", self.shard, error, self.times.lease)


def _size(segment: Segment) -> int:
    try:
        return segment.path.stat().st_size
    except FileNotFoundError:
        return 0
