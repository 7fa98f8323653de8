"""What a process that only wants to know the graph, or the commands, does not load."""

import multiprocessing
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace

import pytest

HEAVY = {"torch", "torchvision", "matplotlib", "openvino", "numba", "scipy", "tensorflow", "nncf", "trackeval"}
"""What models, solvers, the renderer and plots are made of: seconds and hundreds of megabytes."""


def load_definitions() -> None:
    from cctview_pipeline.definitions import build_definitions, defs
    from cctview_pipeline_tests.factories.jobs import archive_campaign

    for network in ("archive", "city", "nyc-dot"):
        build_definitions(replace(archive_campaign(), network=network)).get_repository_def()
    assert defs().get_repository_def()


def show_help() -> None:
    from typer.testing import CliRunner

    from cctview_pipeline.cli.app import app

    assert CliRunner().invoke(app, ["--help"]).exit_code == 0


def list_the_models() -> None:
    from typer.testing import CliRunner

    from cctview_pipeline.cli.app import app

    assert CliRunner().invoke(app, ["models", "list"]).exit_code == 0


def loaded_by(function: Callable[[], None]) -> set[str]:
    """The top-level packages that a fresh process has loaded after the function."""
    # Not a multiprocessing.Pool: leaving one terminates its process, which now and then never ends.
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_loaded_by, function).result()


def _loaded_by(function: Callable[[], None]) -> set[str]:
    function()
    return {name.split(".")[0] for name in sys.modules}


@pytest.mark.parametrize("function", [load_definitions, show_help, list_the_models])
def test_nothing_heavy_is_loaded(function: Callable[[], None]):
    assert not loaded_by(function) & HEAVY


def test_help_does_not_even_load_dagster():
    assert "dagster" not in loaded_by(show_help)


def test_the_test_would_see_it():
    assert "scipy" in loaded_by(_solve)


def _solve() -> None:
    import scipy.optimize  # noqa: F401
