"""For everybody: by keyboard alone, on a phone, in light and dark, and by what axe-core looks at."""

from contextlib import nullcontext

import pytest

from cctview_pipeline_tests.viewer.accessibility import findings
from cctview_pipeline_tests.viewer.chromium import HOUR, PAGES, Visit

USABLE = 'a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex="0"]'
REACHABLE = f"""() => [...document.querySelectorAll('{USABLE}')]
    .filter(each => each.getClientRects().length && each.checkVisibility() && !each.disabled)"""
"""What a pointer can use."""
FOCUSED = """() => {
    const each = document.activeElement, style = getComputedStyle(each), box = each.getBoundingClientRect();
    const drawn = [...each.querySelectorAll('rect, circle, path, text')].some(part => {
        const of = getComputedStyle(part);
        return of.stroke !== 'none' && parseFloat(of.strokeWidth) >= 3 || of.textDecorationLine === 'underline';
    });
    return {
        shown: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2 || drawn,
        inside: box.bottom > 0 && box.right > 0 && box.top < innerHeight && box.left < innerWidth,
        number: window.reachable.indexOf(each), html: each.outerHTML.slice(0, 160),
    };
}"""
RADIOS = "new Set(window.reachable.filter(each => each.type === 'radio').map(each => each.form.action + each.name)).size"


@pytest.mark.parametrize("address", ["/", HOUR, "vehicle", "/kept", "/search", "/figures/vehicle_counts", "/purpose"])
def test_the_keyboard_reaches_everything_and_one_sees_where_one_is(visit: Visit, address: str):
    page = visit(HOUR, purpose=True)
    if address == "vehicle":
        address = page.locator(".boxes a").first.get_attribute("href")
    page.goto(address)
    page.evaluate(f"window.reachable = ({REACHABLE})()")
    # Of radio buttons of one name the keyboard stops at one, and arrows lead to the others.
    expected = page.evaluate(f"window.reachable.filter(each => each.type !== 'radio').length + {RADIOS}")
    reached, unseen = set(), []
    for _ in range(expected + 5):
        page.keyboard.press("Tab")
        at = page.evaluate(FOCUSED)
        if at["number"] < 0 or at["number"] in reached:
            break
        reached.add(at["number"])
        if not (at["shown"] and at["inside"]):
            unseen.append(at)
    assert unseen == []
    assert len(reached) == expected
    assert expected > 8


def test_with_the_keyboard_alone_one_comes_from_the_corridor_to_a_label(visit: Visit):
    page = visit("/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.innerText") == "To the page"
    go(page, f"a[href='{HOUR}']")
    assert page.locator("h1").inner_text() == "What for?"
    go(page, "form[action='/purpose'] button")
    page.wait_for_url(f"**{HOUR}", wait_until="load")
    page.keyboard.press("k")
    page.locator(".when").filter(has_text="frame 2 of").wait_for()
    go(page, ".boxes a")
    page.locator(".film").wait_for()
    assert page.locator("h1").inner_text().startswith("Car ")
    go(page, "input[name=candidate]", "Space")
    go(page, "input[name=verdict]", "Space")
    go(page, "fieldset button")
    page.locator("#said").wait_for()
    assert "is the same vehicle" in page.locator("#said + ul").inner_text()


def go(page, selector: str, key: str = "Enter") -> None:
    """Press Tab until the focus is there, then a key; Enter leads to another page."""
    for _ in range(200):
        page.keyboard.press("Tab")
        if page.evaluate("each => document.activeElement.matches(each)", selector):
            with page.expect_navigation() if key == "Enter" else nullcontext():
                page.keyboard.press(key)
            return
    pytest.fail(f"the keyboard does not reach {selector}")


@pytest.mark.parametrize("width", [320, 375, 1280])
def test_no_page_scrolls_sideways(visit: Visit, width: int):
    page = visit(HOUR, purpose=True, viewport={"width": width, "height": 700})
    for address in [*PAGES, page.locator(".boxes a").first.get_attribute("href")]:
        page.goto(address)
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, f"{address} is {wide} wide"


def test_axe_finds_nothing_serious_on_any_page(visit: Visit):
    page = visit(HOUR, purpose=True, bypass_csp=True)
    vehicle = page.locator(".boxes a").first.get_attribute("href")
    search = f"/search?camera=cam-2&hour=2020-05-05T17&like={vehicle.removeprefix('/vehicles/')}"
    assert findings(page, [*PAGES, vehicle, search]) == []
