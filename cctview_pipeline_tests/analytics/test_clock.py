"""Times as people read them: by the cameras' clock, also where that shows an hour twice or skips one."""

import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cctview_pipeline.analytics.clock import Clock
from cctview_pipeline.cameras import NETWORKS
from cctview_pipeline.cameras.local_time import zone_of
from cctview_pipeline.ids import NEW_YORK
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.viewer.plots import plots
from cctview_pipeline_tests.factories.archive import HOUR_17
from cctview_pipeline_tests.factories.tables import NORTH, rows
from cctview_pipeline_tests.factories.viewer_lake import HOUR_KEY, viewer_campaign
from cctview_pipeline_tests.viewer.conftest import Browser, Open
from cctview_pipeline_tests.viewer.test_pages import FREE, vehicle

AUTUMN = datetime(2020, 11, 1, 5, tzinfo=UTC)
"""When New York's clocks show 01:00 for the first time; an hour later they show it again."""
SPRING = datetime(2020, 3, 8, 7, tzinfo=UTC)
"""When they go from 02:00 to 03:00."""
CLOCK = Clock(NEW_YORK)
ZONES = (
    "America/New_York",
    "Europe/London",
    "Europe/Helsinki",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "America/Sao_Paulo",
    "UTC",
)
MOMENTS = st.datetimes(datetime(2015, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))


@pytest.mark.parametrize("network", NETWORKS)
def test_every_network_has_a_zone(network: str):
    assert zone_of(network) == NEW_YORK


def test_a_network_that_is_not_known_keeps_utc():
    assert Clock(zone_of("elsewhere")).name(HOUR_17) == "UTC"


def test_the_hour_that_autumn_repeats_says_which_it_is():
    shown = [CLOCK.minute(AUTUMN + timedelta(minutes=30 * half)) for half in range(-1, 5)]
    assert shown == ["00:30", "01:00 EDT", "01:30 EDT", "01:00 EST", "01:30 EST", "02:00"]
    assert CLOCK.name(AUTUMN - timedelta(hours=5), AUTUMN + timedelta(hours=19)) == "EDT, UTC-4, then EST, UTC-5"


def test_the_hour_that_spring_skips_is_on_no_axis():
    ticks = CLOCK.ticks(SPRING - timedelta(hours=2), SPRING + timedelta(hours=2), 6)
    assert [CLOCK.minute(each) for each in ticks] == ["00:00", "01:00", "03:00", "04:00", "05:00"]


def test_a_day_that_is_longer_has_its_marks_at_round_hours():
    ticks = CLOCK.ticks(AUTUMN - timedelta(hours=1), AUTUMN + timedelta(hours=24), 10)
    assert [CLOCK.minute(each) for each in ticks] == [f"{hour % 24:02d}:00" for hour in range(0, 25, 3)]


@pytest.mark.parametrize(
    ("zone", "said"), [("Asia/Kolkata", "IST, UTC+5:30"), ("America/Sao_Paulo", "UTC-3"), ("Europe/London", "BST, UTC+1")]
)
def test_zones_are_named_as_people_name_them(zone: str, said: str):
    assert Clock(ZoneInfo(zone)).name(HOUR_17) == said


@given(at=MOMENTS, zone=st.sampled_from(ZONES), more=st.integers(1, 200_000))
def test_no_two_moments_of_a_day_look_the_same_and_marks_are_round(at: datetime, zone: str, more: int):
    """Before the abbreviation, the hour that is repeated looks twice the same."""
    clock = Clock(ZoneInfo(zone))
    later = at + timedelta(seconds=min(more, 23 * 3600 - 1))
    assert (clock.local(at).date(), clock.moment(at)) != (clock.local(later).date(), clock.moment(later)) or at == later
    for tick in clock.ticks(at, at + timedelta(seconds=more), 12):
        assert at <= tick <= at + timedelta(seconds=more)
        assert (clock.local(tick).second, clock.local(tick).microsecond) == (0, 0)


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


def test_plots_have_the_local_clock_at_their_axis_and_an_hour_at_least():
    counted = rows("vehicle_counts", {"began_at": AUTUMN}).to_pylist()
    [plot] = plots("vehicle_counts", counted, CLOCK)
    drawn = str(plot.__html__())
    marks = re.findall(r'class="axis" text-anchor="\w+">(\d\d:\d\d[^<]*)<', drawn)
    assert marks == ["01:00 EDT", "01:15 EDT", "01:30 EDT", "01:45 EDT", "01:00 EST"]
    x, wide = re.search(r'<rect x="([\d.]+)" y="[\d.]+" width="([\d.]+)"', drawn).groups()
    assert float(x) == pytest.approx(38.5)
    assert float(wide) == pytest.approx((300 - 38 - 4) / 4 - 1)  # a quarter of the hour that is shown
