"""What is measured by hand still loads: a renamed function would be missed on the day somebody measures."""

import importlib.util
import sys
from types import ModuleType

import pytest

from cctview_pipeline_tests.documentation.pages import ROOT

BENCHMARKS = sorted(path.stem for path in (ROOT / "benchmarks").glob("*.py"))


def loaded(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    spec = importlib.util.spec_from_file_location(f"benchmark_{name}", ROOT / "benchmarks" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    try:
        spec.loader.exec_module(module)
    except ModuleNotFoundError as error:
        if error.name.startswith("cctview"):
            raise
        pytest.skip(f"{error.name} is not installed: it comes with the extra `benchmark`")
    return module


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_benchmark_loads(name: str, monkeypatch: pytest.MonkeyPatch):
    assert loaded(name, monkeypatch).__doc__


def test_what_the_study_of_association_takes_out_is_there(monkeypatch: pytest.MonkeyPatch):
    study = loaded("association", monkeypatch)
    taken = [change for changes, _ in study.TRACKING.values() for change in changes]
    taken += [change for changes in study.MATCHING.values() for change in changes]
    assert len(taken) > 15
    assert [name for place, name, _ in taken if not hasattr(place, name)] == []
