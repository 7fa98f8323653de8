"""A lake of its own and the made models' references, beside no weights."""

from pathlib import Path

import pytest

from cctview_pipeline.drift import Reference
from cctview_pipeline.lake import Lake
from cctview_pipeline_tests.factories.drifting_hours import write_references


@pytest.fixture
def references(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Reference, Reference]:
    (tmp_path / "models").mkdir()
    monkeypatch.setenv("CCTVIEW_MODELS", str(tmp_path / "models"))
    return write_references()


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    monkeypatch.setenv("CCTVIEW_LAKE", str(tmp_path / "lake"))
    return Lake(str(tmp_path / "lake"))
