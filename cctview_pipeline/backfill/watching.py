"""What the runs of a backfill are doing, by their logs: Dagster's own count moves only when a run of many partitions ends."""

from collections import defaultdict

import dagster as dg
from dagster._core.events.log import EventLogEntry

from cctview_pipeline.work import Work

AT_ONCE = 2000
"""Entries of a run's log that are read between two looks."""


class Watch:
    """The runs of one backfill. Each entry of their logs is read once."""

    def __init__(self, instance: dg.DagsterInstance, backfill_id: str) -> None:
        self._instance, self._backfill_id = instance, backfill_id
        self._cursors: dict[str, str | None] = defaultdict(lambda: None)
        self._ended: set[str] = set()
        self._work: dict[tuple[str, str], Work] = {}
        self._finished: set[tuple[str, str]] = set()

    def look(self) -> tuple[int, list[Work]]:
        """How many partitions of all assets are behind the runs, and what each of those that go on is at."""
        runs = self._instance.get_runs(dg.RunsFilter(tags={"dagster/backfill": self._backfill_id}))
        for run in runs:
            if run.run_id not in self._ended:
                self._read(run.run_id)
                if run.is_finished:
                    self._ended.add(run.run_id)
        done = sum(work.total if step in self._finished else work.number - 1 for step, work in self._work.items())
        going_on = {run.run_id for run in runs} - self._ended
        return done, [work for step, work in self._work.items() if step[0] in going_on and step not in self._finished]

    def _read(self, run_id: str) -> None:
        read = self._instance.get_records_for_run(run_id, cursor=self._cursors[run_id], limit=AT_ONCE)
        self._cursors[run_id] = read.cursor
        for record in read.records:
            self._note(run_id, record.event_log_entry)

    def _note(self, run_id: str, entry: EventLogEntry) -> None:
        step = run_id, entry.step_key or ""
        if not entry.is_dagster_event:
            if work := Work.parse(entry.user_message):
                self._work[step] = work
        elif entry.dagster_event_type == dg.DagsterEventType.STEP_SUCCESS:
            self._finished.add(step)
