"""What the assets raw_frames, camera_status and gaps do, in a process that can be killed:
``python -m cctview_pipeline_tests.chaos.sealing SPOOL LAKE CAMERAS FIRST-HOUR HOURS``."""

import sys
from collections.abc import Sequence
from datetime import datetime

from cctview_pipeline.cameras.spooled import SpoolNetwork
from cctview_pipeline.cameras.tables import frames_table, merge_frames, merge_rejected, rejected_table
from cctview_pipeline.campaign import HOUR
from cctview_pipeline.collect.tables import gaps_table, status_table
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.spool.opening import open_spool
from cctview_pipeline.spool.store import SegmentStore


def seal(spool: SegmentStore, lake: Lake, places: Sequence[Partition]) -> None:
    """Bring what closed segments hold of these camera-hours to the lake. places: in order of time."""
    network = SpoolNetwork("replay", spool)
    for place in places:
        found = network.read_hour(place.camera, place.hour)
        frames = merge_frames(lake.read("raw_frames", place), frames_table(found, network.name))
        lake.write("raw_frames", place, frames)
        rejected = merge_rejected(lake.read("rejected_frames", place), rejected_table(found), frames)
        lake.write("rejected_frames", place, rejected)
        status = status_table(spool, place.camera, place.hour, lake.read("camera_status", place))
        lake.write("camera_status", place, status)
        before = lake.read("raw_frames", Partition.camera_hour(place.camera, place.hour - HOUR))
        lake.write("gaps", place, gaps_table(status, frames, before, place.camera, place.hour))


def places(cameras: Sequence[str], first: datetime, hours: int) -> list[Partition]:
    return [Partition.camera_hour(camera, first + n * HOUR) for n in range(hours) for camera in cameras]


if __name__ == "__main__":
    from cctview_pipeline.resources.lake import open_lake  # finds S3 as every run does

    spool, uri, cameras, first, hours = sys.argv[1:]
    seal(open_spool(spool), open_lake(uri), places(cameras.split(","), datetime.fromisoformat(first), int(hours)))
