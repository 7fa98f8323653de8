"""Dated copies of a network's list of cameras, and what has changed from one to the next."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from cctview_pipeline.cameras.live import SAME_PLACE_M, LiveCamera
from cctview_pipeline.campaign import metres_between
from cctview_pipeline.errors import CctviewError

LEAST_SHARE = 0.9
"""Of the last list, below which a new one is not believed: half a list is more often a fault than a city without cameras."""
_NAME = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True)
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
    """Raises CctviewError when the file is no list of cameras."""
    try:
        return [LiveCamera(**row) for row in json.loads(path.read_text())]
    except (ValueError, TypeError) as error:
        raise CctviewError(f"{path} is no list of a network's cameras: delete it, and have it made again.") from error


def write_list(path: Path, cameras: Sequence[LiveCamera]) -> None:
    """Whole or not at all, sorted by id."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    rows = sorted((asdict(camera) for camera in cameras), key=lambda row: row["id"])
    partial.write_text(json.dumps(rows, indent=1) + "\n")
    os.replace(partial, path)


def latest(directory: Path) -> list[LiveCamera] | None:
    """The newest snapshot, or None when there is none yet."""
    found = sorted(directory.glob("*.json"))
    return read_list(found[-1]) if found else None


def keep(directory: Path, cameras: Sequence[LiveCamera], now: datetime, force: bool = False) -> Difference:
    """Write a snapshot unless it says what the last one said. Raises CctviewError, writing nothing, for a list that lost more
    than a tenth of the last one's cameras; force: believe it."""
    before = latest(directory)
    if before is not None:
        left = len({camera.network_id for camera in cameras} & {camera.network_id for camera in before})
        if left < LEAST_SHARE * len(before) and not force:
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
        tuple(new[i].id for i in sorted(new.keys() - old.keys())),
        tuple(old[i].id for i in sorted(old.keys() - new.keys())),
        tuple(b.id for a, b in both if metres_between(a, b) > SAME_PLACE_M),
        tuple(b.id for a, b in both if a.name != b.name),
        tuple(b.id for a, b in both if a.online != b.online),
    )
