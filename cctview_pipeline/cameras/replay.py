"""An archive played back as if it were live: over HTTP in the form of New York City's public API, on this machine only.

``GET /api/cameras/`` lists the archive's cameras, ``GET /api/cameras/{id}/image`` is the picture that a camera showed so long
after the archive's beginning. Pictures carry the time at which they are shown, as by a camera's clock. At its end the archive
begins again.
"""

import asyncio
import contextlib
import logging
import math
import time
from bisect import bisect_right
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from cctview_pipeline.cameras.catalogue import catalogue
from cctview_pipeline.cameras.serving import bind, camera_api, in_thread, listen, web_server
from cctview_pipeline.campaign import HOUR, floor_hour
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.frames import CameraNetwork, Frame
from cctview_pipeline.images.jpeg import with_camera_comments

MAX_SPEED = 1000.0
_log = logging.getLogger(__name__)
_ADDRESS = b"\x0a\x00\x02\x00\x00\x00\x00\x00"
"""A camera's hardware address, of a kind that nobody is given: real cameras send theirs, and collectors must leave it out."""
_AHEAD_S = 60.0
"""How long before an hour's turn the next is read: its pictures are decoded once, to leave out what is broken."""


class Replay:
    """The web application. network: the archive; speed: archive seconds a second; now: the wall clock, in seconds since 1970."""

    def __init__(self, network: CameraNetwork, speed: float = 1.0, now: Callable[[], float] = time.time) -> None:
        if not (math.isfinite(speed) and 0 < speed <= MAX_SPEED):
            raise CctviewError(f"An archive is played back at a speed above 0 and of at most {MAX_SPEED:.0f}, not {speed:g}.")
        self.network, self.speed, self._now = network, speed, now
        self._hours_of = {camera: set(_tried(network.hours, camera)) for camera in network.cameras()}
        self._read: dict[datetime, dict[str, list[Frame]]] = {}
        hours = sorted(set().union(*self._hours_of.values()))
        begin = next((first for hour in hours if (first := self._first(hour))), None)
        if begin is None:
            raise CctviewError("There is nothing to play back: no picture of the archive can be used.")
        self.begin, self.end = begin, hours[-1] + HOUR
        self._started = now()

    def app(self) -> Starlette:
        return camera_api(self.list_cameras, self.image, self._lifespan)

    async def list_cameras(self, request: Request) -> Response:
        return JSONResponse([self._entry(camera, str(request.base_url)) for camera in self._hours_of])

    async def image(self, request: Request) -> Response:
        """The newest picture, without validators, as the real ones have none."""
        camera = request.path_params["id"]
        if camera not in self._hours_of:
            return JSONResponse({"detail": f"There is no camera with the id '{camera}'."}, 404)
        found = self.newest(camera)
        if found is None:
            return PlainTextResponse("The camera has no picture at this time.\n", 503)
        return Response(found, media_type="image/jpeg", headers={"Cache-Control": "no-cache"})

    def newest(self, camera: str) -> bytes | None:
        """What a camera shows now; None in the archive's gaps of an hour and more, and before its first picture."""
        moment, played = self._moment()
        for hour in (floor_hour(moment), floor_hour(moment) - HOUR):
            frames = self.read(hour).get(camera, [])
            if place := bisect_right(frames, moment, key=lambda frame: frame.captured_at):
                frame = frames[place - 1]
                since_begin = played - (moment - frame.captured_at)
                shown = datetime.fromtimestamp(self._started, UTC) + since_begin / self.speed
                return with_camera_comments(frame.jpeg, _ADDRESS, shown)
        return None

    def read(self, hour: datetime) -> dict[str, list[Frame]]:
        """All cameras' frames of an hour; three hours are kept."""
        if hour not in self._read:
            having = [camera for camera, hours in self._hours_of.items() if hour in hours]
            self._read[hour] = {camera: _tried(self._frames, camera, hour) for camera in having}
            while len(self._read) > 3:
                self._read.pop(next(iter(self._read)), None)  # by another thread, perhaps
        return self._read[hour]

    def _frames(self, camera: str, hour: datetime) -> list[Frame]:
        return self.network.read_hour(camera, hour).frames

    def _first(self, hour: datetime) -> datetime | None:
        """When the first frame of an hour was taken."""
        return min((frame.captured_at for frames in self.read(hour).values() for frame in frames), default=None)

    def _moment(self) -> tuple[datetime, timedelta]:
        """The archive's time, and how much of it was played since the beginning."""
        played = timedelta(seconds=(self._now() - self._started) * self.speed)
        return self.begin + played % (self.end - self.begin), played

    def _entry(self, camera: str, base_url: str) -> dict:
        """isOnline is a string there. A camera that is not in the catalogue has no place."""
        known = catalogue().get(camera)
        return {
            "id": camera,
            "name": known.name if known else camera,
            "latitude": known.latitude if known else 0.0,
            "longitude": known.longitude if known else 0.0,
            "area": "Replay",
            "isOnline": "true",
            "imageUrl": f"{base_url}api/cameras/{camera}/image",
        }

    @contextlib.asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        ahead = asyncio.create_task(self._read_ahead())
        yield
        ahead.cancel()

    async def _read_ahead(self) -> None:
        while True:
            then = self._moment()[0] + timedelta(seconds=min(_AHEAD_S * self.speed, 1800))
            await asyncio.to_thread(self.read, floor_hour(then if then < self.end else self.begin))
            await asyncio.sleep(1)


def _tried(read: Callable[..., list], camera: str, *arguments) -> list:
    """Nothing where a camera cannot be read: the others are played back."""
    try:
        return read(camera, *arguments)
    except Exception as error:
        _log.warning("%s shows nothing: it cannot be read (%s).", camera, type(error).__name__)
        return []


def serve(network: CameraNetwork, port: int, speed: float, say: Callable[[str], None]) -> None:
    """Play back until Ctrl-C. say: is told what is being prepared and, last, where the cameras are."""
    with contextlib.suppress(KeyboardInterrupt), contextlib.closing(bind(port)) as listener:
        say("Reading the archive's first hour.")
        server = web_server(Replay(network, speed).app())
        listen(listener)
        say("The archive's cameras are at http://{}:{}/api/cameras/ until Ctrl-C.".format(*listener.getsockname()))
        server.run([listener])


@contextlib.contextmanager
def running(network: CameraNetwork, speed: float = 1.0, now: Callable[[], float] = time.time) -> Iterator[str]:
    """The same beside one's own program: yields the address."""
    with contextlib.closing(bind(0)) as listener:
        server = web_server(Replay(network, speed, now).app())
        listen(listener)
        with in_thread(server, listener):
            yield "http://{}:{}".format(*listener.getsockname())
