"""What axe-core and a keyboard say of pages."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

SERIOUS = ("serious", "critical")
SCHEMES = ("light", "dark")


def findings(page: "Page", addresses: Iterable[str]) -> list[tuple[str, ...]]:
    """Serious and critical ones, of each page in light and in dark. The page's context must bypass its security policy."""
    found = []
    for address in addresses:
        page.goto(address)
        found += [(address, *each) for each in findings_of_open_page(page)]
    return found


def findings_of_open_page(page: "Page") -> list[tuple[str, ...]]:
    """Scheme, rule, and the first element that breaks it."""
    base = pytest.importorskip("axe_playwright_python.base", reason="axe is not installed: make install-dev")
    page.evaluate(base.AXE_SCRIPT)
    found = []
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # else colours are looked at on their way
        violations = page.evaluate("axe.run({resultTypes: ['violations']}).then(each => each.violations)")
        found += [(scheme, each["id"], each["nodes"][0]["html"][:160]) for each in violations if each["impact"] in SERIOUS]
    return found
