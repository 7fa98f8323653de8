"""The packages of requirements.lock, and which part of pyproject.toml needs each of them."""

import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from cctview_pipeline.errors import CctviewError

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
PROJECT = "cctview-pipeline"
GROUPS = {
    "base": "what `make install` installs",
    "postgres": "the extra `postgres`",
    "cluster": "the extra `cluster`",
    "kubernetes": "the extra `kubernetes`",
    "torch": "the extra `torch`",
    "imageai": "the extra `imageai`",
    "dev": "for `make test` only",
    "benchmark": "for `make benchmark` only",
}
"""Parts of pyproject.toml, and what each is. A package belongs to the first that needs it."""
INSTALLER = {"pip"}
"""Comes with Python, in that Python's version: what a package needs of it is not the lock's to say."""
DELIVERED = ("base", "postgres", "cluster", "kubernetes", "torch", "imageai")
"""The parts that a user of the pipeline may have installed."""


@dataclass(frozen=True)
class Package:
    """One line of the lock. name: as the registry compares names, in lower case with hyphens; group: one of GROUPS."""

    name: str
    version: str
    group: str


def read_lock(path: Path = LOCK) -> dict[str, str]:
    """The version of every package of the lock. Raises CctviewError on a line that is no pinned version."""
    versions = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not (text := line.split("#")[0].strip()):
            continue
        name, equals, version = text.partition("==")
        if not (name and equals and version):
            raise CctviewError(f"Line {number} of {path} is '{text}': write it as package==version.")
        versions[canonicalize_name(name)] = version
    return versions


@cache
def installed(name: str) -> Distribution | None:
    """A package of this environment with its metadata, or None."""
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None


def grouped(lock: dict[str, str], groups: Iterable[str] = GROUPS) -> list[Package]:
    """The lock's packages that these groups need, each in the first group that does, sorted by group and name.

    Raises CctviewError where a package is not installed, or not in the version of the lock, or not in the lock at all.
    """
    group_of: dict[str, str] = {}
    for group in groups:
        for name in sorted(needs(group)):
            group_of.setdefault(name, group)
    for name in group_of:
        if name not in lock:
            raise CctviewError(f"{name} is needed and not in requirements.lock: add a line {name}==version.")
        if (found := installed(name)) is None or found.version != lock[name]:
            there = found.version if found else "missing"
            raise CctviewError(f"{name} {lock[name]} is in requirements.lock, but {there} here: make licences installs it.")
    return [Package(name, lock[name], group) for name, group in group_of.items()]


def requirements_of(group: str) -> list[Requirement]:
    """What pyproject.toml asks for in a group, without what it names of the project itself."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = project["dependencies"] if group == "base" else project["optional-dependencies"][group]
    return [each for each in map(Requirement, lines) if canonicalize_name(each.name) != PROJECT]


def needs(group: str) -> dict[str, set[str]]:
    """Every package that a group needs, directly or not, with the names of those that it needs itself on this system."""
    found: dict[str, set[str]] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    waiting = requirements_of(group)
    while waiting:
        each = waiting.pop()
        name, extras = canonicalize_name(each.name), frozenset(each.extras)
        if name in INSTALLER or (name, extras) in seen:
            continue
        seen.add((name, extras))
        package = installed(name)
        nexts = list(_requirements(package, extras)) if package else []
        found.setdefault(name, set()).update({canonicalize_name(other.name) for other in nexts} - INSTALLER)
        waiting += nexts
    return found


def _requirements(found: Distribution, extras: Iterable[str]) -> Iterator[Requirement]:
    for line in found.requires or []:
        try:
            each = Requirement(line)
        except InvalidRequirement as error:
            raise CctviewError(
                f"The metadata of {found.name} {found.version} hold a requirement no tool can read: {line}."
            ) from error
        if each.marker is None or any(each.marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            yield each
