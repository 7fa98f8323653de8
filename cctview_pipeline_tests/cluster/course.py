"""One backfill of all that a deployment's campaign leads to, watched, and what came of it."""

import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import boto3
import dagster as dg
from dagster._core.storage.tags import PARENT_RUN_ID_TAG

from cctview_pipeline.backfill import launch as launching
from cctview_pipeline.definitions import build_definitions
from cctview_pipeline.resources.lake import open_lake
from cctview_pipeline.work import Work
from cctview_pipeline_tests.cluster.deployment import NODES, Deployment

MOST_S = 1800.0
KNOWN = (".parquet", "campaign.toml", "report.html", "roster.json")


@dataclass
class Course:
    """deployment: on which it goes on; asked: the tables that are made, all where none is named; tables: that runs are at just
    now; outcome: of its end, or the exception."""

    deployment: Deployment
    asked: tuple[str, ...] = ()
    tables: set[str] = field(default_factory=set)
    outcome: launching.Outcome | Exception | None = None
    begun: float = 0.0

    def run(self, fault: Callable[["Course"], None] = lambda course: None, empty: bool = True) -> dict:
        """Make everything in an empty lake. fault: is called once it has begun; empty: whether the lake is made so. Returns what
        came of it: seconds, runs by status, how many of them were tried again, the longest time that one was unfinished, and the
        digests of what is in the lake."""
        if empty:
            empty_lake()
        self.begun = time.time()
        thread = threading.Thread(target=self._make, daemon=True)
        thread.start()
        fault(self)
        thread.join(MOST_S)
        if not isinstance(self.outcome, launching.Outcome):
            raise RuntimeError(f"The backfill did not end: {self.outcome!r}. {self.deployment.tail('cctview-daemon')}")
        return {"seconds": round(time.time() - self.begun, 1), "complete": self.outcome.succeeded, **self._runs(), **lake()}

    def until(self, *tables: str) -> float:
        """Wait until a run is at one of these tables. Returns the time."""
        while not self.tables.intersection(tables) and self.outcome is None:
            time.sleep(0.2)
        if self.outcome is not None:
            raise RuntimeError(f"Nothing was seen at work on {tables}.")
        return time.time()

    def working_node(self) -> str:
        """The service of a node on which a run goes on."""
        while True:
            for run in self.deployment.instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])):
                address = node_of(self.deployment, run.run_id)
                if address in NODES:
                    return f"node-{NODES.index(address) + 1}"
            time.sleep(0.2)

    def unfinished(self) -> int:
        """How many runs are queued or going on."""
        statuses = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED]
        return len(self.deployment.instance.get_runs(dg.RunsFilter(statuses=statuses)))

    def _make(self) -> None:
        try:
            instance, campaign = self.deployment.instance, open_lake().require_campaign()
            graph = build_definitions(campaign).get_repository_def().asset_graph
            plan = launching.whole_plan(campaign, [camera.id for camera in campaign.cameras], campaign.hours())
            plan = {table: partitions for table, partitions in plan.items() if not self.asked or table in self.asked}
            self.outcome = launching.run(instance, graph, campaign, plan, "course", self._see)
        except Exception as error:
            self.outcome = error

    def _see(self, stage: str, done: int, working: list[Work]) -> None:
        self.tables = {work.table for work in working}

    def _runs(self) -> dict:
        instance = self.deployment.instance
        records = instance.get_run_records(dg.RunsFilter(created_after=datetime.fromtimestamp(self.begun, UTC)))
        runs = [record.dagster_run for record in records]
        spans = [record.end_time - record.start_time for record in records if record.end_time and record.start_time]
        counts: dict[str, int] = {}
        for run in runs:
            counts[run.status.value] = counts.get(run.status.value, 0) + 1
        return {
            "runs": counts,
            "tried_again": sum(PARENT_RUN_ID_TAG in run.tags for run in runs),
            "longest_run_s": round(max(spans, default=0.0), 1),
        }


def noticed(deployment: Deployment, since: float) -> float | None:
    """Seconds until the first run that was failed after a time was failed; None while there is none."""
    after = datetime.fromtimestamp(since, UTC)
    failed = dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE], updated_after=after)
    ends = [record.end_time for record in deployment.instance.get_run_records(failed) if record.end_time]
    return round(min(ends) - since, 1) if ends else None


def node_of(deployment: Deployment, run_id: str) -> str:
    """The address of the machine that a run went on on, as Ray tells it; an empty text where it does not know."""
    answer = deployment.ask_ray(f"/api/jobs/dagster-run-{run_id}")
    found = answer.json() if answer.status_code == 200 else {}
    return (found.get("driver_agent_http_address") or "").removeprefix("http://").split(":")[0]


def empty_lake() -> None:
    """All but the campaign."""
    for key in list(_keys()):
        if not key.endswith("campaign.toml"):
            open_lake().storage.client.delete_object(Bucket="lake", Key=key)


def lake() -> dict:
    """What is in the lake: a table's file -> SHA-256, without throughput, which tells how long the others took; strange files."""
    client, digests, strange = open_lake().storage.client, {}, []
    for key in _keys():
        if key.endswith(".parquet") and "/throughput/" not in key:
            data = client.get_object(Bucket="lake", Key=key)["Body"].read()
            digests[key.partition("/")[2]] = hashlib.sha256(data).hexdigest()
        elif not key.endswith(KNOWN) and "/intake/" not in key:
            strange.append(key)
    return {"digests": digests, "strange": strange}


def _keys() -> Iterator[str]:
    client = boto3.client("s3")
    for page in client.get_paginator("list_objects_v2").paginate(Bucket="lake", Prefix="city/"):
        yield from (found["Key"] for found in page.get("Contents", []))
