"""Live cameras to collect from, on this machine: they take pictures in their own rhythm and remember what they served."""

import asyncio
import contextlib
import io
import json
import threading
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
from aiohttp import web
from PIL import Image

from cctview_pipeline.cameras.networks.nyc_dot import NycDot
from cctview_pipeline_tests.factories.archive import add_comments, clock_comment

Answer = Callable[[web.Request, int], "web.StreamResponse | None"]
"""What a faulty camera answers to its n-th request; None: as usual."""


def tiny_picture(*numbers: int) -> bytes:
    """A JPEG that only these numbers give."""
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(numbers).integers(0, 255, (16, 16, 3), np.uint8)).save(buffer, "JPEG")
    return buffer.getvalue()


def png() -> bytes:
    """A picture that is no JPEG."""
    buffer = io.BytesIO()
    Image.new("RGB", (352, 240)).save(buffer, "PNG")
    return buffer.getvalue()


@dataclass
class LiveCameras:
    """period_s: of every camera; answers: of faulty ones; served: camera -> numbers of the frames that were sent, and when."""

    count: int = 3
    period_s: float = 0.2
    with_clock: bool = True
    answers: dict[str, Answer] = field(default_factory=dict)
    served: dict[str, dict[int, float]] = field(default_factory=lambda: defaultdict(dict))
    requests: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    agents: set[str] = field(default_factory=set)

    @property
    def names(self) -> list[str]:
        return [f"cam-{n}" for n in range(self.count)]

    def number(self, camera: str) -> int:
        """Of the frame that a camera shows now: each has a phase of its own."""
        return int((time.time() - 0.037 * self.names.index(camera)) / self.period_s)

    async def image(self, request: web.Request) -> web.StreamResponse:
        camera = request.match_info["id"]
        self.agents.add(request.headers.get("User-Agent", ""))
        self.requests[camera] += 1
        if camera in self.answers:
            answer = self.answers[camera](request, self.requests[camera])
            if asyncio.iscoroutine(answer):
                answer = await answer
            if answer is not None:
                return answer
        number = self.number(camera)
        picture = self.stamped(tiny_picture(self.names.index(camera), number), camera, number)
        self.served[camera].setdefault(number, time.time())
        return web.Response(body=picture, content_type="image/jpeg")

    def taken(self, camera: str, number: int) -> float:
        """When a camera's frame was taken, since 1970."""
        return number * self.period_s + 0.037 * self.names.index(camera)

    def stamped(self, picture: bytes, camera: str, number: int) -> bytes:
        """With the clock that a camera writes, if these have one."""
        taken = datetime.fromtimestamp(self.taken(camera, number), UTC)
        return add_comments(picture, clock_comment(taken)) if self.with_clock else picture

    async def listed(self, request: web.Request) -> web.StreamResponse:
        rows = [{"id": n, "name": n, "latitude": 40 + i, "longitude": -73, "isOnline": "true"} for i, n in enumerate(self.names)]
        return web.Response(text=json.dumps(rows), content_type="application/json")

    @contextlib.asynccontextmanager
    async def serving(self, port: int = 0) -> AsyncIterator[NycDot]:
        app = web.Application()
        app.router.add_get("/api/cameras/", self.listed)
        app.router.add_get("/api/cameras/{id}/image", self.image)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        try:
            network = NycDot(f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}")
            network.cadence_s = self.period_s
            yield network
        finally:
            await runner.cleanup()

    @contextlib.contextmanager
    def in_thread(self, port: int = 0) -> Iterator[str]:
        """Served from a thread of its own, for collectors that run elsewhere. Gives the URL."""
        loop, ready, found = asyncio.new_event_loop(), threading.Event(), {}

        async def serve() -> None:
            found["stop"] = asyncio.Event()
            async with self.serving(port) as network:
                found["url"] = network.base_url
                ready.set()
                await found["stop"].wait()

        thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
        thread.start()
        assert ready.wait(20)
        try:
            yield found["url"]
        finally:
            loop.call_soon_threadsafe(found["stop"].set)
            thread.join()

    def cameras(self, network: NycDot) -> list:
        rows = [{"id": n, "name": n, "latitude": 40 + i, "longitude": -73} for i, n in enumerate(self.names)]
        return network.read_list(json.dumps(rows).encode()).cameras
