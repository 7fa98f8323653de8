"""Every format of ``cctview export`` from a lake. That others can read the files: cctview_pipeline_tests/formats/."""

from datetime import date
from pathlib import Path

import frictionless
import pytest

from cctview_pipeline.analytics.exports import FORMS, export_figures
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.formats.tmg import read_volumes
from cctview_pipeline.lake import Lake
from cctview_pipeline_tests.factories.figures import CAMERAS, DAY, figures_lake
from cctview_pipeline_tests.factories.tables import campaign

NEXT = date(2020, 5, 6)
SUMO = ({"camera": "cam-1", "carriageway": "N", "edge": "e1", "pos": 12.5},)
TMG = ({"camera": "cam-1", "state": "36", "functional_class": "2U", "station": "735"},)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return figures_lake(tmp_path / "lake", [DAY, NEXT], sumo=SUMO, tmg=TMG)


@pytest.mark.parametrize(
    ("form", "files"),
    [
        ("geojson", ("cameras.geojson", "links.geojson")),
        ("gmns", ("config.csv", "link.csv", "node.csv")),
        (
            "sumo",
            (
                "detectors-2020-05-05.csv",
                "detectors-2020-05-06.csv",
                "detectors.xml",
                "edgedata-2020-05-05.xml",
                "edgedata-2020-05-06.xml",
            ),
        ),
        ("tmg", ("2020-05-05--2020-05-06.vol",)),
    ],
)
def test_the_files_of_a_format(lake: Lake, tmp_path: Path, form: str, files: tuple[str, ...]):
    done = export_figures(lake, form, tmp_path / "out")
    assert done.files == files
    assert done.days == (DAY, NEXT)
    assert {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*") if path.is_file()} == set(files)


SINGAPORE = "Traffic Images accessed on 2026-05-05 to 2026-05-06 from data.gov.sg"


@pytest.mark.parametrize("form", FORMS)
def test_what_the_operator_asks_to_be_shown_is_in_every_export(tmp_path: Path, form: str):
    days = [date(2026, 5, 5), date(2026, 5, 6)]
    lake = figures_lake(tmp_path / "lake", days, sumo=SUMO, tmg=TMG, network="singapore")
    done = export_figures(lake, form, tmp_path / "out")
    saying = {name for name in done.files if SINGAPORE.encode() in (tmp_path / "out" / name).read_bytes()}
    beside = {"ATTRIBUTION.txt"}
    expected = {
        "csv": {"README.md", "datapackage.json"},
        "parquet": {"README.md", "datapackage.json"},
        "geojson": {"cameras.geojson", "links.geojson"} | beside,
    }
    assert saying == expected.get(form, beside)


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_all_figures_are_exported_with_groups_of_any_size(lake: Lake, tmp_path: Path, form: str):
    done = export_figures(lake, form, tmp_path / "out", end=NEXT)
    assert f"data/corridor_speeds.{form}" in done.files
    assert "`cctview publish` makes what may be handed on" in (tmp_path / "out" / "README.md").read_text()
    assert "licenses" not in (tmp_path / "out" / "datapackage.json").read_text()
    if form == "csv":
        assert frictionless.validate(str(tmp_path / "out" / "datapackage.json")).valid
        assert ',"car",' in (tmp_path / "out" / "data" / "vehicle_counts.csv").read_text()


def test_volume_records_of_two_days_and_two_directions(lake: Lake, tmp_path: Path):
    export_figures(lake, "tmg", tmp_path / "out")
    records = list(read_volumes((tmp_path / "out" / "2020-05-05--2020-05-06.vol").read_bytes()))
    assert [(each.direction, each.day) for each in records] == [(1, DAY), (5, DAY), (1, NEXT), (5, NEXT)]


@pytest.mark.parametrize("form", ["geojson", "gmns"])
def test_the_road_is_there_without_figures(tmp_path: Path, form: str):
    lake = figures_lake(tmp_path / "lake", [DAY], tables=[])
    assert export_figures(lake, form, tmp_path / "out").days == ()
    with pytest.raises(CctviewError, match=r"has figures yet .*`cctview backfill` makes them"):
        export_figures(lake, "csv", tmp_path / "figures")


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        (
            "sumo",
            r"does not say which edges of a SUMO network its cameras see: add camera, carriageway and edge under a \[\[sumo\]\]",
        ),
        (
            "tmg",
            r"does not say which stations its cameras are: add camera, state, functional_class and station under a \[\[tmg\]\]",
        ),
        ("shape", r"There is no format named 'shape': use csv, parquet"),
    ],
)
def test_what_cannot_be_exported_leaves_no_folder(tmp_path: Path, form: str, sentence: str):
    lake = figures_lake(tmp_path / "lake", [DAY])
    with pytest.raises(CctviewError, match=sentence):
        export_figures(lake, form, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["lake"]


@pytest.mark.parametrize("key", ["sumo", "tmg"])
def test_a_camera_that_the_campaign_does_not_name(tmp_path: Path, key: str):
    tables = {"sumo": SUMO, "tmg": TMG}[key]
    lake = figures_lake(tmp_path / "lake", [DAY], **{key: ({**tables[0], "camera": "cam-9"},)})
    with pytest.raises(CctviewError, match="Camera 'cam-9' is not in this campaign"):
        export_figures(lake, key, tmp_path / "out")


def test_a_campaign_keeps_what_it_says_of_others_names():
    made = campaign(cameras=CAMERAS, sumo=SUMO, tmg=TMG)
    read = type(made).from_toml(made.to_toml())
    assert read.sumo == SUMO
    assert read.tmg == TMG


@pytest.mark.parametrize("text", ["sumo = 1", "[sumo]\ncamera = 'cam-1'", "tmg = ['cam-1']"])
def test_a_campaign_that_says_it_otherwise(text: str):
    made = campaign()
    with pytest.raises(CctviewError, match=r"describe each under a \[\[(sumo|tmg)\]\] of its own"):
        type(made).from_toml(f"{text}\n{made.to_toml()}" if "=" in text.split("\n")[0] else f"{made.to_toml()}\n{text}")


def test_every_format_has_a_sentence():
    assert all(FORMS.values())
