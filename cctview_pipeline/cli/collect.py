"""``cctview collect`` and ``cctview cameras``: live cameras from the command line."""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Annotated

import typer
from rich.live import Live
from rich.table import Table

from cctview_pipeline.cameras.listed import LiveCamera, and_known
from cctview_pipeline.cameras.live import LIVE_NETWORKS, open_live
from cctview_pipeline.cameras.networks.generic import Generic, Source
from cctview_pipeline.cameras.networks.nyc_dot import NycDot
from cctview_pipeline.cameras.protocol import ACCESSED, LiveNetwork
from cctview_pipeline.cameras.snapshots import keep, latest
from cctview_pipeline.cameras.spooled import SpoolNetwork, keep_source
from cctview_pipeline.cli.options import split
from cctview_pipeline.cli.terminal import console, say
from cctview_pipeline.durations import parse_duration
from cctview_pipeline.errors import CctviewError, ConfigurationError, NotFoundError, StorageError, printable
from cctview_pipeline.paths import project_root, spool_directory
from cctview_pipeline.policy import Policy
from cctview_pipeline.redaction.masking import Masker
from cctview_pipeline.shell import command
from cctview_pipeline.spool.bucket import SpoolBucket
from cctview_pipeline.spool.folder import SpoolFolder
from cctview_pipeline.spool.opening import S3, open_bucket
from cctview_pipeline.spool.upload import UploadTimes

cameras = typer.Typer(no_args_is_help=True, help="The cameras of a live network, and what became of them.")

NetworkOption = Annotated[str, typer.Option(help=f"A live network: {', '.join(LIVE_NETWORKS)}.")]
BaseUrlOption = Annotated[str, typer.Option("--base-url", help="Another server of the same form, such as `cctview city serve`.")]
ListOption = Annotated[
    Path | None, typer.Option("--list", help="What describes a `generic` network: a TOML file (docs/networks.md).")
]
ContactOption = Annotated[str, typer.Option(help="An address at which the cameras' operator finds you; sent with every request.")]


@cameras.command("refresh")
def refresh(
    contact: ContactOption,
    network: NetworkOption = NycDot.name,
    base_url: BaseUrlOption = "",
    described: ListOption = None,
    force: Annotated[bool, typer.Option("--force", help="Believe a list that lost more than a tenth of its cameras.")] = False,
) -> None:
    """Fetch the network's list of cameras, show what changed, and keep it by its date."""
    from cctview_pipeline.collect.engine import EngineSettings
    from cctview_pipeline.collect.session import list_cameras

    live = live_of(network, base_url, described)
    listed = asyncio.run(list_cameras(live, EngineSettings(contact=contact)))
    if listed.incomplete:  # what did not come is as it was
        listed, _ = and_known(listed, {camera.id: camera for camera in latest(snapshots(live)) or ()})
    difference = keep(snapshots(live), listed.cameras, datetime.now(UTC), force)
    online = sum(camera.online for camera in listed.cameras)
    console.print(f"{len(listed.cameras)} cameras, {online} of them on: {difference}.")
    if said := listed.said():
        console.print(said, soft_wrap=True)
    for name, ids in vars(difference).items():
        if ids:
            console.print(f"{name}: {', '.join(ids[:20])}{f' and {len(ids) - 20} more' if len(ids) > 20 else ''}", soft_wrap=True)


@cameras.command("list")
def list_known(network: NetworkOption = NycDot.name, base_url: BaseUrlOption = "", described: ListOption = None) -> None:
    """Show the cameras of the newest list that `cctview cameras refresh` kept."""
    live = live_of(network, base_url, described)
    known = latest(snapshots(live))
    if known is None:
        raise NotFoundError(f"There is no list of {live.name}'s cameras yet: `cctview cameras refresh --contact ...` fetches it.")
    table = Table("id", "name", "area", "latitude", "longitude", "on")
    for camera in known:
        on = "yes" if camera.online else "no"
        table.add_row(camera.id, camera.name, camera.area, f"{camera.latitude:.5f}", f"{camera.longitude:.5f}", on)
    console.print(table)


@cameras.command("status")
def status() -> None:
    """Show what became of every camera of the lake: its last state, how long it was live, and why frames are missing; and of
    collectors that upload, how far they are."""
    from cctview_pipeline.analytics.warehouse import camera_states
    from cctview_pipeline.resources.lake import open_lake

    lake = open_lake()
    campaign = lake.campaign()
    if campaign and campaign.network in LIVE_NETWORKS and campaign.path and campaign.path.startswith(S3):
        for line in collectors(open_bucket(campaign.path)):
            console.print(line, soft_wrap=True)
    rows = camera_states(lake).to_pylist()
    if not rows:
        raise CctviewError("This lake has no camera_status yet: it comes when an hour of live cameras is sealed.")
    table = Table("camera", "state", "since (UTC)", "hours", "live", "frames", "missing s", "reasons")
    for row in rows:
        since, live = f"{row['since']:%Y-%m-%d %H:%M:%S}", f"{100 * row['live']:.1f} %"
        numbers = f"{row['hours']:.0f}", live, f"{row['frames']:,}", f"{row['missing']:,.0f}"
        table.add_row(row["camera"], row["state"], since, *numbers, row["reasons"] or "")
    console.print(table)


def collectors(bucket: SpoolBucket) -> Iterator[str]:
    """A sentence for the collector of every shard, by its lease."""
    for shard, told in bucket.leases():
        seen = f"{told.age_s:,.0f} s ago"
        state = f"ended {seen}" if told.ended else f"was heard {seen}" if told.lives else f"was last heard {seen}: it is down"
        waits = f"; {told.waiting:,} segments, {told.waiting_bytes / 1e6:,.0f} MB, wait there" if told.waiting else ""
        trouble = f": {printable(told.trouble)}" if told.trouble and told.waiting else ""
        yield f"Shard {shard}: the collector on {printable(told.host)} {state}{waits}{trouble}"


def collect(
    contact: Annotated[
        str, typer.Option(help="An address at which the cameras' operator finds you; the campaign's when left out.")
    ] = "",
    network: Annotated[str, typer.Option(help=f"A live network, the campaign's when left out: {', '.join(LIVE_NETWORKS)}.")] = "",
    chosen: Annotated[
        list[str], typer.Option("--cameras", help="Camera ids, separated by commas; the campaign's, or all, when left out.")
    ] = [],  # noqa: B006
    duration: Annotated[str, typer.Option("--for", help="How long, such as 90s, 20m or 1h; until stopped when left out.")] = "",
    spool: Annotated[
        Path | None, typer.Option(help="Where frames wait on this machine; the network's folder in CCTVIEW_SPOOL when left out.")
    ] = None,
    store: Annotated[
        str,
        typer.Option(
            help="s3://bucket/prefix to which closed segments go, so that hours are sealed on any machine; the campaign's path "
            "when that is one, else they stay here."
        ),
    ] = "",
    budget: Annotated[float, typer.Option(help="GiB that they may take there.")] = 20.0,
    shard: Annotated[str, typer.Option(help="This machine's part of the cameras, such as 2/8.")] = "1/1",
    metrics_port: Annotated[int, typer.Option(min=0, max=65_535, help="Serve Prometheus metrics there; 0 for none.")] = 0,
    base_url: BaseUrlOption = "",
    described: ListOption = None,
    unmasked_for: Annotated[
        str, typer.Option(help="A purpose for which people stay visible; they are painted over otherwise.")
    ] = "",
    accept_terms: Annotated[bool, typer.Option("--accept-terms", help="You have read the operator's terms.")] = False,
) -> None:
    """Collect live cameras' frames into the spool. SIGTERM and Ctrl-C end it cleanly."""
    import uvloop  # a third less of a core than asyncio's own loop

    from cctview_pipeline.collect.engine import EngineSettings
    from cctview_pipeline.collect.session import Sitting, cameras_of, choose, crowded, summary, table
    from cctview_pipeline.collect.session import collect as run
    from cctview_pipeline.collect.sharding import Shard

    if not 0 < budget <= 1e6:
        raise CctviewError(f"--budget {budget:g}: give the spool more than 0 GiB, such as --budget 20.")
    told = _of_campaign(network)
    live = told.network if told and not (base_url or described) else live_of(network or NycDot.name, base_url, described)
    contact = contact or (told.contact if told else "")
    settings, part = EngineSettings(contact=contact), Shard.parse(shard)
    seconds = parse_duration(duration).total_seconds() if duration else None
    for sentence in terms(live):
        console.print(sentence, soft_wrap=True)
    if not accept_terms:
        raise CctviewError("Nothing was collected: read the terms, and add --accept-terms.")
    wanted = split(chosen) or (told.cameras if told else [])
    folder = SpoolFolder(spool or spool_directory(live.name))
    bucket = bucket_of(store or (told.bucket if told else ""))
    known = known_of(live.name, folder, bucket)
    listed, notes = asyncio.run(cameras_of(live, settings, known))
    mine, more = choose(listed, wanted, part, known)
    if isinstance(live, Generic):
        keep_source(folder, live.source)
    for note in (*notes, *more, *crowded(live, mine)):
        console.print(note, soft_wrap=True)
    masker = masker_of(live.name, unmasked_for)
    for sentence in filter(None, (masker.unsized(camera.id) for camera in mine)):
        say(f"Nothing of it is kept. {sentence}")
    sitting = Sitting(
        spool=folder.directory,
        budget=int(budget * (1 << 30)),
        shard=part,
        bucket=bucket,
        times=UploadTimes(lifetime=told.lifetime if told else Policy().lifetime("spool")),
        seconds=seconds,
        metrics_port=metrics_port,
    )
    began = time.monotonic()
    with Live(console=console, refresh_per_second=1) as screen:
        show = lambda engine: screen.update(table(engine, time.monotonic() - began))  # noqa: E731
        engine = uvloop.run(run(live, mine, sitting, settings, masker, show))
    if not console.is_terminal:
        console.line()  # in a log the table ends without one
    kept = [followed.tally.new - followed.tally.refused for followed in engine.followed]
    say(f"{sum(kept):,} frames of {sum(map(bool, kept)):,} cameras are in {folder}.")
    for sentence in (*notes, *summary(engine)):
        say(sentence)
    if seconds is not None and time.monotonic() - began >= seconds and not any(kept):
        raise CctviewError(f"Not one frame of {len(kept):,} cameras came in {duration}: what kept them is told above.")
    say(f"When the hour is over: {command('cctview', 'backfill', '--network', live.name, '--path', bucket or folder)}")


@dataclass(frozen=True, kw_only=True)
class _Told:
    """What the lake's campaign says about collecting."""

    network: LiveNetwork
    contact: str
    cameras: list[str]
    bucket: str
    lifetime: timedelta | None


def _of_campaign(network: str) -> _Told | None:
    """Of a campaign of this live network, or of any where none was asked for."""
    from cctview_pipeline.collect.settings import CollectSettings
    from cctview_pipeline.resources.lake import open_lake

    campaign = open_lake().campaign()
    if campaign is None or campaign.network not in LIVE_NETWORKS or network not in ("", campaign.network):
        return None
    said = CollectSettings.read(campaign.settings, campaign.source)
    return _Told(
        network=said.network(campaign.network),
        contact=said.contact,
        cameras=[camera.network_id or camera.id for camera in campaign.cameras],
        bucket=campaign.path if campaign.path and campaign.path.startswith(S3) else "",
        lifetime=Policy.of(campaign).lifetime("spool"),
    )


def bucket_of(uri: str) -> SpoolBucket | None:
    """Where closed segments go. Raises CctviewError, with the mend, for what is no bucket."""
    if uri and not uri.startswith(S3):
        raise ConfigurationError(f"--store {uri} is no bucket: write s3://bucket/prefix, or leave it out to keep segments here.")
    return open_bucket(uri) if uri else None


def known_of(network: str, folder: SpoolFolder, bucket: SpoolBucket | None) -> dict[str, LiveCamera]:
    """What was noted of cameras when they were collected before, here or, as far as the store can be asked, elsewhere."""
    elsewhere: dict[str, LiveCamera] = {}
    if bucket:
        with contextlib.suppress(StorageError):
            elsewhere = SpoolNetwork(network, bucket).described()
    return elsewhere | SpoolNetwork(network, folder).described()


def masker_of(network: str, unmasked_for: str) -> Masker:
    """As the lake's campaign wants it, where it is one of this network; people are painted over in any other case."""
    from cctview_pipeline.resources.lake import open_lake

    if unmasked_for:
        console.print(f"People stay visible, for {unmasked_for}: the campaign must say the same, or they are masked on sealing.")
        return Masker.of(Policy(purposes=(unmasked_for,), unmasked_for=unmasked_for))
    campaign = open_lake().campaign()
    if campaign is None or campaign.network != network:
        return Masker.of(Policy())
    return Masker.of(Policy.of(campaign), campaign)


def live_of(name: str, base_url: str, described: Path | None) -> LiveNetwork:
    """A live network by name, or as a file describes it. Raises CctviewError, with the mend."""
    if described and name != Generic.name:
        raise CctviewError(
            f"--list describes a network of its own, and '{name}' is another: leave --list out, or add --network generic."
        )
    return open_live(name, base_url, Source.of_file(described) if described else None)


def terms(network: LiveNetwork) -> Iterator[str]:
    """What a person must know of a network before collecting, and what must be shown afterwards."""
    told = network.terms
    yield f"{told.operator}. Licence: {told.licence}. {told.text} {told.url}".strip()
    if told.attribution:
        yield f"Wherever something made of the pictures is shown, this must be: {told.attribution.replace(ACCESSED, 'DAY')}."


def snapshots(network: LiveNetwork) -> Path:
    """Where a network's lists are kept."""
    own = f"-{sha256(network.source.list.encode()).hexdigest()[:8]}" if isinstance(network, Generic) else ""
    return project_root() / "var" / "cameras" / f"{network.name}{own}"
