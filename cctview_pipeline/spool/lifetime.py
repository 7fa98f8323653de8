"""What of a spool is older than may be, sealed or not."""

from datetime import datetime, timedelta

import pyarrow.compute as pc

from cctview_pipeline.spool.segments import Segment, utc
from cctview_pipeline.spool.store import SegmentStore


def expired(spool: SegmentStore, lifetime: timedelta | None, now: datetime) -> list[tuple[Segment, datetime]]:
    """Segments whose oldest record is too old, and what nobody can read or finished writing; each with when its time began.

    lifetime: None keeps all for ever.
    """
    if lifetime is None:
        return []
    found = []
    for segment in spool.segments():
        times = segment.index()["fetched_us"]
        if len(times):
            found.append((segment, utc(pc.min(times).as_py())))
    for odd in (*(Segment(spool, key) for key in spool.left_behind()), *spool.damaged(), *spool.unreadable()):
        try:
            found.append((odd, spool.modified(odd.key)))
        except OSError:  # gone meanwhile, or a directory
            continue
    return [(segment, since) for segment, since in found if since + lifetime <= now]
