"""A proxy on loopback that counts what a server sends: what a client really reads, whatever its library says."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

BYTES_AT_ONCE = 1 << 16


class Count:
    """sent: bytes that came from the server, heads and bodies; requests: pieces that went to it, in small requests one each."""

    def __init__(self) -> None:
        self.sent = self.requests = 0


@contextmanager
def counting_proxy(port: int) -> Iterator[tuple[int, Count]]:
    """Yields the proxy's own port and the count. port: the server's, on loopback."""
    count = Count()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=_accept, args=[listening, port, count], daemon=True).start()
        try:
            yield listening.getsockname()[1], count
        finally:
            listening.shutdown(socket.SHUT_RDWR)


def _accept(listening: socket.socket, port: int, count: Count) -> None:
    with suppress(OSError):
        while True:
            client, _ = listening.accept()
            server = socket.create_connection(("127.0.0.1", port))
            threading.Thread(target=_pump, args=[client, server, count, "requests"], daemon=True).start()
            threading.Thread(target=_pump, args=[server, client, count, "sent"], daemon=True).start()


def _pump(source: socket.socket, sink: socket.socket, count: Count, what: str) -> None:
    with suppress(OSError):
        while piece := source.recv(BYTES_AT_ONCE):
            setattr(count, what, getattr(count, what) + (len(piece) if what == "sent" else 1))
            sink.sendall(piece)
        sink.shutdown(socket.SHUT_WR)
