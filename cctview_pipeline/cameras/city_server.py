"""The city's cameras over HTTP in the form of New York City's public API, on this machine only.

``GET /api/cameras/`` lists them, ``GET /api/cameras/{id}/image`` is a camera's newest picture with the comments that a
real camera writes into it. A camera answers to its made-up UUID and to its id in the city, such as ``city-1``. The city's
time begins when the server listens; at its end it goes round: capture times, ids and pictures then repeat.
"""

import asyncio
import contextlib
import logging
import socket
import threading
import time
from bisect import bisect_right
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import lru_cache
from uuid import NAMESPACE_URL, UUID, uuid5

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from cctview_pipeline.cameras.serving import bind, camera_api, in_thread, listen, web_server
from cctview_pipeline.campaign import HOUR, Camera, floor_hour
from cctview_pipeline.city.clock import CityClock
from cctview_pipeline.city.network import CityNetwork
from cctview_pipeline.city.studio import Exposure
from cctview_pipeline.images.jpeg import with_camera_comments

AREA = "Synthetic"

_AHEAD_S = 60.0
"""How long before the hour's turn, by our clock, the next hour is prepared: several times what it takes."""

_KEPT = 2
"""Hours that are ready at a time: as many as the network keeps the traffic of."""

_log = logging.getLogger(__name__)


def serve(network: CityNetwork, port: int, speed: float = 1.0, on_ready: Callable[[str], None] | None = None) -> None:
    """Serve until Ctrl-C. The first some ten seconds go into the first hour's traffic and every camera's first picture.

    speed: city seconds a second; on_ready: is told in a sentence each what is being prepared and, last, where the cameras
    are; port: 0 takes a free one. Raises CctviewError for a port that cannot be used and a speed that cannot be kept.
    """
    with contextlib.suppress(KeyboardInterrupt), _listening(network, port, speed, time.monotonic, on_ready) as (server, listener):
        server.run([listener])


@contextlib.contextmanager
def running(network: CityNetwork, port: int = 0, speed: float = 1.0, now: Callable[[], float] = time.monotonic) -> Iterator[str]:
    """The same beside one's own program, for tests and notebooks: yields the address, ``http://127.0.0.1:PORT``.

    now: the seconds that the city's clock goes by.
    """
    with _listening(network, port, speed, now, None) as (server, listener):
        address = "http://{}:{}".format(*listener.getsockname())
        with in_thread(server, listener):
            yield address


def camera_uuid(camera_id: str) -> UUID:
    """A city camera's id in the API: the same in every city, as the camera's place is."""
    return uuid5(NAMESPACE_URL, f"cctview:city:{camera_id}")


@contextlib.contextmanager
def _listening(
    network: CityNetwork, port: int, speed: float, now: Callable[[], float], on_ready: Callable[[str], None] | None
) -> Iterator[tuple[uvicorn.Server, socket.socket]]:
    """A server that only has to be run, and the socket on which requests already queue."""
    say = on_ready or _log.info
    clock = CityClock(network.begin, network.end, speed, now)
    api = CityApi(network, clock)
    with contextlib.closing(bind(port)) as listener:
        say(f"Preparing the traffic from {network.begin:%Y-%m-%d %H:%M} UTC on and every camera's first picture.")
        api.prepare(network.begin).result()
        listen(listener)
        clock.start()
        say("The city's cameras are at http://{}:{}/api/cameras/ until Ctrl-C.".format(*listener.getsockname()))
        yield web_server(api.app()), listener


class CityApi:
    """The web application. Its state belongs to one event loop; pictures are rendered in threads, at most once each."""

    def __init__(self, network: CityNetwork, clock: CityClock) -> None:
        self.network, self.clock = network, clock
        self.cameras = [network.mount(camera_id).camera for camera_id in network.cameras()]
        self._ids = {str(camera_uuid(camera.id)): camera.id for camera in self.cameras}
        self._ids |= {camera.id: camera.id for camera in self.cameras}
        self._shots = lru_cache(maxsize=_KEPT * len(self.cameras))(network.shots)
        self._hours: dict[datetime, Future] = {}
        self._newest: dict[str, tuple[Exposure, bytes]] = {}
        self._rendering = {camera.id: asyncio.Lock() for camera in self.cameras}
        # Two: rendering mostly holds Python's lock, and more threads would only keep the event loop from it.
        self._pool = ThreadPoolExecutor(2, "city")

    def app(self) -> Starlette:
        return camera_api(self.list_cameras, self.image, self._lifespan)

    async def list_cameras(self, request: Request) -> Response:
        moment = self.clock.moment()
        return JSONResponse([self._entry(camera, moment, str(request.base_url)) for camera in self.cameras])

    def _entry(self, camera: Camera, moment: datetime, base_url: str) -> dict:
        """A camera as the API lists it; isOnline is a string there."""
        network_id = str(camera_uuid(camera.id))
        return {
            "id": network_id,
            "name": camera.name,
            "latitude": camera.latitude,
            "longitude": camera.longitude,
            "area": AREA,
            "isOnline": "false" if self._is_offline(camera.id, moment) else "true",
            "imageUrl": f"{base_url}api/cameras/{network_id}/image",
        }

    async def image(self, request: Request) -> Response:
        """The newest picture, without validators: like the real ones, it has to be fetched to see whether it is new."""
        camera_id = self._ids.get(request.path_params["id"])
        if camera_id is None:
            return JSONResponse({"detail": f"There is no camera with the id '{request.path_params['id']}'."}, 404)
        if self._is_offline(camera_id, self.clock.moment()):
            return PlainTextResponse("The camera is offline.\n", 503)
        return Response(await self._picture(camera_id), media_type="image/jpeg", headers={"Cache-Control": "no-cache"})

    def prepare(self, hour: datetime) -> Future:
        """Whatever makes the first picture of an hour slow: its traffic (4-10 s) and every camera's view (0.3 s each).

        Done in the background, once for as long as the network keeps the traffic.
        """
        known = self._hours.pop(hour, None)
        self._hours[hour] = known or _in_background(self._prepare, hour)
        while len(self._hours) > _KEPT:
            del self._hours[next(iter(self._hours))]
        return self._hours[hour]

    def _prepare(self, hour: datetime) -> None:
        began = time.monotonic()
        self.network.traffic(hour)
        for camera in self.cameras:
            for shot in self.network.shots(camera.id, hour)[:1]:
                self.network.picture(camera.id, shot)
        _log.info("The hour from %s on was prepared in %.1f s.", hour, time.monotonic() - began)

    @contextlib.asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        ahead = asyncio.create_task(self._prepare_ahead())
        yield
        ahead.cancel()
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _prepare_ahead(self) -> None:
        """Not before the hour's second half: in its first seconds a newest picture can still be one of the hour before."""
        lead = min(timedelta(seconds=_AHEAD_S * self.clock.speed), HOUR / 2)
        while True:
            moment = self.clock.moment()
            hour = floor_hour(moment)
            turn = min(hour + HOUR, self.clock.end)
            self.prepare(hour)
            if turn - moment < lead:
                self.prepare(turn if turn < self.clock.end else self.clock.begin)
            await asyncio.sleep(0.5)

    async def _picture(self, camera_id: str) -> bytes:
        """Who comes while the newest picture is being rendered waits for it."""
        async with self._rendering[camera_id]:
            shot = self._newest_shot(camera_id, self.clock.moment())
            if camera_id not in self._newest or self._newest[camera_id][0] != shot:
                await asyncio.wrap_future(self.prepare(floor_hour(shot.captured_at)))
                jpeg = await asyncio.get_running_loop().run_in_executor(self._pool, self._render, camera_id, shot)
                self._newest[camera_id] = shot, jpeg
            return self._newest[camera_id][1]

    def _newest_shot(self, camera_id: str, moment: datetime) -> Exposure:
        """The last that was taken until this moment; in the city's first seconds the first one of all."""
        hour = floor_hour(moment)
        while hour >= self.clock.begin:
            shots = self._shots(camera_id, hour)
            if place := bisect_right(shots, moment, key=lambda shot: shot.captured_at):
                return shots[place - 1]
            hour -= HOUR
        return self._shots(camera_id, self.clock.begin)[0]

    def _render(self, camera_id: str, shot: Exposure) -> bytes:
        jpeg = self.network.picture(camera_id, shot).jpeg
        # The notice comes from the network and not from a camera, so no camera has written into it.
        return jpeg if shot.shows is None else _with_comments(jpeg, camera_id, shot.captured_at)

    def _is_offline(self, camera_id: str, moment: datetime) -> bool:
        return self.network.faults.at("offline", camera_id, moment)


def _with_comments(jpeg: bytes, camera_id: str, captured_at: datetime) -> bytes:
    """With a locally administered address that nobody was given."""
    return with_camera_comments(jpeg, b"\x0a\x00\x02" + camera_uuid(camera_id).bytes[-5:], captured_at)


def _in_background(function: Callable, *arguments) -> Future:
    """In a thread of its own that the end of the process does not wait for, unlike those of a pool."""
    future: Future = Future()
    future.set_running_or_notify_cancel()

    def work() -> None:
        try:
            future.set_result(function(*arguments))
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=work, name="city-prepares", daemon=True).start()
    return future
