"""Every page, as somebody reads it: what is there, what is missing, and where it leads."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from cctview_pipeline.analytics.known_bias import sentence
from cctview_pipeline.analytics.report.stored import report_key
from cctview_pipeline.campaign import Camera, Models
from cctview_pipeline.images import decode
from cctview_pipeline.lake import Lake, Partition, layout
from cctview_pipeline.lake.schemas import TABLES
from cctview_pipeline.lake.storage import Storage
from cctview_pipeline.privacy.access import AGGREGATES
from cctview_pipeline.privacy.keys import KeyStore
from cctview_pipeline.privacy.tombstones import Tombstone, Tombstones
from cctview_pipeline.resources.lake import open_lake
from cctview_pipeline.viewer.pages.figures import OFFERED
from cctview_pipeline.viewer.shared import MENU
from cctview_pipeline_tests.factories.archive import HOUR_17
from cctview_pipeline_tests.factories.pseudonyms import pseudonym_of
from cctview_pipeline_tests.factories.tables import NORTH, SOUTH, partition_of, rows
from cctview_pipeline_tests.factories.viewer_lake import HOUR_KEY, PURPOSE, track_of, viewer_campaign, write_marts
from cctview_pipeline_tests.viewer.conftest import Browser, Open

HOUR = f"/cameras/{NORTH.id}/{HOUR_KEY}"
FREE = [*(address for address, _ in MENU), "/purpose", "/cameras/cam-1", "/figures/vehicle_counts", "/figures/gaps"]


def name_of(browser: Browser, camera: str) -> str:
    return pseudonym_of(browser.keys, track_of(camera))


def vehicle(browser: Browser, camera: str = NORTH.id) -> str:
    return f"/vehicles/{camera}/{HOUR_KEY}/{name_of(browser, camera)}"


@pytest.mark.parametrize("address", FREE)
def test_pages_about_cameras_need_no_purpose_and_leave_no_trace(browser: Browser, address: str):
    answer = browser.get(address)
    assert answer.status_code == 200
    assert "<h1>" in answer.text
    assert not browser.log.path.exists()


@pytest.mark.parametrize("address", FREE)
def test_every_page_shows_what_the_cameras_operator_asks_for(open_browser: Open, address: str):
    browser = open_browser(of=viewer_campaign(network="singapore"))
    footer = browser.get(address).text.partition("<footer>")[2]
    assert "Traffic Images accessed on 2020-05-06 from data.gov.sg" in footer


def test_the_first_page_names_once_where_counts_do_not_fit_those_of_the_camera_before(browser: Browser):
    found = {"carriageway": "N", "kind": "flow_balance", "problem": "questionable", "investigation": "auto"}
    told = [
        found | {"camera_id": "cam-1", "note": "61 % of the vehicles of cam-2"},
        found | {"camera_id": "cam-1", "note": "64 % of the vehicles of cam-2", "began_at": HOUR_17 + timedelta(minutes=30)},
        found | {"camera_id": "cam-2", "kind": "declared", "note": "A parade."},
    ]
    day = Partition.of_day(HOUR_17.date())
    browser.lake.write("anomalies", day, rows("anomalies", *told))
    assert "before at cam-1 N (61 % of the vehicles of cam-2)." in browser.get("/").text
    assert "A parade." not in browser.get("/").text


@pytest.mark.parametrize("address", ["/", "/cameras", "/figures/vehicle_counts", HOUR])
def test_an_empty_lake_says_how_it_is_filled(open_browser: Open, tmp_path: Path, address: str):
    browser = open_browser(made=(Lake(str(tmp_path / "none")), KeyStore(str(tmp_path / "keys"))))
    assert "This lake is empty" in browser.get(address).text


def test_the_first_page_draws_the_road_hatches_gaps_and_says_what_not_to_trust(browser: Browser):
    text = browser.get("/").text
    assert "Corridor road <small>Tuesday 2020-05-05</small>" in text
    assert "cam-2 to cam-1, 13:00 to 14:00: 63 km/h; 15 min expanded (missed), 15 min insufficient (offline)" in text
    assert "cam-1, 13:00 to 14:00: 83% seen; 15 min insufficient (offline)" in text
    assert "cam-1, 14:00 to 15:00: nothing seen; 60 min no data" in text
    assert 'class="gap operator little"' in text
    assert "Less than half of the quarters can be used of cam-1 (38% usable)" in text
    assert "1 of 1 travel times rest on fewer than 10 vehicles." in text
    assert f'href="/journeys/{HOUR_KEY}?road=road"' in text
    [drawn] = re.findall(rf'href="(/figures/travel_times\?day=2020-05-05&amp;camera=cam-1&amp;hour={HOUR_KEY})"', text)
    assert re.search(r"<h1>travel_times <small>Tuesday 2020-05-05, from <time[^>]*>13:00<", browser.get(unescape(drawn)).text)


def test_the_first_page_tells_what_was_left_out_and_what_is_known_of_errors(browser: Browser):
    day = Partition.of_day(HOUR_17.date())
    left_out = {"excluded": "declared: Paint on the lens."}, {"camera_id": SOUTH.id, "completeness": 0.9}
    browser.lake.write("data_quality", day, rows("data_quality", *left_out))
    text = browser.get("/").text
    assert "Left out at cam-1: declared: Paint on the lens." in text
    assert "Not every quarter of an hour can be used of cam-2 (90%)." in text
    assert sentence("flows", "tracker") in text
    browser.lake.write("data_quality", day, rows("data_quality", {"verdict": "frozen"}))
    assert "The same picture came again and again from cam-1" in browser.get("/").text


def test_the_first_page_leads_to_the_report_of_its_day_once_there_is_one(browser: Browser):
    assert "/report/" not in browser.get("/").text
    browser.lake.storage.write(report_key(HOUR_17.date()), b"<!doctype html><title>A day</title>")
    assert '<a href="/report/2020-05-05">' in browser.get("/").text


def test_a_day_is_that_of_the_cameras_clock(browser: Browser):
    """23:30 in New York on the fifth is 03:30 UTC on the sixth."""
    night = datetime(2020, 5, 6, 3, tzinfo=UTC)
    browser.lake.write_campaign(viewer_campaign(end=night + timedelta(hours=2)))
    for hour in (night, night + timedelta(hours=1)):
        browser.lake.write("coverage", Partition.camera_hour(NORTH.id, hour), rows("coverage", {"began_at": hour}))
    write_marts(browser.lake)
    assert browser.get("/figures/coverage.csv?day=2020-05-05&camera=cam-1").text.count("2020-05-06T03:00:00+00:00") == 1
    assert "2020-05-06T04" not in browser.get("/figures/coverage.csv?day=2020-05-05").text
    assert "2020-05-06T04:00:00+00:00" in browser.get("/figures/coverage.csv?day=2020-05-06").text
    text = browser.state().get("/figures/flows/rests-on?camera_id=cam-1&carriageway=N&began_at=2020-05-06T03%3A30Z").text
    assert 'href="/figures/flows?day=2020-05-05"' in text


def test_a_frame_has_its_boxes_its_gaps_and_the_same_moment_elsewhere(browser: Browser):
    text = browser.state().get(f"{HOUR}?at=17:01:30").text
    assert ">13:01:30.000</time></b> frame 11 of 30, 1 vehicles" in text
    assert f'href="{vehicle(browser)}"' in text
    assert "13:30:00 to 13:40:00: offline" in text
    shown = re.findall(r'src="(/cameras/cam-2/[^"]+)"', text)
    assert len(shown) == 0  # cam-2 has no frame within ten seconds of it
    assert "no frame within 10 s" in text
    assert "frame →" in text


def test_people_have_a_box_and_lead_nowhere(browser: Browser):
    text = browser.state().get(HOUR).text
    [person] = re.findall(r'<rect class="box person loose".*?</rect>', text)
    assert "counted and not followed" in person


def test_platoon_time_shows_the_other_camera_when_the_same_vehicles_pass_it(browser: Browser):
    """63 km/h over 1.4 km: what is at cam-1 now was at cam-2 some 80 s before."""
    text = browser.state().get(f"{HOUR}?at=17:01:30&time=platoon&way=N").text
    [shown] = re.findall(r'src="/cameras/cam-2/2020-05-05T17/frames/cam-2--2020-05-05--17\.(\d\d\.\d\d)\.000Z', text)
    assert shown == "00.10"
    assert "The same vehicles along the road, northbound" in text


@pytest.mark.parametrize(
    ("at", "number"), [("17:01:20", 1), ("17:00:00", 1), ("17:59:59", 30), ("90", 11), ("nonsense", 1), ("25:00:00", 1)]
)
def test_every_moment_has_an_address(browser: Browser, at: str, number: int):
    assert f"frame {number} of 30" in browser.state().get(f"{HOUR}?at={at}").text


def test_pictures_are_what_the_lake_has(browser: Browser):
    text = browser.state().get(HOUR).text
    src = re.search(r'src="(/cameras/cam-1/[^"]+)"', text)[1].replace("&amp;", "&")
    answer = browser.get(src)
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.content == browser.lake.read("raw_frames", Partition.camera_hour("cam-1", HOUR_17))["jpeg"][0].as_py()
    assert decode(answer.content).shape == (240, 352, 3)


def test_a_vehicle_has_its_crops_candidates_reasons_and_journey(browser: Browser):
    text = browser.state().get(vehicle(browser)).text
    crops = re.findall(r'<img src="(/crops/cam-1/[^"]+)" alt="picture', text)
    assert len(crops) == 15
    assert decode(browser.get(crops[0]).content).shape == (30, 40, 3)
    assert "0.700" in text
    assert ">none of these<" in text
    assert "0.300" in text
    assert "Evidence: looks 1.6 times likelier; size 1.3 times likelier; pace 1.6 times less likely" in text
    assert f'href="{vehicle(browser, SOUTH.id)}"' in text
    assert "Its journey" in text


def test_where_it_went_is_the_same_table_read_the_other_way(browser: Browser):
    text = browser.state().get(vehicle(browser, SOUTH.id)).text
    went = text[text.index("Where it went") :]
    assert f'href="{vehicle(browser)}"' in went


def test_journeys_of_an_hour_are_lines_and_rows(browser: Browser):
    text = browser.state().get(f"/journeys/{HOUR_KEY}?least=2").text
    assert "cam-2 to cam-1: probability 0.70, 63 km/h" in text
    assert 'class="leg unsure"' in text
    assert vehicle(browser) in text  # where it was seen last


def test_a_search_ranks_tracks_by_looks_and_says_who_could_have_got_there(browser: Browser):
    like = vehicle(browser).removeprefix("/vehicles/")
    text = browser.state().get(f"/search?camera=cam-2&hour={HOUR_KEY}&like={like}").text
    assert "1 of 1 tracks" in text
    assert "could have got here" in text
    assert vehicle(browser, SOUTH.id) in text


@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
def test_figures_come_as_files_with_the_names_of_their_table_and_day(browser: Browser, kind: str, tmp_path: Path):
    answer = browser.get(f"/figures/vehicle_counts.{kind}")
    assert answer.headers["content-disposition"] == f'attachment; filename="vehicle_counts-2020-05-05.{kind}"'
    if kind == "csv":
        names, first = (line.split(",") for line in answer.text.splitlines()[:2])
        row = dict(zip(names, first, strict=True))
        assert (row["began_at"], row["local_at"]) == ("2020-05-05T17:00:00+00:00", "2020-05-05T13:00-04:00")
        assert (row["vehicles"], row["status"], row["quality_note"]) == ("0", "observed", "")
    elif kind == "json":
        assert answer.json()[0]["began_at"] == "2020-05-05T17:00:00+00:00"
        assert {each["status"] for each in answer.json()} == {"observed", "expanded", "insufficient", "no_data"}
    else:
        (tmp_path / "file").write_bytes(answer.content)
        stored = browser.lake.read("vehicle_counts", Partition.of_day(HOUR_17.date()))
        assert pq.read_table(tmp_path / "file").equals(stored)


def test_a_file_of_a_table_without_local_time_has_it_beside(browser: Browser):
    names, first = (line.split(",") for line in browser.get("/figures/gaps.csv").text.splitlines()[:2])
    row = dict(zip(names, first, strict=True))
    assert (row["began_at"], row["local_at"]) == ("2020-05-05T17:30:00+00:00", "2020-05-05T13:30-04:00")


def test_every_table_that_needs_no_purpose_is_offered_once_and_has_its_page(browser: Browser):
    assert sorted(OFFERED) == sorted(AGGREGATES)
    for name in OFFERED:
        browser.lake.write(name, partition_of(name), rows(name, {}))
    text = unescape(browser.get("/figures").text)
    for name in OFFERED:
        assert TABLES[name].description in text
        assert "Rows 1 to 1 of 1." in browser.get(f"/figures/{name}?day=2020-05-05&camera=cam-1").text, name


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("vehicle_counts", "cam-2 N car, 13:00: 1.2 vehicles, 1 counted, expanded, 80% seen"),
        ("flows", "cam-1 N, 13:30 to 13:45, insufficient, offline"),
        ("speeds", "cam-1 N, 13:00: 60 km/h, 15 to 85 % 60 to 60, 1 vehicle, observed, 100% seen"),
        ("travel_times", "cam-2 to cam-1 N, 13:00: 80.0 seconds (80.0 to 80.0), 15 to 85 % 80.0 to 80.0, 1 vehicle, expanded"),
        (
            "reliability",
            "cam-2 to cam-1 N, all: median 80.0 s, mean 80.0 s, 95 % 80.0 s, free flow 80.0 s; no index; 1 of 8 quarters",
        ),
    ],
)
def test_plots_tell_value_interval_and_what_was_not_seen(browser: Browser, table: str, told: str):
    text = browser.get(f"/figures/{table}").text
    assert told in text
    assert "observed: at least 95 % of the time was seen" in text  # the legend


@pytest.mark.parametrize(("table", "said"), [("turning_movements", True), ("flows", False)])
def test_the_legend_of_movements_alone_says_why_a_movement_has_no_number(browser: Browser, table: str, said: bool):
    status = {"status": "insufficient"}
    browser.lake.write(table, Partition.of_day(HOUR_17.date()), rows(table, status))
    legend = "insufficient: less than half, or too few vehicles of the movement"
    assert (legend in browser.get(f"/figures/{table}").text) is said


def test_plots_tell_the_interval_where_it_is_known(browser: Browser):
    browser.lake.write("flows", Partition.of_day(HOUR_17.date()), rows("flows", {}))
    assert "cam-1 N, 13:00: 3.0 vehicles (2.2 to 3.8), 3 counted, observed, 100% seen" in browser.get("/figures/flows").text


def test_of_a_day_one_can_look_at_an_hour(browser: Browser):
    text = browser.get(f"/figures/flows?day=2020-05-05&hour={HOUR_KEY}&camera=cam-1").text
    assert "Rows 1 to 8 of 8." in text
    assert f"/figures/flows.csv?day=2020-05-05&amp;camera=cam-1&amp;hour={HOUR_KEY}" in text
    assert len(browser.get(f"/figures/flows.csv?hour={HOUR_KEY}&camera=cam-1").text.splitlines()) == 9
    assert "Rows 1 to 32 of 32." in browser.get("/figures/flows?day=2020-05-05&hour=2020-06-01T17").text  # of another day


def test_every_plot_has_a_table_with_the_same_numbers(browser: Browser):
    text = browser.get("/figures/vehicle_counts?camera=cam-2").text
    assert '<td class="n">1</td><td class="n">1.25</td>' in text
    assert f'href="/cameras/cam-2/{HOUR_KEY}?at=17:00:00"' in text
    assert "vehicle_counts?view=partitions" in text


def test_pictures_that_are_gone_are_said_to_be_with_when_and_why(browser: Browser):
    place = Partition.camera_hour(NORTH.id, HOUR_17)
    Tombstones(browser.lake).put(Tombstone("raw_frames", place, "older than 24 hours", HOUR_17))
    browser.lake.storage.delete(layout.key("raw_frames", place))
    answer = browser.state().get(HOUR)
    assert answer.status_code == 200
    assert "deleted on purpose on 2020-05-05 at 17:00 UTC: older than 24 hours" in answer.text
    assert "1 tracks without pictures" in answer.text


def test_vehicles_have_no_names_once_their_days_key_is_gone(browser: Browser):
    address = vehicle(browser)
    browser.state()
    assert browser.get(address).status_code == 200
    browser.keys.destroy(HOUR_17.date())
    assert browser.get(address).status_code == 404
    assert "/vehicles/" not in browser.get(HOUR).text


def test_an_outage_is_a_sentence_and_the_next_request_tries_again(browser: Browser):
    browser.state()
    path = Path(browser.lake.storage.path(layout.key("tracks", Partition.camera_hour(NORTH.id, HOUR_17))))
    whole = path.read_bytes()
    path.write_bytes(whole[:-30])
    answer = browser.get(HOUR)
    assert (answer.status_code, "is no readable Parquet file" in answer.text) == (503, True)
    path.write_bytes(whole)
    assert browser.get(HOUR).status_code == 200


def test_what_a_run_writes_anew_is_shown_by_the_next_request(browser: Browser):
    assert "1 vehicles" in browser.state().get(HOUR).text or "1 of" in browser.get(HOUR).text
    place = Partition.camera_hour(NORTH.id, HOUR_17)
    rows = browser.lake.read("raw_frames", place)
    browser.lake.write("raw_frames", place, rows.slice(0, 7))
    assert "of 7," in browser.get(HOUR).text


def test_html_in_a_cameras_name_stays_text(open_browser: Open):
    evil = '<script>alert(1)</script>"onload="x'
    named = (
        Camera(id="cam-1", name=evil, latitude=40.75, longitude=-73.96, faces="north", corridor=evil, order=1),
        Camera(id="cam-2", name="Second", latitude=40.74, longitude=-73.97, faces="north", corridor=evil, order=2),
    )
    browser = open_browser(of=viewer_campaign(cameras=named, name=evil)).state()
    for address in (*FREE, HOUR, vehicle(browser), f"/journeys/{HOUR_KEY}"):
        text = browser.get(address).text
        assert "<script>alert" not in text
        assert 'onload="x' not in text


def test_what_is_kept_and_how_to_have_it_erased(browser: Browser):
    assert PURPOSE in browser.get("/kept").text
    answer = browser.submit("/kept/requests", camera="cam-1", begin="2020-05-05T17:00Z", end="2020-05-05T17:10Z", words="please")
    assert "Your request is number 1" in answer.text
    assert "cctview erase --request 1 --camera cam-1 --from 2020-05-05T17:00:00Z --to 2020-05-05T17:10:00Z" in answer.text
    assert browser.asked() == ["erasure request : cam-1 from 2020-05-05T17:00:00Z to 2020-05-05T17:10:00Z: please"]


def test_facts_of_the_page_about_drivers_are_the_measured_ones():
    from benchmarks.viewer_facts import FACTS, facts

    assert facts().as_string() == FACTS.read_text()


def test_a_lake_on_s3_shows_the_same_pages_and_pictures(
    open_browser: Open, whole: Path, s3: dict[str, str], monkeypatch: pytest.MonkeyPatch
):
    for name, value in s3.items():
        monkeypatch.setenv(name, value)
    remote = open_lake("s3://lake/viewer")
    for file in (whole / "lake").rglob("*"):
        if file.is_file():
            remote.storage.write(str(file.relative_to(whole / "lake")), file.read_bytes())
    browser = open_browser(made=(remote, KeyStore(str(whole / "keys")))).state()
    local = open_browser().state()
    like = vehicle(browser).removeprefix("/vehicles/")
    about_vehicles = (HOUR, f"{HOUR}?time=platoon&way=N", vehicle(browser), f"/journeys/{HOUR_KEY}?least=2")
    search = f"/search?camera=cam-2&hour={HOUR_KEY}&like={like}"
    files = [f"/figures/travel_times.{kind}" for kind in ("csv", "json", "parquet")]
    for address in (*FREE, *about_vehicles, search, *files, "/cameras/cam-1/2020-05-05T18"):
        there, here = browser.get(address), local.get(address)
        assert there.status_code == here.status_code, address
        assert as_anybody(there.content) == as_anybody(here.content), address
    text = browser.get(HOUR).text
    assert browser.get(re.search(r'src="(/cameras/cam-1/[^"]+)"', text)[1]).headers["content-type"] == "image/jpeg"
    crop = re.search(r'src="(/crops/cam-1/[^"]+)"', browser.get(vehicle(browser)).text)[1]
    assert browser.get(crop).headers["content-type"] == "image/png"
    candidate = name_of(browser, SOUTH.id)
    assert browser.submit(f"{vehicle(browser)}/verdicts", verdict="same", candidate=candidate).status_code == 303
    assert "is the same vehicle" in browser.get(vehicle(browser)).text


def as_anybody(page: bytes) -> bytes:
    """Without the signatures of a session."""
    return re.sub(rb"k=[\w-]+", b"", page)


def test_a_page_asks_storage_once_for_each_partition(browser: Browser, monkeypatch: pytest.MonkeyPatch):
    """On S3 each question takes as long as the way there."""
    browser.state()
    addresses = ("/", HOUR, vehicle(browser), f"/journeys/{HOUR_KEY}?least=2")
    for address in addresses:
        browser.get(address)
    asked: list[str] = []
    version = Storage.version
    monkeypatch.setattr(Storage, "version", lambda self, key: asked.append(key) or version(self, key))
    monkeypatch.setattr(Lake, "read", lambda *given: pytest.fail("what did not change is not read again"))
    for address in addresses:
        asked.clear()
        assert browser.get(address).status_code == 200
        assert len(asked) == len(set(asked)), address


def test_the_detectors_weights_are_not_looked_at_with_every_frame(browser: Browser, monkeypatch: pytest.MonkeyPatch):
    looked = []
    monkeypatch.setattr("cctview_pipeline.viewer.reading.threshold_of", lambda name: looked.append(name) or 0.5)
    browser.state()
    for at in ("17:01:20", "17:01:21", "17:01:22"):
        assert browser.get(f"{HOUR}?at={at}").status_code == 200
    assert looked == ["default"]
    browser.lake.write_campaign(viewer_campaign(models=Models(detector="retinanet")))
    browser.get(HOUR)
    assert looked == ["default", "retinanet"]
