"""What is installed only where it is asked for: which package is in which extra of pyproject.toml, and what is said without."""

import importlib.util

from cctview_pipeline.errors import ConfigurationError

INSTALL = ".venv/bin/python -m pip install --constraint requirements.lock --editable '.[{extra}]'"
PACKAGES = {
    "torch": ("torch", "PyTorch"),
    "torchvision": ("torch", "torchvision"),
    "nncf": ("torch", "NNCF"),
    "imageai": ("imageai", "ImageAI"),
    "tensorflow": ("imageai", "TensorFlow"),
    "h5py": ("imageai", "h5py"),
}
"""A package -> the extra that installs it, and its name."""
TRAINING = ("torch", "torchvision", "nncf")
"""What training and adapting need."""


class MissingExtra(ConfigurationError):
    """What was asked for needs an extra that is not installed; the sentence has the command that installs it."""


def installed(package: str) -> bool:
    """Whether a package can be imported; it is not."""
    return importlib.util.find_spec(package) is not None


def need(what: str, *packages: str) -> None:
    """Raises MissingExtra where one of the packages is missing. what: begins the sentence, as in ``Training``."""
    missing = [package for package in packages if not installed(package)]
    if missing:
        # The others bring torch along.
        extra = max((PACKAGES[package][0] for package in missing), key=lambda name: name != "torch")
        *others, last = (PACKAGES[package][1] for package in missing)
        names = f"{', '.join(others)} and {last}" if others else last
        raise MissingExtra(f"{what} needs {names}: {INSTALL.format(extra=extra)}")
