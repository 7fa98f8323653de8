"""Where things are on this machine: the project's root, its models, the lake and Dagster's home."""

import os
from pathlib import Path


def project_root() -> Path:
    """The checkout this package stands in, or the working directory when it was installed elsewhere."""
    root = Path(__file__).resolve().parent.parent
    return root if (root / "pyproject.toml").exists() else Path.cwd()


def models_directory() -> Path:
    """The folder of the manifest and the shipped weights; ``CCTVIEW_MODELS`` overrides."""
    return Path(os.environ.get("CCTVIEW_MODELS") or project_root() / "models")


def lake_uri() -> str:
    """The lake that a command or a run works on; ``CCTVIEW_LAKE`` overrides."""
    uri = os.environ.get("CCTVIEW_LAKE") or str(project_root() / "var" / "lake")
    return uri if "://" in uri else str(Path(uri).absolute())


def dagster_home() -> Path:
    """Dagster's instance; ``DAGSTER_HOME`` overrides."""
    return Path(os.environ.get("DAGSTER_HOME") or project_root() / "var" / "dagster")
