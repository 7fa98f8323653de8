"""A proxy on loopback before an object store: slow, cut off, without room, or with a byte wrong, as a test wants it."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

_AT_ONCE = 1 << 14
NO_ROOM = b"HTTP/1.1 507 Insufficient Storage\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@dataclass
class TroubledStore:
    """url: the proxy's; away: nobody is let in; bytes_a_s: of what is sent, 0 for all at once; no_room: of what is PUT;
    flips: bytes that will be changed on the way, at some place of a large body; passed: bytes sent so far."""

    url: str
    away: bool = False
    bytes_a_s: float = 0.0
    no_room: bool = False
    flips: int = 0
    passed: int = 0


@contextmanager
def troubled_store(url: str) -> Iterator[TroubledStore]:
    """url: the store's own, on loopback."""
    port = int(url.rpartition(":")[2])
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        store = TroubledStore(f"http://127.0.0.1:{listening.getsockname()[1]}")
        threading.Thread(target=_accept, args=[listening, port, store], daemon=True).start()
        try:
            yield store
        finally:
            listening.shutdown(socket.SHUT_RDWR)


def _accept(listening: socket.socket, port: int, store: TroubledStore) -> None:
    with contextlib.suppress(OSError):
        while True:
            client, _ = listening.accept()
            if store.away:
                client.close()
                continue
            server = socket.create_connection(("127.0.0.1", port))
            threading.Thread(target=_ask, args=[client, server, store], daemon=True).start()
            threading.Thread(target=_pass, args=[server, client], daemon=True).start()


def _ask(client: socket.socket, server: socket.socket, store: TroubledStore) -> None:
    with contextlib.suppress(OSError):
        while piece := client.recv(_AT_ONCE):
            if store.away:
                break
            if store.no_room and piece.startswith(b"PUT"):
                client.sendall(NO_ROOM)
                break
            if store.flips and len(piece) == _AT_ONCE and not piece.startswith(b"PUT"):
                store.flips -= 1
                piece = piece[:-1] + bytes([piece[-1] ^ 1])
            if store.bytes_a_s:
                time.sleep(len(piece) / store.bytes_a_s)
            server.sendall(piece)
            store.passed += len(piece)
    _close(client, server)


def _pass(server: socket.socket, client: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := server.recv(_AT_ONCE):
            client.sendall(piece)
    _close(client, server)


def _close(*sides: socket.socket) -> None:
    for side in sides:
        with contextlib.suppress(OSError):
            side.shutdown(socket.SHUT_RDWR)
        side.close()
