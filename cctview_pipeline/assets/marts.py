"""The marts of a local day, what traffic engineers ask for: one step, so that the day is read once."""

from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import dagster as dg

from cctview_pipeline.analytics.marts import MARTS
from cctview_pipeline.assets.partition_run import PartitionRun, table_checks, table_spec
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.partitions import Partitions, in_order, window_of_days
from cctview_pipeline.privacy.tombstones import Tombstones
from cctview_pipeline.resources.lake import LakeResource

if TYPE_CHECKING:
    from cctview_pipeline.analytics.marts.day import Day

WINDOW_DAYS = 28
"""Of reliability: analytics/marts/day.py says why."""
OF_HOURS = (
    "vehicle_counts",
    "flows",
    "turning_movements",
    "approach_queues",
    "speeds",
    "travel_times",
    "corridor_speeds",
    "corridor_od",
)
"""Marts that read tables of hours, which journeys wait for: Dagster cannot map a camera and an hour to a day."""
OF_MARTS = {"segment_performance": ("flows", "travel_times"), "anomalies": ("flows",), "data_quality": ("flows", "anomalies")}


def marts(partitions: Partitions) -> dg.AssetsDefinition:
    deps: dict[str, list[Any]] = {name: [dg.AssetDep("journeys", partition_mapping=partitions.hours_of_day)] for name in OF_HOURS}
    deps |= {name: list(before) for name, before in OF_MARTS.items()}
    deps["reliability"] = [dg.AssetDep("travel_times", partition_mapping=window_of_days(WINDOW_DAYS))]

    @dg.multi_asset(
        name="marts",
        specs=[
            dg.AssetSpec(name, deps=deps.get(name, []), **table_spec(name, group="analytics", code_version="2", kinds={"duckdb"}))
            for name in MARTS
        ],
        check_specs=[check for name in MARTS for check in table_checks(name)],
        partitions_def=partitions.days,
        backfill_policy=in_order,
        can_subset=True,
    )
    def asset(context: dg.AssetExecutionContext, lake: LakeResource) -> Iterator[dg.MaterializeResult]:
        from cctview_pipeline.analytics.marts.day import Day
        from cctview_pipeline.analytics.plots import PLOTS
        from cctview_pipeline.cameras.local_time import calendar_of

        store, campaign = lake.open_campaign()
        selected = {key.path[-1] for key in context.selected_asset_keys}
        chosen = [name for name in MARTS if name in selected]
        runs = {name: PartitionRun(context, store, name) for name in chosen}
        for place in next(iter(runs.values())).partitions:
            with Day(store, campaign, calendar_of(campaign), place.local_day) as day:
                expired = _expired(store, day)
                for name, run in runs.items():
                    if expired and store.has(name, place):
                        run.keep(place, f"kept as it is: {expired}")
                    elif run.admits(place):
                        run.attempt(place, partial(_make, run, day, name, PLOTS.get(name)))
                for sentence in day.left_out:
                    context.log.warning(f"{place}: left out, and taken for missing: {sentence}")
        for run in runs.values():
            yield run.result()

    return asset


def _expired(store: Lake, day: "Day") -> str:
    """What of a day's tables was deleted on purpose: figures that were made before then know more than those made now."""
    tombstones = Tombstones(store)
    for table, places in day.reads.items():
        if gone := tombstones.partitions(table).intersection(places):
            found = tombstones.get(table, min(gone, key=str))
            return f"{table} of {len(gone)} of its partitions was {found.sentence if found else 'deleted'}"
    return ""


def _make(run: PartitionRun, day: "Day", name: str, plot: Callable | None, place: Partition) -> None:
    from cctview_pipeline.analytics.known_bias import MEASURES, sentence

    rows = day.build(name)
    run.store(
        place,
        rows,
        plot=run.pictures.plot(lambda: plot(rows)) if plot and rows.num_rows else None,
        known_bias=sentence(name, day.model) if name in MEASURES else None,
        statuses=dict(Counter(rows["status"].to_pylist())) if "status" in rows.column_names else None,
    )
