"""The web server itself, over a socket: who is slow keeps nobody waiting, and it writes down nothing of who looks at what."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from cctview_pipeline.viewer import door, serving
from cctview_pipeline_tests.viewer.conftest import Browser
from cctview_pipeline_tests.viewer.test_attacks import TOKEN
from cctview_pipeline_tests.viewer.test_pages import HOUR


@pytest.fixture
def port(browser: Browser) -> Iterator[int]:
    """Of a real server."""
    server, listener = serving.server_of(browser.app), serving.listen("127.0.0.1", 0)
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    yield listener.getsockname()[1]
    server.should_exit = True
    thread.join(5)


def sent(port: int, text: str) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=20)
    connection.sendall(text.replace("HOST", f"127.0.0.1:{port}").replace("\n", "\r\n").encode())
    return connection


HEALTH = "GET /health HTTP/1.1\nHost: HOST\nConnection: close\n\n"
FORM = "POST /purpose HTTP/1.1\nHost: HOST\nOrigin: http://HOST\nContent-Length: 100\n\npur"


def test_a_slow_form_keeps_nobody_waiting_and_is_given_up(port: int, monkeypatch):
    monkeypatch.setattr(door, "SLOWEST_BODY_S", 0.5)
    with sent(port, FORM) as slow:
        with sent(port, HEALTH) as quick:
            assert b"200 OK" in quick.recv(4096)
        assert b"408" in slow.recv(4096).splitlines()[0]


@pytest.mark.parametrize(
    ("limit", "text"), [("SLOWEST_HEAD_S", "GET /health HT"), ("SLOWEST_HEAD_S", ""), ("MAX_EXCHANGE_S", FORM)]
)
def test_who_never_ends_is_cut_off(port: int, monkeypatch, limit: str, text: str):
    monkeypatch.setattr(serving, limit, 0.3)
    with sent(port, text) as slow, contextlib.suppress(ConnectionResetError):
        assert slow.recv(4096) == b""
    with sent(port, HEALTH) as quick:
        assert b"200 OK" in quick.recv(4096)


def test_a_head_that_ends_in_time_is_answered_and_the_next_one_too(port: int):
    with sent(port, HEALTH.replace("Connection: close\n", "")) as kept:
        for _ in range(2):
            assert b"200 OK" in kept.recv(4096)
            kept.sendall(
                HEALTH.replace("HOST", f"127.0.0.1:{port}").replace("Connection: close\n", "").replace("\n", "\r\n").encode()
            )


def test_one_address_cannot_take_all_places(port: int, monkeypatch):
    monkeypatch.setattr(serving, "MAX_OF_ONE", 5)
    held = [sent(port, "GET /health HT") for _ in range(5)]
    try:
        with sent(port, HEALTH) as refused, contextlib.suppress(ConnectionResetError):
            assert refused.recv(4096) == b""
        held.pop().close()
        time.sleep(0.2)
        with sent(port, HEALTH) as quick:
            assert b"200 OK" in quick.recv(4096)
    finally:
        for each in held:
            each.close()


def test_the_server_itself_writes_down_nothing_of_who_looks_at_what(port: int, capfd, caplog):
    with caplog.at_level("DEBUG"):
        head = f"GET {HOUR}?token={TOKEN} HTTP/1.1\nHost: HOST\nCookie: cctview_session={TOKEN}\nConnection: close\n\n"
        with sent(port, head) as asked:
            assert b"303" in asked.recv(4096)
        with sent(port, FORM.replace("100", str(len(f"token={TOKEN}"))).replace("pur", f"token={TOKEN}")) as tried:
            assert tried.recv(4096)
    out = "".join(capfd.readouterr()) + caplog.text
    assert "/cameras" not in out
    assert TOKEN not in out
