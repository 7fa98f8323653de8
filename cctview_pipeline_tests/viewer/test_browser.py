"""What a person does: follows links, steps by keys, goes back, and says what for."""

import re

from cctview_pipeline.privacy.audit import AuditLog
from cctview_pipeline_tests.factories.viewer_lake import PURPOSE, viewer_campaign
from cctview_pipeline_tests.viewer.chromium import HOUR, JOURNEYS, Visit, copied, running, text_of


def number(page) -> int:
    return int(re.search(r"frame (\d+) of", page.locator(".when").inner_text())[1])


def shows(page, frame: int) -> None:
    """Waits until the scene is that of a frame."""
    page.locator(".when").filter(has_text=f"frame {frame} of").wait_for()


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
    assert "is the same vehicle, “the same colour”" in text_of(page)
    page.locator(".candidates tr.this a").last.click()
    assert "cam-2" in page.locator("h1").inner_text()
    page.go_back()
    assert "cam-1" in page.locator("h1").inner_text()


def test_keys_step_through_frames_and_every_moment_has_an_address(visit: Visit):
    page = visit(f"{HOUR}?at=17:01:30", purpose=True)
    assert number(page) == 11
    for key, shown in (("ArrowRight", 12), ("k", 13), ("j", 12), ("Shift+ArrowRight", 22), ("Shift+j", 12), ("ArrowLeft", 11)):
        page.keyboard.press(key)
        shows(page, shown)
    page.keyboard.press("Shift+k")
    shows(page, 21)
    assert page.url.endswith("at=17:01:40.000")
    page.reload()
    assert number(page) == 21
    page.locator("[data-scrub]").focus()
    page.keyboard.press("Home")
    shows(page, 1)


def test_back_leads_out_of_the_hour_however_far_one_has_leafed_and_forward_to_the_same_moment(visit: Visit):
    page = visit(JOURNEYS, purpose=True)
    page.goto(HOUR)
    for shown in (2, 3, 4):
        page.keyboard.press("k")
        shows(page, shown)
    page.locator(".boxes a").first.click()
    page.locator(".film").wait_for()
    page.go_back()
    shows(page, 4)
    page.go_back()
    assert page.url.endswith(JOURNEYS)
    page.go_forward()
    shows(page, 4)


def test_every_deep_link_opens_at_its_place_once_one_has_said_what_for(visit: Visit):
    known = visit(HOUR, purpose=True)
    vehicle = known.locator(".boxes a").first.get_attribute("href")
    for address, seen in (
        (f"{HOUR}?at=17:01:30", "frame 11 of 30"),
        (f"{HOUR}?time=platoon&way=N&at=17:01:30", "The same vehicles along the road"),
        (vehicle, "Where it came from"),
        (JOURNEYS, "journeys over 2 cameras or more"),
        (f"/search?camera=cam-2&hour=2020-05-05T17&like={vehicle.removeprefix('/vehicles/')}", "1 of 1 tracks"),
    ):
        page = visit(address)
        assert page.get_by_role("heading", level=1).inner_text() == "What for?"
        page.get_by_role("button", name="Go on").click()
        assert page.url.endswith(address)
        assert seen in text_of(page)


def test_who_has_no_purpose_is_refused_with_the_mend_and_let_in_once_there_is_one(visit: Visit, whole, tmp_path):
    lake, keys, log = copied(tmp_path, whole)
    lake.write_campaign(viewer_campaign(privacy={}))
    with running(lake, keys, log) as address:
        page = visit(HOUR, at=address)
        assert "[campaign.privacy]" in text_of(page)
        assert page.get_by_role("button", name="Go on").count() == 0
        page.get_by_role("link", name="figures").last.click()
        assert page.locator("h1").inner_text() == "Figures"
        lake.write_campaign(viewer_campaign(privacy={"purposes": [PURPOSE], "queries_an_hour": 1}))
        page.goto(HOUR)
        page.get_by_role("button", name="Go on").click()
        assert page.url.endswith(HOUR)
        assert f"for {PURPOSE}" in page.locator(".law").inner_text()
        page.locator(".boxes a").first.click()  # a second question, of one an hour
        assert page.locator("h1").inner_text() == "Not allowed"
        page.go_back()
        page.get_by_role("button", name="End this session").click()
        page.goto(HOUR)
        assert page.locator("h1").inner_text() == "What for?"
    assert [entry.kind for entry in AuditLog(log.path).newest()] == ["query", "session"]


def test_focus_stays_where_it_was_when_the_scene_changes(visit: Visit):
    page = visit(HOUR, purpose=True)
    page.get_by_role("link", name="frame →").focus()
    page.keyboard.press("Enter")
    shows(page, 2)
    assert page.evaluate("document.activeElement.getAttribute('rel')") == "next"


def test_without_javascript_everything_is_a_link_or_a_form(visit: Visit):
    page = visit(HOUR, purpose=True, java_script_enabled=False)
    page.get_by_role("link", name="frame →").click()
    assert number(page) == 2
    page.locator(".timeline a").first.click()
    page.get_by_label("Time").select_option("platoon")
    page.get_by_label("Way").select_option("N")
    page.get_by_role("button", name="Show").click()
    assert "The same vehicles along the road, northbound" in text_of(page)
    page.locator(".boxes a").first.click()
    page.get_by_role("radio", name="none of these is it").check()
    page.get_by_role("button", name="Keep this label").click()
    assert "none of these is it" in page.locator("#said + ul").inner_text()
    page.get_by_role("link", name="Search by its looks").click()
    assert page.get_by_alt_text("what is searched for").count() == 1
    page.goto("/kept")
    page.get_by_label("From, with its offset").fill("2020-05-05T17:00Z")
    page.get_by_label("To", exact=True).fill("2020-05-05T17:10Z")
    page.get_by_role("button", name="Ask for erasure").click()
    assert "Your request is number" in text_of(page)
