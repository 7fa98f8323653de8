"""Whatever a camera's server sends: the camera's failure, by a name of ours, and no other camera's."""

import asyncio
import contextlib
import gzip
import socket
import socketserver
import threading
import tracemalloc
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import count
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cctview_pipeline.cameras.listed import LiveCamera
from cctview_pipeline.cameras.networks.nyc_dot import NycDot
from cctview_pipeline.cameras.protocol import Request
from cctview_pipeline.collect.engine import Engine, EngineSettings
from cctview_pipeline.collect.fetching import (
    Bounds,
    Known,
    NoAnswer,
    PublicResolver,
    _retry_after,
    fetch,
    is_local,
    is_public,
    moment_us,
    open_session,
)
from cctview_pipeline.collect.session import summary
from cctview_pipeline.redaction.masking import Masker, NoPeopleDetector
from cctview_pipeline.spool.folder import SpoolFolder
from cctview_pipeline.spool.records import Kind
from cctview_pipeline.spool.writer import SpoolWriter
from cctview_pipeline_tests.factories.live_cameras import tiny_picture
from cctview_pipeline_tests.factories.misbehaving import Reply, serving

MAX_BYTES = 200_000
SETTINGS = EngineSettings(contact="test@example.org", connect_s=1.0, silence_s=0.5, whole_s=1.0, largest_bytes=MAX_BYTES)
BOMB = b"\0" * 100_000_000
OK = b"HTTP/1.1 200 OK\r\n"


def redirect(to: str, status: int = 302) -> Reply:
    return Reply(status=status, headers={"Location": to})


def packed(encoding: str, body: bytes) -> Reply:
    return Reply(body, headers={"Content-Encoding": encoding})


ANSWERS = {
    "page": (Reply(b"<html>sorry</html>", headers={"Content-Type": "image/jpeg"}), None),
    "nothing": (Reply(b""), None),
    "no-content": (Reply(status=204), "204 No Content"),
    "not-asked": (Reply(status=304), "304 Not Modified"),
    "notice": (Reply(b"\x89PNG\r\n\x1a\n" + bytes(99)), None),
    "gone": (Reply(status=404), "404 Not Found"),
    "odd-status": (Reply(status=799), "799"),
    "patience": (Reply(status=503, headers={"Retry-After": "\u00b2"}), "503 Service Unavailable"),
    "past": (Reply(status=503, headers={"Retry-After": "-5"}), "503 Service Unavailable"),
    "elsewhere": (redirect("http://localhost:9/secret"), "redirected elsewhere"),
    "metadata": (redirect("http://169.254.169.254/latest"), "redirected elsewhere"),
    "file": (redirect("file:///etc/passwd"), "bad address"),
    "no-address": (redirect("http://[::1"), "bad address"),
    "odd-host": (redirect("http://xn--\u2488.\ud7ff\u0301/"), None),
    "loop": (redirect("/loop"), "too many redirects"),
    "long": (Reply(b"x" * (MAX_BYTES + 1)), "too large"),
    "endless": (Reply(raw=(OK + b"\r\n", *[b"x" * 50_000] * 6)), "too large"),
    "gzip-bomb": (packed("gzip", gzip.compress(BOMB, 6)), "too large"),
    "deflate-bomb": (packed("deflate", zlib.compress(BOMB, 6)), "too large"),
    "no-gzip": (packed("gzip", b"no gzip at all"), "broken answer"),
    "brotli": (packed("br", b"\x0b\x02\x80"), None),
    "short": (Reply(b"x" * 10, headers={"Content-Length": "500"}), "broken answer"),
    "negative": (Reply(b"x", headers={"Content-Length": "-1"}), "no HTTP"),
    "slow": (Reply(raw=(OK + b"Content-Length: 90\r\n\r\n", *[b"x"] * 20), pause_s=0.2), "timed out"),
    "silent": (Reply(raw=(b"",), pause_s=2.0), "timed out"),
    "headers": (Reply(headers={"X": "y" * 100_000}), "no HTTP"),
    "many-headers": (Reply(headers={f"X-{n}": "y" for n in range(5000)}), "no HTTP"),
    "old": (Reply(raw=(b"just bytes, as before HTTP had a version\r\n\r\n",)), "no HTTP"),
    "hangs-up": (Reply(raw=(b"",)), "connection lost"),
    "half": (Reply(raw=(b"HTTP/1.1 200",)), None),
    "chunks": (Reply(raw=(OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n",)), None),
    "cookie": (Reply(status=403, headers={"Set-Cookie": "a=b" * 500}), "403 Forbidden"),
}
"""Camera -> what it sends, and its name; None where the wording depends on which of two readers meets it first."""


class EachItsOwn(NycDot):
    """Cameras at paths of their own; some behind other addresses."""

    cadence_s = 0.15

    def frame_request(self, camera: LiveCamera, told: object = None) -> Request:
        name = camera.network_id
        address = {"refused": "http://127.0.0.1:9", "no-tls": self.base_url.replace("http:", "https:")}.get(name)
        return Request(f"{address or self.base_url}/{name}", {})


def follow(network: NycDot, names: list[str], spool: Path, until, limit_s: float = 30.0) -> Engine:
    """Until something has happened."""

    async def run() -> Engine:
        cameras = [LiveCamera(id=name, network_id=name, name=name, latitude=40.7, longitude=-73.9, online=True) for name in names]
        engine = Engine(network, cameras, SpoolWriter(spool, 1 << 30), SETTINGS, Masker(NoPeopleDetector("tests"), 640))
        stop = asyncio.Event()

        async def watch() -> None:
            async with asyncio.timeout(limit_s):
                while not until({each.camera.id: each.tally for each in engine.followed}):
                    await asyncio.sleep(0.02)
            stop.set()

        await asyncio.gather(engine.run(stop), watch())
        engine.writer.close()
        return engine

    return asyncio.run(run())


def stored(spool: Path, camera: str) -> int:
    records = (record for record in SpoolFolder(spool).records())
    return sum(record.kind == Kind.FRAME and record.camera_id == camera for record in records)


def test_each_answer_is_its_camera_s_own_failure(tmp_path: Path):
    """All faulty cameras at once, and a good one that gives every frame."""
    numbers = count()
    replies = {f"/{name}": (lambda reply=reply: reply) for name, (reply, _) in reversed(ANSWERS.items())}
    replies["/good"] = lambda: Reply(tiny_picture(next(numbers)))
    names = [*ANSWERS, "refused", "no-tls", "good"]

    def all_failed(tallies) -> bool:
        return all(tallies[name].failed or tallies[name].notices for name in names[:-1]) and tallies["good"].new >= 15

    with serving(dict(sorted(replies.items(), reverse=True))) as url:
        engine = follow(EachItsOwn(url), names, tmp_path, all_failed)
    tallies = {each.camera.id: each.tally for each in engine.followed}
    for name, code in {name: code for name, (_, code) in ANSWERS.items() if code}.items():
        assert set(tallies[name].reasons) == {code}, name
    assert set(tallies["refused"].reasons) == {"no connection"}
    assert set(tallies["no-tls"].reasons) == {"no TLS"}
    ours = {code for _, code in ANSWERS.values()} | {
        "no_picture",
        "empty",
        "no connection",
        "no TLS",
        "unreadable",
        "bad address",
    }
    assert {reason for tally in tallies.values() for reason in tally.reasons} <= ours
    assert all(tally.new + tally.unchanged + tally.notices + tally.failed == tally.asked for tally in tallies.values())
    assert tallies["good"].failed == 0
    assert stored(tmp_path, "good") == tallies["good"].new >= 15
    assert all(stored(tmp_path, name) == 0 for name in names[:-1])
    told = " ".join(summary(engine))
    assert "too many redirects (cameras: 1)" in told
    assert f", {tallies['notice'].notices:,} notices instead of one, " in told
    assert tallies["notice"].notices == tallies["notice"].asked, "a notice is no picture that has not changed"
    assert f"{len(names) - 1} of {len(names)} cameras gave no new picture" in told


def test_a_bomb_is_not_unpacked_beyond_the_limit():
    body = gzip.compress(BOMB, 9)

    async def asked(url: str) -> str:
        async with open_session("test", 1, 1.0, 1.0) as session:
            with pytest.raises(NoAnswer) as told:
                await fetch(session, Request(url), Bounds({"127.0.0.1"}, MAX_BYTES, 5.0))
            return told.value.code

    with serving({"/": lambda: packed("gzip", body)}) as url:
        tracemalloc.start()
        assert asyncio.run(asked(url)) == "too large"
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 20_000_000


@settings(max_examples=40, deadline=None)
@given(body=st.binary(max_size=400), raw=st.booleans())
def test_any_bytes_raise_nothing_but_our_own(body: bytes, raw: bool):
    """As an answer, and as what is sent instead of one: a neighbour's picture comes all the same."""
    reply = Reply(raw=(body,)) if raw else Reply(body)

    async def both(url: str) -> tuple[bytes | str, bytes]:
        async with open_session("test", 4, 0.5, 0.2) as session:
            good = await fetch(session, Request(f"{url}/good"), Bounds({"127.0.0.1"}, MAX_BYTES, 1.0))
            try:
                return (await fetch(session, Request(f"{url}/any"), Bounds({"127.0.0.1"}, MAX_BYTES, 1.0))).content, good.content
            except NoAnswer as told:
                return told.code, good.content

    with serving({"/good": lambda: Reply(tiny_picture(1)), "/any": lambda: reply}) as url:
        answer, neighbour = asyncio.run(both(url))
    assert neighbour == tiny_picture(1)
    assert isinstance(answer, str) or raw or answer == body


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("127.0.0.1", False),
        ("0.0.0.0", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fc00::1", False),
        ("::ffff:127.0.0.1", False),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b::808:808", True),
        ("2002:7f00:1::", False),
    ],
)
def test_addresses_of_the_internet(address: str, public: bool):
    assert is_public(address) is public


def test_a_name_that_suddenly_means_this_machine_is_not_asked(monkeypatch: pytest.MonkeyPatch):
    """Decided by the address that is connected to, at the moment of connecting."""
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 80))]

    async def ask(host: str) -> None:
        loop = asyncio.get_running_loop()

        async def resolved(*arguments, **options):
            return found

        monkeypatch.setattr(loop, "getaddrinfo", resolved)
        async with open_session("test", 1, 1.0, 1.0) as session:
            await fetch(session, Request(f"http://{host}/"), Bounds({host}, MAX_BYTES, 2.0))

    with pytest.raises(NoAnswer, match="private address"):
        asyncio.run(ask("cameras.example.org"))
    with pytest.raises(NoAnswer, match="no connection"):  # a name that is this machine's was meant so
        asyncio.run(ask("localhost"))


def test_of_several_addresses_the_public_ones_are_asked(monkeypatch: pytest.MonkeyPatch):
    addresses = ["10.0.0.1", "8.8.8.8", "127.0.0.1"]

    async def resolve() -> list[str]:
        async def resolved(*arguments, **options):
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80)) for address in addresses]

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolved)
        return [each["host"] for each in await PublicResolver().resolve("cameras.example.org", 80)]

    assert asyncio.run(resolve()) == ["8.8.8.8"]
    assert [is_local(name) for name in ("localhost", "city", "cams.lan", "webcams.nyctmc.org")] == [True, True, True, False]


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        ("http://127.0.0.1:{port}/old", "/new", ""),
        ("http://127.0.0.1:{port}/old", "http://127.0.0.1:{port}/new", ""),
        ("http://127.0.0.1:{port}/old", "//localhost:{port}/new", "redirected elsewhere"),
        ("http://127.0.0.1:{port}/old", "http://0x7f.1:{port}/new", "redirected elsewhere"),
        ("http://127.0.0.1:{port}/old", "ftp://127.0.0.1/new", "bad address"),
        ("http://127.0.0.2:{port}/old", "/new", "bad address"),
        ("gopher://127.0.0.1/", "/new", "bad address"),
    ],
)
def test_redirects_stay_on_the_network_s_hosts(before: str, after: str, code: str):
    place = {}
    replies = {"/old": lambda: redirect(after.format(**place)), "/new": lambda: Reply(b"there")}

    async def ask(url: str) -> bytes:
        async with open_session("test", 1, 1.0, 1.0) as session:
            return (await fetch(session, Request(url), Bounds({"127.0.0.1"}, MAX_BYTES, 2.0))).content

    with serving(replies) as url:
        place["port"] = url.rsplit(":", 1)[1]
        if not code:
            assert asyncio.run(ask(before.format(**place))) == b"there"
            return
        with pytest.raises(NoAnswer) as told:
            asyncio.run(ask(before.format(**place)))
    assert told.value.code == code


@pytest.mark.parametrize(
    "text", ["", "soon", "-5", "\u00b2", "9" * 500, "Thu, 01 Jan 99999 00:00:00 GMT", "Mon, 0 x", "\udcff", "1e9"]
)
def test_a_retry_after_of_any_kind(text: str):
    assert _retry_after(text) is None or _retry_after(text) >= 0
    assert _retry_after("120") == 120
    assert 0 <= _retry_after("Thu, 01 Jan 1970 00:00:00 GMT") == 0
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    assert 80 < _retry_after(later) <= 90


class Answering(socketserver.BaseRequestHandler):
    """Notes what it is asked, and answers by the path."""

    asked: ClassVar[list[str]] = []

    def handle(self) -> None:
        text = self.request.recv(65536).decode()
        self.asked.append(text)
        path = text.split(" ")[1].partition("?")[0]
        body = b"x" * 10
        head = 'HTTP/1.1 200 OK\r\nETag: "a"\r\nLast-Modified: Thu, 01 Jan 2026 10:00:00 GMT\r\n'
        if path == "/moved":
            head, body = f"HTTP/1.1 302 Found\r\nLocation: http://localhost:{self.server.server_address[1]}/there\r\n", b""
        if path == "/untagged":
            head = "HTTP/1.1 200 OK\r\nLast-Modified: Thu, 01 Jan 2026 10:00:00 GMT\r\n"
        if "If-None-Match" in text or "If-Modified-Since" in text:
            head, body = "HTTP/1.1 304 Not Modified\r\n", b""
        self.request.sendall(f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)


@contextlib.contextmanager
def answering() -> Iterator[tuple[str, list[str]]]:
    Answering.asked.clear()
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Answering) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", Answering.asked
        finally:
            server.shutdown()
            thread.join()


def asking(*requests: Request, after: str = "") -> list:
    """One after the other, each with what is known from the one before."""

    async def run() -> list:
        found, known = [], Known()
        async with open_session("tests", 4, 2.0, 2.0) as session:
            for request in requests:
                answer = await fetch(session, request, Bounds({"127.0.0.1", "localhost"}, MAX_BYTES, 5.0, after), known)
                found.append(answer)
                known = answer.known
        return found

    return asyncio.run(run())


def test_a_key_goes_to_its_host_and_to_no_other():
    with answering() as (url, asked):
        request = Request(f"{url}/moved", secret={"key": "abc"}, secret_headers={"AccountKey": "def"})
        assert asking(request)[0].content == b"x" * 10
    first, second = asked
    assert "/moved?key=abc" in first
    assert "AccountKey: def" in first
    assert "abc" not in second
    assert "AccountKey" not in second


@pytest.mark.parametrize(("path", "header"), [("/tagged", 'If-None-Match: "a"'), ("/untagged", "If-Modified-Since: Thu, 01 Jan")])
def test_what_has_not_changed_is_asked_by_its_tag_or_its_time(path: str, header: str):
    with answering() as (url, asked):
        first, second = asking(Request(f"{url}{path}"), Request(f"{url}{path}"))
    assert (first.content, second.content) == (b"x" * 10, None)
    assert header in asked[1]


def test_a_tag_is_of_its_address():
    with answering() as (url, asked):
        first, second = asking(Request(f"{url}/one.jpg"), Request(f"{url}/two.jpg"))
    assert first.content == second.content == b"x" * 10
    assert "If-" not in asked[1]


def test_the_header_that_tells_when_a_picture_was_taken():
    with answering() as (url, _):
        (answer,) = asking(Request(f"{url}/one.jpg"), after="Last-Modified")
    assert moment_us(answer.told) == 1_767_261_600_000_000
    assert [moment_us(text) for text in ("2026-01-01T10:00:00Z", "2026-01-01T10:00:00", "soon", "")] == [
        1_767_261_600_000_000,
        None,
        None,
        None,
    ]
