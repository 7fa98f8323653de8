"""A large campaign whose assets do no work: the jobs and the graph of a real one, and as many events.

`definitions()` is what the daemon, the code server and the web server of benchmarks/deployment.py load. Every asset of the
campaign stands in for the real one by its name, partitions, dependencies, checks, pool and backfill policy; its body logs a
line and records metadata of every partition, as `assets/partition_run.py` does.
"""

import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg

from cctview_pipeline.assets.graph import build_assets
from cctview_pipeline.campaign import Camera, Campaign
from cctview_pipeline.partitions import to_key

GROUP = 25
"""Cameras that one run makes an hour of."""
START = datetime(2026, 11, 2, tzinfo=UTC)
CUTS = {
    "frames": ("raw_frames", "camera_status", "gaps", "coverage"),
    "vision": ("detections", "crops", "features"),
    "tracking": ("tracks", "passages"),
}
"""Job -> its tables of a camera and an hour; matches, journeys and marts have jobs of their own."""
ORDER = (*CUTS, "matching", "hours")
LOOK_BACK_S = 20
"""At the first looks: what ended before is no part of the hour's turn."""
CAMERAS, BURST = "SIMULATED_CAMERAS", "SIMULATED_BURST"
"""Variables: how many cameras, and the file that names the hour whose turn has come."""


def campaign(cameras: int) -> Campaign:
    """So many made-up cameras along one road, for as many days as a campaign may have of them, four at most."""
    made_up = tuple(
        Camera(
            id=f"camera-{i:04d}",
            name=f"Camera {i}",
            latitude=40.9 - i / 10_000,
            longitude=-73.9,
            faces="north",
            corridor="road",
            order=i,
        )
        for i in range(cameras)
    )
    end = START + timedelta(days=days(cameras))
    return Campaign(name="simulated", network="nyc-dot", start=START, end=end, cameras=made_up, path="/nowhere")


def days(cameras: int) -> int:
    """A campaign may have 100,000 camera-hours."""
    return min(4, 100_000 // (24 * cameras))


def groups(cameras: int) -> list[tuple[int, int]]:
    """The first and the last camera of each."""
    return [(first, min(first + GROUP, cameras) - 1) for first in range(0, cameras, GROUP)]


def range_key(camera: int, hour: datetime) -> str:
    """A partition's key, by the camera's number."""
    from cctview_pipeline.lake import Partition

    return to_key(Partition.camera_hour(f"camera-{camera:04d}", hour))


def range_tags(first: int, last: int, hour: datetime) -> dict[str, str]:
    """The tags of a run over cameras in a row and one hour."""
    return {
        "dagster/asset_partition_range_start": range_key(first, hour),
        "dagster/asset_partition_range_end": range_key(last, hour),
    }


def assets(cameras: int) -> list[dg.AssetsDefinition]:
    """Those of a camera and an hour, and journeys."""
    wanted = {table for tables in CUTS.values() for table in tables} | {"matches", "journeys"}
    return [_idle(asset) for asset in build_assets(campaign(cameras)) if asset.op.name in wanted]


def _idle(real: dg.AssetsDefinition) -> dg.AssetsDefinition:
    checks = list(real.check_specs)

    @dg.multi_asset(
        name=real.op.name,
        specs=list(real.specs),
        check_specs=checks,
        partitions_def=real.partitions_def,
        backfill_policy=real.backfill_policy,
        pool=real.op.pool,
    )
    def body(context: dg.AssetExecutionContext):
        for number, key in enumerate(context.partition_keys, 1):
            for spec in real.specs:
                table = spec.key.path[-1]
                context.log.info(f"{table} {key}: {number} of {len(context.partition_keys)}")
                context.add_asset_metadata(_metadata(table, key, number), asset_key=spec.key, partition_key=key)
        for spec in real.specs:
            results = [
                dg.AssetCheckResult(
                    passed=True,
                    asset_key=check.asset_key,
                    check_name=check.name,
                    severity=dg.AssetCheckSeverity.WARN,
                    metadata={"partitions": len(context.partition_keys), "failed": 0},
                )
                for check in checks
                if check.asset_key == spec.key
            ]
            yield dg.MaterializeResult(asset_key=spec.key, check_results=results)

    return body


def _metadata(table: str, key: str, number: int) -> dict:
    """As many entries as a partition of tracks has, of the same kinds."""
    place = key.replace("|", "/")
    return {
        "dagster/row_count": 300 + number,
        "dagster/uri": f"s3://cctview-lake/district-1/{table}/{place}/part.parquet",
        "verdict": "written",
        "seconds": 1.234,
        "bytes": 123_456 + number,
        "viewer": dg.MetadataValue.url(f"https://viewer.example.org/cameras/{place}"),
        "detections": 4_321,
        "in_tracks_of_two_or_more": 0.987,
        "calibrated": True,
        "carriageways": {"1": 120, "2": 160},
        "continued": 12,
        "frame_gap_s": 2.0,
    }


def jobs(made: Sequence[dg.AssetsDefinition]) -> list:
    """Those that a campaign of many groups has."""
    by_name = {asset.op.name: asset for asset in made}
    cut = {name: [by_name[table] for table in tables] for name, tables in CUTS.items()}
    cut |= {"matching": [by_name["matches"]], "hours": [by_name["journeys"]]}
    return [dg.define_asset_job(name, chosen) for name, chosen in cut.items()]


def turn_of_the_hour(cameras: int, frames) -> dg.SensorDefinition:
    """The sensor that starts a run a group when an hour is over, as sealing does: here when a file names the hour."""

    @dg.sensor(job=frames, minimum_interval_seconds=1, default_status=dg.DefaultSensorStatus.RUNNING, name="turn_of_the_hour")
    def sensor(context: dg.SensorEvaluationContext):
        place = Path(os.environ[BURST])
        if not place.exists() or (said := place.read_text()) == context.cursor:
            return
        hour = datetime.fromisoformat(said)
        for first, last in groups(cameras):
            yield dg.RunRequest(run_key=f"{said} {first}", tags=range_tags(first, last, hour))
        context.update_cursor(said)

    return sensor


def next_stage(made: dict) -> dg.SensorDefinition:
    """After a group's frames its vision, after that its tracking: all that has ended since the last look, as the real one. A
    run-status sensor would take one finished run a tick."""

    @dg.sensor(
        jobs=[made["vision"], made["tracking"]],
        minimum_interval_seconds=5,
        default_status=dg.DefaultSensorStatus.RUNNING,
        name="next_stage",
    )
    def sensor(context: dg.SensorEvaluationContext):
        since = None if context.cursor else datetime.now(UTC).timestamp() - LOOK_BACK_S
        ended = dg.RunStatusChangeRecordsFilter(dg.DagsterEventType.RUN_SUCCESS, after_timestamp=since)
        found = context.instance.fetch_run_status_changes(ended, 500, cursor=context.cursor, ascending=True)
        ids = [record.run_id for record in found.records if record.event_log_entry.job_name in ORDER[:2]]
        for run in context.instance.get_runs(dg.RunsFilter(run_ids=ids)) if ids else ():
            tags = {name: value for name, value in run.tags.items() if name.startswith("dagster/asset_partition_range")}
            yield dg.RunRequest(run_key=run.run_id, job_name=ORDER[ORDER.index(run.job_name) + 1], tags=tags)
        if found.records:  # or the cursor would be the beginning of all times
            context.update_cursor(found.cursor)

    return sensor


def build(cameras: int) -> dg.Definitions:
    """The campaign's definitions."""
    made = assets(cameras)
    cut = {job.name: job for job in jobs(made)}
    return dg.Definitions(
        assets=made,
        jobs=list(cut.values()),
        sensors=[turn_of_the_hour(cameras, cut["frames"]), next_stage(cut)],
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """What Dagster's own processes load."""
    return build(int(os.environ[CAMERAS]))
