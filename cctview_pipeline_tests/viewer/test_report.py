"""A day's report in the viewer, and as Chromium draws it: nothing from elsewhere, light and dark, on paper and on a phone."""

import base64
import hashlib
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from cctview_pipeline.analytics.report.document import daily_report
from cctview_pipeline.analytics.report.stored import report_key
from cctview_pipeline.lake import Lake
from cctview_pipeline.privacy.audit import AuditLog
from cctview_pipeline.privacy.keys import KeyStore
from cctview_pipeline.viewer import ViewerSettings
from cctview_pipeline_tests.factories.reported import BEGIN, MAY_5, reported
from cctview_pipeline_tests.viewer.accessibility import findings_of_open_page
from cctview_pipeline_tests.viewer.chromium import running
from cctview_pipeline_tests.viewer.conftest import Browser

ADDRESS = f"/report/{MAY_5}"


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """With a gap, so that there is something to hatch."""
    live = lambda camera, began: 0.0 if (camera, began.hour) == ("road-2", BEGIN.hour + 1) else 900.0  # noqa: E731
    lake = reported(tmp_path_factory.mktemp("shown"), live=live)
    lake.storage.write(report_key(MAY_5), daily_report(lake, lake.require_campaign(), MAY_5).html)
    return lake


@pytest.fixture(scope="module")
def here(lake: Lake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("served")
    with running(lake, KeyStore(str(folder / "keys")), AuditLog(folder / "audit.jsonl")) as address:
        yield address


def test_it_is_served_as_it_lies_there_and_may_do_nothing(lake: Lake, tmp_path: Path):
    browser = Browser(lake, KeyStore(str(tmp_path / "keys")), ViewerSettings(), AuditLog(tmp_path / "audit.jsonl"))
    answer = browser.get(ADDRESS)
    assert answer.content == lake.storage.read(report_key(MAY_5)).to_pybytes()
    style = re.search("<style>(.*?)</style>", answer.text, re.DOTALL)[1]
    allowed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    assert answer.headers["content-security-policy"] == f"default-src 'none'; style-src 'sha256-{allowed}'; {policy}"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert not browser.log.path.exists()  # no question about a vehicle
    assert ADDRESS in browser.get("/figures").text
    for missing in (f"/report/{MAY_5 + timedelta(days=1)}", "/report/yesterday", "/report/2020-13-40"):
        assert browser.get(missing).status_code == 404


@pytest.mark.parametrize("width", [1280, 320])
def test_nothing_is_out_of_place_and_axe_finds_nothing_serious(chromium, here: str, width: int):
    context = chromium.new_context(base_url=here, viewport={"width": width, "height": 800}, bypass_csp=True)
    page = context.new_page()
    sent = []
    page.on("request", lambda request: sent.append(request.url))
    page.goto(ADDRESS)
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert findings_of_open_page(page) == []
    assert sent == [f"{here}{ADDRESS}"]
    context.close()


def test_the_stylesheet_is_let_in_and_follows_the_scheme(chromium, here: str):
    backs = []
    for scheme in ("light", "dark"):
        page = chromium.new_page(base_url=here, color_scheme=scheme)
        complaints = []
        page.on("console", lambda said, complaints=complaints: complaints.append(said.text))
        page.goto(ADDRESS)
        backs.append(page.evaluate("getComputedStyle(document.documentElement).backgroundColor"))
        gap = page.locator("path.gap").first.evaluate("each => getComputedStyle(each).fill")
        assert gap.startswith('url("#')
        assert complaints == []
        page.close()
    assert backs == ["rgb(252, 252, 250)", "rgb(20, 24, 28)"]
