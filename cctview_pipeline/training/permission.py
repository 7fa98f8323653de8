"""What models may learn from in a lake: camera-hours that are there, for a purpose that is written down first."""

import re
from collections.abc import Collection, Sequence
from datetime import datetime

from cctview_pipeline.campaign import touching
from cctview_pipeline.errors import CctviewError, NotFoundError
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.lake.layout import format_hour
from cctview_pipeline.privacy.access import authorize
from cctview_pipeline.registry.manifest import list_models, read_facts

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
        raise NotFoundError(f"The lake {lake.uri} is empty: there is nothing to learn from.")
    wanted = [campaign.camera(name).id for name in cameras] or [camera.id for camera in campaign.cameras]
    hours = touching(campaign.hours(), begin, end)
    found = [Partition.camera_hour(camera, hour) for camera in wanted for hour in hours]
    if there := [partition for partition in found if lake.has(table, partition)]:
        return there
    raise CctviewError(
        f"The lake has no {table} of these cameras and hours: `cctview backfill` makes them, or they were deleted."
    )


def authorize_training(
    lake: Lake, task: str, name: str, partitions: Sequence[Partition], tables: Collection[str], purpose: str
) -> None:
    """Write down that a detector or extractor (task) learns from pictures of vehicles, before it does.

    Raises CctviewError as ``privacy.access.authorize`` does, and for a name that new weights can't have.
    """
    _check_name(lake, task, name)
    cameras, hours = sorted({p.camera for p in partitions}), sorted(format_hour(p.begin) for p in partitions)
    what = f"{name} learns from {len(partitions)} camera-hours of {', '.join(cameras)}, {hours[0]} to {hours[-1]}"
    authorize(lake, "training", what, tables, purpose)


def _check_name(lake: Lake, task: str, name: str) -> None:
    """New weights may take the place of adapted ones, but neither of those in use nor of any that came from elsewhere."""
    known = next((entry for entry in list_models() if entry.name == name), None)
    campaign = lake.campaign()
    if not _NAME.fullmatch(name):
        why = "it is not of small letters, digits and hyphens"
    elif name == "default" or (known and (known.task != task or "lineage" not in read_facts(known))):
        why = "it is another model's"
    elif campaign and name == campaign.model(task):
        why = f"it is that of the {task} in use, which stays as it is until `cctview models use` names another"
    else:
        return
    raise CctviewError(f"'{name}' can't be the name of an adapted model: {why}. Take one such as my-cameras-2.")
