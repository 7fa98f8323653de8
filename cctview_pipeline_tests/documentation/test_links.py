"""Every link leads somewhere, every page is near, every path that is named is there."""

import re
from pathlib import Path

import pytest

from cctview_pipeline_tests.documentation.pages import NAMES, ROOT, file_of, prose, spans, text_of

LINK = re.compile(r"\]\(([^)\s]+)\)")
PLACES = ("", "cctview_pipeline", "cctview_pipeline_tests", "docs", "models")
"""Folders that paths in a sentence begin at."""
PATH = re.compile(r"(?:[\w.-]+/)+(?:[\w.-]+\.(?:py|sql|toml|json|yaml|md|png|ipynb|html|lock|hashes))?")


def links(name: str) -> list[str]:
    return [link for link in LINK.findall(prose(name)) if not re.match(r"[a-z]+:", link)]


def anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", NAMES)
def test_every_link_leads_somewhere(name: str):
    for link in links(name):
        target = file_of(name, link)
        assert target.exists(), f"{name} links to {link}"
        if "#" in link:
            assert link.partition("#")[2] in anchors(target), f"{name} links to {link}, and there is no such heading"


def test_every_page_is_two_clicks_from_the_readme():
    def linked(page: Path) -> set[Path]:
        name = str(page.relative_to(ROOT))
        return {file_of(name, link).resolve() for link in links(name)}

    first = linked(ROOT / "README.md")
    second = {found for page in first if page.suffix == ".md" for found in linked(page)}
    missing = [name for name in NAMES if name != "README.md" and (ROOT / name).resolve() not in first | second]
    assert not [name for name in missing if not name.startswith("models/")]


@pytest.mark.parametrize("name", NAMES)
def test_every_path_that_is_named_is_there(name: str):
    for path in {found for span in spans(name) if (found := span.partition("::")[0]) and PATH.fullmatch(found)}:
        known = any((ROOT / place / path).exists() for place in PLACES)
        # What a user makes, and what stands in a lake or a spool, is not in the repository.
        made = not path.endswith(".py") and path.split("/")[0] in (
            "var",
            "reports",
            "tombstones",
            "papers",
            "publications",
            "spool",
            "application",
            "arXiv",
        )
        assert known or made, f"{name} names {path}"


def test_the_readme_is_a_screen_and_a_half():
    assert len(text_of("README.md").splitlines()) <= 100
