"""The web server around the application."""

import errno
import socket
import ssl
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from cctview_pipeline.errors import CctviewError, reason_of

MOST_CONNECTIONS = 200
IDLE_S = 10


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens. Raises CctviewError for an address or a port that cannot be used."""
    if not 0 <= port <= 65_535:
        raise CctviewError(f"A port is a number from 0 to 65535, not {port}: choose one with --port.")
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
    except (OSError, UnicodeError) as error:
        if getattr(error, "errno", None) == errno.EADDRINUSE:
            raise CctviewError(f"Port {port} is in use: stop the program that uses it, or choose another with --port.") from None
        why = getattr(error, "strerror", None) or "it is no address"
        raise CctviewError(f"{host}, port {port}, cannot be listened on: {why}.") from None
    return listener


def check_certificate(certificate: Path, key: Path) -> None:
    """Raises CctviewError for files that HTTPS cannot be served with, before anybody is told an address."""
    for path in (certificate, key):
        try:
            path.read_bytes()
        except OSError as error:
            raise CctviewError(f"{path} cannot be read: {reason_of(error)}. Mend --certificate or --key.") from None
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password=_no_password)
    except (ssl.SSLError, ValueError):
        raise CctviewError(
            f"{certificate} and {key} are no certificate and its key: both are PEM files, and the key has no password."
        ) from None


def _no_password() -> str:
    """OpenSSL would ask at the terminal."""
    return ""


def serve(app: FastAPI, listener: socket.socket, certificate: Path | None = None, key: Path | None = None) -> None:
    """Until SIGINT or SIGTERM. No access log: addresses of pages tell what somebody looked at, and the audit log has that."""
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_keep_alive=IDLE_S,
        timeout_graceful_shutdown=2,
        proxy_headers=False,
        ssl_certfile=certificate and str(certificate),
        ssl_keyfile=key and str(key),
    )
    uvicorn.Server(config).run([listener])
