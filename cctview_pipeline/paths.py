"""Where things are on this machine: the project's root, its models, the lake, its keys, Dagster's home and the spool."""

from pathlib import Path

from cctview_pipeline import environment
from cctview_pipeline.errors import ConfigurationError


def project_root() -> Path:
    """The checkout this package stands in, or the working directory when it was installed elsewhere."""
    root = Path(__file__).resolve().parent.parent
    return root if (root / "pyproject.toml").exists() else Path.cwd()


def models_directory() -> Path:
    """The folder of the manifest and the shipped weights; ``CCTVIEW_MODELS`` overrides."""
    return Path(environment.MODELS.get() or project_root() / environment.MODELS.default)


def lake_uri() -> str:
    """The lake that a command or a run works on; ``CCTVIEW_LAKE`` overrides."""
    uri = environment.LAKE.get() or str(project_root() / environment.LAKE.default)
    return uri if "://" in uri else str(Path(uri).absolute())


def keys_uri(lake: str = "") -> str:
    """Where the days' keys are kept; ``CCTVIEW_KEYS`` overrides. lake: whose they are, of :func:`lake_uri` when left out.

    Without a word that is the folder ``keys`` beside the lake's; for a lake on S3 it is ``var/keys`` in the project. Raises
    CctviewError when they would lie in the lake: whoever copies the lake would have the keys to it.
    """
    lake = lake or lake_uri()
    usual = project_root() / "var" / "keys" if "://" in lake else Path(lake).absolute().parent / "keys"
    uri = environment.KEYS.get() or str(usual)
    uri = uri.rstrip("/") if "://" in uri else str(Path(uri).absolute())
    if "://" in uri or "://" in lake:
        inside = f"{uri}/".startswith(f"{lake.rstrip('/')}/")
    else:
        inside = Path(uri).resolve().is_relative_to(Path(lake).resolve())
    if inside:
        raise ConfigurationError(
            f"The keys at {uri} would lie in the lake that they protect: name a place beside it in CCTVIEW_KEYS."
        )
    return uri


def dagster_home() -> Path:
    """Dagster's instance; ``DAGSTER_HOME`` overrides."""
    return Path(environment.DAGSTER_HOME.get() or project_root() / environment.DAGSTER_HOME.default)


def audit_path() -> Path:
    """The audit log, apart from the lake so that what empties the lake leaves it; ``CCTVIEW_AUDIT`` overrides."""
    return Path(environment.AUDIT.get() or project_root() / environment.AUDIT.default).absolute()


def spool_directory(network: str) -> Path:
    """Where a network's collectors write on this machine; ``CCTVIEW_SPOOL`` overrides the folder of all networks."""
    return Path(environment.SPOOL.get() or project_root() / environment.SPOOL.default) / network
