"""Who collects a shard: one collector at a time, by an object in the store that only one of two can write.

A collector renews its lease every RENEW_S. One that was not renewed for LEASE_S has expired, and another may take the shard; how
old it is, the store's own clock tells, so no machine's clock matters. A lease that its collector gave up is free at once, and so
is one of the same machine and folder, whose lock on the disk tells that no other process there lives.

What the lease does not do is protect the data: segments have names of their own and are never overwritten, and a frame that two
collectors took is stored once. So a collector that cannot reach the store goes on, as a frame that is not taken is lost for good;
as soon as it reaches it, it hears whether another has taken its shard, and then it stops.
"""

import json
import secrets
import socket
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from cctview_pipeline.errors import StorageError, printable
from cctview_pipeline.files import write_whole
from cctview_pipeline.lake.conditional import Tagged, WrittenByAnother, read_tagged, write_if
from cctview_pipeline.lake.storage import Storage

LEASE = "lease.json"
RENEW_S, LEASE_S = 10.0, 60.0


class LeaseLost(StorageError):
    """Another collector has the shard."""


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a lease says. owner: machine and folder; host: the machine's name; takes: how often the lease was taken; renewals:
    since then; lease_s: when it expires, after its last renewal; ended: whether it was given up; since_us: the first hour of
    which not all is uploaded, in microseconds since 1970; waiting, waiting_bytes: segments that are not; trouble: why, if they
    can't be; age_s: since the last renewal, by the store's clock."""

    owner: str
    host: str
    takes: int = 1
    renewals: int = 0
    lease_s: float = LEASE_S
    ended: bool = False
    since_us: int | None = None
    waiting: int = 0
    waiting_bytes: int = 0
    trouble: str = ""
    age_s: float = 0.0

    @property
    def lives(self) -> bool:
        """Whether nobody else may take the shard."""
        return not self.ended and self.age_s <= self.lease_s

    @property
    def holds_since(self) -> datetime | None:
        """The first hour of which not all is uploaded."""
        return None if self.since_us is None else datetime.fromtimestamp(self.since_us / 1e6, UTC)

    def content(self) -> bytes:
        told = asdict(self)
        del told["age_s"]
        return (json.dumps(told, indent=1) + "\n").encode()


@dataclass(frozen=True)
class Backlog:
    """What a collector has not uploaded. since_us: the first hour of it; trouble: why it can't be, in our words."""

    since_us: int | None = None
    segments: int = 0
    bytes: int = 0
    trouble: str = ""


def told_of(storage: Storage, key: str) -> Told | None:
    """What the lease there says; None where there is none, or one that nobody can read. Raises StorageError."""
    found = read_tagged(storage, key)
    return _read(found) if found else None


def _read(found: Tagged) -> Told | None:
    try:
        told = json.loads(found.content)
        kinds = {"owner": str, "host": str, "takes": int, "renewals": int, "ended": bool, "waiting": int, "waiting_bytes": int}
        read = Told(**told | {"age_s": found.age_s})
        if not all(isinstance(getattr(read, name), kind) for name, kind in kinds.items()):
            return None
        float(read.lease_s), str(read.trouble), read.holds_since
    except (ValueError, TypeError, OverflowError, OSError, RecursionError):
        return None
    return read


class Lease:
    """This collector's. shard: its name; folder: of the shard on this machine, where it is remembered who this is."""

    def __init__(self, storage: Storage, shard: str, folder: Path, lease_s: float = LEASE_S) -> None:
        self.storage, self.shard, self.folder, self.lease_s = storage, shard, folder, lease_s
        self._told: Told | None = None
        self._tag: str | None = None

    @property
    def key(self) -> str:
        return f"{self.shard}/{LEASE}"

    def take(self, backlog: Backlog) -> str:
        """Become the shard's collector; returns a sentence for a person, or nothing.

        Raises LeaseLost where another is, and StorageError where the store can't be reached and this machine was not the last to
        collect the shard.
        """
        owner, was_mine = self._owner()
        try:
            self._claim(owner, backlog)
        except LeaseLost:
            raise
        except StorageError as error:
            if not was_mine:
                raise
            self._told = Told(owner=owner, host=socket.gethostname(), lease_s=self.lease_s)
            return f"{error} This machine collected shard {self.shard} last, so it goes on, and uploads when the store is back."
        return ""

    def _claim(self, owner: str, backlog: Backlog) -> None:
        there = read_tagged(self.storage, self.key)
        before = _read(there) if there else None
        if before and before.lives and before.owner != owner:
            raise LeaseLost(_has_it(before, self.shard))
        mine = Told(owner=owner, host=socket.gethostname(), takes=before.takes + 1 if before else 1, lease_s=self.lease_s)
        try:
            self._write(_with(mine, backlog), there.tag if there else None)
        except WrittenByAnother:
            raise LeaseLost(f"Another collector has just begun shard {self.shard}: give this one another shard.") from None
        if there is None:
            self._refuse_unconditional()
        self._remember(owner, True)

    def renew(self, backlog: Backlog) -> None:
        """Say that this collector lives. Raises LeaseLost where another has taken the shard, StorageError where the store can't
        be reached."""
        assert self._told is not None, "A lease is taken before it is renewed."
        if self._tag is None:  # the store was away when this collector began
            self._claim(self._told.owner, backlog)
            return
        now = _with(replace(self._told, renewals=self._told.renewals + 1), backlog)
        try:
            self._write(now, self._tag)
        except WrittenByAnother:
            there = read_tagged(self.storage, self.key)
            before = _read(there) if there else None
            if before and (before.owner, before.takes) != (now.owner, now.takes):
                raise LeaseLost(f"{_has_it(before, self.shard)} It took over when this one could not be heard.") from None
            self._write(now, there.tag if there else None)  # an answer was lost before; or somebody deleted it

    def give_up(self, backlog: Backlog) -> None:
        """Let another have the shard at once. Raises StorageError."""
        if self._told and self._tag:
            self._write(_with(replace(self._told, renewals=self._told.renewals + 1, ended=True), backlog), self._tag)
            self._remember(self._told.owner, False)

    def _write(self, told: Told, tag: str | None) -> None:
        content = told.content()
        try:
            self._tag = write_if(self.storage, self.key, content, tag)
        except WrittenByAnother:
            there = read_tagged(self.storage, self.key)
            if there is None or there.content != content:
                raise
            self._tag = there.tag  # it was written, and the answer was lost
        self._told = told

    def _refuse_unconditional(self) -> None:
        """A store that overwrites what it was asked not to overwrite can keep no two collectors apart."""
        assert self._told is not None, "It was written just now."
        try:
            write_if(self.storage, self.key, self._told.content(), None)
        except WrittenByAnother:
            return
        raise StorageError(
            f"{self.storage.uri} overwrites what it is asked not to (If-None-Match): two collectors could not be told apart. Use "
            "a store that knows conditional writes, or keep the spool on this machine."
        )

    def _owner(self) -> tuple[str, bool]:
        """Who this is, and whether it had the shard when it was last heard of here."""
        path, host = self.folder / LEASE, socket.gethostname()
        try:
            known = json.loads(path.read_bytes())
            if known["owner"].startswith(f"{host}:") and isinstance(known["collects"], bool):
                return known["owner"], known["collects"]
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            pass
        owner = f"{host}:{secrets.token_hex(8)}"
        self._remember(owner, False)
        return owner, False

    def _remember(self, owner: str, collects: bool) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        write_whole(self.folder / LEASE, (json.dumps({"owner": owner, "collects": collects}) + "\n").encode())


def _with(told: Told, backlog: Backlog) -> Told:
    return replace(
        told,
        since_us=backlog.since_us,
        waiting=backlog.segments,
        waiting_bytes=backlog.bytes,
        trouble=backlog.trouble,
    )


def _has_it(told: Told, shard: str) -> str:
    left = max(1, round(told.lease_s - told.age_s) + 1)
    return (
        f"Another collector, on {printable(told.host)}, has shard {shard}: stop it, or give this one another shard. If it was "
        f"killed, its shard is free in {left} s."
    )
