"""A server that answers with whatever bytes it is told to: what no web framework would send, too."""

import contextlib
import socketserver
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Reply:
    """body; status; headers; raw: instead of all of them, in pieces, a pause before each."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: tuple[bytes, ...] = ()
    pause_s: float = 0.0

    def always(self) -> dict[str, str]:
        return {"Content-Length": str(len(self.body)), "Connection": "close"}

    def pieces(self) -> tuple[bytes, ...]:
        if self.raw:
            return self.raw
        lines = [f"HTTP/1.1 {self.status} Whatever"]
        lines += [f"{name}: {value}" for name, value in (self.always() | dict(self.headers)).items()]
        return ("\r\n".join(lines).encode() + b"\r\n\r\n" + self.body,)


@contextlib.contextmanager
def serving(replies: Mapping[str, Callable[[], Reply]]) -> Iterator[str]:
    """Answers one request a connection; replies: by path, in the order given, the first whose beginning fits. Gives the URL."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):
                self.request.settimeout(5)
                asked = b""
                # Who begins with TLS is answered without it.
                while b"\r\n\r\n" not in asked and asked[:1] != b"\x16" and (part := self.request.recv(65536)):
                    asked += part
                path = asked.split(b" ")[1].decode() if asked[:4] == b"GET " else ""
                reply = next((replies[begin]() for begin in replies if path.startswith(begin)), Reply(status=404))
                for piece in reply.pieces():
                    time.sleep(reply.pause_s)
                    self.request.sendall(piece)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads, allow_reuse_address, request_queue_size = True, True, 64

        def handle_error(self, request: object, client_address: object) -> None:
            pass  # a client that hangs up

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
