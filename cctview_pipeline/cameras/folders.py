"""A user's own folder of files in any layout: all that lies in it, and what of it is left out and why."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from cctview_pipeline.cameras.archive_zips import printable
from cctview_pipeline.frames import Unused
from cctview_pipeline.limits import ARCHIVE_DEPTH

UNUSED_FOLDERS = {
    "linked_folder": "links to folders, which are not followed: give the folder that they lead to",
    "unreadable_folder": "folders that can't be opened",
    "too_deep": f"folders more than {ARCHIVE_DEPTH.most} deep",
}
PACKED = (".zip", ".tar", ".gz", ".tgz", ".7z", ".rar", ".xz", ".bz2", ".zst")


class LeftOut:
    """What is not used: how many for each reason, and the first of them. meanings: reason -> what is said of those."""

    def __init__(self, meanings: Mapping[str, str]) -> None:
        self.meanings = meanings
        self.counts: Counter[str] = Counter()
        self.examples: dict[str, str] = {}

    def add(self, reason: str, place: str, why: str = "") -> None:
        self.counts[reason] += 1
        self.examples.setdefault(reason, f"{place} ({why.rstrip('.')})" if why else place)

    def unused(self) -> list[Unused]:
        there = (reason for reason in self.meanings if reason in self.counts)
        return [Unused(reason, self.meanings[reason], self.counts[reason], self.examples[reason]) for reason in there]


def walk(root: Path, left: LeftOut) -> Iterator[tuple[Path, list[str]]]:
    """Every folder with the names of its files, sorted. Links to folders are not followed: what they show lies elsewhere."""

    def unreadable(error: OSError) -> None:
        left.add("unreadable_folder", place_in(root, Path(os.fsdecode(error.filename or root))))

    for name, below, files in os.walk(root, onerror=unreadable):
        folder = Path(name)
        below[:] = sorted(each for each in below if not each.startswith(".") and each != "__MACOSX")
        for each in below:
            if (folder / each).is_symlink():
                left.add("linked_folder", place_in(root, folder / each))
        if not ARCHIVE_DEPTH.allows(len(folder.relative_to(root).parts) + 1) and below:
            left.add("too_deep", place_in(root, folder))
            below.clear()
        yield folder, sorted(files)


def place_in(root: Path, path: Path) -> str:
    """Where a file is below a folder, as it can be shown."""
    return printable(str(path.relative_to(root)) if path.is_relative_to(root) else str(path))
