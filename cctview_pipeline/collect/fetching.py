"""One answer of a camera's server: bounded in bytes, seconds and redirects, from the network's hosts only.

Whatever goes wrong has a name of ours: a library's words, or a server's, are neither counted nor stored. Where an answer may come
from is decided by the address that is connected to, so that neither a redirect nor a name that suddenly means another machine
leads into one's own network.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from urllib.parse import urljoin

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from cctview_pipeline.cameras.protocol import Request, is_of
from cctview_pipeline.limits import REDIRECTS

TIMED_OUT, TOO_LARGE, TOO_MANY_REDIRECTS = "timed out", "too large", "too many redirects"
ELSEWHERE, PRIVATE, BAD_ADDRESS = "redirected elsewhere", "private address", "bad address"
UNKNOWN_HOST, NO_CONNECTION, LOST, NO_TLS = "unknown host", "no connection", "connection lost", "no TLS"
NO_HTTP, BROKEN = "no HTTP", "broken answer"
TOO_MANY = "429 Too Many Requests"
_REDIRECTS = (301, 302, 303, 307, 308)
_LOCAL_NAMES = (".localhost", ".local", ".lan", ".internal", ".home.arpa")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class NoAnswer(Exception):
    """No answer that could be used. code: why, in our words; retry_after_s: what the server asks to wait."""

    def __init__(self, code: str, retry_after_s: float | None = None) -> None:
        super().__init__(code)
        self.code, self.retry_after_s = code, retry_after_s


@dataclass(frozen=True, slots=True)
class Known:
    """By what a server is asked whether an answer has changed. url: which address gave it."""

    url: str = ""
    etag: str = ""
    modified: str = ""

    def headers(self, url: str) -> dict[str, str]:
        """Only for the same address; its time only where there is no tag."""
        if url != self.url or not (self.etag or self.modified):
            return {}
        return {"If-None-Match": self.etag} if self.etag else {"If-Modified-Since": self.modified}


@dataclass(frozen=True, slots=True)
class Answer:
    """content: unpacked; None where nothing has changed since what is known. told: the header that was asked after."""

    content: bytes | None
    known: Known
    told: str = ""


def open_session(user_agent: str, per_host: int, connect_s: float, silence_s: float) -> aiohttp.ClientSession:
    """Connections that no private address answers, without a memory for cookies."""
    connector = aiohttp.TCPConnector(
        limit=0, limit_per_host=per_host, ttl_dns_cache=300, keepalive_timeout=60, resolver=PublicResolver()
    )
    timeout = aiohttp.ClientTimeout(None, None, silence_s, connect_s)
    headers, jar = {"User-Agent": user_agent}, aiohttp.DummyCookieJar()
    return aiohttp.ClientSession(connector=connector, timeout=timeout, headers=headers, cookie_jar=jar)


@dataclass(frozen=True, slots=True)
class Bounds:
    """Of an answer. hosts: that may give it; after: the header to hand over with it."""

    hosts: Collection[str]
    largest_bytes: int
    whole_s: float
    after: str = ""


async def fetch(session: aiohttp.ClientSession, request: Request, bounds: Bounds, known: Known = Known()) -> Answer:
    """Ask, and follow redirects within the hosts. known: what was answered before. Raises NoAnswer."""
    try:
        async with asyncio.timeout(bounds.whole_s):
            return await _follow(session, request, bounds, known)
    except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
        raise NoAnswer(_code(error)) from error


async def _follow(session: aiohttp.ClientSession, request: Request, bounds: Bounds, known: Known) -> Answer:
    url = first = _allowed(URL(request.url), bounds.hosts)
    asked, since = url.update_query(request.secret) if request.secret else url, known.headers(request.url)
    for _ in range(int(REDIRECTS.most) + 1):
        headers = dict(request.headers) | since | (dict(request.secret_headers) if url.host == first.host else {})
        async with session.get(asked, headers=headers, allow_redirects=False) as answer:
            if answer.status in _REDIRECTS and "Location" in answer.headers:
                asked = url = _allowed(URL(urljoin(str(url), answer.headers["Location"])), bounds.hosts, url)
                continue
            if answer.status == 304 and since:
                return Answer(None, known)
            if answer.status != 200:
                raise NoAnswer(_status(answer.status), _retry_after(answer.headers.get("Retry-After", "")))
            content = await _read(answer, bounds.largest_bytes)
            etag, modified = (_sendable(answer.headers.get(name, "")) for name in ("ETag", "Last-Modified"))
            told = _sendable(answer.headers.get(bounds.after, "")) if bounds.after else ""
            return Answer(content, Known(request.url, etag, modified), told)
    raise NoAnswer(TOO_MANY_REDIRECTS)


def _allowed(url: URL, hosts: Collection[str], before: URL | None = None) -> URL:
    """Also what a network makes out of its list is asked only on the network's hosts, and never less safely than before."""
    if url.scheme not in ("http", "https") or not url.host:
        raise NoAnswer(BAD_ADDRESS)
    if not is_of(str(url), frozenset(hosts)) or (before is not None and before.scheme == "https" and url.scheme == "http"):
        raise NoAnswer(ELSEWHERE if before is not None else BAD_ADDRESS)
    return url


async def _read(answer: aiohttp.ClientResponse, most: int) -> bytes:
    """An answer's whole content. What it says of its length is not believed, and it may be packed a thousandfold."""
    if (answer.content_length or 0) > most:
        raise NoAnswer(TOO_LARGE)
    parts, size = [], 0
    async for part in answer.content.iter_any():
        size += len(part)
        if size > most:
            raise NoAnswer(TOO_LARGE)
        parts.append(part)
    return b"".join(parts)


class PrivateAddress(OSError):
    """A host's name leads to this machine or into a private network."""


class PublicResolver(AbstractResolver):
    """Names -> addresses that anybody on the internet may ask. A name that is local by itself, such as localhost, may be so."""

    def __init__(self) -> None:
        self._names = aiohttp.DefaultResolver()

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC) -> list[ResolveResult]:
        found = await self._names.resolve(host, port, family)
        public = [each for each in found if is_local(host) or is_public(each["host"])]
        if found and not public:
            raise PrivateAddress(f"{host} has no public address.")
        return public

    async def close(self) -> None:
        await self._names.close()


def is_local(host: str) -> bool:
    """Whether a host's name says that it is near: a network whose servers have such names was meant so."""
    return "." not in host or host.endswith(_LOCAL_NAMES)


def is_public(address: str) -> bool:
    """Whether an IP address is one of the internet's: no loopback, link-local, private or shared one, however it is wrapped."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        ip = inner or ip
    return ip.is_global and not ip.is_multicast


def _code(error: Exception) -> str:
    match error:
        case TimeoutError():
            return TIMED_OUT
        case aiohttp.ClientSSLError():  # a wrong certificate included
            return NO_TLS
        case aiohttp.ClientConnectorDNSError():
            return PRIVATE if isinstance(error.os_error, PrivateAddress) else UNKNOWN_HOST
        case aiohttp.ClientConnectorError():
            return NO_CONNECTION
        case aiohttp.ClientPayloadError():
            return BROKEN
        case aiohttp.ClientResponseError():
            return NO_HTTP
        case aiohttp.ClientConnectionError() | ConnectionError():
            return LOST
        case ValueError():  # no address, or a name that no host can have
            return BAD_ADDRESS
    return BROKEN


def _status(status: int) -> str:
    """In the standard's words, since a server may write anything there."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"{status}"


def _sendable(text: str) -> str:
    """Only what can be sent back."""
    return text if len(text) <= 200 and text.isascii() and text.isprintable() else ""


def moment_us(text: str) -> int | None:
    """A header's time, as HTTP or ISO 8601 writes it, since 1970; None for anything else."""
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            moment = read(text)
            return round(moment.timestamp() * 1e6) if moment.tzinfo else None
        except (TypeError, ValueError, OverflowError, IndexError):
            continue
    return None


def _retry_after(text: str) -> float | None:
    """Seconds that a server asks to wait, given as such or as a date; None for anything else."""
    text = text.strip()[:100]
    try:
        if text.isascii() and text.isdigit():
            return float(text)
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds()) if text else None
    except (TypeError, ValueError, OverflowError, IndexError):
        return None
