"""Dates that can't be right: cameras that lose power go on in 1970, and one typing error makes a year.

A date is lone when it is more than a day ahead of this machine's clock; when it is one that clocks without power say, and the
archive has others; or when it and all dates within a week of it have at most three pictures of each camera, and all in all at
most a third as many as the largest such group of dates.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from cctview_pipeline.cameras.archive_files import ArchiveFiles, Key, meanings, parse_folder

AHEAD = timedelta(days=1)
FAR = timedelta(days=7)
FIRST_BELIEVED = datetime(2001, 1, 2, 12, tzinfo=UTC)
"""Before it lie the dates at which clocks begin: 1970, 1980, and the first days of 2000 and 2001."""
FEW = 3
"""Pictures of a camera: whoever has more of a date has looked at it."""
SHARE = 3
K = TypeVar("K", Key, tuple[str, datetime])
_ENOUGH = 1000
"""Pictures of a group, beyond which nobody needs to count: an archive may have millions."""


def lone_keys(files: ArchiveFiles, now: datetime) -> set[Key]:
    """Cameras and hours of an archive whose date can't be right."""
    hours = {key: meanings(parse_folder(key[1]))[0] for key in files.places()}
    return find_lone(hours, lambda key: len(files.files(key)), now)


def find_lone(hours: Mapping[K, datetime], pictures: Callable[[K], int], now: datetime) -> set[K]:
    """Keys, which begin with a camera, whose date can't be right. hours: key -> its hour; pictures: how many a key has."""
    lone = {key for key, hour in hours.items() if hour > now + AHEAD}
    if any(hour >= FIRST_BELIEVED for key, hour in hours.items() if key not in lone):
        lone |= {key for key, hour in hours.items() if hour < FIRST_BELIEVED}
    groups = _groups({key: hour for key, hour in hours.items() if key not in lone})
    if len(groups) < 2:
        return lone
    counts = [_count(pictures, group) for group in groups]
    largest = max(counts, key=lambda of_camera: of_camera.total())
    for group, of_camera in zip(groups, counts, strict=True):
        few = max(of_camera.values(), default=0) <= FEW and SHARE * of_camera.total() <= largest.total()
        if few and of_camera is not largest:
            lone.update(group)
    return lone


def _groups(hours: Mapping[K, datetime]) -> list[list[K]]:
    """Keys in the order of their hours, parted where nothing is for more than a week."""
    groups: list[list[K]] = []
    before = None
    for key, hour in sorted(hours.items(), key=lambda item: (item[1], item[0])):
        if before is None or hour - before > FAR:
            groups.append([])
        groups[-1].append(key)
        before = hour
    return groups


def _count(pictures: Callable[[K], int], keys: Iterable[K]) -> Counter[str]:
    """Pictures of each camera, up to enough of them."""
    found: Counter[str] = Counter()
    for key in keys:
        found[key[0]] += pictures(key)
        if found.total() >= _ENOUGH:
            break
    return found
