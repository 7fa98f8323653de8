"""States that a lake can be in, as a person meets them: nothing yet, a camera out, pictures expired, a backfill at work.

Each is made by what makes it in use: retention, tables of the collector's account, ``cctview backfill`` in a process of its own.
"""

import itertools
import re
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.local_calendar import BIN
from cctview_pipeline.policy import Policy
from cctview_pipeline.privacy.audit import AuditLog
from cctview_pipeline.privacy.keys import KeyStore
from cctview_pipeline.privacy.retention import find_due, note_intake, purge
from cctview_pipeline_tests.factories.archive import HOUR_17, make_archive
from cctview_pipeline_tests.factories.command import Workplace
from cctview_pipeline_tests.factories.jobs import CAMERAS
from cctview_pipeline_tests.factories.tables import NORTH, rows
from cctview_pipeline_tests.factories.viewer_lake import PURPOSE, viewer_campaign, write_marts
from cctview_pipeline_tests.viewer.accessibility import findings, findings_of_open_page
from cctview_pipeline_tests.viewer.chromium import HOUR, JOURNEYS, PAGES, Visit, copied, running, text_of

PLACE = Partition.camera_hour(NORTH.id, HOUR_17)
OF_CAMERAS = ("/drivers", "/purpose", "/nothing")
"""What does not speak of the lake."""


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("empty")
    with running(Lake(str(folder / "lake")), KeyStore(str(folder / "keys")), AuditLog(folder / "audit.jsonl")) as address:
        yield address


@pytest.fixture(scope="module")
def torn(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Camera cam-1 was offline for ten minutes in the quarter of an hour that has figures, by its collector's account."""
    lake, keys, log = copied(tmp_path_factory.mktemp("torn"), whole)
    began = HOUR_17 + timedelta(minutes=5)
    lake.write("gaps", PLACE, rows("gaps", {"began_at": began, "ended_at": began + timedelta(minutes=10), "reason": "offline"}))
    seen = {"live_s": 300.0, "offline_s": 600.0, "coverage": 300 / 900}
    quarters = ({"began_at": HOUR_17 + number * BIN} for number in (1, 2, 3))
    lake.write("coverage", PLACE, rows("coverage", seen, *quarters))
    write_marts(lake)
    states = {"began_at": HOUR_17, "ended_at": began, "state": "live"}, {"began_at": began, "state": "offline"}
    lake.write("camera_status", PLACE, rows("camera_status", *states))
    with running(lake, keys, log) as address:
        yield address


@pytest.fixture(scope="module")
def expired(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A day and an hour after the hour was taken in, retention has been there. The key of its day is kept for longer."""
    lake, keys, log = copied(tmp_path_factory.mktemp("expired"), whole)
    campaign = viewer_campaign(privacy={"purposes": [PURPOSE], "lifetimes": {"keys": "7 d"}})
    lake.write_campaign(campaign)
    for camera in campaign.cameras:
        note_intake(lake, campaign, Partition.camera_hour(camera.id, HOUR_17), HOUR_17)
    now = HOUR_17 + timedelta(hours=25)
    report = purge(lake, find_due(lake, campaign, Policy.of(campaign), now, None, keys), now, keys)
    assert set(report.counts()) == {"raw_frames", "crops", "features"}
    with running(lake, keys, log) as address:
        yield address


def test_every_page_of_an_empty_lake_says_what_to_do_next(visit: Visit, empty: str):
    page = visit("/", at=empty)
    for address in (each for each in PAGES if each not in OF_CAMERAS):
        page.goto(address)
        assert page.locator("h1").inner_text() == "This lake is empty", address
        assert "make demo" in text_of(page)
        assert "cctview backfill" in text_of(page)
    page.goto("/purpose")
    assert "declares no purpose" in text_of(page)


def test_an_outage_is_hatched_with_its_reason_on_the_corridor_and_in_the_hour(visit: Visit, torn: str):
    page = visit("/", purpose=True, at=torn)
    page.goto(HOUR)
    gap = page.locator(".timeline .gap").filter(has=page.locator("title", has_text="offline")).first
    assert gap.locator("title").text_content() == "13:05:00 to 13:15:00: offline"
    assert "#operator" in gap.evaluate("each => getComputedStyle(each).fill")
    assert gap.bounding_box()["width"] > 5
    page.goto("/")
    gap = page.locator("svg.drawing .gap.operator").first
    assert "#operator" in gap.evaluate("each => getComputedStyle(each).fill")
    assert gap.bounding_box()["width"] > 5
    told = page.locator("svg.drawing title").all_text_contents()
    assert "cam-2 to cam-1, 13:00 to 14:00: nothing timed; 15 min insufficient (offline)" in told
    page.goto("/")
    assert "do not send as they should: cam-1 (offline)" in page.locator(".doubts").inner_text()
    assert "offline" in page.get_by_role("row", name="cam-1").inner_text()


def test_once_pictures_expired_the_hour_and_the_vehicle_say_so_and_what_is_left(visit: Visit, expired: str):
    page = visit(HOUR, purpose=True, at=expired)
    assert "The pictures of this hour are gone." in text_of(page)
    assert "the campaign keeps raw_frames for 24 hours" in text_of(page)
    page.goto(JOURNEYS)
    page.locator("tbody a").first.click()
    assert "Its pictures are gone." in text_of(page)
    assert "the campaign keeps crops for 24 hours" in text_of(page)
    assert page.locator("#main img").count() == 0
    assert "0.700" in page.locator(".candidates").inner_text()  # probabilities live longer
    page.get_by_role("link", name="Search by its looks").click()
    assert "There are no embeddings to compare: their lifetime is over" in text_of(page)
    page.goto(HOUR)
    page.get_by_role("link", name="figures of the day").click()
    assert page.locator("h1").inner_text().startswith("vehicle_counts")


@pytest.mark.parametrize("state", ["empty", "torn", "expired"])
def test_axe_finds_nothing_serious_in_these_states(visit: Visit, request: pytest.FixtureRequest, state: str):
    at = request.getfixturevalue(state)
    if state == "empty":
        assert findings(visit("/", at=at, bypass_csp=True), ["/", "/kept", "/purpose"]) == []
        return
    page = visit(JOURNEYS, purpose=True, at=at, bypass_csp=True)
    vehicle = page.locator("tbody a").first.get_attribute("href")
    assert findings(page, ["/", HOUR, vehicle]) == []
    assert findings_of_open_page(page) == []


def test_every_page_is_whole_while_its_tables_are_written_anew(visit: Visit, whole: Path, tmp_path: Path):
    """Again and again, with more rows and with fewer, as runs do."""
    lake, keys, log = copied(tmp_path, whole)
    tables = [(table, PLACE, lake.read(table, PLACE)) for table in ("raw_frames", "detections", "crops", "gaps")]
    ended, written = threading.Event(), []

    def write() -> None:
        for kept in itertools.cycle((20, 30, 10)):
            for table, place, rows_ in tables:
                lake.write(table, place, rows_.slice(0, kept))
                written.append(table)
            if ended.wait(0.02):
                return

    with running(lake, keys, log) as at:
        page = visit(HOUR, purpose=True, at=at)
        vehicle = page.locator(".boxes a").first.get_attribute("href")
        writer = threading.Thread(target=write)
        writer.start()
        try:
            seen = set()
            for _ in range(6):
                for address in (HOUR, vehicle, "/"):
                    assert page.goto(address).status == 200
                    assert "</html>" in page.content()
                    if address == HOUR:
                        seen.add(re.search(r"frame 1 of (\d+)", text_of(page))[1])
        finally:
            ended.set()
            writer.join()
    assert seen <= {"10", "20", "30"}
    assert len(written) > 20


@pytest.mark.slow
def test_every_page_is_whole_while_a_backfill_fills_the_lake(visit: Visit, tmp_path: Path):
    """From the empty lake on, until a process of its own has brought an hour of three cameras into it."""
    make_archive(tmp_path / "archive", CAMERAS, HOUR_17, frames=10)
    place, camera = Workplace(tmp_path), f"/cameras/{CAMERAS[0]}"
    lake, keys = Lake(str(place.lake)), KeyStore(str(tmp_path / "keys"))
    addresses = ["/", "/cameras", camera, f"{camera}/2020-05-05T17", "/figures", "/figures/vehicle_counts", "/search", "/kept"]
    with running(lake, keys, AuditLog(tmp_path / "audit.jsonl")) as at:
        page, statuses, rounds = visit("/", at=at), set(), 0
        assert page.locator("h1").inner_text() == "This lake is empty"
        backfill = place.start("backfill", "--network", "archive", "--path", tmp_path / "archive")
        while backfill.poll() is None:
            for address in addresses:
                statuses.add(page.goto(address).status)
                assert "</html>" in page.content()
                assert page.locator("h1").inner_text() not in ("", "Cannot be answered now"), (address, text_of(page))
            rounds += 1
            page.wait_for_timeout(300)
        out, err = backfill.communicate()
        assert backfill.returncode == 0, out + err
        assert statuses <= {200, 404}  # 404: not there yet
        assert rounds > 2
        page.goto("/")
        assert page.locator("h1").inner_text().startswith("Corridor")
        page.goto(camera)
        assert page.locator(".hours a.done").count() == 1
