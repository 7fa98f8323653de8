"""Which of several machines collects which camera: rendezvous hashing (Thaler and Ravishankar, 1996).

Every machine reckons it for itself, and with one machine more or less only that one's cameras move.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from cctview_pipeline.errors import CctviewError
from cctview_pipeline.limits import SHARDS


@dataclass(frozen=True)
class Shard:
    """The number-th of count, from 1."""

    number: int = 1
    count: int = 1

    def __str__(self) -> str:
        return f"{self.number}-of-{self.count}"

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """Read ``2/8``."""
        match = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text)
        if not match or not 1 <= int(match[1]) <= int(match[2]):
            raise CctviewError(f"A shard is given as its number and how many there are, such as 2/8, not '{text}'.")
        SHARDS.check(int(match[2]))
        return cls(int(match[1]), int(match[2]))

    def own(self, camera_ids: Iterable[str]) -> list[str]:
        """The cameras that are this shard's, in the order given."""
        return [camera_id for camera_id in camera_ids if self.number == shard_of(camera_id, self.count)]


def shard_of(camera_id: str, count: int) -> int:
    """The number of the shard, from 1, whose hash with the camera is the highest."""

    def weight(number: int) -> bytes:
        return hashlib.blake2b(f"{number} {camera_id}".encode(), digest_size=8).digest()

    return max(range(1, count + 1), key=weight)
