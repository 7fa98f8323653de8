"""The application over a small lake, called in this process as a browser would."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from cctview_pipeline.campaign import Campaign
from cctview_pipeline.lake import Lake
from cctview_pipeline.privacy.audit import AuditLog
from cctview_pipeline.privacy.keys import KeyStore
from cctview_pipeline.viewer import ViewerSettings, create_app
from cctview_pipeline_tests.factories.viewer_lake import PURPOSE, make_viewer_lake
from cctview_pipeline_tests.viewer.chromium import Visit, copied, launched, running, visiting

ORIGIN = "http://127.0.0.1:8020"


class Browser(TestClient):
    """Sends an Origin with its forms, as browsers do, and follows no redirect unless told."""

    def __init__(self, lake: Lake, keys: KeyStore, settings: ViewerSettings, log: AuditLog) -> None:
        app = create_app(lake, keys, settings, log)
        super().__init__(app, base_url=ORIGIN, follow_redirects=False, raise_server_exceptions=False)
        self.lake, self.keys, self.log = lake, keys, log

    def submit(self, address: str, origin: str | None = ORIGIN, **form: str):
        return self.post(address, data=form, headers={"origin": origin} if origin else {})

    def state(self, purpose: str = PURPOSE, **form: str) -> "Browser":
        """Say what for."""
        answer = self.submit("/purpose", purpose=purpose, **form)
        assert answer.status_code == 303, answer.text
        return self

    def asked(self) -> list[str]:
        """What stands in the audit log, oldest first."""
        return [f"{entry.kind} {entry.purpose}: {entry.asked}" for entry in reversed(list(self.log.newest()))]


Open = Callable[..., Browser]


@pytest.fixture
def log(tmp_path: Path) -> AuditLog:
    return AuditLog(tmp_path / "audit" / "audit.jsonl")


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small lake, made once: each test has a copy of its own."""
    folder = tmp_path_factory.mktemp("viewer")
    make_viewer_lake(folder)
    return folder


@pytest.fixture
def open_browser(tmp_path: Path, whole: Path, log: AuditLog) -> Open:
    """Over the small lake, with another campaign where one is given, or over another lake."""

    def opened(
        settings: ViewerSettings = ViewerSettings(), of: Campaign | None = None, made: tuple[Lake, KeyStore] | None = None
    ) -> Browser:
        if made is None:
            shutil.copytree(whole, tmp_path / "small")
            made = Lake(str(tmp_path / "small" / "lake")), KeyStore(str(tmp_path / "small" / "keys"))
            if of:
                made[0].write_campaign(of)
        return Browser(*made, settings, log)

    return opened


@pytest.fixture
def browser(open_browser: Open) -> Browser:
    return open_browser()


@pytest.fixture(scope="module")
def chromium() -> Iterator:
    """Of a module and no longer: while Playwright runs, no test of this process can begin a loop of its own."""
    with launched() as browser:
        yield browser


@pytest.fixture(scope="module")
def served(chromium, whole: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The small lake behind a real server: its address. Nobody changes it but by labels."""
    lake, keys, log = copied(tmp_path_factory.mktemp("served"), whole)
    with running(lake, keys, log) as address:
        yield address


@pytest.fixture
def visit(chromium, served: str) -> Iterator[Visit]:
    with visiting(chromium, served) as opened:
        yield opened
