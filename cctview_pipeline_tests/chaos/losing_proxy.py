"""A proxy on loopback before a server that does what it is asked, and every tenth time nobody hears of it."""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

_AT_ONCE = 1 << 16


@dataclass
class Losses:
    """every: of how many answers one is lost, 0 for none; answers, lost: so far."""

    every: int = 10
    answers: int = 0
    lost: int = 0
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def next_is_lost(self) -> bool:
        with self._guard:
            self.answers += 1
            is_lost = self.every > 0 and self.answers % self.every == 0
            self.lost += is_lost
            return is_lost


@contextmanager
def losing_proxy(port: int, every: int = 10) -> Iterator[tuple[int, Losses]]:
    """Yields the proxy's own port, and what was lost. port: the server's, on loopback."""
    losses = Losses(every)
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listening:
        threading.Thread(target=_accept, args=[listening, port, losses], daemon=True).start()
        try:
            yield listening.getsockname()[1], losses
        finally:
            listening.shutdown(socket.SHUT_RDWR)


def _accept(listening: socket.socket, port: int, losses: Losses) -> None:
    with suppress(OSError):
        while True:
            client, _ = listening.accept()
            try:
                server = socket.create_connection(("127.0.0.1", port))
            except OSError:
                client.close()
                continue
            asked = threading.Event()
            threading.Thread(target=_ask, args=[client, server, asked], daemon=True).start()
            threading.Thread(target=_answer, args=[server, client, asked, losses], daemon=True).start()


def _ask(client: socket.socket, server: socket.socket, asked: threading.Event) -> None:
    with suppress(OSError):
        while piece := client.recv(_AT_ONCE):
            asked.set()
            server.sendall(piece)
    with suppress(OSError):
        server.shutdown(socket.SHUT_WR)


def _answer(server: socket.socket, client: socket.socket, asked: threading.Event, losses: Losses) -> None:
    """What comes first after something was asked is the beginning of an answer."""
    with suppress(OSError):
        while piece := server.recv(_AT_ONCE):
            if asked.is_set():
                asked.clear()
                if losses.next_is_lost():
                    # A reset, not an end: as when a machine between the two has gone.
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    break
            client.sendall(piece)
    for side in (client, server):
        with suppress(OSError):
            side.shutdown(socket.SHUT_RDWR)
        side.close()
