"""A backfill that Dagster carries out, and what came of it."""

from dataclasses import dataclass

import dagster as dg
from dagster._core.execution.backfill import BULK_ACTION_TERMINAL_STATUSES, BulkActionStatus, PartitionBackfill

from cctview_pipeline.backfill.watching import Watch
from cctview_pipeline.work import Work


@dataclass(frozen=True)
class Outcome:
    """succeeded: whether all runs were; finished: how many partitions were made; error: what became of a backfill that Dagster
    itself ended; partly: whether some runs failed and others made something."""

    succeeded: bool
    finished: int
    error: str | None
    partly: bool = False


class Followed:
    """A backfill that goes on. done: partitions that are behind it; working: what its runs are at."""

    def __init__(self, instance: dg.DagsterInstance, backfill_id: str) -> None:
        self._instance, self._id, self._watch = instance, backfill_id, Watch(instance, backfill_id)
        self.done, self.working = 0, list[Work]()

    def look(self) -> Outcome | None:
        """What came of it, once Dagster has ended it."""
        backfill = self._instance.get_backfill(self._id)
        assert backfill is not None  # nobody deletes it
        assert backfill.asset_backfill_data is not None  # it is of assets
        made = backfill.asset_backfill_data.materialized_subset.num_partitions_and_non_partitioned_assets
        behind, self.working = self._watch.look()
        self.done = max(self.done, made, behind)
        if backfill.status not in BULK_ACTION_TERMINAL_STATUSES:
            return None
        succeeded = backfill.status == BulkActionStatus.COMPLETED_SUCCESS
        partly = made > 0 and backfill.status == BulkActionStatus.COMPLETED_FAILED
        return Outcome(succeeded, made, _why_ended(backfill), partly)


def _why_ended(backfill: PartitionBackfill) -> str | None:
    """In our own words: Dagster's stand in its log, for whoever mends this."""
    if backfill.status == BulkActionStatus.CANCELED:
        return "somebody cancelled it"
    if backfill.error:
        return f"Dagster could not carry it out ({backfill.error.cls_name})"
    return None
