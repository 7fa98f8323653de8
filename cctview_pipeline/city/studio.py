"""One camera of a city through an hour: which frames it takes, and their pictures."""

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from cctview_pipeline.city.backdrop import Backdrop, draw_backdrop
from cctview_pipeline.city.crowd import Walkers
from cctview_pipeline.city.expressway import Expressway
from cctview_pipeline.city.faults import Faults
from cctview_pipeline.city.light import Light, light_at
from cctview_pipeline.city.mounts import HEIGHT, PATROL_S, WIDTH, Mount
from cctview_pipeline.city.painter import Painter, Seen
from cctview_pipeline.city.sensor import Sensor
from cctview_pipeline.city.world import Crowd, Traffic, World
from cctview_pipeline.images.size import Size

_LIGHT_EVERY = timedelta(minutes=30)
_LARGER = 2
"""Times as many pixels a side after a picture was enlarged."""
_LOST_BY_NATURE, _LOST_BY_FAULT = 0.015, 1 / 7


@dataclass(frozen=True, kw_only=True)
class Exposure:
    """One frame to take. number: of the frame in the camera's history; shows: the moment that the picture shows, other
    than captured_at when it is frozen, or None for the notice; turned: taken after the camera was turned; enlarged: twice
    as wide and high; preset: which of its views the camera is at."""

    number: int
    captured_at: datetime
    shows: datetime | None
    turned: bool
    enlarged: bool = False
    preset: int = 0

    @property
    def view(self) -> tuple[int, bool, bool]:
        """What the camera's pictures depend on beside the light: all frames of one view have one backdrop."""
        return self.preset, self.turned, self.enlarged


class Studio:
    """Takes one camera's pictures."""

    def __init__(self, seed: int, mount: Mount, faults: Faults, people: int = 0, world: World | None = None) -> None:
        """people: how many pass in an hour; world: the expressway's where none is named."""
        self.seed, self.mount, self.faults = seed, mount, faults
        self.world = world or Expressway()
        self.rain, self.night = faults.has("rain"), faults.has("night")
        self._crowd: Crowd | None = self.world.crowd(seed, mount, people) if people else None
        views = max(len(mount.presets), 2)
        self._view = lru_cache(maxsize=2 * views)(self._build_view)
        self._backdrop = lru_cache(maxsize=2 * views)(self._draw_backdrop)

    def shots(self, begin: datetime, end: datetime) -> list[Exposure]:
        """The frames with begin <= captured_at < end, inside one hour. What was lost is not among them."""
        hour = begin.replace(minute=0, second=0, microsecond=0)
        turn, camera = begin + (end - begin) / 2, self.mount.camera.id
        found = []
        for number, captured_at in self._cadence(hour):
            if not begin <= captured_at < end or self.faults.at("offline", camera, captured_at):
                continue
            found.append(
                Exposure(
                    number=number,
                    captured_at=captured_at,
                    shows=self._shows(captured_at),
                    turned=self.faults.has("turned", camera) and captured_at >= turn,
                    enlarged=self.faults.has("resized", camera) and captured_at >= turn,
                    preset=self._preset(captured_at),
                )
            )
        return found

    def take(self, shot: Exposure, traffic: Traffic) -> bytes:
        """The JPEG of one frame."""
        if shot.shows is None:
            return notice(self.size(shot))
        painter, sensor = self._view(*shot.view)
        light = self._light(shot.shows)
        backdrop = self._backdrop_at(shot)
        picture, _ = painter.paint(traffic.at(shot.shows), backdrop, light, self._walkers(shot.shows))
        # A frozen picture stands still to the last grain of noise; only the clock, burned in later, goes on.
        return sensor.write(sensor.develop(picture, backdrop.mean, light, int(shot.shows.timestamp() * 1000)), shot.captured_at)

    def look(self, shot: Exposure, traffic: Traffic) -> Seen | None:
        """Who is in the picture of a frame, in pixels of the camera's own size; None for a notice."""
        if shot.shows is None:
            return None
        backdrop = self._backdrop_at(shot)
        seen = self._view(*shot.view)[0].look(traffic.at(shot.shows), backdrop, self._walkers(shot.shows))
        return replace(seen, boxes=seen.boxes / _LARGER) if shot.enlarged else seen

    def size(self, shot: Exposure) -> Size:
        """Of a frame, px."""
        return self._mount(*shot.view).size

    def _walkers(self, moment: datetime) -> Walkers | None:
        return self._crowd(moment) if self._crowd else None

    def _cadence(self, hour: datetime) -> Iterator[tuple[int, datetime]]:
        """Number and time, to the millisecond, of every frame of an hour that is not lost; gaps of 1.2 to 2 s."""
        rng = np.random.default_rng((self.seed, 29, self.mount.index, int(hour.timestamp())))
        most = int(3600 / 1.2) + 2
        gaps = np.clip(self.mount.cadence_s + rng.normal(0, 0.12, most), 1.2, 2.0)
        times = np.cumsum(gaps) - gaps[0] * rng.random()
        lost = rng.random(most) < (_LOST_BY_FAULT if self.faults.has("lost_frames", self.mount.camera.id) else _LOST_BY_NATURE)
        first = int(hour.timestamp()) * 10
        for i in np.flatnonzero((times < 3600) & ~lost):
            captured_at = hour + timedelta(milliseconds=int(times[i] * 1000))
            if not self.faults.at("lost_frames", self.mount.camera.id, captured_at):
                yield first + int(i), captured_at

    def _shows(self, captured_at: datetime) -> datetime | None:
        camera = self.mount.camera.id
        if self.faults.at("serviced", camera, captured_at):
            return None
        return self.faults.began("frozen", captured_at) if self.faults.at("frozen", camera, captured_at) else captured_at

    def _preset(self, captured_at: datetime) -> int:
        """What the picture of this moment shows; a frozen one what it showed when it froze."""
        shows = self._shows(captured_at) or captured_at
        return int(shows.timestamp() // PATROL_S) % len(self.mount.presets) if self.mount.presets else 0

    def _mount(self, preset: int, turned: bool, enlarged: bool) -> Mount:
        width, height = self.mount.size
        mount = self.mount.sized((_LARGER * width, _LARGER * height)) if enlarged else self.mount
        mount = mount.at_preset(preset)
        return mount.turned() if turned else mount

    def _build_view(self, preset: int, turned: bool, enlarged: bool) -> tuple[Painter, Sensor]:
        mount = self._mount(preset, turned, enlarged)
        return Painter(self.seed, mount), Sensor(self.seed, mount)

    def _light(self, moment: datetime) -> Light:
        return light_at(self.seed, moment, self.rain, self.night)

    def _backdrop_at(self, shot: Exposure) -> Backdrop:
        """The backdrop between those of the half hours around."""
        assert shot.shows is not None  # nothing stands behind a notice
        moment, view = shot.shows, shot.view
        before = moment.replace(minute=moment.minute // 30 * 30, second=0, microsecond=0)
        part = np.float32((moment - before) / _LIGHT_EVERY)
        old, new = self._backdrop(before, *view), self._backdrop(before + _LIGHT_EVERY, *view)
        return Backdrop(
            standing=old.standing + part * (new.standing - old.standing),
            sunny=old.sunny + part * (new.sunny - old.sunny),
            ground=old.ground,
            inverse_depth=old.inverse_depth,
            mean=old.mean + float(part) * (new.mean - old.mean),
        )

    def _draw_backdrop(self, moment: datetime, preset: int, turned: bool, enlarged: bool) -> Backdrop:
        mount = self._mount(preset, turned, enlarged)
        return draw_backdrop(self.seed, mount, self.world.scenery(self.seed, self.mount), self._light(moment))


@lru_cache(maxsize=8)
def notice(size: Size = (WIDTH, HEIGHT)) -> bytes:
    """The same picture from every camera of a size that is being serviced."""
    (width, height), scale = size, size[0] / WIDTH
    image = Image.new("RGB", size, (12, 40, 92))
    draw = ImageDraw.Draw(image)
    for row, text in enumerate(("This camera is", "being serviced")):
        place = width / 2, height * 0.4 + 34 * scale * row
        draw.text(place, text, (235, 235, 235), ImageFont.load_default(26 * scale), anchor="mm")
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()
