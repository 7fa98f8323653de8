"""docs/architecture.md is the map of what is there."""

import re
import tomllib

from cctview_pipeline_tests.documentation.pages import ROOT, spans, text_of

PACKAGE = ROOT / "cctview_pipeline"
PAGE = text_of("docs/architecture.md")


def floors(page: str) -> list[list[str]]:
    table = page.partition("| floor | what it is for |")[2].partition("\n\n")[0]
    cells = [line.replace("\\|", "\0").split("|")[1] for line in table.splitlines()[2:]]
    return [re.findall(r"`(\w+)`", cell) for cell in cells]


def test_its_floors_are_those_that_the_linter_holds():
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"][0]
    assert floors(PAGE) == [layer.split(" | ") for layer in contract["layers"]]


def test_every_folder_and_module_has_its_floor():
    there = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert {name for row in floors(PAGE) for name in row} == there - {"__init__", "__pycache__"}


def test_dagster_is_known_where_the_page_says():
    sentence = re.search(r"^Dagster is known to (.*); to nothing else\.$", PAGE, re.MULTILINE)
    knowing = {
        path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        for path in PACKAGE.rglob("*.py")
        if re.search(r"^\s*(?:import|from) dagster\b", path.read_text(), re.MULTILINE)
    }
    assert set(re.findall(r"`(\w+)`", sentence[1])) == knowing


def test_every_asset_stands_on_the_way_of_a_frame_or_beside_it():
    """A module of assets/ that makes a table which every lake has is named."""
    named = {span for span in spans("docs/architecture.md") if span.startswith("assets/")}
    assert {
        f"assets/{name}.py" for name in ("raw_frames", "detections", "crops", "features", "tracks", "matches", "journeys")
    } < named


def test_the_hooks_of_pre_commit_are_the_linters_of_make():
    hooks = re.findall(r"entry: \.venv/bin/([\w-]+(?: (?:check|format))?)", (ROOT / ".pre-commit-config.yaml").read_text())
    lint = (ROOT / "Makefile").read_text().partition("\nlint:")[2].partition("\n\n")[0]
    assert hooks == re.findall(r"\$\(BIN\)/([\w-]+(?: (?:check|format))?)", lint)
