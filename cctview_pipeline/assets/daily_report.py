"""daily_report: one HTML file a local day, which is no table of the lake."""

import time
from datetime import date
from typing import Any

import dagster as dg

from cctview_pipeline.assets.partition_run import viewer_base
from cctview_pipeline.campaign import Campaign
from cctview_pipeline.districts import key_in_run
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.partitions import Partitions, in_order, to_partition
from cctview_pipeline.resources.lake import LakeResource
from cctview_pipeline.work import Work

NAME = "daily_report"
_MARTS = (
    *("vehicle_counts", "flows", "speeds", "travel_times", "corridor_speeds"),
    *("reliability", "anomalies", "data_quality"),
)


def daily_report(partitions: Partitions) -> dg.AssetsDefinition:
    @dg.asset(
        name=NAME,
        description="A local day's figures as one HTML file: how sure they are, and what they rest on.",
        group_name="analytics",
        code_version="1",
        owners=["team:cctview"],
        kinds={"html"},
        deps=list(_MARTS),
        partitions_def=partitions.days,
        backfill_policy=in_order,
    )
    def asset(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult:
        store, campaign = lake.open_campaign()
        keys = sorted(context.partition_keys)
        failed = []
        for number, key in enumerate(keys, 1):
            partition = to_partition(key)
            context.log.info(str(Work(NAME, str(partition), number, len(keys))))
            try:
                told = _make(store, campaign, partition.local_day)
            except CctviewError as error:
                context.log.error(f"{NAME} {key} is not written: {error}")
                told = {"verdict": f"not written: {error}"}
                failed.append(key)
            context.add_asset_metadata(told, asset_key=key_in_run(context, NAME), partition_key=key)
        if len(failed) == len(keys):
            raise dg.Failure(f"No report could be written, of {failed[0]} because: {told['verdict']}")
        return dg.MaterializeResult()

    return asset


def _make(store: Lake, campaign: Campaign, day: date) -> dict[str, Any]:
    """Writes a report, and returns what Dagster is told of it. One whose inputs were deleted on purpose stays as it is: made anew
    it would say less of what it rests on."""
    from cctview_pipeline.analytics.report.document import daily_report
    from cctview_pipeline.analytics.report.sources import open_day
    from cctview_pipeline.analytics.report.stored import report_key
    from cctview_pipeline.cameras.local_time import calendar_of
    from cctview_pipeline.privacy.tombstones import Tombstones

    began, key = time.perf_counter(), report_key(day)
    gone = Tombstones(store).sentences(open_day(store, campaign, calendar_of(campaign), day).reads)
    links = {
        "path": dg.MetadataValue.path(store.storage.path(key)),
        "viewer": dg.MetadataValue.url(f"{viewer_base()}/report/{Partition.of_day(day)}"),
    }
    if gone and store.storage.exists(key):
        return {"verdict": f"kept as it is: {gone[0]}", **links}
    report = daily_report(store, campaign, day, gone)
    store.storage.write(key, report.html)
    numbers = {name: value for name, value in report.headline.items() if value is not None}
    seconds = round(time.perf_counter() - began, 3)
    return {"verdict": "written", "seconds": seconds, "bytes": len(report.html), **links, **numbers}
