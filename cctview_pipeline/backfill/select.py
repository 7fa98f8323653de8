"""What a backfill command means: which campaign, which cameras, which hours."""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from cctview_pipeline.cameras import open_network
from cctview_pipeline.cameras.archive import ArchiveNetwork
from cctview_pipeline.cameras.described import check_offered, described, refuse_undescribed
from cctview_pipeline.cameras.footage import FootageSettings
from cctview_pipeline.cameras.networks.generic import Generic
from cctview_pipeline.cameras.spooled import SpoolNetwork, kept_source
from cctview_pipeline.campaign import GRACE, HOUR, MAX_PARTITIONS, Camera, Campaign, check_span, floor_hour, is_over, touching
from cctview_pipeline.errors import CctviewError, printable
from cctview_pipeline.frames import CameraNetwork, FilesNetwork, Unused
from cctview_pipeline.groups import grouped
from cctview_pipeline.lake import Lake
from cctview_pipeline.policy import Policy
from cctview_pipeline.resources.understood import understood
from cctview_pipeline.spool.opening import S3, open_spool

_NO_PURPOSE = (
    "No purpose was given (--purpose), so that figures can be asked for and single vehicles cannot: purposes stand under "
    "[campaign.privacy] in campaign.toml, and can be added at any time."
)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a backfill is asked for. path: the archive's or spool's, the campaign's own when empty; cameras, begin, end: restrict
    what is chosen, empty and None take all that the network has; settings: of the city or of footage; purposes: of a new
    campaign, for which its vehicles may be asked about; timezone: of footage and pictures whose times have none."""

    network: str
    path: str = ""
    cameras: Sequence[str] = ()
    begin: datetime | None = None
    end: datetime | None = None
    settings: Mapping = field(default_factory=dict)
    purposes: Sequence[str] = ()
    timezone: str = ""


@dataclass(frozen=True, kw_only=True)
class BackfillRequest:
    """campaign: the lake's, new or with its archive's new place; cameras, hours: what is to be made; notes: what a person should
    know; unused: what of an archive belongs to no camera and hour."""

    campaign: Campaign
    cameras: list[str]
    hours: list[datetime]
    notes: list[str]
    unused: list[Unused] = field(default_factory=list)


def choose(lake: Lake, asked: Asked, now: datetime | None = None) -> BackfillRequest:
    """Read the network and the lake's campaign, or begin one on an empty lake. Only hours that are over are chosen.

    now: the clock's when left out. Raises CctviewError for another network, city or purpose than the campaign's, cameras that
    are not in it, hours outside its window, and a network with nothing of what was asked.
    """
    now, begin, end = now or datetime.now(UTC), asked.begin, asked.end
    check_span(begin, end)
    existing = (said := lake.campaign()) and understood(said)
    if existing:
        _check_same(lake, existing, asked.network, asked.purposes)
    settings = _settings(existing, asked)
    timezone = _timezone(existing, asked)
    place = _place(asked.path) if asked.path else existing.path if existing else None
    source = open_network(asked.network, place, settings, timezone)
    if asked.network == Generic.name and place and (told := kept_source(open_spool(place))):
        settings = {"source": told.as_dict()}
    known, notes = _cameras(source, existing, list(asked.cameras), (lake.uri, place, asked.purposes))
    hours_of = {camera.id: source.hours(camera.id) for camera in known}
    available = sorted(set().union(*hours_of.values()))
    over = [hour for hour in available if is_over(hour, now)]
    if available and not over:
        raise CctviewError(
            f"The first hour that {place or 'the city'} holds is not over: it can be made at "
            f"{available[0] + HOUR + GRACE:%Y-%m-%dT%H:%MZ}."
        )
    hours = touching(over, begin, end)
    if not hours:
        raise CctviewError(f"{place or 'The city'} has no frames of these cameras in the time asked for{_span(over)}.")
    first, last = floor_hour(begin or hours[0]), _ceil_hour(end or hours[-1] + HOUR)
    if existing is None:
        _check_span(known, first, last)
        name = _name(asked.network, place) if place else f"city of seed {settings['seed']}"
        privacy = {"purposes": list(asked.purposes)} if asked.purposes else {}
        until = None if isinstance(source, SpoolNetwork) and not end else last
        new = Campaign(
            name=name,
            network=asked.network,
            start=first,
            end=until,
            cameras=tuple(known),
            path=place,
            timezone=source.timezone if isinstance(source, FilesNetwork) else "",
            settings=settings,
            privacy=privacy,
        )
        campaign = understood(grouped(new))
        notes += [] if asked.purposes or asked.network == "city" else [_NO_PURPOSE]
    else:
        campaign = replace(existing, path=place)
        notes += [] if existing.path == place else [f"The campaign's archive moved from {existing.path} to {place}."]
    inside = [hour for hour in hours if campaign.covers(hour)]
    if begin or end or not inside:
        campaign.check_inside(first, last)
    notes += _left_alone(campaign, hours, touching(available, begin, end), now)
    notes += _without_pictures({camera.id: hours_of[camera.id] for camera in known}, inside)
    unused = source.unused() if isinstance(source, ArchiveNetwork | FilesNetwork) else []
    notes += source.notes() if isinstance(source, FilesNetwork) else []
    notes += _not_used(source, known, unused)
    return BackfillRequest(campaign=campaign, cameras=[camera.id for camera in known], hours=inside, notes=notes, unused=unused)


def _name(network: str, place: str) -> str:
    """Of a new campaign, by where its pictures are; a bucket's prefix says less than the network."""
    return network if place.startswith(S3) else Path(place).stem


def _place(path: str) -> str:
    """An archive's path as the campaign keeps it. Raises CctviewError for one that no text file can hold."""
    if path.startswith(S3):
        return path.rstrip("/")
    place = str(Path(os.path.expanduser(path)).absolute())
    try:
        place.encode()
    except UnicodeEncodeError:
        raise CctviewError(
            f"The archive's path {printable(place)} is no UTF-8, and campaign.toml can't hold it: rename that folder."
        ) from None
    return place


def _check_span(cameras: Sequence[Camera], first: datetime, last: datetime) -> None:
    """Raises CctviewError for more than a campaign may hold, before there is a file that one could shorten."""
    count = len(cameras) * ((last - first) // HOUR)
    if count > MAX_PARTITIONS:
        raise CctviewError(
            f"{_several(cameras, 'camera')} from {first:%Y-%m-%dT%HZ} to {last:%Y-%m-%dT%HZ} are {count:,} partitions, more than "
            f"{MAX_PARTITIONS:,}: choose less of the time with --from and --to, or less of the cameras with --cameras."
        )


def _check_same(lake: Lake, existing: Campaign, network: str, purposes: Sequence[str]) -> None:
    """Refuse what is another campaign's."""
    if existing.network != network:
        raise CctviewError(
            f"The lake {lake.uri} holds a campaign of the network '{existing.network}', not '{network}': use another lake."
        )
    if new := set(purposes) - set(Policy.of(existing).purposes):
        raise CctviewError(
            f"The lake {lake.uri} has its campaign, and '{min(new)}' is none of its purposes: add it to purposes under "
            "[campaign.privacy] in campaign.toml."
        )


def _cameras(
    source: CameraNetwork, existing: Campaign | None, asked: list[str], to_come: tuple[str, str | None, Sequence[str]]
) -> tuple[list[Camera], list[str]]:
    """The cameras to make, along their roads, and a note of those that nobody has described.

    to_come: the lake's address, the path and the purposes of a campaign that somebody must write first. Raises CctviewError for
    a camera that was asked for and is not there or not described, and where none is.
    """
    offered, known, place = source.cameras(), described(source, existing), to_come[1]
    wanted = asked or offered
    strangers = [camera_id for camera_id in wanted if camera_id not in known]
    if strangers and (asked or len(strangers) == len(wanted)):
        refuse_undescribed(strangers, source, existing, *to_come)
    check_offered(wanted, offered, place or "the city")
    chosen = sorted((known[name] for name in set(wanted) - set(strangers)), key=lambda camera: (camera.corridor, camera.order))
    where = "this campaign" if existing else "the catalogue"
    notes = [f"Left out: {_several(strangers, 'camera')} of {place} not in {where}: {_some(strangers)}."] if strangers else []
    return chosen, notes


def _left_alone(campaign: Campaign, over: list[datetime], available: list[datetime], now: datetime) -> list[str]:
    """Notes of hours that are not made now, and of what makes them."""
    notes = []
    if outside := [hour for hour in over if not campaign.covers(hour)]:
        notes.append(
            f"Left alone: {_several(outside, 'hour')} outside the campaign's window, from {outside[0]:%Y-%m-%dT%HZ} to "
            f"{outside[-1] + HOUR:%Y-%m-%dT%HZ}: move start or end in campaign.toml to have them made."
        )
    if coming := [hour for hour in available if not is_over(hour, now)]:
        then = f"the same command makes them after {coming[-1] + HOUR + GRACE:%Y-%m-%dT%H:%MZ}"
        if not campaign.covers(coming[-1]):
            then += f", with end = {coming[-1] + HOUR:%Y-%m-%dT%H:%M:%SZ} in campaign.toml"
        notes.append(f"Left alone: {_several(coming, 'hour')} not over, from {coming[0]:%Y-%m-%dT%HZ} on: {then}.")
    return notes


def _without_pictures(hours_of: Mapping[str, list[datetime]], hours: list[datetime]) -> list[str]:
    idle = [camera for camera, own in hours_of.items() if not set(own) & set(hours)]
    return [f"{_several(idle, 'camera')} without a picture in these hours: {_some(idle)}."] if idle else []


def _not_used(source: CameraNetwork, cameras: list[Camera], unused: list[Unused]) -> list[str]:
    """Notes of what an archive holds beside the pictures that are read."""
    notes = [f"Not used: {found.sentence}." for found in unused]
    if not isinstance(source, ArchiveNetwork):
        return notes
    if lone := [file.place for camera in cameras for file in source.lone_files(camera.id)]:
        notes.append(
            f"Set aside, reason clock: {_several(lone, 'picture')} dated far from all others: {_some(lone)}. If the date is "
            "right, make them from an archive and in a lake of their own."
        )
    return notes


def _several(things: Sequence, what: str) -> str:
    return f"{len(things):,} {what}{'s' if len(things) > 1 else ''}"


def _some(names: Sequence[str]) -> str:
    return f"{', '.join(names[:3])}{' and others' if len(names) > 3 else ''}"


def _settings(existing: Campaign | None, asked: Asked) -> dict:
    """Of the network. A lake's footage is read as it was begun with: another rate would be another set of frames."""
    if asked.network == "city":
        return _city_settings(existing, asked.begin, asked.end, asked.settings)
    if asked.network == "pictures":
        return dict(existing.settings) if existing else {}
    if asked.network != "footage":
        return {}
    kept = dict(existing.settings) if existing else {}
    now = FootageSettings.read(kept)
    for name, value in asked.settings.items() if existing else ():
        if getattr(now, name) != value:
            raise CctviewError(
                f"The lake's footage has {name} {getattr(now, name):g}, not {value:g}: leave it out, or use another lake."
            )
    return kept if existing else dict(asked.settings)


def _timezone(existing: Campaign | None, asked: Asked) -> str:
    """The campaign's, or what was asked for a new one."""
    if existing and asked.timezone and existing.timezone != asked.timezone:
        raise CctviewError(
            f"The lake's times are by {existing.timezone or 'UTC'}, not by {asked.timezone}: leave --timezone out, or write "
            "timezone under [campaign] in campaign.toml."
        )
    return existing.timezone if existing else asked.timezone


def _city_settings(existing: Campaign | None, begin: datetime | None, end: datetime | None, asked: Mapping) -> dict:
    """The lake's city, which never changes; for an empty lake what was asked, the hours of begin and end included."""
    from cctview_pipeline.city import CitySettings

    if existing:
        if different := [name for name, value in asked.items() if existing.settings.get(name) != value]:
            kept, name = existing.settings.get(different[0]), different[0]
            raise CctviewError(f"The lake's city has {name} {kept}, not {asked[name]}: leave it out, or use another lake.")
        return dict(existing.settings)
    start = floor_hour(begin) if begin else CitySettings().start
    window: dict[str, datetime | int] = {"start": start} if begin else {}
    if end:
        window["minutes"] = max(1, math.ceil((end - start).total_seconds() / 60))
    return CitySettings.read(window | dict(asked)).as_dict()


def _ceil_hour(time: datetime) -> datetime:
    return time if time == floor_hour(time) else floor_hour(time) + HOUR


def _span(hours: list[datetime]) -> str:
    return f": they are from {hours[0]:%Y-%m-%dT%H:%MZ} to {hours[-1] + HOUR:%Y-%m-%dT%H:%MZ}" if hours else ""
