"""Nothing about vehicles without a purpose, and nothing that is not written down first."""

import re

import pytest

from cctview_pipeline.privacy.audit import AuditLog
from cctview_pipeline_tests.factories.tables import NORTH
from cctview_pipeline_tests.factories.viewer_lake import HOUR_KEY, PURPOSE, viewer_campaign
from cctview_pipeline_tests.viewer.conftest import Browser, Open
from cctview_pipeline_tests.viewer.test_pages import HOUR, vehicle


def picture(browser: Browser) -> str:
    return re.search(r'src="(/cameras/cam-1/[^"]+)"', browser.get(HOUR).text)[1]


def test_who_has_not_said_what_for_is_asked_and_comes_back(browser: Browser):
    for address in (HOUR, f"{HOUR}?at=17:01:30", vehicle(browser), f"/journeys/{HOUR_KEY}"):
        answer = browser.get(address)
        assert answer.status_code == 303
        asked = browser.get(answer.headers["location"])
        there = re.search(r'name="next" value="([^"]+)"', asked.text)[1]
        assert there.replace("&amp;", "&") == address
    assert not browser.log.path.exists()


def test_a_purpose_that_the_campaign_does_not_have_is_refused_with_those_it_has(browser: Browser):
    answer = browser.submit("/purpose", purpose="curiosity")
    assert answer.status_code == 403
    assert "is none of this campaign" in answer.text
    assert PURPOSE in answer.text
    assert browser.get(HOUR).status_code == 303
    assert not browser.log.path.exists()


def test_without_purposes_no_vehicle_is_shown_and_the_mend_is_named(open_browser: Open):
    browser = open_browser(of=viewer_campaign(privacy={}))
    assert "[campaign.privacy]" in browser.get("/purpose").text
    assert browser.submit("/purpose", purpose="synthetic").status_code == 403


def test_the_city_lets_ask_for_synthetic(open_browser: Open):
    browser = open_browser(of=viewer_campaign(privacy={}, network="city"))
    assert browser.state("synthetic").get(HOUR).status_code == 200
    assert browser.asked()[0] == "session synthetic: viewer: a session begins"


def test_a_question_is_written_down_once_a_session_before_its_answer(browser: Browser):
    browser.state()
    for at in ("17:01:20", "17:01:22", "17:01:24"):
        assert browser.get(f"{HOUR}?at={at}").status_code == 200
    browser.get(vehicle(browser))
    name = vehicle(browser).rsplit("/", 1)[1]
    assert browser.asked() == [
        f"session {PURPOSE}: viewer: a session begins",
        f"query {PURPOSE}: viewer: camera cam-1, hour 2020-05-05T17, and the same moment at its neighbours",
        f"query {PURPOSE}: viewer: vehicle {name} at cam-1 in 2020-05-05T17, its candidates and its journey",
    ]


def test_what_cannot_be_written_down_is_not_answered(browser: Browser):
    browser.state()
    browser.log.head_path.write_text("no head")
    answer = browser.get(HOUR)
    assert answer.status_code == 403
    assert "damaged" in answer.text
    assert "/frames/" not in answer.text


def test_one_question_too_many_in_an_hour_is_refused(open_browser: Open):
    few = viewer_campaign(privacy={"purposes": [PURPOSE], "queries_an_hour": 2})
    browser = open_browser(of=few).state()
    asked = [browser.get(address).status_code for address in (HOUR, vehicle(browser), f"/journeys/{HOUR_KEY}", HOUR)]
    assert asked == [200, 200, 403, 200]  # the last one was written down already


def test_a_picture_can_be_had_only_through_a_page_of_ones_own_session(browser: Browser, log: AuditLog):
    src = picture(browser.state())
    assert browser.get(src).status_code == 200
    for forged in (src.split("?")[0], f"{src[:-3]}abc", src.replace("17.01.20", "17.01.22")):
        assert browser.get(forged).status_code == 403
    browser.state()  # another session of the same person
    assert browser.get(src).status_code == 403
    browser.submit("/leave")
    assert browser.get(src).status_code == 403


def test_a_label_is_kept_with_who_and_why_and_changes_no_match(browser: Browser):
    browser.state()
    before = browser.lake.version("matches", _place())
    candidate = vehicle(browser, "cam-2").rsplit("/", 1)[1]
    address = f"{vehicle(browser)}/verdicts"
    assert browser.submit(address, verdict="same", candidate=candidate, why=" the same\n dent ").status_code == 303
    assert browser.submit(address, verdict="different", candidate=candidate, why="no <b>dent</b>").status_code == 303
    assert browser.submit(address, verdict="none", candidate="").status_code == 303
    kept = browser.lake.read("verdicts", _place()).to_pylist()
    assert [(row["verdict"], row["gallery_track_id"] is None, row["why"]) for row in kept] == [
        ("different", False, "no <b>dent</b>"),
        ("none", True, ""),
    ]
    assert browser.lake.version("matches", _place()) == before
    text = browser.get(vehicle(browser)).text
    assert "“no &lt;b&gt;dent&lt;/b&gt;”" in text
    assert [line.split(":")[0] for line in browser.asked()][-3:] == [f"verdict {PURPOSE}"] * 3


@pytest.mark.parametrize(
    "form",
    [{"verdict": "same", "candidate": "nobody"}, {"verdict": "same", "candidate": ""}, {"verdict": "maybe", "candidate": ""}],
)
def test_a_label_of_nothing_is_refused(browser: Browser, form: dict):
    browser.state()
    assert browser.submit(f"{vehicle(browser)}/verdicts", **form).status_code == 404
    assert not browser.lake.has("verdicts", _place())


def test_a_label_needs_a_purpose_too(browser: Browser):
    assert browser.submit(f"{vehicle(browser)}/verdicts", verdict="none", candidate="").status_code == 403
    assert not browser.lake.has("verdicts", _place())


def test_nothing_but_labels_is_ever_written_to_the_lake(browser: Browser):
    from pathlib import Path

    root = Path(browser.lake.uri)
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*") if path.is_file()}
    browser.state()
    for address in ("/", "/cameras", "/figures", "/kept", HOUR, vehicle(browser), f"/journeys/{HOUR_KEY}", "/search"):
        browser.get(address)
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*") if path.is_file()} == before


def _place():
    from cctview_pipeline.lake import Partition
    from cctview_pipeline_tests.factories.archive import HOUR_17

    return Partition.camera_hour(NORTH.id, HOUR_17)
