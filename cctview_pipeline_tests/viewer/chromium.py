"""A person at the pages: real servers, a real Chromium. Where none is installed its tests are skipped, and say so."""

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cctview_pipeline.lake import Lake
from cctview_pipeline.privacy.audit import AuditLog
from cctview_pipeline.privacy.keys import KeyStore
from cctview_pipeline.viewer import ViewerSettings, create_app
from cctview_pipeline.viewer.serving import listen, server_of
from cctview_pipeline_tests.factories.viewer_lake import HOUR_KEY

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

HOUR = f"/cameras/cam-1/{HOUR_KEY}"
JOURNEYS = f"/journeys/{HOUR_KEY}?least=2"
PAGES = (
    "/", "/cameras", "/cameras/cam-1", HOUR, "/figures", "/figures/vehicle_counts", "/figures/travel_times", "/search", "/kept",
    "/drivers", "/purpose", JOURNEYS, "/nothing",
)  # fmt: skip
Visit = Callable[..., "Page"]
REFUSALS = ("404", "403", "503")
"""Statuses that a browser complains of, and that a test may ask for."""


@contextmanager
def running(lake: Lake, keys: KeyStore, log: AuditLog, settings: ViewerSettings = ViewerSettings()) -> Iterator[str]:
    """The address of a real server over a lake."""
    listener = listen("127.0.0.1", 0)
    server = server_of(create_app(lake, keys, settings, log))
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(10)


@contextmanager
def launched() -> Iterator["Browser"]:
    """Chromium without a window."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: make install-dev")
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.skip("no Chromium is installed: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def visiting(browser: "Browser", usual: str) -> Iterator[Visit]:
    """Opens pages, each as somebody new; whatever the browser complains of makes the test fail. usual: the server's address."""
    contexts, complaints = [], []

    def visit(address: str, purpose: bool = False, at: str = usual, **how) -> "Page":
        context = browser.new_context(base_url=at, **how)
        context.set_default_timeout(60_000)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.on("request", lambda sent: complaints.append(sent.url) if not sent.url.startswith(at) else None)
        if purpose:
            page.goto("/purpose")
            page.get_by_role("button", name="Go on").click()
        page.goto(address)
        return page

    yield visit
    for context in contexts:
        context.close()
    assert [each for each in complaints if not any(status in each for status in REFUSALS)] == []


def copied(folder: Path, whole: Path) -> tuple[Lake, KeyStore, AuditLog]:
    """The small lake, to be changed."""
    shutil.copytree(whole, folder / "small")
    lake, keys = Lake(str(folder / "small" / "lake")), KeyStore(str(folder / "small" / "keys"))
    return lake, keys, AuditLog(folder / "audit" / "audit.jsonl")


def text_of(page: "Page") -> str:
    return page.locator("#main").inner_text()
