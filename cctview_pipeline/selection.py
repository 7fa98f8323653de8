"""What a backfill command means: which campaign, which cameras, which hours."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from cctview_pipeline.cameras import open_network
from cctview_pipeline.cameras.catalogue import catalogue, find_cameras
from cctview_pipeline.cameras.network import CameraNetwork
from cctview_pipeline.cameras.spooled import SpoolNetwork
from cctview_pipeline.campaign import HOUR, Camera, Campaign, floor_hour
from cctview_pipeline.collect.sealing import GRACE
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.lake import Lake
from cctview_pipeline.privacy.policy import Policy
from cctview_pipeline.understood import understood

_NO_PURPOSE = (
    "No purpose was given (--purpose), so that figures can be asked for and single vehicles cannot: purposes stand under "
    "[campaign.privacy] in campaign.toml, and can be added at any time."
)


@dataclass(frozen=True)
class Choice:
    """campaign: the lake's, new or with its archive's new place; notes: what a person should know."""

    campaign: Campaign
    cameras: list[str]
    hours: list[datetime]
    notes: list[str]


def choose(
    lake: Lake,
    network: str,
    path: str,
    cameras: list[str],
    begin: datetime | None,
    end: datetime | None,
    settings: Mapping | None = None,
    purposes: Sequence[str] = (),
) -> Choice:
    """Read the network and the lake's campaign, or begin one on an empty lake.

    cameras, begin, end: restrict what is chosen; empty and None take all that the network has; settings: of the city;
    purposes: of a new campaign, for which its vehicles may be asked about. Raises CctviewError for another network, city or
    purpose than the campaign's, cameras that are not in it, hours outside its window, and a network with nothing of what was
    asked.
    """
    existing = (said := lake.campaign()) and understood(said)
    if existing and existing.network != network:
        raise CctviewError(
            f"The lake {lake.uri} holds a campaign of the network '{existing.network}', not '{network}': use another lake."
        )
    if existing and (new := set(purposes) - set(Policy.of(existing).purposes)):
        raise CctviewError(
            f"The lake {lake.uri} has its campaign, and '{min(new)}' is none of its purposes: add it to purposes under "
            "[campaign.privacy] in campaign.toml."
        )
    settings = _city_settings(existing, begin, end, settings or {}) if network == "city" else {}
    place = str(Path(path).absolute()) if path else existing.path if existing else None
    source = open_network(network, place, settings)
    offered = source.cameras()
    wanted = cameras or offered
    known = [existing.camera(camera_id) for camera_id in wanted] if existing else _find_cameras(network, wanted, source)
    known = sorted(known, key=lambda camera: (camera.corridor, camera.order))
    if absent := [camera.id for camera in known if camera.id not in offered]:
        raise CctviewError(f"Camera '{absent[0]}' is not in {place or 'the city'}: it has {', '.join(offered)}.")
    available = sorted({hour for camera in known for hour in source.hours(camera.id)})
    live = isinstance(source, SpoolNetwork)
    if live:
        over = [hour for hour in available if hour + HOUR + GRACE <= datetime.now(UTC)]
        if available and not over:
            raise CctviewError(
                f"The first hour that {place} holds is not over: it can be sealed at {available[0] + HOUR + GRACE:%H:%MZ}."
            )
        available = over
    hours = [hour for hour in available if (not begin or hour + HOUR > begin) and (not end or hour < end)]
    if not hours:
        raise CctviewError(f"{place or 'The city'} has no frames of these cameras in the time asked for{_span(available)}.")
    first, last = floor_hour(begin or hours[0]), _ceil_hour(end or hours[-1] + HOUR)
    if existing is None:
        name = Path(place).stem if place else f"city of seed {settings['seed']}"
        privacy = {"purposes": list(purposes)} if purposes else {}
        campaign = Campaign(name, network, first, None if live and not end else last, tuple(known), place, settings, privacy)
        understood(campaign)
        notes = [] if purposes or network == "city" else [_NO_PURPOSE]
        return Choice(campaign, [camera.id for camera in campaign.cameras], hours, notes)
    notes = [] if existing.path == place else [f"The campaign's archive moved from {existing.path} to {place}."]
    inside = [hour for hour in hours if hour >= existing.start and (existing.end is None or hour < existing.end)]
    if begin or end or not inside:
        existing.check_inside(first, last)
    if len(inside) < len(hours):
        notes.append(f"{len(hours) - len(inside)} hours of the archive are outside the campaign's window and are left alone.")
    return Choice(replace(existing, path=place), [camera.id for camera in known], inside, notes)


def _city_settings(existing: Campaign | None, begin: datetime | None, end: datetime | None, asked: Mapping) -> dict:
    """The lake's city, which never changes; for an empty lake what was asked, the hours of begin and end included."""
    from cctview_pipeline.cameras.city import CitySettings

    if existing:
        if different := [name for name, value in asked.items() if existing.settings.get(name) != value]:
            kept, name = existing.settings.get(different[0]), different[0]
            raise CctviewError(f"The lake's city has {name} {kept}, not {asked[name]}: leave it out, or use another lake.")
        return dict(existing.settings)
    window = {"start": floor_hour(begin)} if begin else {}
    if end and "minutes" not in asked:
        start = window.get("start", CitySettings().start)
        window["minutes"] = max(1, math.ceil((end - start).total_seconds() / 60))
    return CitySettings.read(window | dict(asked)).as_dict()


def _find_cameras(network: str, camera_ids: list[str], source: CameraNetwork) -> list[Camera]:
    if isinstance(source, SpoolNetwork):
        return _live_cameras(source, camera_ids)
    if network != "city":
        return find_cameras(camera_ids)
    from cctview_pipeline.cameras.city import CAMERAS

    known = {camera.id: camera for camera in CAMERAS}
    if unknown := [camera_id for camera_id in camera_ids if camera_id not in known]:
        raise CctviewError(f"The city has no camera '{unknown[0]}': known are {', '.join(known)}.")
    return [known[camera_id] for camera_id in camera_ids]


def _live_cameras(source: SpoolNetwork, camera_ids: list[str]) -> list[Camera]:
    """The package's catalogue knows where a camera looks and along which road; of others only the place is known."""
    known, described, found = catalogue(), source.described(), []
    for camera_id in camera_ids:
        if camera_id in known:
            found.append(known[camera_id])
        elif camera_id in described:
            live = described[camera_id]
            place = (live.latitude, live.longitude)
            found.append(Camera(live.id, live.name, *place, "", live.id, 0, source.name, live.network_id))
        else:
            raise CctviewError(f"Camera '{camera_id}' is not in {source.spool}: it has {', '.join(source.cameras()) or 'none'}.")
    return found


def _ceil_hour(time: datetime) -> datetime:
    return time if time == floor_hour(time) else floor_hour(time) + HOUR


def _span(hours: list[datetime]) -> str:
    return f": they are from {hours[0]:%Y-%m-%dT%H:%MZ} to {hours[-1] + HOUR:%Y-%m-%dT%H:%MZ}" if hours else ""
