"""What a deployment's exporter tells Prometheus of Dagster's runs, queue and daemons."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster._core.storage.dagster_run import FINISHED_STATUSES, NOT_FINISHED_STATUSES
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from cctview_pipeline.districts import of_run

_MOST = 10_000
"""Runs that are read at a look."""
_OVERLAP = timedelta(minutes=2)
"""Looked at again each time, since machines' clocks differ; a run that was counted is not counted anew."""
_LABELS = ["district", "dagster_job"]
"""Prometheus has a label ``job`` of its own."""
_GOING_ON = ("queued", "not_started", "starting", "started", "canceling")
_ENDED = ("success", "failure", "canceled")


class RunMetrics:
    """Runs that go on as they are, and those that have ended since the exporter began."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self._instance = instance
        self._since = datetime.now(UTC)
        # What had ended before. Not by its time alone: a database may know that only to the second.
        self._counted = {record.dagster_run.run_id: self._since for record in self._ended_lately()}
        self._ended: Counter[tuple[str, str, str]] = Counter()

    def look(self) -> Iterator[Metric]:
        """Three questions to the database, each by an index or over few rows."""
        yield from self._going_on()
        yield self._over()
        yield self._events()
        beats = GaugeMetricFamily(
            "cctview_daemon_heartbeat_timestamp_seconds", "When a daemon of Dagster last said that it lives.", labels=["daemon"]
        )
        for name, beat in self._instance.get_daemon_heartbeats().items():
            beats.add_metric([name.lower()], beat.timestamp)
        yield beats

    def _going_on(self) -> Iterator[Metric]:
        records = self._instance.get_run_records(dg.RunsFilter(statuses=list(NOT_FINISHED_STATUSES)), limit=_MOST)
        runs = GaugeMetricFamily("cctview_runs", "Runs that have not ended, by status.", labels=[*_LABELS, "status"])
        oldest = GaugeMetricFamily(
            "cctview_oldest_queued_run_timestamp_seconds", "When the run that waits longest was made.", labels=["district"]
        )
        counted = Counter((of_run(r.dagster_run), r.dagster_run.job_name, r.dagster_run.status.value.lower()) for r in records)
        known = {key[:2] for key in (*counted, *self._ended)}
        for district, job in sorted(known):
            for status in _GOING_ON:
                runs.add_metric([district, job, status], counted[district, job, status])
        yield runs
        queued = [each for each in records if each.dagster_run.status == dg.DagsterRunStatus.QUEUED]
        for district in sorted({of_run(each.dagster_run) for each in queued}):
            made = min(each.create_timestamp for each in queued if of_run(each.dagster_run) == district)
            oldest.add_metric([district], made.timestamp())
        yield oldest

    def _over(self) -> Metric:
        looked_at = datetime.now(UTC)
        for record in self._ended_lately():
            run = record.dagster_run
            if run.run_id not in self._counted:
                self._ended[of_run(run), run.job_name, run.status.value.lower()] += 1
            self._counted[run.run_id] = looked_at
        self._since = looked_at
        self._counted = {run_id: at for run_id, at in self._counted.items() if at >= looked_at - 10 * _OVERLAP}
        ended = CounterMetricFamily("cctview_runs_ended", "Runs that ended while the exporter ran.", labels=[*_LABELS, "status"])
        for district, job in sorted({key[:2] for key in self._ended}):
            for status in _ENDED:
                ended.add_metric([district, job, status], self._ended[district, job, status])
        return ended

    def _ended_lately(self) -> Sequence[dg.RunRecord]:
        wanted = dg.RunsFilter(statuses=list(FINISHED_STATUSES), updated_after=self._since - _OVERLAP)
        return self._instance.get_run_records(wanted, limit=_MOST)

    def _events(self) -> Metric:
        """Rows are numbered, so the newest number grows with every row that is written, whatever is deleted."""
        count = self._instance.event_log_storage.get_maximum_record_id() or 0
        return CounterMetricFamily("cctview_event_log_records", "Rows that were ever written to Dagster's event log.", count)
