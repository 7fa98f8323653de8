"""Environment variables are read in one place, and every one that is named anywhere is told to people."""

import re
from pathlib import Path

import pytest

from cctview_pipeline import environment, paths
from cctview_pipeline.environment import VARIABLES
from cctview_pipeline.paths import project_root

ROOT = project_root()
OURS = re.compile(r"\b(?:CCTVIEW_[A-Z_]*[A-Z]|DAGSTER_HOME)\b")
READ = re.compile(r"""(?:environ\.get\(|getenv\(|environ\[)["']((?:CCTVIEW_|DAGSTER_HOME)[A-Z_]*)["'](?!\] *=|\], )""")


def sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*") if path.suffix in (".py", ".yaml", ".html"))


def test_the_program_names_no_variable_that_is_not_in_the_table():
    named = {name for path in sources("cctview_pipeline", "deploy") for name in OURS.findall(path.read_text())}
    assert named == set(VARIABLES)


def test_they_are_read_in_one_place():
    """Dagster's own home is set by automation/instance.py before anything opens it, and read from there by name."""
    elsewhere = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in sources("cctview_pipeline")
        for name in READ.findall(path.read_text())
        if name != "DAGSTER_HOME"
    }
    assert not elsewhere


def test_variables_of_the_tests_and_the_makefile_are_told_to_contributors():
    told = (ROOT / "CONTRIBUTING.md").read_text()
    for path in [*sources("cctview_pipeline_tests", "benchmarks"), ROOT / "Makefile"]:
        for name in set(OURS.findall(path.read_text())) - set(VARIABLES):
            assert name in told, f"{path.name} names {name}, and CONTRIBUTING.md does not"


@pytest.mark.parametrize(
    ("variable", "path"),
    [
        (environment.LAKE, paths.lake_uri),
        (environment.AUDIT, paths.audit_path),
        (environment.MODELS, paths.models_directory),
        (environment.DAGSTER_HOME, paths.dagster_home),
    ],
)
def test_a_path_is_the_default_of_the_table_unless_the_environment_says_another(variable, path, tmp_path, monkeypatch):
    monkeypatch.delenv(variable.name, raising=False)
    assert str(path()) == str(ROOT / variable.default)
    monkeypatch.setenv(variable.name, "")
    assert str(path()) == str(ROOT / variable.default)
    monkeypatch.setenv(variable.name, str(tmp_path / "another"))
    assert str(path()) == str(tmp_path / "another")
