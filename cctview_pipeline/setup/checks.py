"""What is wrong with a campaign, and what is doubtful, before anything is begun: the checks of `cctview doctor`.

Each check stands behind a barrier of its own and yields findings as it goes; a finding that is not fine says what to do.
"""

import asyncio
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from statistics import median

from cctview_pipeline.cameras import open_network
from cctview_pipeline.cameras.listed import LiveCamera
from cctview_pipeline.cameras.live import LIVE_NETWORKS
from cctview_pipeline.cameras.protocol import LiveNetwork
from cctview_pipeline.campaign import TASKS, Camera, Campaign
from cctview_pipeline.collect.engine import EngineSettings
from cctview_pipeline.collect.session import list_cameras
from cctview_pipeline.collect.settings import CollectSettings
from cctview_pipeline.errors import CctviewError, printable, reason_of
from cctview_pipeline.frames import CameraNetwork, Frame, StreamingNetwork
from cctview_pipeline.images import BadPicture, decode
from cctview_pipeline.lake import Lake
from cctview_pipeline.policy import Policy
from cctview_pipeline.redaction.masking import Masker, Refused
from cctview_pipeline.registry.manifest import check_file, find_model
from cctview_pipeline.roads import RoadNetwork
from cctview_pipeline.setup.first_frames import FirstFrame, first_frames
from cctview_pipeline.spool.opening import S3, open_bucket
from cctview_pipeline.zones import Zones

NAMED = 3
"""Cameras that one finding names."""
MAX_LOOKED_AT = 50
"""Cameras of a recording of which a frame is looked at: some layouts must read an hour for one."""
ROOM_DAYS = 1.0


class Level(StrEnum):
    """fine; doubt: it works, but not all of it; wrong: it does not."""

    FINE = "fine"
    DOUBT = "doubt"
    WRONG = "wrong"


@dataclass(frozen=True)
class Finding:
    """about: campaign, terms, key, models, source, cameras, roads, disk or spool; sentence: with what to do where it is not
    fine."""

    about: str
    level: Level
    sentence: str


@dataclass(kw_only=True)
class Checkup:
    """A campaign and what was seen of it so far. contact: for the cameras' operator, the campaign's where it is empty; alone:
    nothing outside of this machine is asked."""

    lake: Lake
    campaign: Campaign
    contact: str = ""
    alone: bool = False
    bytes_a_frame: list[int] = field(default_factory=list)

    def run(self) -> Iterator[Finding]:
        """All findings, each as soon as it is known."""
        checks: list[tuple[str, Callable[[], Iterator[Finding]]]] = [
            ("campaign", self.window),
            ("roads", self.roads),
            ("models", self.models),
            ("terms", self.terms),
            ("cameras", self.cameras),
            ("disk", self.room),
            ("spool", self.spool),
        ]
        for about, check in checks:
            try:
                yield from check()
            except CctviewError as error:
                yield Finding(about, Level.WRONG, str(error))
            except OSError as error:
                yield Finding(about, Level.WRONG, f"{reason_of(error)}.")

    @property
    def network(self) -> LiveNetwork | None:
        """Where it is live."""
        name = self.campaign.network
        return CollectSettings.read(self.campaign.settings, self.campaign.source).network(name) if name in LIVE_NETWORKS else None

    def window(self) -> Iterator[Finding]:
        """Its hours, and whether it can be written to."""
        self.lake.storage.check_writable()
        hours, end = self.campaign.hours(), self.campaign.end
        to = f"{end:%Y-%m-%dT%HZ}" if end else "no end"
        said = f"{_several(len(self.campaign.cameras), 'camera')}, {self.campaign.start:%Y-%m-%dT%HZ} to {to}"
        yield Finding("campaign", Level.FINE, f"{said}; hours of it that are over: {len(hours):,}. The lake can be written to.")
        if not Policy.of(self.campaign).purposes and self.campaign.network != "city":
            yield _doubt(
                "campaign",
                'Nobody may ask about a vehicle: name what for, such as purposes = ["traffic counts"] under [campaign.privacy].',
            )
        for camera in self.campaign.cameras:
            if sentence := Zones.of(camera).unsized:
                yield Finding("campaign", Level.WRONG, sentence)

    def roads(self) -> Iterator[Finding]:
        """Whether vehicles can be followed from one camera to another."""
        network, cameras = RoadNetwork.of(self.campaign), self.campaign.cameras
        if alone := [camera for camera in cameras if not network.neighbours(camera.id)]:
            yield _doubt(
                "roads",
                f"{_of(alone, cameras)} {_have(alone)} no link to another: vehicles are counted there, and followed nowhere. "
                "After an hour of tracks `cctview links propose` finds links.",
            )
        else:
            yield Finding("roads", Level.FINE, f"{_several(len(network.edges), 'link')} join the cameras.")
        places = Counter((camera.latitude, camera.longitude) for camera in cameras)
        same = [camera for camera in cameras if places[camera.latitude, camera.longitude] > 1]
        if same:
            yield _doubt(
                "roads",
                f"{_of(same, cameras)} {_have(same)} the place of another: correct latitude and longitude in campaign.toml, or "
                "distances and maps are wrong.",
            )
        if unknown := [camera for camera in cameras if not camera.faces]:
            yield _doubt(
                "roads",
                f"Nobody knows how {_of(unknown, cameras)} {'faces' if len(unknown) == 1 else 'face'}: carriageways are called "
                "away and towards. Write faces in campaign.toml where you know.",
            )

    def models(self) -> Iterator[Finding]:
        """Whether the weights are there and whole."""
        chosen = [find_model(self.campaign.model(task), task) for task in TASKS]
        for entry in chosen:
            check_file(entry)
        self._masker = Masker.of(Policy.of(self.campaign), self.campaign)
        said = ", ".join(entry.version for entry in chosen)
        yield Finding("models", Level.FINE, f"{said}; people are found by {self._masker.finder.version}.")

    def terms(self) -> Iterator[Finding]:
        """What a live network's operator asks for."""
        if not (network := self.network):
            return
        told = network.terms
        yield Finding("terms", Level.FINE, f"{told.operator}. Licence: {told.licence}. {told.url}".strip())
        if network.key:
            network.key.get()
            yield Finding(
                "key", Level.FINE, f"{network.key.variable.name}: {'set' if network.key.get() else 'not set, and not needed'}."
            )
        if not self.campaign.settings.get("collect"):
            yield _doubt(
                "terms",
                "The daily collection is off: once you have read the operator's terms, write collect = true and contact under "
                "[campaign.settings], or run `cctview collect` yourself.",
            )

    def cameras(self) -> Iterator[Finding]:
        """One frame of each."""
        network = self.network
        if network is None:
            yield from self._recorded()
        elif self.alone:
            yield _doubt("cameras", "No camera was asked, as nothing was to be.")
        else:
            yield from self._live(network)

    def _recorded(self) -> Iterator[Finding]:
        campaign = self.campaign
        source = open_network(campaign.network, campaign.path, campaign.settings, campaign.timezone)
        offered = set(source.cameras())
        if absent := [camera for camera in campaign.cameras if camera.id not in offered]:
            yield Finding("source", Level.WRONG, f"{campaign.path or 'The city'} has nothing of {_of(absent, campaign.cameras)}.")
        for unused in getattr(source, "unused", list)():
            yield _doubt("source", f"Not used: {unused.sentence}.")
        there = [camera for camera in campaign.cameras if camera.id in offered]
        if there and not any(campaign.covers(hour) for camera in there for hour in source.hours(camera.id)):
            what = "has no picture in the campaign's hours: correct start and end in campaign.toml."
            yield Finding("source", Level.WRONG, f"{campaign.path or 'The city'} {what}")
            return
        for camera in there[:MAX_LOOKED_AT]:
            frame = _first_of(source, camera, campaign)
            yield self._looked_at(camera, frame.jpeg) if frame else _doubt(
                "cameras", f"{camera.id} has no picture that can be read in the campaign's hours."
            )  # fmt: skip
        if (left := len(there) - MAX_LOOKED_AT) > 0:
            yield Finding("cameras", Level.FINE, f"{left} more were not looked at.")

    def _live(self, network: LiveNetwork) -> Iterator[Finding]:
        contact = self.contact or str(self.campaign.settings.get("contact", ""))
        settings = EngineSettings(contact=contact)
        listed = {camera.network_id: camera for camera in asyncio.run(list_cameras(network, settings)).cameras}
        yield Finding("source", Level.FINE, f"The network lists {len(listed):,} cameras.")
        own = {camera.network_id or camera.id: camera for camera in self.campaign.cameras}
        if absent := [camera for name, camera in own.items() if name not in listed]:
            yield _doubt("source", f"The network's list does not have {_of(absent, self.campaign.cameras)}.")
        if off := [camera for name, camera in own.items() if name in listed and not listed[name].online]:
            yield _doubt(
                "source", f"The network says that {_of(off, self.campaign.cameras)} {'is' if len(off) == 1 else 'are'} off."
            )
        asked = [listed[name] for name in own if name in listed]
        shown = 0
        for first in asyncio.run(_gathered(network, asked, settings)):
            camera = own[first.camera.network_id]
            found = self._looked_at(camera, first.jpeg) if first.jpeg else _doubt("cameras", f"{camera.id}: {first.why}")
            shown += found.level == Level.FINE
            yield found
        if not shown:
            yield Finding("cameras", Level.WRONG, "No camera gave a picture: see the reasons above, and the network's own page.")

    def _looked_at(self, camera: Camera, jpeg: bytes) -> Finding:
        """A picture is there; can it be masked, and so be stored?"""
        try:
            height, width = decode(jpeg).shape[:2]
        except BadPicture as error:
            return _doubt("cameras", f"{camera.id}: {error}")
        self.bytes_a_frame.append(len(jpeg))
        masker = getattr(self, "_masker", None)
        (masked,) = masker.mask([camera.id], [jpeg]) if masker else (None,)
        if isinstance(masked, Refused):
            return Finding("cameras", Level.WRONG, f"{camera.id}: {masked.detail}")
        return Finding("cameras", Level.FINE, f"{camera.id}: {width} x {height}, {len(jpeg) / 1000:.0f} kB.")

    def room(self) -> Iterator[Finding]:
        """Whether a day of frames fits on the disk."""
        if self.lake.storage.is_s3 or not self.bytes_a_frame:
            return
        network = self.network
        period = network.cadence_s if network else 1.0
        hours = 24.0 if self.campaign.end is None else min(24.0, self.campaign.size / len(self.campaign.cameras))
        needed = median(self.bytes_a_frame) * len(self.campaign.cameras) * hours * 3600 / period
        free = shutil.disk_usage(_existing(Path(self.lake.uri))).free
        said = f"frames of {_several(round(hours), 'hour')} take about {_gib(needed)}, and {_gib(free)} are free"
        if needed > free:
            yield Finding("disk", Level.WRONG, f"The {said}: take another disk, fewer cameras or fewer hours.")
        elif 2 * needed > free:
            yield _doubt("disk", f"The {said}, and other tables take about as much again.")
        else:
            yield Finding("disk", Level.FINE, f"The {said}.")

    def spool(self) -> Iterator[Finding]:
        """Whether collectors can upload to the bucket that the campaign names, and which of them are down."""
        place = self.campaign.path or ""
        if self.campaign.network not in LIVE_NETWORKS or not place.startswith(S3):
            return
        bucket = open_bucket(place)
        bucket.storage.check_writable()
        yield Finding("spool", Level.FINE, f"Collectors upload to {place}, which can be written to.")
        for shard, told in bucket.leases():
            if not told.ended and not told.lives:
                yield _doubt(
                    "spool",
                    f"The collector of shard {shard} on {printable(told.host)} was last heard {told.age_s / 60:,.0f} min ago: "
                    "start it again there, where it uploads what it still has, or on another machine.",
                )


async def _gathered(network: LiveNetwork, cameras: list[LiveCamera], settings: EngineSettings) -> list[FirstFrame]:
    return [each async for each in first_frames(network, cameras, settings)]


def _first_of(source: CameraNetwork, camera: Camera, campaign: Campaign) -> Frame | None:
    for hour in [each for each in source.hours(camera.id) if campaign.covers(each)][:2]:
        if isinstance(source, StreamingNetwork):
            frame = next(source.stream_hour(camera.id, hour).frames, None)
        else:
            frame = next(iter(source.read_hour(camera.id, hour).frames), None)
        if frame:
            return frame
    return None


def _existing(path: Path) -> Path:
    return path if path.exists() or path == path.parent else _existing(path.parent)


def _doubt(about: str, sentence: str) -> Finding:
    return Finding(about, Level.DOUBT, sentence)


def _of(some: list[Camera], every: tuple[Camera, ...]) -> str:
    names = f"{', '.join(camera.id for camera in some[:NAMED])}{' and others' if len(some) > NAMED else ''}"
    return names if len(some) == 1 else f"{len(some)} of {len(every)} cameras ({names})"


def _have(some: list[Camera]) -> str:
    return "has" if len(some) == 1 else "have"


def _several(count: int, what: str) -> str:
    return f"{count:,} {what}{'s' * (count != 1)}"


def _gib(size: float) -> str:
    return f"{size / (1 << 30):.1f} GiB"
