"""A campaign of three cameras and four hours with frames of one of them, and its jobs run in this process."""

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg

from cctview_pipeline.assets.weights import record_models
from cctview_pipeline.automation.jobs import range_tags
from cctview_pipeline.cameras.catalogue import catalogue
from cctview_pipeline.campaign import Campaign
from cctview_pipeline.definitions import build_definitions
from cctview_pipeline.groups import groups_of
from cctview_pipeline.lake import Lake, Partition

CAMERAS = ("689-640-S", "733-681-N", "735-683-N")
"""As Dagster's partitions are sorted."""
START, END = datetime(2020, 5, 5, 16, tzinfo=UTC), datetime(2020, 5, 5, 20, tzinfo=UTC)
HOUR = datetime(2020, 5, 5, 17, tzinfo=UTC)
"""The one that has frames."""
FIRST, LAST = Partition.camera_hour(CAMERAS[0], HOUR), Partition.camera_hour(CAMERAS[-1], HOUR)


def archive_campaign(archive: Path | str = "/nowhere") -> Campaign:
    return Campaign(
        name="tests",
        network="archive",
        start=START,
        end=END,
        cameras=tuple(catalogue()[name] for name in CAMERAS),
        path=str(archive),
    )


def run(lake: Lake, job: str, first: Partition, last: Partition, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    """One run of a job over a range, by the definitions of the lake's campaign. The lake is the one that CCTVIEW_LAKE names."""
    definitions = build_definitions(lake.require_campaign())
    return definitions.resolve_job_def(job).execute_in_process(
        instance=instance, tags=range_tags(first, last), raise_on_error=False
    )


def run_all(lake: Lake, instance: dg.DagsterInstance) -> None:
    """Everything that a campaign of one day leads to, as `cctview backfill` makes it but by one run a job, in this process."""
    campaign = lake.require_campaign()
    hours = campaign.hours()
    (group,) = groups_of(campaign)
    first, last = (Partition.camera_hour(group.cameras[i], hours[i]) for i in (0, -1))
    record_models(instance, campaign)
    for job, begin, end in (
        ("camera_hours", first, last),
        ("hours", Partition.of_hour(hours[0]), Partition.of_hour(hours[-1])),
        ("days", Partition.of_day(hours[0].date()), Partition.of_day(hours[-1].date())),
    ):
        assert run(lake, job, begin, end, instance).success


def verdicts(instance: dg.DagsterInstance, asset: str) -> dict[str, str]:
    """partition -> verdict of its latest materialisation."""
    records = instance.fetch_materializations(dg.AssetKey(asset), limit=100).records
    return {
        r.asset_materialization.partition: r.asset_materialization.metadata["verdict"].value
        for r in reversed(records)
        if "verdict" in r.asset_materialization.metadata
    }
