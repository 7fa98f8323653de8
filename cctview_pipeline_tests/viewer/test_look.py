"""Pages of figures' vehicles, of a search and of a map on tiles, as Chromium lays them out and axe hears them."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from cctview_pipeline.viewer import ViewerSettings
from cctview_pipeline.viewer.tiles import Tiles
from cctview_pipeline_tests.factories.viewer_lake import HOUR_KEY
from cctview_pipeline_tests.viewer.test_counted import COUNTED, TIMED
from cctview_pipeline_tests.viewer.test_maps import running, write_tiles


@pytest.fixture(scope="module")
def here(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The small lake with tiles."""
    folder = tmp_path_factory.mktemp("look")
    shutil.copytree(whole, folder / "before")
    with running(folder / "before", folder, ViewerSettings(tiles=Tiles.open(str(write_tiles(folder / "a.pmtiles"))))) as address:
        yield address


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 320)])
def test_nothing_is_out_of_place_and_axe_finds_nothing_serious(chromium, here: str, scheme: str, width: int):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    how = {"color_scheme": scheme, "viewport": {"width": width, "height": 700}, "bypass_csp": True}
    page = chromium.new_page(base_url=here, **how)
    page.goto("/purpose")
    page.get_by_role("button", name="Go on").click()
    page.goto(COUNTED)
    vehicle = page.locator(".hits a").first.get_attribute("href")
    searched = f"/search?camera=cam-2&hour={HOUR_KEY}&within=gate&like={vehicle.removeprefix('/vehicles/')}"
    wrong = []
    for address in ("/", COUNTED, TIMED, searched):
        page.goto(address)
        if address == "/":
            page.wait_for_selector("#tiles .mark a")
        page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
        if page.evaluate("document.documentElement.scrollWidth") > width:
            wrong.append((address, "is wider than the window"))
        found = axe.run(page).response["violations"]
        wrong += [
            (address, each["id"], each["nodes"][0]["html"][:160]) for each in found if each["impact"] in ("serious", "critical")
        ]
    assert wrong == []


def test_from_a_figure_to_its_vehicle_and_the_clock_of_its_cameras(chromium, here: str):
    page = chromium.new_page(base_url=here, timezone_id="Asia/Tokyo")
    page.set_default_timeout(15_000)
    page.goto("/figures/vehicle_counts?camera=cam-1")
    assert page.locator("time").first.inner_text() == "2020-05-05 13:00"  # not the reader's clock
    counted = page.get_by_role("row", name=re.compile("cam-1 N car")).first
    counted.get_by_role("link", name="vehicles", exact=True).click()
    page.get_by_role("button", name="Go on").click()
    assert page.locator("h1").inner_text().startswith("1 car at cam-1, northbound")
    assert page.locator(".hits img").first.evaluate("each => each.decode().then(() => each.naturalWidth)") == 40
    page.locator(".hits a").first.click()
    assert re.match(r"Car .* cam-1, 13:01:20", page.locator("h1").inner_text())
    page.go_back()
    page.go_back()
