"""Times on pages: by the cameras' clock, also where that shows an hour twice; UTC under them, and in addresses."""

import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

from cctview_pipeline.analytics.clock import Clock
from cctview_pipeline.ids import NEW_YORK
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.local_calendar import BIN
from cctview_pipeline.viewer.plots import plots
from cctview_pipeline_tests.factories.tables import NORTH, rows
from cctview_pipeline_tests.factories.viewer_lake import HOUR_KEY, viewer_campaign
from cctview_pipeline_tests.viewer.conftest import Browser, Open
from cctview_pipeline_tests.viewer.test_pages import FREE, vehicle

AUTUMN = datetime(2020, 11, 1, 5, tzinfo=UTC)
"""When New York's clocks show 01:00 for the first time; an hour later they show it again."""
CLOCK = Clock(NEW_YORK)


class Times(HTMLParser):
    """The elements of times, what they hold, and attributes that have one inside."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.shown, self.spoiled, self._open = [], [], None
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.spoiled += [f"{tag} {name}" for name, value in attributes if "<time" in (value or "")]
        if tag == "time":
            self._open = dict(attributes)

    def handle_data(self, data: str) -> None:
        if self._open:
            self.shown.append((self._open["datetime"], self._open["title"], data))
            self._open = None


def test_every_time_of_every_page_is_local_and_keeps_utc(browser: Browser):
    browser.state()
    found = []
    like = vehicle(browser).removeprefix("/vehicles/")
    searched = f"/search?camera=cam-2&hour={HOUR_KEY}&like={like}"
    for address in (*FREE, f"/cameras/{NORTH.id}/{HOUR_KEY}", vehicle(browser), f"/journeys/{HOUR_KEY}?least=2", searched):
        text = browser.get(address).text
        times = Times(text)
        assert times.spoiled == [], address
        assert " Times are the cameras' own: EDT, UTC-4 (America/New York)." in text or address == "/kept"
        found += times.shown
        outside = re.sub(r"<time.*?</time>|<[^>]*>", " ", text)
        assert re.findall(r"\b17:\d\d", outside) == [], address  # UTC is nowhere beside the local time
    assert len(found) > 20
    for utc, title, shown in found:
        at = datetime.fromisoformat(utc)
        assert title == f"UTC {at:%Y-%m-%d %H:%M:%S}"
        assert shown.split(".")[0][-5:] in f"{at.astimezone(NEW_YORK):%H:%M:%S}"


def test_the_same_lake_elsewhere_has_another_clock(open_browser: Open):
    browser = open_browser(of=viewer_campaign(network="of another country")).state()
    text = browser.get(f"/cameras/{NORTH.id}/{HOUR_KEY}?at=17:01:30").text
    assert ">17:01:30.000</time>" in text
    assert "Times are the cameras' own: UTC." in text


def test_addresses_keep_utc(browser: Browser):
    text = browser.state().get(f"/cameras/{NORTH.id}/{HOUR_KEY}?at=17:01:30").text
    assert f"/cameras/{NORTH.id}/{HOUR_KEY}?way=S&amp;at=17:01:31.000" in text
    assert "at=13:" not in text


def test_hours_that_clocks_show_twice_are_two_links(browser: Browser):
    lake: Lake = browser.lake
    lake.write_campaign(viewer_campaign(start=AUTUMN - timedelta(hours=1), end=AUTUMN + timedelta(hours=3)))
    for number in range(3):
        hour = AUTUMN + timedelta(hours=number)
        frame = {"frame_id": f"cam-1--{hour:%Y-%m-%d--%H.%M.%S}.000Z", "captured_at": hour}
        lake.write("raw_frames", Partition.camera_hour(NORTH.id, hour), rows("raw_frames", frame))
    text = browser.get("/cameras/cam-1").text
    cell = re.search(r"<td><a[^>]*2020-11-01T05.*?</td>", text)[0]
    assert re.findall(r'aria-label="([^"]*)"', cell) == ["2020-11-01 01:00 EDT", "2020-11-01 01:00 EST"]
    assert "EDT, UTC-4, then EST, UTC-5" in text


def test_plots_have_the_local_clock_at_their_axis():
    """Where it shows an hour twice, each says which."""
    found = rows("flows", *({"began_at": AUTUMN + number * BIN} for number in range(5))).to_pylist()
    [plot] = plots("flows", found, {}, CLOCK)
    drawn = str(plot.__html__())
    marks = re.findall(r'<tspan x="[\d.]+">(\d\d:\d\d[^<]*)<', drawn)
    assert marks == ["01:00 EDT", "01:15 EDT", "01:30 EDT", "01:45 EDT", "01:00 EST", "01:15 EST"]
