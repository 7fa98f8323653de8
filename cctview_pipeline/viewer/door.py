"""What every request passes first: whose name was called, where a form comes from, how often, how large, how slow.

A page of another site can make a browser send requests here. Of a name that is not ours (DNS rebinding) none is answered, and no
form that another page sent. Answers may load nothing from elsewhere and run no script but ours.
"""

import asyncio
import re
import time
from collections import OrderedDict
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cctview_pipeline.limits import PICTURE_BYTES
from cctview_pipeline.viewer.budget import Budget, granted
from cctview_pipeline.viewer.settings import ViewerSettings

MAX_BODY = int(PICTURE_BYTES.most) + (64 << 10)
"""Bytes of a form: a picture and what stands around it."""
SLOWEST_BODY_S = 20.0
BURST, A_SECOND = 300, 60
"""Requests of one address: an hour that is leafed through fast is some twenty a second."""
MAX_ADDRESSES = 10_000
TOO_MANY = "Too many requests: wait a moment."
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not no-referrer: browsers would then send forms with the origin `null`, and none could be told from a forged one.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


@dataclass
class Bucket:
    """Requests that an address may still send."""

    left: float = BURST
    at: float = 0.0

    def take(self, now: float) -> bool:
        self.left, self.at = min(BURST, self.left + (now - self.at) * A_SECOND), now
        self.left -= 1
        return self.left >= 0


class Door:
    """An ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, settings: ViewerSettings) -> None:
        self._app, self._settings = app, settings
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        send = _with_headers(send, self._settings)
        if refused := self._refusal(scope):
            await PlainTextResponse(refused[1], refused[0])(scope, receive, send)
            return
        body = await _read(scope, receive)
        if isinstance(body, tuple):
            await PlainTextResponse(body[1], body[0])(scope, receive, send)
            return
        budget = Budget()
        watch = asyncio.create_task(_watch(receive, budget))
        with granted(budget):
            try:
                await self._app(scope, _replay(body, watch), send)
            finally:
                watch.cancel()

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        """Status and sentence, where it is refused before anything of it is read."""
        headers = Headers(scope=scope)
        if _name(headers.get("host", "")) not in self._settings.names:
            return 421, "This name is not served here: add it with --allow-host."
        if not self._bucket(scope).take(time.monotonic()):
            return 429, TOO_MANY
        if scope["method"] not in ("GET", "HEAD", "POST"):
            return 405, "This is not done here."
        if scope["method"] == "POST" and headers.get("origin") != f"{scope['scheme']}://{headers['host']}":
            return 403, "This form was not sent from a page of this viewer: open the page here and send it again."
        if headers.get("sec-fetch-site", "none") == "cross-site" and headers.get("sec-fetch-mode") != "navigate":
            return 403, "A page of another site asked for this."
        return None

    def _bucket(self, scope: Scope) -> Bucket:
        address = (scope.get("client") or ("unknown",))[0]
        bucket = self._buckets.pop(address, None) or Bucket(at=time.monotonic())
        self._buckets[address] = bucket
        if len(self._buckets) > MAX_ADDRESSES:
            self._buckets.popitem(last=False)
        return bucket


def _name(host: str) -> str:
    """``127.0.0.1:8020`` -> ``127.0.0.1``, ``[::1]:8020`` -> ``::1``; empty for what is no host."""
    found = re.fullmatch(r"(?:\[(?P<six>[0-9a-fA-F:]+)\]|(?P<name>[A-Za-z0-9.-]+))(?::\d{1,5})?", host)
    return (found["six"] or found["name"]).lower() if found else ""


async def _read(scope: Scope, receive: Receive) -> bytes | tuple[int, str]:
    """The whole body, or status and sentence of why it is not read to its end."""
    too_large = 413, f"A form of more than {MAX_BODY >> 20} MB is refused."
    said = Headers(scope=scope).get("content-length", "0")
    if not said.isdigit() or int(said) > MAX_BODY:
        return too_large
    if scope["method"] != "POST":
        return b""
    parts, size = [], 0
    try:
        async with asyncio.timeout(SLOWEST_BODY_S):
            while True:
                message = await receive()
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                if size > MAX_BODY:
                    return too_large
                if message["type"] == "http.disconnect" or not message.get("more_body"):
                    return b"".join(parts)
    except TimeoutError:
        return 408, f"The form did not arrive within {SLOWEST_BODY_S:.0f} s."


async def _watch(receive: Receive, budget: Budget) -> None:
    """Notes when whoever asked has gone, so that the question is stopped."""
    while (await receive())["type"] != "http.disconnect":
        pass
    budget.cancelled = True


def _replay(body: bytes, watch: asyncio.Task) -> Receive:
    """What the application receives: the body that was read already, then nothing until the end."""
    given = False

    async def receive() -> Message:
        nonlocal given
        if not given:
            given = True
            return {"type": "http.request", "body": body, "more_body": False}
        await asyncio.wait([watch])
        return {"type": "http.disconnect"}

    return receive


def _with_headers(send: Send, settings: ViewerSettings) -> Send:
    tiles = settings.tiles.origin if settings.tiles else ""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            own = "content-security-policy" in headers  # of a report, which may do less
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            if tiles and not own:  # the one host that pictures may come from
                headers["Content-Security-Policy"] = HEADERS["Content-Security-Policy"].replace(
                    "img-src 'self'", f"img-src 'self' {tiles}"
                )
            if settings.secure:
                headers["Strict-Transport-Security"] = "max-age=31536000"
            headers.setdefault("Cache-Control", "no-store")
        await send(message)

    return sending
