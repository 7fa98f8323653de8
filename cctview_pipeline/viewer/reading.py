"""What pages read of the lake: exact files, small columns, each once while it stays what it is.

A partition's key follows from its table, camera and hour, so that no page lists the lake for what it can name. What was read is
kept by the version of its file; a run that writes it anew is seen by the next request.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, TypeVar

import pyarrow as pa

from cctview_pipeline.campaign import Campaign
from cctview_pipeline.detect import threshold_of
from cctview_pipeline.errors import NotFoundError
from cctview_pipeline.lake import Lake, Partition, layout
from cctview_pipeline.lake.schemas import schema_of
from cctview_pipeline.viewer import budget

KEPT_BYTES = 256 << 20
LISTED_S = 5.0
"""How old a list of partitions may be; a newer one is then made beside the answer."""
Found = TypeVar("Found")


class NotThere(NotFoundError):
    """What an address names is not in this lake."""


class EmptyLake(NotThere):
    """Nothing was brought into it yet."""


@dataclass(kw_only=True)
class Reading:
    """Shared by all requests, which come in threads."""

    lake: Lake
    _kept: "OrderedDict[tuple, tuple[str | None, Any, int]]" = field(default_factory=OrderedDict)
    _size: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _lists: dict[str, tuple[float, list[Partition]]] = field(default_factory=dict)
    _refreshing: set[str] = field(default_factory=set)
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(8, "reading"))

    def campaign(self) -> Campaign | None:
        """None in an empty lake."""
        return self._once(("campaign",), self._campaign_version(), self.lake.campaign, lambda found: 10_000)

    def require(self) -> Campaign:
        campaign = self.campaign()
        if campaign is None:
            raise EmptyLake("This lake is empty: nothing was brought into it yet.")
        return campaign

    def threshold(self) -> float:
        """The detector's operating point. To find it the weights are looked at, so once for a campaign."""
        find = lambda: threshold_of(self.require().model("detector"))  # noqa: E731
        return self._once(("threshold",), self._campaign_version(), find, lambda found: 100)

    def version(self, name: str, partition: Partition) -> str | None:
        """Of a partition, one for a whole request; None when it was never written."""
        return budget.once((name, partition), lambda: self.lake.version(name, partition))

    def look_ahead(self, *wanted: tuple[str, Iterable[Partition]]) -> None:
        """Ask for the versions of partitions of these tables that a page is about to need, all at once: on S3 each takes as long
        as the way there."""
        context = copy_context()
        look = lambda each: context.copy().run(self.version, *each)  # noqa: E731
        list(self._pool.map(look, [(table, place) for table, places in wanted for place in places]))

    def _campaign_version(self) -> str | None:
        return budget.once("campaign", lambda: self.lake.storage.version("campaign.toml"))

    def table(self, name: str, partition: Partition, columns: Iterable[str] | None = None) -> pa.Table:
        """One partition; no rows when it was never written."""
        budget.check()
        wanted = list(columns) if columns else None
        key = name, partition, tuple(wanted or ())
        version = self.version(name, partition)
        if version is None:
            nothing = schema_of(name).empty_table()
            return nothing.select(wanted) if wanted else nothing
        return self._once(key, version, lambda: self.lake.read(name, partition, wanted), lambda found: found.nbytes)

    def tables(self, name: str, partitions: Iterable[Partition], columns: Iterable[str] | None = None) -> list[pa.Table]:
        """Several at a time, in order: on S3 each takes as long as the way there."""
        context, wanted = copy_context(), list(columns) if columns else None
        read = lambda partition: context.copy().run(self.table, name, partition, wanted)  # noqa: E731
        return list(self._pool.map(read, partitions))

    def derived(self, what: str, name: str, partition: Partition, make: Callable[[], Found]) -> Found:
        """Something made of one partition, kept as long as that stays what it is."""
        return self._once((what, name, partition), self.version(name, partition), make, lambda found: 100_000)

    def derived_of(self, what: tuple, made_of: Sequence[tuple[str, Partition]], make: Callable[[], Found]) -> Found:
        """The same of several partitions, kept as long as all of them stay what they are."""
        context = copy_context()
        versions = self._pool.map(lambda each: context.copy().run(self.version, *each), made_of)
        return self._once(what, repr(list(versions)), make, lambda found: 1_000_000)

    def has(self, name: str, partition: Partition) -> bool:
        return self.version(name, partition) is not None

    def picture(self, table: str, partition: Partition, column: str, identifier: str, picture: str) -> bytes | None:
        """One frame or crop: one small read."""
        budget.check()
        found = self.lake.look_up(table, partition, column, [identifier], [picture])
        budget.check(found.nbytes)
        return found[picture][0].as_py() if found.num_rows else None

    def partitions(self, table: str, below: str = "") -> list[Partition]:
        """Those that were written, of all or below one folder, sorted by their key. The list may be some seconds old."""
        prefix = f"{table}/{below}" if below else table
        listed = self._lists.get(prefix)
        if listed is None:
            return self._list(prefix)
        if time.monotonic() - listed[0] > LISTED_S and prefix not in self._refreshing:
            self._refreshing.add(prefix)
            self._pool.submit(self._list, prefix)
        return listed[1]

    def _list(self, prefix: str) -> list[Partition]:
        try:
            found = list(layout.parse_keys(self.lake.storage.list(prefix)))
            self._lists[prefix] = time.monotonic(), found
            return found
        finally:
            self._refreshing.discard(prefix)

    def hours(self, table: str, camera: str) -> list[datetime]:
        """The hours of a camera that were written."""
        return [partition.begin for partition in self.partitions(table, f"camera={camera}")]

    def days(self, table: str) -> list[date]:
        """Of a table by local day."""
        return [partition.local_day for partition in self.partitions(table)]

    def _once(self, key: tuple, version: str | None, make: Callable[[], Found], size: Callable[[Found], int]) -> Found:
        with self._lock:
            kept = self._kept.get(key)
            if kept and kept[0] == version and version is not None:
                self._kept.move_to_end(key)
                return kept[1]
        made = make()
        taken = size(made) if made is not None else 0
        budget.check(taken)
        if version is not None:
            with self._lock:
                self._size += taken - (self._kept.pop(key)[2] if key in self._kept else 0)
                self._kept[key] = version, made, taken
                while self._size > KEPT_BYTES and len(self._kept) > 1:
                    self._size -= self._kept.popitem(last=False)[1][2]
        return made
