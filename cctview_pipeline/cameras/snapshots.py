"""Dated copies of a network's list of cameras, and what has changed from one to the next."""

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from cctview_pipeline.cameras.listed import MIN_SHARE, LiveCamera, read_rows, rows_of
from cctview_pipeline.cameras.networks.nyc_dot import SAME_PLACE_M
from cctview_pipeline.campaign import metres_between
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.files import write_whole

_log = logging.getLogger(__name__)
_NAME = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Ids of cameras that are new, gone, at another place, named otherwise, and on or off where they were not."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    moved: tuple[str, ...]
    renamed: tuple[str, ...]
    switched: tuple[str, ...]

    def __str__(self) -> str:
        parts = [f"{len(ids)} {name}" for name, ids in vars(self).items() if ids]
        return ", ".join(parts) or "nothing changed"


def read_list(path: Path) -> list[LiveCamera]:
    """The cameras of a file; a row that is none is left out. Raises CctviewError when the file is no list of cameras."""
    return list_of(path.read_bytes(), str(path))


def list_of(content: bytes, path: str) -> list[LiveCamera]:
    """The cameras of a file's bytes, as read_list. path: the file's."""
    try:
        rows = rows_of(content)
    except ValueError:
        rows = [None]
    found = read_rows(rows, lambda row: LiveCamera(**row))
    if rows and not found.cameras:
        raise CctviewError(f"{path} is no list of a network's cameras: delete it, and have it made again.")
    if found.left_out:
        _log.warning("%s: %s", path, found.said())
    return found.cameras


def write_list(path: Path, cameras: Sequence[LiveCamera]) -> None:
    """Whole or not at all, sorted by id."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = sorted((asdict(camera) for camera in cameras), key=lambda row: row["id"])
    write_whole(path, (json.dumps(rows, indent=1) + "\n").encode())


def latest(directory: Path) -> list[LiveCamera] | None:
    """The newest snapshot, or None when there is none yet."""
    found = sorted(directory.glob("*.json"))
    return read_list(found[-1]) if found else None


def keep(directory: Path, cameras: Sequence[LiveCamera], now: datetime, force: bool = False) -> Difference:
    """Write a snapshot unless it says what the last one said. Raises CctviewError, writing nothing, for a list that lost more
    than a tenth of the last one's cameras; force: believe it."""
    if not cameras and not force:
        raise CctviewError("The new list is empty: it was not kept. If the network has no camera any more, add --force.")
    before = latest(directory)
    if before is not None:
        left = len({camera.network_id for camera in cameras} & {camera.network_id for camera in before})
        if left < MIN_SHARE * len(before) and not force:
            raise CctviewError(
                f"The new list has {left} of the {len(before)} cameras that the last one had, fewer than nine in ten: it was not "
                "kept. If that is so, add --force."
            )
    difference = compare(before or [], cameras)
    if before is None or any(vars(difference).values()):
        write_list(directory / f"{now.astimezone(UTC):{_NAME}}.json", cameras)
    return difference


def compare(before: Sequence[LiveCamera], after: Sequence[LiveCamera]) -> Difference:
    """What changed, by the network's ids."""
    old, new = ({camera.network_id: camera for camera in cameras} for cameras in (before, after))
    both = [(old[i], new[i]) for i in sorted(old.keys() & new.keys())]
    return Difference(
        added=tuple(new[i].id for i in sorted(new.keys() - old.keys())),
        removed=tuple(old[i].id for i in sorted(old.keys() - new.keys())),
        moved=tuple(b.id for a, b in both if metres_between(a, b) > SAME_PLACE_M),
        renamed=tuple(b.id for a, b in both if a.name != b.name),
        switched=tuple(b.id for a, b in both if a.online != b.online),
    )
