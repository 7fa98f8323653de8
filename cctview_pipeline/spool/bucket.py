"""Segments in an object store, which every machine sees."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from cctview_pipeline.lake.storage import LOOKS, Storage
from cctview_pipeline.spool.lease import LEASE, Told, told_of
from cctview_pipeline.spool.segments import INDEX_FILE, SEGMENT, hour_of
from cctview_pipeline.spool.store import Answer, Item, Piece, SegmentStore


class SpoolBucket(SegmentStore):
    """storage: of ``s3://bucket/prefix``, the place of all shards. A segment is there from when its index is."""

    def __init__(self, storage: Storage) -> None:
        super().__init__(storage.uri)
        self.storage = storage

    def keys(self, ending: str) -> list[str]:
        return [key for key in self.storage.list("") if key.endswith(ending)]

    def whole(self) -> list[str]:
        listed = set(self.storage.list(""))
        named = (key for key in listed if key.endswith(SEGMENT) and hour_of(key.rpartition("/")[2]))
        return [key for key in named if _index_key(key) in listed]

    def odd(self) -> list[str]:
        return [key for key in self.keys(SEGMENT) if not hour_of(key.rpartition("/")[2])]

    def left_behind(self) -> list[str]:
        """An upload, or a deletion, that was cut off between a segment and its index."""
        listed = set(self.storage.list(""))
        segments = [key for key in listed if key.endswith(SEGMENT) and _index_key(key) not in listed]
        alone = [key for key in listed if key.endswith(INDEX_FILE) and key.removesuffix(INDEX_FILE) + SEGMENT not in listed]
        return sorted(key for key in (*segments, *alone) if hour_of(key.rpartition("/")[2].replace(INDEX_FILE, SEGMENT)))

    def written_hours(self) -> list[datetime]:
        """Of the shards whose collectors live: since when they have not uploaded all that they wrote."""
        return sorted({told.holds_since for _, told in self.leases() if told.lives and told.holds_since})

    def leases(self) -> list[tuple[str, Told]]:
        """(shard, what its lease says), of all shards that were ever collected into it."""
        found = ((key.rpartition("/")[0], told_of(self.storage, key)) for key in self.keys(f"/{LEASE}"))
        return [(shard, told) for shard, told in found if told]

    def close_left_behind(self) -> None:
        """What a killed collector left lies on its own machine, and is uploaded when one begins there again."""

    def has(self, key: str) -> bool:
        return self.storage.exists(key)

    def modified(self, key: str) -> datetime:
        return self.storage.modified(key)

    def read(self, key: str) -> bytes:
        return self.storage.read(key).to_pybytes()

    def pieces(self, wanted: Sequence[Piece]) -> list[bytes | None]:
        of_key: defaultdict[str, list[int]] = defaultdict(list)
        for number, (key, _, _) in enumerate(wanted):
            of_key[key].append(number)
        found: list[bytes | None] = [None] * len(wanted)

        def read(key: str) -> None:
            try:
                parts = self.storage.read_parts(key, [wanted[number][1:] for number in of_key[key]])
            except FileNotFoundError:
                return
            for number, part in zip(of_key[key], parts, strict=True):
                found[number] = part

        self.for_each(read, of_key)
        return found

    def write(self, key: str, content: bytes) -> None:
        self.storage.write(key, content)

    def for_each(self, do: Callable[[Item], Answer], items: Iterable[Item]) -> list[Answer]:
        """At the same time, since a store answers each after some milliseconds."""
        with ThreadPoolExecutor(LOOKS) as pool:
            return list(pool.map(do, items))

    def move(self, key: str, target: str) -> None:
        self.storage.copy(key, target)
        self.storage.delete(key)

    def delete(self, key: str) -> None:
        self.storage.delete(key)


def _index_key(key: str) -> str:
    return key.removesuffix(SEGMENT) + INDEX_FILE
