"""What was measured, that a plan is reckoned from: seconds and bytes of a camera-hour, rows of Dagster's database."""

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cctview_pipeline.campaign import Campaign
from cctview_pipeline.lake import Lake
from cctview_pipeline.policy import Policy

_SHIPPED = Path(__file__).parent / "published_hour.json"
_DAYS = 7
"""Days of a lake's throughput that are read, the newest."""


@dataclass(frozen=True)
class OfTable:
    """core_seconds, bytes: of a camera-hour; lifetime_days: None for ever."""

    core_seconds: float
    bytes: float
    lifetime_days: float | None


@dataclass(frozen=True, kw_only=True)
class Figures:
    """source: where they are from, a sentence; camera_hours: that they rest on; rows, row_bytes: of a camera-hour in PostgreSQL,
    indices among them."""

    source: str
    camera_hours: int
    tables: Mapping[str, OfTable]
    rows: float
    row_bytes: float
    rows_source: str

    @property
    def core_seconds(self) -> float:
        """Of all tables, a camera-hour."""
        return sum(each.core_seconds for each in self.tables.values())


def shipped(policy: Policy | None = None) -> Figures:
    """Of the published hour, as benchmarks/throughput.py measured it. policy: whose lifetimes hold; the usual when left out."""
    known = json.loads(_SHIPPED.read_text())
    lifetimes = (policy or Policy()).lifetimes
    hours = known["camera_hours"]
    tables = {
        name: OfTable(
            of["core_seconds"] * of["partitions"] / hours, of["bytes"] * of["partitions"] / hours, _days(lifetimes, name)
        )
        for name, of in known["a_partition"].items()
    }
    return Figures(
        source=f"{known['of']}, {hours} camera-hours of {known['frames_a_camera_hour']:,.0f} frames, on {known['machine']} "
        f"(benchmarks/throughput.py, {known['at'][:10]})",
        camera_hours=hours,
        tables=tables,
        rows=known["dagster"]["rows_a_camera_hour"],
        row_bytes=known["dagster"]["bytes_a_camera_hour"],
        rows_source=known["dagster"]["source"],
    )


def figures_of_lake(lake: Lake, campaign: Campaign, cores_a_run: float) -> Figures | None:
    """What the lake's own runs took, by its newest days of throughput; None where it has none.

    cores_a_run: how many cores each of them had. Seconds of a run are taken for as many core-seconds, which is too much where a
    step waits.
    """
    sums: dict[str, dict[str, float]] = defaultdict(lambda: {"partitions": 0, "bytes": 0, "seconds": 0})
    days = lake.partitions("throughput")[-_DAYS:]
    for day in days:
        for row in lake.read("throughput", day, ["asset", "partitions", "bytes", "seconds"]).to_pylist():
            for name in ("partitions", "bytes", "seconds"):
                sums[row["asset"]][name] += row[name]
    hours = int(sums["raw_frames"]["partitions"]) if "raw_frames" in sums else 0
    if not hours:
        return None
    lifetimes, rows = Policy.of(campaign).lifetimes, shipped()
    return Figures(
        source=f"{lake.uri}, {hours:,} camera-hours of {len(days)} days from {days[0].local_day} to {days[-1].local_day}, "
        f"runs of {cores_a_run:g} cores",
        camera_hours=hours,
        tables={
            name: OfTable(cores_a_run * of["seconds"] / hours, of["bytes"] / hours, _days(lifetimes, name))
            for name, of in sums.items()
        },
        rows=rows.rows,
        row_bytes=rows.row_bytes,
        rows_source=rows.rows_source,
    )


def _days(lifetimes: Mapping, table: str) -> float | None:
    lifetime = lifetimes.get(table)
    return None if lifetime is None else lifetime.total_seconds() / 86_400
