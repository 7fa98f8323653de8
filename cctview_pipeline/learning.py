"""What models may learn from in a lake: camera-hours that are there, for a purpose that is written down first."""

import re
from collections.abc import Collection, Sequence
from datetime import datetime

from cctview_pipeline.campaign import HOUR
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.lake.layout import format_hour
from cctview_pipeline.privacy.access import permit

SHIPPED = ("default-detector", "default-extractor")
_NAME = re.compile(r"[a-z0-9]+(?:[-_.][a-z0-9]+)*")


def written_hours(
    lake: Lake, table: str, cameras: Sequence[str] = (), begin: datetime | None = None, end: datetime | None = None
) -> list[Partition]:
    """The camera-hours of a table that the lake holds, by camera and time.

    cameras, begin, end: restrict them; end is exclusive. Raises CctviewError for an empty lake, for cameras that are not in its
    campaign, and where nothing is left.
    """
    campaign = lake.campaign()
    if campaign is None:
        raise CctviewError(f"The lake {lake.uri} is empty: there is nothing to learn from.")
    wanted = [campaign.camera(name).id for name in cameras] or [camera.id for camera in campaign.cameras]
    hours = [hour for hour in campaign.hours() if (not begin or hour + HOUR > begin) and (not end or hour < end)]
    found = [Partition.camera_hour(camera, hour) for camera in wanted for hour in hours]
    if there := [partition for partition in found if lake.has(table, partition)]:
        return there
    raise CctviewError(
        f"The lake has no {table} of these cameras and hours: `cctview backfill` makes them, or they were deleted."
    )


def permit_training(lake: Lake, name: str, partitions: Sequence[Partition], tables: Collection[str], purpose: str) -> None:
    """Write down that a model learns from pictures of vehicles, before it does.

    Raises CctviewError as ``privacy.access.permit`` does, and for a name that is none or is that of a shipped model.
    """
    if not _NAME.fullmatch(name) or name in (*SHIPPED, "default"):
        raise CctviewError(
            f"'{name}' can't be the name of an adapted model: use small letters, digits and hyphens, and none of "
            f"{', '.join(SHIPPED)}."
        )
    cameras, hours = sorted({p.camera for p in partitions}), sorted(format_hour(p.hour) for p in partitions)
    what = f"{name} learns from {len(partitions)} camera-hours of {', '.join(cameras)}, {hours[0]} to {hours[-1]}"
    permit(lake, "training", what, tables, purpose)
