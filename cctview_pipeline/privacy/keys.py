"""The secrets of UTC days, kept apart from the lake: pseudonyms follow from them.

While a day's key exists, its ids have pseudonyms. Once it is gone nobody can tell which id a pseudonym stood for, wherever copies
may be. A day's key is one object that goes from nothing to a secret to a marker and never back, so neither a race nor a second
run can make another key for the day.
"""

import base64
import hmac
import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from functools import cached_property

import pyarrow as pa
import pyarrow.compute as pc

from cctview_pipeline.errors import AccessRefusedError, CctviewError
from cctview_pipeline.ids import utc_day
from cctview_pipeline.lake.storage import S3Access
from cctview_pipeline.privacy.key_places import BucketPlace, FolderPlace

SUFFIX = ".key"
_SECRET_BYTES = 32
_PSEUDONYM_BYTES = 16


class KeyDestroyed(AccessRefusedError):
    """The day's key was destroyed, and with it what it opened."""


@dataclass(frozen=True)
class DayKey:
    """A UTC day's secret, 32 random bytes. Nothing that is derived from it tells anything about it or about another day's."""

    day: date
    secret: bytes = field(repr=False)
    created_at: datetime

    @property
    def fingerprint(self) -> str:
        """8 hexadecimal digits that tell keys apart without giving them away."""
        return self._derived("fingerprint").hex()[:8]

    def pseudonym(self, identifier: str) -> str:
        """26 characters a-z and 2-7 instead of an id: HMAC-SHA256 (RFC 2104) cut to 128 bits.

        The same id has the same pseudonym as long as the key exists. Without the key nobody can tell which id one stands for,
        not even by trying all ids.
        """
        return base64.b32encode(self._digest(identifier)).decode().rstrip("=").lower()

    def find(self, pseudonym: str, identifiers: Iterable[str]) -> str | None:
        """The first of the ids that has a pseudonym; sooner than by making everybody's."""
        try:
            wanted = base64.b32decode(pseudonym.upper() + "=" * (-len(pseudonym) % 8))
        except ValueError:
            return None
        alike = (each for each in identifiers if self._digest(each) == wanted)
        return next((each for each in alike if self.pseudonym(each) == pseudonym), None)

    def _digest(self, identifier: str) -> bytes:
        return hmac.digest(self._for_pseudonyms, identifier.encode(), "sha256")[:_PSEUDONYM_BYTES]

    @cached_property
    def _for_pseudonyms(self) -> bytes:
        return self._derived("pseudonym")

    def _derived(self, purpose: str) -> bytes:
        """A key of its own for every purpose: HKDF-Expand of one block (RFC 5869). The secret is even already."""
        return hmac.digest(self.secret, f"cctview {purpose}".encode() + b"\x01", "sha256")


@dataclass(frozen=True, kw_only=True)
class _Entry:
    """What stands in a day's place. secret: None once it was destroyed; created_at: None for a day that never had a key."""

    day: date
    fingerprint: str
    created_at: datetime | None
    secret: bytes | None = field(default=None, repr=False)
    destroyed_at: datetime | None = None

    def to_json(self) -> bytes:
        said = {"day": self.day.isoformat(), "fingerprint": self.fingerprint}
        said |= {"created_at": self.created_at.isoformat()} if self.created_at else {}
        said |= {"secret": self.secret.hex()} if self.secret else {}
        said |= {"destroyed_at": self.destroyed_at.isoformat()} if self.destroyed_at else {}
        return (json.dumps(said) + "\n").encode()

    @classmethod
    def from_json(cls, data: bytes) -> "_Entry":
        """Raises ValueError or KeyError when it is no entry."""
        said = json.loads(data)
        created, destroyed = (datetime.fromisoformat(said[n]) if n in said else None for n in ("created_at", "destroyed_at"))
        secret = bytes.fromhex(said["secret"]) if "secret" in said else None
        entry = cls(
            day=date.fromisoformat(said["day"]),
            fingerprint=said["fingerprint"],
            created_at=created,
            secret=secret,
            destroyed_at=destroyed,
        )
        if (secret is None) == (destroyed is None) or (secret is not None and created is None):
            raise ValueError("neither a key nor a marker")
        if entry.key is not None and entry.key.fingerprint != entry.fingerprint:
            raise ValueError("the fingerprint is another")
        return entry

    @property
    def key(self) -> DayKey | None:
        """None once it was destroyed."""
        if self.secret is None or self.created_at is None:
            return None
        return DayKey(self.day, self.secret, self.created_at)


class KeyStore:
    """The keys of UTC days in a folder of their own, readable by their owner alone, or below ``s3://bucket/prefix``.

    uri: where; s3: how to reach it, boto3's rules when left out. Every method raises CctviewError when the place can't be used.
    """

    def __init__(self, uri: str, s3: S3Access | None = None) -> None:
        self.uri = uri.rstrip("/")
        if "://" in uri and not uri.startswith("s3://"):
            raise CctviewError(f"The keys' place '{uri}' is neither a folder nor s3://bucket/prefix: mend CCTVIEW_KEYS.")
        self._place = BucketPlace(self.uri, s3 or S3Access()) if uri.startswith("s3://") else FolderPlace(self.uri)

    def key(self, day: date) -> DayKey:
        """The day's key, made if there is none. Whoever asks at the same time gets the same one. Raises KeyDestroyed."""
        for _ in range(5):
            entry = self._read(day)
            if entry is not None:
                return self._opened(entry)
            secret, now = secrets.token_bytes(_SECRET_BYTES), datetime.now(UTC)
            fresh = _Entry(day=day, fingerprint=DayKey(day, secret, now).fingerprint, created_at=now, secret=secret)
            self._place.create(_name(day), fresh.to_json())  # read again in any case: another process may have been first
        raise CctviewError(f"No key of {day} can be made at {self.uri}: what was just written is not there.")

    def existing(self, day: date) -> DayKey | None:
        """The day's key, or None when there is none: destroyed, or never made."""
        entry = self._read(day)
        return entry.key if entry is not None else None

    def destroy(self, day: date) -> None:
        """Replace the day's secret by a marker (day, times, fingerprint), whether there is one or not: no key follows it.

        In a folder the secret's bytes are overwritten; on S3 all its versions are deleted. What a file system, a disk or a
        backup keeps of overwritten files is out of reach: let no backup include the keys. Repeating it does no harm, and
        finishes what was interrupted.
        """
        entry = self._read(day)
        if entry is None:  # whoever is about to make a key comes first, or never
            self._place.create(
                _name(day), _Entry(day=day, fingerprint="", created_at=None, destroyed_at=datetime.now(UTC)).to_json()
            )
            entry = self._read(day)
        if entry is not None and entry.secret is not None:
            marker = replace(entry, secret=None, destroyed_at=datetime.now(UTC))
            self._place.replace(_name(day), marker.to_json())
        self._place.purge(_name(day))

    def days(self) -> list[date]:
        """The days that have a key, or remains of one whose destruction was interrupted; sorted."""
        found, remains = [], self._place.remains()
        for name in self._place.names():
            try:
                day = date.fromisoformat(name.removesuffix(SUFFIX))
            except ValueError:
                continue
            entry = self._read(day)
            if entry is not None and (entry.secret is not None or name in remains):
                found.append(day)
        return sorted(found)

    def fingerprint(self, day: date) -> str | None:
        """The day's key's, also after its destruction; None when there never was one."""
        entry = self._read(day)
        return entry.fingerprint or None if entry else None

    def created_at(self, day: date) -> datetime | None:
        """When the day's key was made, also after its destruction; None when there never was one."""
        entry = self._read(day)
        return entry.created_at if entry else None

    def _read(self, day: date) -> _Entry | None:
        for last in (False, False, True):
            data = self._place.read(_name(day))
            if data is None:
                return None
            try:
                return _Entry.from_json(data)
            except (ValueError, KeyError) as error:  # read while it was overwritten: what replaced it is there by now
                if last:
                    raise CctviewError(f"{self.uri}/{_name(day)} is no key: put back the file that was there.") from error
        return None

    def _opened(self, entry: _Entry) -> DayKey:
        if (key := entry.key) is None:
            raise KeyDestroyed(
                f"The key of {entry.day} was destroyed at {entry.destroyed_at:%Y-%m-%d %H:%M} UTC, and no other is made for that "
                "day; to work on its pictures anew, begin a lake of its own with a CCTVIEW_KEYS of its own."
            )
        return key


def _name(day: date) -> str:
    return f"{day.isoformat()}{SUFFIX}"


def pseudonyms(store: KeyStore, column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The pseudonyms of a column of ids, in place; nulls stay. Each key is read, and each distinct id hashed, once.

    Raises KeyDestroyed when the key of any id's day is gone, CctviewError for what is no id.
    """
    day_of = {identifier: _day(identifier) for identifier in pc.unique(column).to_pylist() if identifier is not None}
    keys = {day: store.key(day) for day in set(day_of.values())}
    made = pa.array([keys[day].pseudonym(identifier) for identifier, day in day_of.items()], pa.string())
    return pc.take(made, pc.index_in(column, pa.array(list(day_of), column.type)))


def _day(identifier: str) -> date:
    try:
        return utc_day(identifier)
    except ValueError as error:
        raise CctviewError(f"'{identifier}' has no pseudonym: it is the id of no track or journey.") from error
