"""Parts of ways that were too faint to be found at any lag, looked for where the rest of the way says that they are."""

from collections.abc import Iterable, Mapping

from cctview_pipeline.match.propose.reduction import Way, off_by
from cctview_pipeline.match.propose.sharing import Shared

Window = tuple[float, float]
"""Travel times, s."""


def missing_parts(found: Mapping[Way, Shared], links: Iterable[Way]) -> dict[Way, Window]:
    """Links, of which each may be a way past a camera that shares vehicles with one end -> what would have to be between that
    camera and the other end, and how long it would take. A search of few lags, for few ways, finds what one of all lags can't."""
    asked: dict[Way, Window] = {}
    for way in links:
        whole = found[way].median
        for other, shares in found.items():
            left = whole - shares.median
            if other == way or left <= 0:
                continue
            if other[:2] == way[:2]:
                part = (other[2], other[3], way[2], way[3])
            elif other[2:] == way[2:]:
                part = (way[0], way[1], other[0], other[1])
            else:
                continue
            if part not in found and part[0] != part[2]:
                asked.setdefault(part, (max(left - off_by(whole), 0.0), left + off_by(whole)))
    return asked
