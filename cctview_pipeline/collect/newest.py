"""Which frame a camera showed last, remembered over a collector's end: a dead camera that answers with one old picture has no new
one whenever a collector begins.

::

    spool/SHARD/newest.json    {"cameras": {"735-683-N": ["9f86d0...", 1795366800123456]}, "placeholders": ["2c26b4..."]}

A picture is known by its digest, and by when it was first seen, in microseconds since 1970.
"""

import json
import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

from cctview_pipeline.files import write_whole
from cctview_pipeline.ids import is_camera_id
from cctview_pipeline.spool.store import SegmentStore

NAME = "newest.json"
MAX_PLACEHOLDERS = 1000
_DIGEST = re.compile(r"[0-9a-f]{32}")
_log = logging.getLogger(__name__)


def digest_of(jpeg: bytes) -> str:
    """Of a picture without its metadata."""
    return blake2b(jpeg, digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class Seen:
    """A picture's digest, and when it was first seen, in microseconds since 1970."""

    digest: str
    at_us: int


@dataclass(frozen=True)
class Newest:
    """cameras: id -> the newest frame; placeholders: digests of pictures that many cameras send."""

    cameras: Mapping[str, Seen] = field(default_factory=dict)
    placeholders: frozenset[str] = frozenset()

    @classmethod
    def read(cls, *spools: SegmentStore) -> "Newest":
        """What all shards remember, as a camera may have been another's. A file that is none is as good as none."""
        cameras: dict[str, Seen] = {}
        placeholders: set[str] = set()
        for where, content in (note for spool in spools for note in spool.notes(NAME)):
            told = _read(where, content)
            for camera, seen in told.cameras.items():
                if camera not in cameras or cameras[camera].at_us < seen.at_us:
                    cameras[camera] = seen
            placeholders |= told.placeholders
        return cls(cameras, frozenset(placeholders))

    def write(self, directory: Path) -> None:
        """Into a shard's directory, whole or not at all."""
        cameras = {camera: [seen.digest, seen.at_us] for camera, seen in self.cameras.items()}
        rows = {"cameras": cameras, "placeholders": sorted(self.placeholders)[:MAX_PLACEHOLDERS]}
        write_whole(directory / NAME, json.dumps(rows).encode())


def _read(path: str, content: bytes) -> Newest:
    try:
        rows = json.loads(content)
        cameras = {camera: Seen(*_checked(camera, *row)) for camera, row in rows["cameras"].items()}
        return Newest(cameras, frozenset(_digests(rows["placeholders"])))
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        _log.warning("%s is not what a collector remembers its cameras' newest frames by: it is written anew.", path)
        return Newest()


def _checked(camera: str, digest: str, at_us: int) -> tuple[str, int]:
    if not is_camera_id(camera) or not _DIGEST.fullmatch(digest) or type(at_us) is not int:
        raise ValueError(camera)
    return digest, at_us


def _digests(texts: Iterable[str]) -> Iterable[str]:
    return (text for text in texts if _DIGEST.fullmatch(text))
