"""Where every frame is that was ever served: in the lake, in the spool, among the rejected, in a gap, or nowhere."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256

from cctview_pipeline.images.jpeg import strip_metadata

SLACK_S = 0.02
"""At a gap's edges: cameras write the time to the centisecond."""


@dataclass(frozen=True)
class Served:
    """A frame that was sent. digest: of its JPEG without metadata, or the frame's id; at: when it was taken, since 1970."""

    camera_id: str
    digest: str
    at: float


@dataclass
class Account:
    """Counts of frames; lost: those that are nowhere; twice: pictures of one camera that the lake has more than once."""

    served: int = 0
    stored: int = 0
    in_spool: int = 0
    rejected: int = 0
    in_gaps: Counter[str] = field(default_factory=Counter)
    lost: list[Served] = field(default_factory=list)
    twice: int = 0

    def __add__(self, other: "Account") -> "Account":
        return Account(
            self.served + other.served,
            self.stored + other.stored,
            self.in_spool + other.in_spool,
            self.rejected + other.rejected,
            self.in_gaps + other.in_gaps,
            self.lost + other.lost,
            self.twice + other.twice,
        )

    def told(self) -> dict:
        """For people and results' files."""
        accounted = self.stored + self.in_spool + self.rejected + self.in_gaps.total()
        counts = {"served": self.served, "stored": self.stored, "in_spool": self.in_spool, "rejected": self.rejected}
        return counts | {"in_gaps": dict(self.in_gaps), "accounted": accounted, "lost": len(self.lost), "twice": self.twice}


def digest(jpeg: bytes) -> str:
    """Of what a picture shows: metadata goes, and masking puts a comment in."""
    return sha256(strip_metadata(jpeg)).hexdigest()


def reconciled(
    served: Iterable[Served],
    stored: Sequence[tuple[str, str]],
    spooled: set[tuple[str, str]],
    rejected: set[tuple[str, str]],
    gaps: Mapping[str, Sequence[tuple[datetime, datetime, str]]],
) -> Account:
    """stored, spooled, rejected: camera and digest of each; gaps: camera -> (begin, end, reason)."""
    account, in_lake = Account(), Counter(stored)
    account.twice = sum(count - 1 for count in in_lake.values())
    for frame in served:
        account.served += 1
        key = frame.camera_id, frame.digest
        if key in in_lake:
            account.stored += 1
        elif key in spooled:
            account.in_spool += 1
        elif key in rejected:
            account.rejected += 1
        elif reason := _reason(frame, gaps.get(frame.camera_id, ())):
            account.in_gaps[reason] += 1
        else:
            account.lost.append(frame)
    return account


def _reason(frame: Served, gaps: Sequence[tuple[datetime, datetime, str]]) -> str:
    covering = (why for began, ended, why in gaps if began.timestamp() - SLACK_S <= frame.at <= ended.timestamp() + SLACK_S)
    return next(covering, "")
