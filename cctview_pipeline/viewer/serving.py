"""The web server around the application, which lets nobody occupy it by being slow."""

import asyncio
import errno
import socket
import ssl
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from cctview_pipeline.errors import ConfigurationError, reason_of

MAX_CONNECTIONS = 200
MAX_OF_ONE = 100
"""Connections at once, of all and of one address."""
IDLE_S = 10
SLOWEST_HEAD_S, MAX_EXCHANGE_S = 10.0, 60.0
"""Until a request's head is there, and from then until its answer was taken: uvicorn itself would wait for ever."""


class Impatient(H11Protocol):
    """A connection that is cut when its client is too slow, or has too many of them."""

    _timer: asyncio.TimerHandle | None = None
    _timed: RequestResponseCycle | None = None

    # asyncio's stubs name the base of all transports; what it hands a stream's protocol is a Transport, and uvicorn says so too.
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        mine = _address(self)
        if mine and sum(_address(each) == mine for each in self.connections) > MAX_OF_ONE:
            transport.abort()
        self._allow(SLOWEST_HEAD_S)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.cycle is not None and self.cycle is not self._timed:  # a head is whole
            self._timed = self.cycle
            self._allow(MAX_EXCHANGE_S)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._allow(SLOWEST_HEAD_S)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._timer:
            self._timer.cancel()

    def _allow(self, seconds: float) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = self.loop.call_later(seconds, self.transport.abort)


def _address(connection: object) -> str:
    """Of its client. Not every protocol that uvicorn's types name tells one."""
    client = getattr(connection, "client", None)
    return client[0] if client else ""


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens. Raises CctviewError for an address or a port that cannot be used."""
    if not 0 <= port <= 65_535:
        raise ConfigurationError(f"A port is a number from 0 to 65535, not {port}: choose one with --port.")
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
    except (OSError, UnicodeError) as error:
        if getattr(error, "errno", None) == errno.EADDRINUSE:
            raise ConfigurationError(
                f"Port {port} is in use: stop the program that uses it, or choose another with --port."
            ) from None
        why = getattr(error, "strerror", None) or "it is no address"
        raise ConfigurationError(f"{host}, port {port}, cannot be listened on: {why}.") from None
    return listener


def check_certificate(certificate: Path, key: Path) -> None:
    """Raises CctviewError for files that HTTPS cannot be served with, before anybody is told an address."""
    for path in (certificate, key):
        try:
            path.read_bytes()
        except OSError as error:
            raise ConfigurationError(f"{path} cannot be read: {reason_of(error)}. Mend --certificate or --key.") from None
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password=_no_password)
    except (ssl.SSLError, ValueError):
        raise ConfigurationError(
            f"{certificate} and {key} are no certificate and its key: both are PEM files, and the key has no password."
        ) from None


def _no_password() -> str:
    """OpenSSL would ask at the terminal."""
    return ""


def server_of(app: FastAPI, certificate: Path | None = None, key: Path | None = None) -> uvicorn.Server:
    """No access log: addresses of pages tell what somebody looked at, and the audit log has that."""
    config = uvicorn.Config(
        app,
        http=Impatient,
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_keep_alive=IDLE_S,
        timeout_graceful_shutdown=2,
        proxy_headers=False,
        ssl_certfile=certificate and str(certificate),
        ssl_keyfile=key and str(key),
    )
    return uvicorn.Server(config)


def serve(app: FastAPI, listener: socket.socket, certificate: Path | None = None, key: Path | None = None) -> None:
    """Until SIGINT or SIGTERM."""
    server_of(app, certificate, key).run([listener])
