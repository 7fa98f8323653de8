"""``cctview export`` and ``cctview publish`` as they are typed."""

import json
from pathlib import Path

import pytest

from cctview_pipeline_tests.documentation.pages import typed
from cctview_pipeline_tests.factories.command import Workplace
from cctview_pipeline_tests.factories.figures import AUTUMN, DAY, figures_lake


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    made = Workplace(tmp_path)
    figures_lake(made.lake, [DAY, AUTUMN])
    return made


def test_figures_are_exported(place: Workplace, tmp_path: Path):
    done = place.invoke("export", "--format", "csv", "--out", tmp_path / "csv", "--from", "2020-05-05", "--to", "2020-05-06")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Wrote 17 files of 1 day, 2020-05-05 to 2020-05-05 to ")
    assert "`cctview publish` makes what may be handed on" in done.stdout
    assert (tmp_path / "csv" / "data" / "flows.csv").is_file()


def test_what_was_exported_as_json(place: Workplace, tmp_path: Path):
    said = json.loads(place.invoke("export", "--format", "gmns", "--out", tmp_path / "gmns", "--json").stdout)
    assert said == {
        "out": str(tmp_path / "gmns"),
        "days": ["2020-05-05", "2020-11-01"],
        "files": ["config.csv", "link.csv", "node.csv"],
    }


def test_figures_are_published(place: Workplace, tmp_path: Path):
    done = place.invoke("publish", "--out", tmp_path / "out", "--licence", "CC-BY-4.0", "--k", 12)
    assert done.returncode == 0, done.stderr
    assert f"Published 2 days, 2020-05-05 to 2020-11-01, with k = 12, under CC-BY-4.0 to {tmp_path / 'out'}." in done.stdout
    assert json.loads((tmp_path / "out" / "datapackage.json").read_text())["k"] == 12


def test_what_was_published_as_json(place: Workplace, tmp_path: Path):
    said = json.loads(place.invoke("publish", "--out", tmp_path / "out", "--licence", "CC0-1.0", "--json").stdout)
    assert said["days"] == ["2020-05-05", "2020-11-01"]
    assert 0 < said["withheld"]["flows"] < said["rows"]["flows"] == 576 + 600


def test_what_the_page_types_does_what_it_says(place: Workplace, tmp_path: Path):
    commands = [words for words in typed("docs/exports.md") if words[0] in ("export", "publish")]
    assert len(commands) == 2
    for words in commands:
        done = place.invoke(*(str(tmp_path / word) if word.startswith("var/") else word for word in words))
        assert done.returncode == 0, done.stderr
    assert {path.name for path in (tmp_path / "var").iterdir()} == {"figures", "published"}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("export", "--format", "csv", "--from", "5 May"), "'5 May' is no day: write 2020-05-05."),
        (("export", "--format", "csv", "--from", "2020-05-05", "--to", "2020-05-05"), "end (2020-05-05, exclusive) before they"),
        (("export", "--format", "csv", "--from", "2021-01-01"), "`cctview backfill` makes them."),
        (("export", "--format", "csv", "--cameras", "cam-1"), "--cameras and --purpose go with --format cctview or video"),
        (("export", "--format", "sumo"), "add camera, carriageway and edge under a [[sumo]] each."),
        (
            ("export", "--format", "xlsx"),
            "There is no format named 'xlsx': use cctview, video, csv, parquet, geojson, gmns, sumo, tmg.",
        ),
        (("publish",), "Without a licence nobody may use what is published: name one, such as --licence CC-BY-4.0."),
        (("publish", "--licence", "MIT", "--k", "1"), "k = 1 protects nobody: give 2 or more."),
        (("publish", "--licence", "MIT", "--from", "2020-05-05T17:00Z"), "'2020-05-05T17:00Z' is no day: write 2020-05-05."),
    ],
)
def test_refusals_are_one_sentence(place: Workplace, tmp_path: Path, words: tuple[str, ...], sentence: str):
    done = place.invoke(*words, "--out", tmp_path / "out")
    assert done.returncode == 1
    assert sentence in " ".join(done.stderr.split())
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()
