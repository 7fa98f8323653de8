"""A spool as collectors leave it: frames and notes around nine o'clock UTC of a day in the past."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cctview_pipeline.cameras.spooled import SpoolNetwork
from cctview_pipeline.cameras.tables import frames_table, merge_frames, merge_rejected, rejected_table
from cctview_pipeline.campaign import HOUR
from cctview_pipeline.collect.tables import gaps_table, status_table
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.spool.folder import SpoolFolder
from cctview_pipeline.spool.records import Kind, Record
from cctview_pipeline.spool.writer import SpoolWriter
from cctview_pipeline_tests.factories.live_cameras import tiny_picture

NINE = datetime(2026, 11, 1, 9, tzinfo=UTC)
"""Of the day on which New York's clocks went back."""


def us(time: datetime) -> int:
    return int(time.timestamp()) * 1_000_000 + time.microsecond


def frame(
    camera: str, after_s: float, picture: int | None = None, fetched_after_s: float | None = None, jpeg: bytes | None = None
) -> Record:
    taken = NINE + timedelta(seconds=after_s)
    fetched = NINE + timedelta(seconds=after_s + 0.3 if fetched_after_s is None else fetched_after_s)
    return Record(
        kind=Kind.FRAME,
        camera_id=camera,
        captured_us=us(taken),
        fetched_us=us(fetched),
        payload=jpeg or tiny_picture(10_000 + int(after_s * 10) if picture is None else picture),
    )


def note(camera: str, after_s: float, **content) -> Record:
    at = us(NINE + timedelta(seconds=after_s))
    return Record(kind=Kind.EVENT, camera_id=camera, captured_us=at, fetched_us=at, payload=json.dumps(content).encode())


def spooled(directory: Path, *records: Record) -> SpoolNetwork:
    """One segment an hour of fetching, as a collector leaves them."""
    writer = SpoolWriter(directory / "0", 1 << 30)
    hour = None
    for record in sorted(records, key=lambda record: record.fetched_us):
        if hour != record.fetched_us // 3_600_000_000:
            writer.flush()
            writer.roll()
            hour = record.fetched_us // 3_600_000_000
        writer.append(record)
    writer.close()
    return SpoolNetwork("nyc-dot", SpoolFolder(directory))


def seal(network: SpoolNetwork, lake: Lake, places: Iterable[Partition]) -> None:
    """What the assets raw_frames, camera_status and gaps do."""
    for place in places:
        found = network.read_hour(place.camera, place.hour)
        frames = merge_frames(lake.read("raw_frames", place), frames_table(found, network.name))
        lake.write("raw_frames", place, frames)
        rejected = merge_rejected(lake.read("rejected_frames", place), rejected_table(found), frames)
        lake.write("rejected_frames", place, rejected)
        status = status_table(network.spool, place.camera, place.hour, lake.read("camera_status", place))
        lake.write("camera_status", place, status)
        before = lake.read("raw_frames", Partition.camera_hour(place.camera, place.hour - HOUR))
        lake.write("gaps", place, gaps_table(status, frames, before, place.camera, place.hour))
