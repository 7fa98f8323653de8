"""From a figure to what it counts: as many tracks as it says, each with its vehicle, its picture and its partition."""

import re
from datetime import datetime, timedelta
from html import unescape
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pyarrow.compute as pc
import pytest

from cctview_pipeline.analytics.counted import BIN, KEYS, counted_tracks, place_of, timed_matches
from cctview_pipeline.analytics.warehouse import build_mart
from cctview_pipeline.ids import DetectionId, FrameId
from cctview_pipeline.lake import Lake, Partition, layout
from cctview_pipeline.privacy.tombstones import Tombstone, Tombstones
from cctview_pipeline_tests.factories.archive import HOUR_17
from cctview_pipeline_tests.factories.tables import NORTH, SOUTH, rows
from cctview_pipeline_tests.viewer.conftest import Browser
from cctview_pipeline_tests.viewer.test_pages import vehicle

COUNTED = "/figures/vehicle_counts/rests-on?camera_id=cam-1&carriageway=N&began_at=2020-05-05T17%3A00Z&label=car"
TIMED = "/figures/travel_times/rests-on?from_camera_id=cam-2&to_camera_id=cam-1&began_at=2020-05-05T17%3A00Z"
NEXT = HOUR_17 + timedelta(hours=1)


def made_anew(browser: Browser) -> Browser:
    """With its marts made of its tracks and matches."""
    for name in KEYS:
        browser.lake.write(name, Partition.of_day(HOUR_17.date()), build_mart(browser.lake, name, HOUR_17.date()))
    return browser.state()


def busy_hours(lake: Lake, seed: int = 1) -> None:
    """Two hours of two cameras with every kind of track that a rule can trip over, their matches, and the marts."""
    draw = np.random.default_rng(seed)
    for hour in (HOUR_17, NEXT):
        for camera in (SOUTH.id, NORTH.id):
            _write_tracks(lake, camera, hour, draw)
    for hour in (HOUR_17, NEXT):
        place = Partition.camera_hour(NORTH.id, hour)
        queries = lake.read("tracks", place)["track_id"].to_pylist()
        gallery = lake.read("tracks", Partition.camera_hour(SOUTH.id, hour))["track_id"].to_pylist()
        found = []
        for number, (query, other) in enumerate(zip(queries, gallery, strict=False)):
            match = {"query_track_id": query, "gallery_track_id": other, "gap_s": float(draw.uniform(20, 99))}
            found.append(match | {"assigned": number % 3 > 0})
        lake.write("matches", place, rows("matches", *found))
    for name in KEYS:
        lake.write(name, Partition.of_day(HOUR_17.date()), build_mart(lake, name, HOUR_17.date()))


def _write_tracks(lake: Lake, camera: str, hour: datetime, draw: np.random.Generator) -> None:
    place, frames, tracks = Partition.camera_hour(camera, hour), [], []
    # Both ends of the hour and of its quarters, and what lies between.
    times = [hour + i * BIN + edge for i in range(4) for edge in (timedelta(), BIN - timedelta(microseconds=1))]
    times += [hour + timedelta(seconds=float(each)) for each in draw.uniform(0, 3600, 60)]
    for number, at in enumerate(sorted(times)):
        frame = str(FrameId(camera, at))
        best = str(DetectionId(frame_id=frame, number=number, label="car", percent=90.0, box=(100, 80, 140, 110)))
        frames.append({"frame_id": f"{frame}{number}", "camera_id": camera, "captured_at": at})
        track = {"track_id": f"{frame}--track--{number}", "camera_id": camera, "first_seen": at, "last_seen": at}
        track |= {"detection_ids": [best], "sizes": [30.0], "best_detection_id": best}
        track |= {"carriageway": draw.choice(["N", "S", ""]) or None, "label": str(draw.choice(["car", "bus"]))}
        track |= {"continues": "before" if number % 7 == 0 else None, "quality": None if number % 5 == 0 else 0.8}
        tracks.append(track)
    lake.write("raw_frames", place, rows("raw_frames", *frames))
    lake.write("tracks", place, rows("tracks", *tracks))


def shown(browser: Browser, address: str) -> tuple[int, int]:
    """How many tracks the page says that there are, and how many it shows on all its pages."""
    text, count, following = browser.get(address).text, 0, address
    while following:
        part = browser.get(following).text
        count += len(re.findall(r'<span class="crop">', part)) // (2 if "matches;" in part else 1)
        after = re.search(r'rel="next" href="([^"]*)"', part)
        following = unescape(after[1]) if after else ""
    return int(re.search(r"here (?:is|are) <b>([\d,]+)</b>", text)[1].replace(",", "")), count


def test_every_figure_of_a_day_counts_the_rows_that_its_page_finds(browser: Browser):
    """The statement and its turning around are two texts: whatever the tracks are, they must say the same."""
    lake = browser.lake
    busy_hours(lake)
    counts = lake.read("vehicle_counts", Partition.of_day(HOUR_17.date())).to_pylist()
    sightings = 0
    for row in counts:
        found, left_out = counted_tracks(lake.read("tracks", place_of(row)), row)
        assert found.num_rows == (row["vehicles"] or 0)
        sightings += left_out
    times = lake.read("travel_times", Partition.of_day(HOUR_17.date())).to_pylist()
    for row in times:
        place = place_of(row)
        found = timed_matches(lake.read("matches", place), lake.read("tracks", place), row)
        assert found.num_rows == row["vehicles"]
        assert np.median(found["gap_s"]) == pytest.approx(row["median_s"])
        assert pc.mean(found["probability"]).as_py() == pytest.approx(row["mean_probability"])
    assert (len(times), len(counts) > 60, sightings > 10) == (8, True, True)


@pytest.mark.parametrize(("table", "column"), [("vehicle_counts", "vehicles"), ("travel_times", "vehicles")])
def test_every_row_of_a_figure_leads_to_as_many_vehicles(browser: Browser, table: str, column: str):
    busy_hours(browser.lake)
    text = browser.state().get(f"/figures/{table}?camera=cam-1").text
    links = [unescape(each) for each in re.findall(r'href="([^"]*rests-on[^"]*)"', text)]
    figures = browser.lake.read(table, Partition.of_day(HOUR_17.date())).to_pylist()
    mine = [row for row in figures if "cam-1" in (row.get("camera_id"), row.get("to_camera_id"))]
    assert len(links) == len(mine) > 5
    for link, row in zip(links, mine, strict=True):
        if row[column]:
            assert shown(browser, link) == (row[column], row[column])
        else:
            assert "mere sightings are no count" in browser.get(link).text


def test_a_count_leads_to_its_vehicles_their_crops_and_what_made_it(browser: Browser):
    text = made_anew(browser).get(COUNTED).text
    assert "1 car at cam-1, northbound" in text
    assert f'<a href="{vehicle(browser)}">' in text
    src = unescape(re.search(r'<img src="(/crops/[^"]*)"', text)[1])
    assert browser.get(src).headers["content-type"] == "image/png"
    for partition in ("assets/tracks?view=partitions&amp;partition=cam-1%7C2020-05-05T17", "partition=2020-05-05"):
        assert partition in text
    assert 'class="notice"' not in text


def test_a_travel_time_leads_to_its_matches_with_both_vehicles(browser: Browser):
    text = made_anew(browser).get(TIMED).text
    assert f'<a href="{vehicle(browser)}">' in text
    assert f'<a href="{vehicle(browser, SOUTH.id)}">' in text
    assert "assets/matches?view=partitions&amp;partition=cam-1%7C2020-05-05T17" in text
    assert len(re.findall(r'<img src="/crops/', text)) == 2


@pytest.mark.parametrize("address", [COUNTED, TIMED])
def test_what_a_figure_counts_is_a_question_about_vehicles(browser: Browser, address: str):
    asked = browser.get(address)
    assert (asked.status_code, urlsplit(asked.headers["location"]).path) == (303, "/purpose")
    assert parse_qs(urlsplit(asked.headers["location"]).query)["next"] == [address]
    browser.state().get(address)
    browser.get(address)
    assert len([line for line in browser.asked() if "in the 15 minutes from 2020-05-05T17:00Z" in line]) == 1


def test_pictures_that_are_gone_are_said_to_be(browser: Browser):
    place = Partition.camera_hour(NORTH.id, HOUR_17)
    Tombstones(browser.lake).put(Tombstone("crops", place, "older than 24 hours", HOUR_17))
    browser.lake.storage.delete(layout.key("crops", place))
    text = made_anew(browser).get(COUNTED).text
    assert "The pictures of this hour are gone." in text
    assert "older than 24 hours" in text
    assert "<img" not in text
    assert vehicle(browser) in text


def test_a_figure_that_outlives_its_tracks_says_why_they_are_fewer(browser: Browser):
    """The small lake's figures say 3, and it has one track of them."""
    assert "was made anew, after the figure was made" in browser.state().get(COUNTED).text
    place = Partition.camera_hour(NORTH.id, HOUR_17)
    Tombstones(browser.lake).put(Tombstone("tracks", place, "older than 7 days", HOUR_17))
    browser.lake.storage.delete(layout.key("tracks", place))
    text = browser.get(COUNTED).text
    assert "The figure counts <b>3</b> tracks that began in these 15 minutes; here are <b>0</b>." in text
    assert "The tracks of this hour were deleted on purpose" in text


def test_names_are_gone_with_their_days_key(browser: Browser):
    made_anew(browser)
    browser.keys.destroy(HOUR_17.date())
    text = browser.get(COUNTED).text
    assert "/vehicles/" not in text
    assert "here is <b>1</b>" in text


@pytest.mark.parametrize(
    "changed",
    ["camera_id=cam-9", "began_at=2020-05-05T17%3A07Z", "began_at=yesterday", "label=%27+OR+1%3D1+--", "carriageway=%3Cb%3E"],
)
def test_a_figure_that_is_not_there_is_a_sentence(browser: Browser, changed: str):
    name = changed.split("=")[0]
    address = re.sub(rf"{name}=[^&]*", lambda _: changed, COUNTED)
    answer = browser.state().get(address)
    assert answer.status_code == 404
    assert "<h1>Not here</h1>" in answer.text


def test_a_camera_whose_vehicles_cannot_be_counted_has_its_pages(browser: Browser):
    figures = rows("vehicle_counts", {"vehicles": None}, {"camera_id": SOUTH.id})
    browser.lake.write("vehicle_counts", Partition.of_day(HOUR_17.date()), figures)
    home = browser.get("/").text
    assert re.search(r'cam-1</a></th>.*?<td class="n">\u2013</td>', home, re.DOTALL)
    assert re.findall(r"<title>(cam-\d N), 13:00: \d vehicles", browser.get("/figures/vehicle_counts").text) == ["cam-2 N"]
    assert "Frames came too seldom to count" in browser.state().get(COUNTED).text
