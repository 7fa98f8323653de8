"""What a backfill command means: which campaign, which cameras, which hours."""

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from cctview_pipeline.cameras import open_network
from cctview_pipeline.cameras.catalogue import find_cameras
from cctview_pipeline.campaign import HOUR, Campaign, floor_hour
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.lake import Lake


@dataclass(frozen=True)
class Choice:
    """campaign: the lake's, new or with its archive's new place; notes: what a person should know."""

    campaign: Campaign
    cameras: list[str]
    hours: list[datetime]
    notes: list[str]


def choose(lake: Lake, network: str, path: str, cameras: list[str], begin: datetime | None, end: datetime | None) -> Choice:
    """Read the network and the lake's campaign, or begin one on an empty lake.

    cameras, begin, end: restrict what is chosen; empty and None take all that the network has. Raises CctviewError for
    cameras that are not in the campaign, hours outside its window, and a network with nothing of what was asked.
    """
    existing = lake.campaign()
    place = str(Path(path).absolute()) if path else existing.path if existing else None
    source = open_network(network, place)
    offered = source.cameras()
    wanted = cameras or offered
    known = [existing.camera(camera_id) for camera_id in wanted] if existing else find_cameras(wanted)
    known = sorted(known, key=lambda camera: (camera.corridor, camera.order))
    if absent := [camera.id for camera in known if camera.id not in offered]:
        raise CctviewError(f"Camera '{absent[0]}' is not in {place}: it has {', '.join(offered)}.")
    available = sorted({hour for camera in known for hour in source.hours(camera.id)})
    hours = [hour for hour in available if (not begin or hour + HOUR > begin) and (not end or hour < end)]
    if not hours:
        raise CctviewError(f"{place} has no frames of these cameras in the time asked for{_span(available)}.")
    first, last = floor_hour(begin or hours[0]), _ceil_hour(end or hours[-1] + HOUR)
    if existing is None:
        campaign = Campaign(Path(place).stem, network, first, last, tuple(known), place)
        return Choice(campaign, [camera.id for camera in campaign.cameras], hours, [])
    notes = [] if existing.path == place else [f"The campaign's archive moved from {existing.path} to {place}."]
    inside = [hour for hour in hours if hour >= existing.start and (existing.end is None or hour < existing.end)]
    if begin or end or not inside:
        existing.check_inside(first, last)
    if len(inside) < len(hours):
        notes.append(f"{len(hours) - len(inside)} hours of the archive are outside the campaign's window and are left alone.")
    return Choice(replace(existing, path=place), [camera.id for camera in known], inside, notes)


def _ceil_hour(time: datetime) -> datetime:
    return time if time == floor_hour(time) else floor_hour(time) + HOUR


def _span(hours: list[datetime]) -> str:
    return f": they are from {hours[0]:%Y-%m-%dT%H:%MZ} to {hours[-1] + HOUR:%Y-%m-%dT%H:%MZ}" if hours else ""
