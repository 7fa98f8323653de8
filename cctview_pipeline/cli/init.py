"""``cctview init``: a campaign for an empty lake."""

import asyncio
import contextlib
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from cctview_pipeline.cameras import NETWORKS, open_network
from cctview_pipeline.cameras.live import LIVE_NETWORKS
from cctview_pipeline.cameras.networks.generic import Generic
from cctview_pipeline.cameras.protocol import LiveNetwork
from cctview_pipeline.cameras.snapshots import latest
from cctview_pipeline.campaign import HOUR, Campaign, floor_hour, parse_span, touching
from cctview_pipeline.cli.collect import live_of, snapshots, terms
from cctview_pipeline.cli.options import CamerasOption, FromOption, ToOption, command_line, split
from cctview_pipeline.cli.terminal import console, say
from cctview_pipeline.errors import ConfigurationError, NotFoundError
from cctview_pipeline.local_calendar import check_zone
from cctview_pipeline.paths import spool_directory
from cctview_pipeline.setup.commented import commented
from cctview_pipeline.setup.new_campaign import Place, Said, Wanted, live_cameras, recorded_cameras

RECORDED = tuple(name for name in NETWORKS if name not in LIVE_NETWORKS and name != "city")
_T = TypeVar("_T")


def init(
    network: Annotated[str, typer.Option(help=f"{', '.join(RECORDED)}, or a live one: {', '.join(LIVE_NETWORKS)}.")] = "",
    path: Annotated[str, typer.Option(help="The folder or file of what was recorded; a live network's spool.")] = "",
    described: Annotated[Path | None, typer.Option("--list", help="What describes a `generic` network: a TOML file.")] = None,
    contact: Annotated[str, typer.Option(help="Of a live network: an address at which the cameras' operator finds you.")] = "",
    base_url: Annotated[str, typer.Option("--base-url", help="Another server of a live network's form.")] = "",
    cameras: CamerasOption = [],  # noqa: B006
    area: Annotated[str, typer.Option(help="Of a live network: SOUTH,WEST,NORTH,EAST in degrees.")] = "",
    near: Annotated[str, typer.Option(help="Of a live network: LATITUDE,LONGITUDE, around which cameras are taken.")] = "",
    within: Annotated[float, typer.Option(min=0.01, help="How far around, km.")] = 2.0,
    most: Annotated[int | None, typer.Option(min=1, help="At most so many cameras, the nearest first.")] = None,
    at: Annotated[str, typer.Option(help="Of recordings: LATITUDE,LONGITUDE of cameras whose place nobody knows, about.")] = "",
    begin: FromOption = "",
    end: ToOption = "",
    timezone: Annotated[str, typer.Option(help="The cameras' clock, by its IANA name; the network's when left out.")] = "",
    country: Annotated[str, typer.Option(help="Whose holidays they are, such as US-NY.")] = "",
    district: Annotated[str, typer.Option(help="Its name among campaigns that share an instance of Dagster.")] = "",
    fps: Annotated[float | None, typer.Option(help="Of footage: frames taken a second; 1 when left out.")] = None,
    name: Annotated[str, typer.Option(help="What people call the campaign; the network when left out.")] = "",
    purposes: Annotated[
        list[str], typer.Option("--purpose", help="What vehicles may be asked about for; may be given again.")
    ] = [],  # noqa: B006
) -> None:
    """Write campaign.toml of an empty lake, with what each key is beside it. In a terminal, what is missing is asked for.

    Recordings: all their hours, unless --from and --to say otherwise. Live networks: the network's list is fetched, or taken as
    `cctview cameras refresh` kept it; from this hour on.
    """
    from cctview_pipeline.resources.lake import open_lake
    from cctview_pipeline.resources.understood import understood

    lake = open_lake()
    with contextlib.suppress(NotFoundError):  # of an empty lake, which is what is wanted
        lake.require_campaign()
        raise ConfigurationError(f"The lake {lake.uri} has its campaign already: change its campaign.toml, or name another lake.")
    network = network or _asked("--network", "Network", str, default="archive" if path else "nyc-dot")
    if network not in (*RECORDED, *LIVE_NETWORKS):
        raise ConfigurationError(
            f"There is no network '{network}' to begin with: known are {', '.join((*RECORDED, *LIVE_NETWORKS))}."
        )
    live_only = {
        "--area": area,
        "--near": near,
        "--most": most,
        "--contact": contact,
        "--list": described,
        "--base-url": base_url,
    }
    _refuse_others(network, live_only if network in RECORDED else {"--at": at, "--fps": fps})
    span = parse_span(begin, end)
    if timezone:
        check_zone(timezone, "--timezone")
    said = Said(
        name=name or network,
        start=floor_hour(span[0] or datetime.now(UTC)),
        end=_ceil(span[1]),
        path=str(Path(path).expanduser().absolute()) if path else None,
        timezone=timezone,
        country=country,
        district=district,
        purposes=purposes or _purposes(),
    )
    if network in LIVE_NETWORKS:
        live = live_of(network, base_url, described)
        wanted = Wanted(
            ids=split(cameras),
            area=Wanted.parse_area(area) if area else None,
            near=Place.parse(near) if near else None,
            within_km=within,
            most=most,
        )
        made = _live(live, contact, wanted, said, base_url)
    else:
        made = _recorded(network, split(cameras), Place.parse(at) if at else None, said, fps, bool(span[0]))
    understood(made)
    lake.write_campaign(made, commented(made))
    hours = f"from {made.start:%Y-%m-%dT%H:%MZ} on" if made.end is None else _several(len(made.hours()), "hour")
    console.print(f"Wrote {lake.uri}/campaign.toml: {_several(len(made.cameras), 'camera')}, {hours}. Next:", soft_wrap=True)
    for line in _next(made):
        say(f"  {line}")


def _refuse_others(network: str, options: Mapping[str, object]) -> None:
    """Raises ConfigurationError for an option that was given and means nothing to the network."""
    for option, value in options.items():
        if value not in ("", None):
            raise ConfigurationError(f"{option} means nothing to the network '{network}': leave it out.")


def _live(live: LiveNetwork, contact: str, wanted: Wanted, said: Said, base_url: str) -> Campaign:
    from cctview_pipeline.collect.engine import EngineSettings
    from cctview_pipeline.collect.session import list_cameras

    for sentence in terms(live):
        console.print(sentence, soft_wrap=True)
    known = latest(snapshots(live)) if not contact else None
    if known is None:
        contact = contact or _asked("--contact", "An address at which the cameras' operator finds you", str)
        listed = asyncio.run(list_cameras(live, EngineSettings(contact=contact)))
        if sentence := listed.said():
            console.print(sentence, soft_wrap=True)
        known = listed.cameras
    settings: dict[str, object] = {"contact": contact} if contact else {}
    settings |= {"base_url": base_url} if base_url else {}
    settings |= {"source": live.source.as_dict()} if isinstance(live, Generic) else {}
    spool = said.path or str(spool_directory(live.name))
    chosen = live_cameras(live.name, wanted.of(known))
    return Said(**(vars(said) | {"settings": settings, "path": spool})).campaign(live.name, chosen)


def _recorded(network: str, ids: list[str], at: Place | None, said: Said, fps: float | None, begun: bool) -> Campaign:
    path = said.path or str(Path(_asked("--path", "The folder or file", str)).expanduser().absolute())
    settings = {} if fps is None else {"fps": fps}
    source = open_network(network, path, settings, said.timezone)
    if at is None and sys.stdin.isatty():
        at = Place.parse(_asked("--at", "About where its cameras stand: latitude,longitude", str, default="0,0"))
    cameras, guessed = recorded_cameras(source, ids, at, path)
    for note in (
        *getattr(source, "notes", list)(),
        *(f"Not used: {each.sentence}." for each in getattr(source, "unused", list)()),
    ):
        console.print(note, style="yellow", soft_wrap=True)
    hours = sorted({hour for camera in cameras for hour in source.hours(camera.id)})
    there = touching(hours, said.start if begun else None, said.end)
    if not there:
        has = f": it is from {hours[0]:%Y-%m-%dT%HZ} to {hours[-1] + HOUR:%Y-%m-%dT%HZ}" if hours else ""
        raise NotFoundError(f"{path} has nothing of these cameras in the time asked for{has}.")
    if guessed:
        sentence = f"The place of {_several(len(guessed), 'camera')} is a guess: correct latitude and longitude in campaign.toml."
        console.print(sentence, style="yellow", soft_wrap=True)
    timezone = said.timezone or getattr(source, "timezone", "")
    window = {"start": said.start if begun else hours[0], "end": said.end or hours[-1] + HOUR}
    return Said(**(vars(said) | window | {"settings": settings, "path": path, "timezone": timezone})).campaign(network, cameras)


def _next(made: Campaign) -> list[str]:
    if made.network not in LIVE_NETWORKS:
        return [command_line("doctor"), command_line("backfill")]
    return [command_line("doctor"), command_line("collect", "--accept-terms", "--for", "1h"), command_line("backfill")]


def _purposes() -> list[str]:
    said = _asked("", "What vehicles may be asked about for (empty: nobody may)", str, default="") if sys.stdin.isatty() else ""
    return [said] if said else []


def _asked(option: str, question: str, kind: Callable[[str], _T], default: str | None = None) -> _T:
    """From the person at the terminal. Raises ConfigurationError where there is none."""
    if not sys.stdin.isatty():
        raise ConfigurationError(f"{option} is missing: {question[0].lower()}{question[1:]}.")
    return kind(typer.prompt(question, default=default))


def _ceil(time: datetime | None) -> datetime | None:
    return time if time is None or time == floor_hour(time) else floor_hour(time) + HOUR


def _several(count: int, what: str) -> str:
    return f"{count:,} {what}{'s' * (count != 1)}"
