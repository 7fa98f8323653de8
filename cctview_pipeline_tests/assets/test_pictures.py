"""What a real camera saw never enters Dagster's event log: there is one way in, and it is closed."""

import ast
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import numpy as np
import pytest
from matplotlib.figure import Figure

import cctview_pipeline
from cctview_pipeline.analytics.plots import PLOTS as MART_PLOTS
from cctview_pipeline.assets.pictures import MAX_PICTURES, Pictures, plot
from cctview_pipeline.cameras import NETWORKS
from cctview_pipeline.lake import Lake
from cctview_pipeline_tests.factories.jobs import run_all
from cctview_pipeline_tests.factories.tables import campaign

BLUE = np.zeros((24, 32, 3), np.uint8)
PACKAGE = Path(cctview_pipeline.__file__).parent


def drawn_with_a_frame() -> Figure:
    figure = Figure()
    figure.add_subplot().imshow(BLUE)
    return figure


@pytest.mark.parametrize("network", sorted({*NETWORKS, "a network of tomorrow"} - {"city"}))
def test_no_picture_of_a_real_camera_is_even_drawn(network: str):
    shown, asked = Pictures.of(campaign(network=network), 1), []
    assert shown.seen(lambda: asked.append("drawn") or BLUE) is None
    assert not asked


def test_the_city_shows_what_its_cameras_saw_of_a_few_partitions():
    city = campaign(network="city")
    for drawn in (lambda: BLUE, drawn_with_a_frame):
        assert "data:image/" in Pictures.of(city, MAX_PICTURES).seen(drawn).value
        assert Pictures.of(city, MAX_PICTURES + 1).seen(drawn) is None
    assert Pictures.of(None, 1).seen(lambda: BLUE) is None


def test_no_frame_goes_along_as_a_plot():
    assert "data:image/png" in plot(Figure()).value
    with pytest.raises(ValueError, match=r"show it by Pictures\.seen"):
        plot(drawn_with_a_frame())
    with pytest.raises(ValueError, match=r"show it by Pictures\.seen"):
        Pictures.of(campaign(network="archive"), 1).plot(drawn_with_a_frame)


def modules_with_dagster() -> Iterator[Path]:
    for file in PACKAGE.rglob("*.py"):
        if "dagster" in file.read_text() and file != PACKAGE / "assets" / "pictures.py":
            yield file


def test_nothing_else_makes_a_picture_for_dagster():
    """Neither by its own encoding, nor by saying that it is of the city."""
    own = {"b64encode", "standard_b64encode", "_inline", "_png", "savefig"}
    found = []
    for file in modules_with_dagster():
        for node in ast.walk(ast.parse(file.read_text())):
            name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
            text = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
            made = isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Pictures"
            if name in own or "data:image" in text or "![" in text or made:
                found.append(f"{file.relative_to(PACKAGE)}:{node.lineno}")
    assert found == []
    assert PACKAGE / "assets" / "raw_frames.py" in set(modules_with_dagster())


PLOTS = {
    *((mart, "plot") for mart in MART_PLOTS), ("evaluation", "plot"), ("detector_model", "curve"),
    ("extractor_model", "curve"),
}  # fmt: skip


def test_the_whole_event_log_of_real_cameras_has_plots_of_figures_alone(archive: Path, lake: Lake, tmp_path: Path):
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    with dg.DagsterInstance.from_config(str(home)) as instance:
        run_all(lake, instance)
        told = [each for run in instance.get_runs() for each in instance.all_logs(run.run_id)]
        shown = {
            (event.asset_key.to_user_string(), name)
            for event in (entry.dagster_event for entry in told)
            if event and event.is_step_materialization
            for name, value in event.step_materialization_data.materialization.metadata.items()
            if "data:image" in str(value)
        }
    assert len(told) > 100
    assert shown <= PLOTS
    files = [file for file in home.rglob("*") if file.is_file()]
    assert any(b"seconds" in file.read_bytes() for file in files)  # the log is in these files
    for file in files:
        data = file.read_bytes()
        assert b"data:image/jpeg" not in data, file
        assert b"/9j/" not in data, file  # a JPEG in base64


def test_pictures_of_before_are_told_and_gone_as_the_documents_say(tmp_path: Path):
    """docs/privacy.md: how one can tell an instance that still has some, and what to do."""
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    old = dg.AssetMaterialization("map", metadata={"drawn": Pictures.of(campaign(network="city"), 1).seen(lambda: BLUE)})
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        instance.report_runless_asset_event(old)
    told = subprocess.run(["grep", "-rl", "data:image/jpeg", tmp_path / "history"], capture_output=True, check=False, text=True)
    assert {Path(line).name for line in told.stdout.split()} == {".db", "index.db"}

    shutil.rmtree(tmp_path / "history")

    assert not any(b"data:image" in file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        instance.report_runless_asset_event(dg.AssetMaterialization("map"))
        assert instance.get_latest_materialization_event(dg.AssetKey("map"))
