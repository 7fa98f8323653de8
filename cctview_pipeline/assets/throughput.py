"""throughput: what the pipeline itself took, from what its runs recorded of every partition."""

from collections.abc import Iterator
from datetime import datetime

import dagster as dg
import pyarrow as pa

from cctview_pipeline.assets.partition_run import PartitionRun, table_asset
from cctview_pipeline.districts import asset_key
from cctview_pipeline.lake import Partition
from cctview_pipeline.lake.schemas import TABLES, schema_of
from cctview_pipeline.partitions import Partitions, in_order, to_key
from cctview_pipeline.resources.lake import LakeResource

PAGE = 1_000
"""Partitions of an asset that Dagster is asked about at a time: databases limit the length of a question."""


def throughput(partitions: Partitions) -> dg.AssetsDefinition:
    @dg.asset(
        **table_asset("throughput", group="analytics", code_version="1"),
        deps=[dg.AssetDep("journeys", partition_mapping=partitions.hours_of_day)],
        partitions_def=partitions.days,
        backfill_policy=in_order,
    )
    def asset(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult:
        from cctview_pipeline.cameras.local_time import calendar_of

        store, campaign = lake.open_campaign()
        run, calendar = PartitionRun(context, store, "throughput"), calendar_of(campaign)
        cameras = [camera.id for camera in campaign.cameras]

        def make(partition: Partition) -> None:
            hours = [hour for hour in calendar.hours(partition.local_day) if campaign.covers(hour)]
            rows = list(_rows(context.instance, campaign.district, cameras, hours))
            found = pa.Table.from_pylist(rows, schema_of("throughput"))
            run.store(partition, found, seconds_of_runs=round(sum(row["seconds"] for row in rows), 1))

        return run.make_all(make)

    return asset


def _rows(instance: dg.DagsterInstance, district: str, cameras: list[str], hours: list[datetime]) -> Iterator[dict]:
    """One row a table and hour that has any partition."""
    for table, spec in TABLES.items():
        if spec.partition == "day":
            continue
        for hour in hours:
            places = [Partition.of_hour(hour)] if spec.partition == "hour" else [Partition.camera_hour(c, hour) for c in cameras]
            told = [_told(event) for event in _newest(instance, asset_key(district, table), [to_key(place) for place in places])]
            if told := [each for each in told if each]:
                names = ("rows", "bytes", "seconds")
                sums = {name: sum(each[name] for each in told) for name in names}
                yield {"asset": table, "began_at": hour, "partitions": len(told), **sums}


def _newest(instance: dg.DagsterInstance, asset: dg.AssetKey, keys: list[str]) -> list[dg.AssetMaterialization]:
    """The last materialization of each partition."""
    found: dict[str, dg.AssetMaterialization] = {}
    for begin in range(0, len(keys), PAGE):
        wanted = dg.AssetRecordsFilter(asset_key=asset, asset_partitions=keys[begin : begin + PAGE])
        cursor, more = None, True
        while more:
            answer = instance.fetch_materializations(wanted, limit=PAGE, cursor=cursor)
            for record in answer.records:  # the newest come first
                made = record.asset_materialization
                if made is not None and made.partition is not None:
                    found.setdefault(made.partition, made)
            cursor, more = answer.cursor, answer.has_more
    return list(found.values())


def _told(made: dg.AssetMaterialization) -> dict[str, float] | None:
    """What partition_run.py wrote down of a partition that was written."""
    keys = {"rows": "dagster/row_count", "bytes": "bytes", "seconds": "seconds"}
    values = {name: getattr(made.metadata.get(key), "value", None) for name, key in keys.items()}
    numbers = {name: value for name, value in values.items() if isinstance(value, int | float)}
    return numbers if len(numbers) == len(keys) else None
