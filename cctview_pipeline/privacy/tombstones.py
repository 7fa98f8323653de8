"""What was deleted on purpose: a note in the partition's place, so that nothing makes it again.

The note comes first and the table goes after it. Whoever is killed in between has deleted nothing yet, but nothing writes the
partition any more, and the next purge ends the work.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from cctview_pipeline.lake import Lake, Partition, layout

FOLDER = "tombstones"
_NAME = "tombstone.json"


@dataclass(frozen=True)
class Tombstone:
    """A partition that is not to be made again. why: one clause; at: when it was decided, UTC."""

    table: str
    partition: Partition
    why: str
    at: datetime

    @property
    def sentence(self) -> str:
        return f"deleted on purpose on {self.at:%Y-%m-%d at %H:%M} UTC: {self.why}"


class Tombstones:
    """The notes of one lake."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake

    def get(self, table: str, partition: Partition) -> Tombstone | None:
        try:
            said = json.loads(self._lake.storage.read(_key(table, partition)).to_pybytes())
        except FileNotFoundError:
            return None
        return Tombstone(table, partition, said["why"], datetime.fromisoformat(said["at"]))

    def put(self, tombstone: Tombstone) -> None:
        said = {"why": tombstone.why, "at": tombstone.at.isoformat()}
        self._lake.storage.write(_key(tombstone.table, tombstone.partition), json.dumps(said).encode())

    def sentences(self, reads: Mapping[str, Iterable[Partition]]) -> list[str]:
        """Of each table that has any among these partitions: how many were deleted, and why the first of them was."""
        found = []
        for table, places in reads.items():
            if gone := self.partitions(table).intersection(places):
                first = self.get(table, min(gone, key=str))
                found.append(f"{table} of {len(gone)} of its partitions was {first.sentence if first else 'deleted'}.")
        return found

    def partitions(self, table: str) -> set[Partition]:
        """Of a table, those that were deleted."""
        keys = self._lake.storage.list(f"{FOLDER}/{table}")
        return {layout.parse_key(key.removeprefix(f"{FOLDER}/"))[1] for key in keys if key.endswith(_NAME)}


def _key(table: str, partition: Partition) -> str:
    return f"{FOLDER}/{layout.key(table, partition).rsplit('/', 1)[0]}/{_NAME}"
