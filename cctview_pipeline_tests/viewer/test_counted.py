"""From a figure to what it counts: as many passages as it says, each with its vehicle, its picture and its partition."""

import re
from datetime import datetime, timedelta
from html import unescape
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

from cctview_pipeline.analytics.counted import KEYS, counted_passages, place_of, places_before, timed_pairs
from cctview_pipeline.ids import DetectionId, FrameId
from cctview_pipeline.lake import Lake, Partition, layout
from cctview_pipeline.local_calendar import BIN
from cctview_pipeline.privacy.tombstones import Tombstone, Tombstones
from cctview_pipeline.roads import RoadNetwork
from cctview_pipeline_tests.factories.archive import HOUR_17
from cctview_pipeline_tests.factories.tables import NORTH, SOUTH, rows
from cctview_pipeline_tests.factories.viewer_lake import write_marts
from cctview_pipeline_tests.viewer.conftest import Browser
from cctview_pipeline_tests.viewer.test_pages import vehicle

COUNTED = "/figures/vehicle_counts/rests-on?camera_id=cam-1&carriageway=N&began_at=2020-05-05T17%3A00Z&label=car"
FLOWS = COUNTED.replace("vehicle_counts", "flows").replace("&label=car", "")
TIMED = "/figures/travel_times/rests-on?from_camera_id=cam-2&to_camera_id=cam-1&began_at=2020-05-05T17%3A00Z"
NEXT = HOUR_17 + timedelta(hours=1)
DAY = Partition.of_day(HOUR_17.date())
AT_CAM_1 = Partition.camera_hour(NORTH.id, HOUR_17)


@pytest.fixture
def busy(browser: Browser) -> Browser:
    """Two hours of two cameras with every kind of passage that a rule can trip over, their matches, and the marts."""
    draw = np.random.default_rng(1)
    for hour in (HOUR_17, NEXT):
        for camera in (SOUTH.id, NORTH.id):
            _write_passages(browser.lake, camera, hour, draw)
        _write_matches(browser.lake, hour, draw)
    write_marts(browser.lake)
    return browser


def _write_passages(lake: Lake, camera: str, hour: datetime, draw: np.random.Generator) -> None:
    place, tracks, passages = Partition.camera_hour(camera, hour), [], []
    # Both ends of the hour and of its quarters, and what lies between.
    times = [hour + i * BIN + edge for i in range(4) for edge in (timedelta(), BIN - timedelta(microseconds=1))]
    times += [hour + timedelta(seconds=float(each)) for each in draw.uniform(0, 3600, 60)]
    for number, at in enumerate(sorted(times)):
        pieces = [_track(camera, at, 10 * number + piece) for piece in range(1 + number % 3)]
        tracks += pieces
        side, label = str(draw.choice(["N", "S"])), str(draw.choice(["car", "bus"]))
        seen = {"camera_id": camera, "passed_at": at, "first_seen": at, "last_seen": at, "carriageway": side, "label": label}
        ids = [piece["track_id"] for piece in pieces]
        kmh = None if number % 5 == 0 else float(draw.uniform(30, 90))
        passages.append(seen | {"track_id": ids[0], "track_ids": ids, "speed_kmh": kmh})
    lake.write("tracks", place, rows("tracks", *tracks))
    lake.write("passages", place, rows("passages", *passages))
    quarters = ({"camera_id": camera, "began_at": hour + number * BIN, **LIVE[number]} for number in range(4))
    lake.write("coverage", place, rows("coverage", *quarters))


LIVE = [
    {},
    {"live_s": 600.0, "offline_s": 300.0, "coverage": 600 / 900},
    {"live_s": 90.0, "offline_s": 810.0, "coverage": 0.1},
    {"frames_per_s": 0.05},
]
"""Of an hour's quarters: whole, expanded, insufficient, and with frames too seldom to count."""


def _track(camera: str, at: datetime, number: int) -> dict:
    frame = str(FrameId(camera, at))
    best = str(DetectionId(frame_id=frame, number=number, label="car", percent=90.0, box=(100, 80, 140, 110)))
    track = {"track_id": f"{frame}--track--{number}", "camera_id": camera, "first_seen": at, "last_seen": at}
    return track | {"detection_ids": [best], "sizes": [30.0], "best_detection_id": best}


def _write_matches(lake: Lake, hour: datetime, draw: np.random.Generator) -> None:
    """Of fragments with fragments: some of one vehicle to two others, some not chosen, some from the hour before."""
    place, found = Partition.camera_hour(NORTH.id, hour), []
    before = [Partition.camera_hour(SOUTH.id, each) for each in (hour - timedelta(hours=1), hour)]
    gallery = [each for other in before for ids in lake.read("passages", other)["track_ids"].to_pylist() for each in ids]
    for ids in lake.read("passages", place)["track_ids"].to_pylist():
        for query in ids[:2]:
            other = str(draw.choice(gallery))
            match = {"query_track_id": query, "gallery_track_id": other, "probability": float(draw.uniform(0.1, 1))}
            found.append(match | {"assigned": len(found) % 3 > 0})
    lake.write("matches", place, rows("matches", *found))


def shown(browser: Browser, address: str) -> tuple[int, int]:
    """How many vehicles or pairs the page says that there are, and how many it shows on all its pages."""
    text, count, following = browser.get(address).text, 0, address
    while following:
        part = browser.get(following).text
        count += len(re.findall(r'<span class="crop">', part)) // (2 if "travel_times" in address else 1)
        after = re.search(r'rel="next" href="([^"]*)"', part)
        following = unescape(after[1]) if after else ""
    return int(re.search(r"here (?:is|are) <b>([\d,]+)</b>", text)[1].replace(",", "")), count


def test_every_figure_of_a_day_counts_the_rows_that_its_page_finds(busy: Browser):
    """The statement and its turning around are two texts: whatever the passages are, they must say the same."""
    lake = busy.lake
    counted = dict.fromkeys(KEYS, 0)
    for table in ("vehicle_counts", "flows", "speeds"):
        for row in lake.read(table, DAY).to_pylist():
            found = counted_passages(table, lake.read("passages", place_of(row)), row)
            assert row["vehicles"] is None or found.num_rows == row["vehicles"]
            counted[table] += row["vehicles"] or 0
    for row in lake.read("travel_times", DAY).to_pylist():
        pairs = _pairs(lake, row)
        assert row["vehicles"] is None or len(pairs) == row["vehicles"]
        if row["mean_s"] is not None:
            chances = [pair.probability for pair in pairs]
            assert np.average([pair.seconds for pair in pairs], weights=chances) == pytest.approx(row["mean_s"], rel=1e-5)
            assert np.mean(chances) == pytest.approx(row["mean_probability"], rel=1e-5)
        counted["travel_times"] += row["vehicles"] or 0
    assert counted["vehicle_counts"] == counted["flows"] > counted["speeds"] > 100
    assert counted["travel_times"] > 10


def _pairs(lake: Lake, row: dict) -> list:
    place = place_of(row)
    earlier = [lake.read("passages", each) for each in places_before(row)]
    edge = RoadNetwork.of(lake.require_campaign()).edge(row["from_camera_id"], row["to_camera_id"])
    return timed_pairs(lake.read("matches", place), lake.read("passages", place), earlier, row, edge)


@pytest.mark.parametrize("table", KEYS)
def test_every_row_of_a_figure_leads_to_as_many_vehicles(busy: Browser, table: str):
    text = busy.state().get(f"/figures/{table}?camera=cam-1").text
    links = [unescape(each) for each in re.findall(r'href="([^"]*rests-on[^"]*)"', text)]
    figures = busy.lake.read(table, DAY).to_pylist()
    mine = [row for row in figures if "cam-1" in (row.get("camera_id"), row.get("to_camera_id"), row.get("from_camera_id"))]
    assert len(links) == len(mine) >= 16
    for link, row in list(zip(links, mine, strict=True))[::3]:
        if row["vehicles"] is None:
            assert "that is no zero" in busy.get(link).text or "saw nothing" in busy.get(link).text
        else:
            assert shown(busy, link) == (row["vehicles"], row["vehicles"])


def test_a_count_leads_to_its_vehicles_their_crops_and_what_made_it(browser: Browser):
    text = browser.state().get(COUNTED).text
    assert "1 car at cam-1, northbound" in text
    assert f'<a href="{vehicle(browser)}">' in text
    src = unescape(re.search(r'<img src="(/crops/[^"]*)"', text)[1])
    assert browser.get(src).headers["content-type"] == "image/png"
    for partition in ("assets/passages?view=partitions&amp;partition=cam-1%7C2020-05-05T17", "partition=2020-05-05"):
        assert partition in text
    assert 'class="notice"' not in text


def test_a_count_says_its_status_what_was_seen_and_how_sure_it_is(browser: Browser):
    address = COUNTED.replace("cam-1", "cam-2")
    text = browser.state().get(address).text
    assert "<b>expanded</b>: 80 % of the time was seen" in text
    assert "1.2 cars, without an interval: how far it is off was not measured for these models" in text
    assert "<dt>made by</dt><dd>tracker</dd>" in text
    figure = {"camera_id": SOUTH.id, "vehicles": 1, "expanded": 1.2, "lower": 0.4, "upper": 2.0}
    browser.lake.write("vehicle_counts", DAY, rows("vehicle_counts", figure))
    assert "1.2 cars, 90 % interval 0.4 to 2.0" in browser.get(address).text


def test_fragments_that_were_put_together_are_one_vehicle_with_the_first_one_s_picture(busy: Browser):
    [row, *_] = [each for each in busy.lake.read("passages", AT_CAM_1).to_pylist() if len(each["track_ids"]) == 3]
    quarter = HOUR_17 + (row["passed_at"] - HOUR_17) // BIN * BIN
    address = FLOWS.replace("17%3A00", f"17%3A{quarter:%M}").replace("carriageway=N", f"carriageway={row['carriageway']}")
    text = busy.state().get(address).text
    assert "of 3 fragments" in text
    assert re.search(r"put together of \d+ fragments of tracks", text)
    tracks = busy.lake.read("tracks", AT_CAM_1).to_pylist()
    [best] = [track["best_detection_id"] for track in tracks if track["track_id"] == row["track_id"]]
    assert f"/crops/cam-1/2020-05-05T17/{best}.png" in text


def test_a_travel_time_leads_to_its_pairs_from_passage_to_passage(browser: Browser):
    text = browser.state().get(TIMED).text
    assert f'<a href="{vehicle(browser)}">' in text
    assert f'<a href="{vehicle(browser, SOUTH.id)}">' in text
    assert '<td class="n">80.0 s</td><td class="n">63</td><td class="n">0.70</td>' in text
    assert "assets/matches?view=partitions&amp;partition=cam-1%7C2020-05-05T17" in text
    assert len(re.findall(r'<img src="/crops/', text)) == 2


@pytest.mark.parametrize("address", [COUNTED, FLOWS, TIMED])
def test_what_a_figure_counts_is_a_question_about_vehicles(browser: Browser, address: str):
    asked = browser.get(address)
    assert (asked.status_code, urlsplit(asked.headers["location"]).path) == (303, "/purpose")
    assert parse_qs(urlsplit(asked.headers["location"]).query)["next"] == [address]
    browser.state().get(address)
    browser.get(address)
    assert len([line for line in browser.asked() if "in the 15 minutes from 2020-05-05T17:00Z" in line]) == 1


def test_pictures_that_are_gone_are_said_to_be(browser: Browser):
    Tombstones(browser.lake).put(Tombstone("crops", AT_CAM_1, "older than 24 hours", HOUR_17))
    browser.lake.storage.delete(layout.key("crops", AT_CAM_1))
    text = browser.state().get(COUNTED).text
    assert "The pictures of this hour are gone." in text
    assert "older than 24 hours" in text
    assert "<img" not in text
    assert vehicle(browser) in text


def test_a_figure_that_outlives_its_passages_says_why_they_are_fewer_and_what_it_rested_on(browser: Browser):
    figure = {"vehicles": 3, "expanded": 3.0, "lower": 2.0, "upper": 4.0}
    browser.lake.write("vehicle_counts", DAY, rows("vehicle_counts", figure))
    assert "was made anew, after the figure was made" in browser.state().get(COUNTED).text
    Tombstones(browser.lake).put(Tombstone("passages", AT_CAM_1, "older than 7 days", HOUR_17))
    browser.lake.storage.delete(layout.key("passages", AT_CAM_1))
    text = browser.get(COUNTED).text
    assert "The figure counts <b>3</b> vehicles that passed the camera's line in these 15 minutes; here are <b>0</b>." in text
    assert "The passages of this hour were deleted on purpose" in text
    assert "3.0 cars, 90 % interval 2.0 to 4.0" in text
    assert "<dt>made by</dt><dd>tracker</dd>" in text


def test_names_are_gone_with_their_days_key(browser: Browser):
    browser.state()
    browser.keys.destroy(HOUR_17.date())
    text = browser.get(COUNTED).text
    assert "/vehicles/" not in text
    assert "here is <b>1</b>" in text


@pytest.mark.parametrize(
    "changed",
    [
        "camera_id=cam-9", "began_at=2020-05-05T17%3A07Z", "began_at=2020-05-05T17%3A00", "began_at=yesterday",
        "label=%27+OR+1%3D1+--", "carriageway=%3Cb%3E",
    ],
)  # fmt: skip
def test_a_figure_that_is_not_there_is_a_sentence(browser: Browser, changed: str):
    name = changed.split("=")[0]
    address = re.sub(rf"{name}=[^&]*", lambda _: changed, COUNTED)
    answer = browser.state().get(address)
    assert answer.status_code == 404
    assert "<h1>Not here</h1>" in answer.text


def test_a_camera_whose_vehicles_cannot_be_counted_has_its_pages(browser: Browser):
    seldom = ({"began_at": HOUR_17 + number * BIN, "frames_per_s": 0.05} for number in range(4))
    browser.lake.write("coverage", AT_CAM_1, rows("coverage", *seldom))
    write_marts(browser.lake)
    assert re.search(r'cam-1</a></th>.*?<td class="n">\u2013</td>', browser.get("/").text, re.DOTALL)
    text = browser.get("/figures/flows").text
    assert "cam-1 N, 13:00 to 14:00, no data, frames come too seldom to follow vehicles" in text
    assert "that is no zero" in browser.state().get(COUNTED).text
