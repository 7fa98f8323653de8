"""What people say of candidates: kept with who and why, for training and evaluation (match/verdicts.py). It changes no match.

Of one person and one pair the newest word counts. A verdict goes with its tracks when these are erased or their lifetime is over.
"""

import threading
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from cctview_pipeline.errors import CctviewError
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.lake.checks import failures
from cctview_pipeline.lake.schemas import schema_of
from cctview_pipeline.match.verdicts import NONE, VERDICTS
from cctview_pipeline.privacy.erasures import Erasures
from cctview_pipeline.privacy.tombstones import Tombstones

MAX_WORDS = 500
_writing = threading.Lock()


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """query, gallery: track ids, gallery None where none of the candidates is the vehicle."""

    query: str
    gallery: str | None
    verdict: str
    said_by: str
    said_at: datetime
    why: str = ""

    def __post_init__(self) -> None:
        if self.verdict not in VERDICTS or (self.verdict == NONE) != (self.gallery is None):
            raise CctviewError("A verdict is: the same vehicle, another vehicle, or none of these.")
        if len(self.why) > MAX_WORDS:
            raise CctviewError(f"A reason of {len(self.why)} characters is too long: {MAX_WORDS} are kept.")

    def row(self) -> dict:
        return {
            "query_track_id": self.query,
            "gallery_track_id": self.gallery,
            "verdict": self.verdict,
            "said_by": self.said_by,
            "said_at": self.said_at,
            "why": self.why,
        }


def record(lake: Lake, partition: Partition, verdict: Verdict) -> None:
    """Add one to the partition of its query. Raises CctviewError where that was deleted on purpose, or can't be written."""
    if deleted := Tombstones(lake).get("verdicts", partition):
        raise CctviewError(f"Nothing is kept of {partition} any more: it was {deleted.sentence}.")
    with _writing:
        before = lake.read("verdicts", partition).to_pylist()
        same = lambda row: (row["query_track_id"], row["gallery_track_id"], row["said_by"]) == (  # noqa: E731
            verdict.query, verdict.gallery, verdict.said_by,
        )  # fmt: skip
        rows = [*(row for row in before if not same(row)), verdict.row()]
        table = Erasures(lake).apply("verdicts", partition, pa.Table.from_pylist(rows, schema_of("verdicts")))
        if wrong := failures("verdicts", table, {}, partition):
            raise CctviewError(" ".join(wrong.values()))
        lake.write("verdicts", partition, table)
