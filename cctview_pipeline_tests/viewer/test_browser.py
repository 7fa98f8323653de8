"""A person at the pages: a real server, a real Chromium. Where none is installed these tests are skipped, and say so."""

import re
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvicorn

from cctview_pipeline.lake import Lake, Partition, layout
from cctview_pipeline.privacy.audit import AuditLog
from cctview_pipeline.privacy.keys import KeyStore
from cctview_pipeline.privacy.tombstones import Tombstone, Tombstones
from cctview_pipeline.viewer import ViewerSettings, create_app
from cctview_pipeline.viewer.serving import listen
from cctview_pipeline_tests.factories.archive import HOUR_17
from cctview_pipeline_tests.factories.tables import NORTH
from cctview_pipeline_tests.factories.viewer_lake import HOUR_KEY

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: make install-dev")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed: apt-get install chromium")

HOUR = f"/cameras/cam-1/{HOUR_KEY}"
PAGES = [
    "/",
    "/cameras",
    "/cameras/cam-1",
    HOUR,
    "/figures",
    "/figures/vehicle_counts",
    "/figures/travel_times",
    "/search",
    "/kept",
]
PAGES += ["/drivers", "/purpose", f"/journeys/{HOUR_KEY}?least=2", "/nothing"]
Visit = Callable[..., "sync_api.Page"]


@pytest.fixture(scope="module")
def served(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Lake]]:
    """The small lake behind a real server: its address, and the lake."""
    folder = tmp_path_factory.mktemp("served")
    shutil.copytree(whole, folder / "small")
    lake, keys = Lake(str(folder / "small" / "lake")), KeyStore(str(folder / "small" / "keys"))
    app = create_app(lake, keys, ViewerSettings(), AuditLog(folder / "audit.jsonl"))
    listener = listen("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}", lake
    server.should_exit = True
    thread.join(10)


@pytest.fixture(scope="module")
def chromium() -> Iterator["sync_api.Browser"]:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium, served: tuple[str, Lake]) -> Iterator[Visit]:
    """Opens a page as somebody new; whatever the browser complains of makes the test fail."""
    contexts, complaints = [], []

    def open_page(address: str, purpose: bool = False, **how) -> "sync_api.Page":
        context = chromium.new_context(base_url=served[0], **how)
        context.set_default_timeout(60_000)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.on("request", lambda sent: complaints.append(sent.url) if not sent.url.startswith(served[0]) else None)
        if purpose:
            page.goto("/purpose")
            page.get_by_role("button", name="Go on").click()
        page.goto(address)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert [each for each in complaints if "404" not in each and "403" not in each] == []


def shows(page, number: int) -> None:
    """Waits until the scene is that of a frame."""
    sync_api.expect(page.locator(".when")).to_contain_text(f"frame {number} of", timeout=60_000)


def test_from_the_corridor_to_a_frame_a_vehicle_its_candidate_and_a_label(visit: Visit):
    page = visit("/")
    page.get_by_role("row", name="cam-1").get_by_role("link").nth(1).click()
    assert page.get_by_role("heading", level=1).inner_text() == "What for?"
    page.get_by_role("button", name="Go on").click()
    assert page.url.endswith(HOUR)
    page.locator(".boxes a").first.click()
    assert page.locator("h1").inner_text().startswith("Car ")
    assert page.locator(".film img").count() == 15
    assert page.locator(".film img").first.evaluate("each => each.decode().then(() => each.naturalWidth)") == 40
    page.get_by_role("radio", name=re.compile("candidate 1")).check()
    page.get_by_role("radio", name="the one I picked is the same vehicle").check()
    page.get_by_label("Why").fill("the same colour")
    page.get_by_role("button", name="Keep this label").click()
    assert "is the same vehicle, “the same colour”" in page.locator("#main").inner_text()
    page.locator(".candidates tr.this a").last.click()
    assert "cam-2" in page.locator("h1").inner_text()
    page.go_back()
    assert "cam-1" in page.locator("h1").inner_text()


def test_keys_step_through_frames_and_every_moment_has_an_address(visit: Visit):
    page = visit(f"{HOUR}?at=17:01:30", purpose=True)
    number = lambda: int(re.search(r"frame (\d+) of", page.locator(".when").inner_text())[1])  # noqa: E731
    assert number() == 11
    for key, shown in (("ArrowRight", 12), ("k", 13), ("j", 12), ("Shift+ArrowRight", 22), ("ArrowLeft", 21)):
        page.keyboard.press(key)
        shows(page, shown)
    assert page.url.endswith("at=17:01:40.000")
    page.reload()
    assert number() == 21
    page.locator("[data-scrub]").focus()
    page.keyboard.press("Home")
    shows(page, 1)


def test_focus_stays_where_it_was_when_the_scene_changes(visit: Visit):
    page = visit(HOUR, purpose=True)
    page.get_by_role("link", name="frame →").focus()
    page.keyboard.press("Enter")
    shows(page, 2)
    assert page.evaluate("document.activeElement.getAttribute('rel')") == "next"


def test_without_javascript_everything_is_a_link_or_a_form(visit: Visit):
    page = visit(HOUR, purpose=True, java_script_enabled=False)
    page.get_by_role("link", name="frame →").click()
    assert "frame 2 of 30" in page.locator(".when").inner_text()
    page.get_by_label("Time").select_option("platoon")
    page.get_by_label("Way").select_option("N")
    page.get_by_role("button", name="Show").click()
    assert "The same vehicles along the road, northbound" in page.locator("#main").inner_text()


def test_with_the_keyboard_alone_one_comes_from_the_corridor_to_a_camera(visit: Visit):
    page = visit("/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.innerText") == "To the page"
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.getAttribute('href')"))
    assert {"/cameras/cam-1", f"/cameras/cam-1/{HOUR_KEY}", "/drivers", "/kept"} <= reached


@pytest.mark.parametrize("width", [320, 375, 1280])
def test_no_page_scrolls_sideways(visit: Visit, width: int):
    page = visit("/", purpose=True, viewport={"width": width, "height": 700})
    for address in PAGES:
        page.goto(address)
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, f"{address} is {wide} wide"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_on_any_page(visit: Visit, scheme: str):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page = visit(HOUR, purpose=True, color_scheme=scheme, bypass_csp=True)
    addresses = [*PAGES, page.locator(".boxes a").first.get_attribute("href")]
    wrong = []
    for address in addresses:
        page.goto(address)
        found = axe.run(page).response["violations"]
        wrong += [
            (address, each["id"], each["nodes"][0]["html"][:160]) for each in found if each["impact"] in ("serious", "critical")
        ]
    assert wrong == []


def test_pictures_that_are_gone_leave_a_page_that_says_so(visit: Visit, served: tuple[str, Lake]):
    lake, place = served[1], Partition.camera_hour(NORTH.id, HOUR_17)
    kept = lake.read("raw_frames", place)
    Tombstones(lake).put(Tombstone("raw_frames", place, "older than 24 hours", HOUR_17))
    lake.storage.delete(layout.key("raw_frames", place))
    try:
        page = visit(HOUR, purpose=True)
        assert "The pictures of this hour are gone." in page.locator("#main").inner_text()
        page.get_by_role("link", name="figures of the day").click()
        assert page.locator("h1").inner_text().startswith("vehicle_counts")
    finally:
        lake.write("raw_frames", place, kept)
