"""Web servers of this machine that stand in for a camera network's."""

import contextlib
import errno
import socket
import threading
from collections.abc import Callable, Iterator

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route

from cctview_pipeline.errors import CctviewError

HOST = "127.0.0.1"


def camera_api(list_cameras: Callable, image: Callable, lifespan: Callable) -> Starlette:
    """The paths of New York City's public API. list_cameras, image: endpoints; image finds the camera's id as ``id``."""
    routes = [
        Route("/api/cameras", list_cameras),
        Route("/api/cameras/", list_cameras),
        Route("/api/cameras/{id}/image", image),
    ]
    return Starlette(routes=routes, lifespan=lifespan)


def bind(port: int) -> socket.socket:
    """A socket that has the port, 0 for a free one, but does not listen yet: taken before anything slow is prepared, so that
    nobody waits for a refusal. Raises CctviewError for a port that cannot be used."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with _port_errors(port):
            listener.bind((HOST, port))
    except BaseException:
        listener.close()
        raise
    return listener


def listen(listener: socket.socket) -> None:
    """Requests queue from now on. A program that bound the same port meanwhile is found out only here."""
    with _port_errors(listener.getsockname()[1]):
        listener.listen(64)


def web_server(app: Starlette) -> uvicorn.Server:
    """Only to be run: ``server.run([listener])``."""
    # A second is more than any picture takes: who waits longer, waits for what an hour needs to be prepared.
    config = uvicorn.Config(
        app, log_config=None, access_log=False, server_header=False, lifespan="on", timeout_graceful_shutdown=1
    )
    return uvicorn.Server(config)


@contextlib.contextmanager
def in_thread(server: uvicorn.Server, listener: socket.socket) -> Iterator[None]:
    """Serving beside one's own program."""
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()


@contextlib.contextmanager
def _port_errors(port: int) -> Iterator[None]:
    try:
        yield
    except OverflowError:
        raise CctviewError(f"A port is a number from 0 to 65535, not {port}: choose one with --port.") from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise CctviewError(f"Port {port} is in use: stop the program that uses it, or choose another with --port.") from None
        raise CctviewError(f"Port {port} cannot be used ({error.strerror}): choose another with --port.") from None
