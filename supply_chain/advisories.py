"""What is known against packages: advisories, those that were accepted for a time, and a list of them without a network.

A list is in the Open Source Vulnerability format (schema 1), as OSV hands it out for the registry: one JSON file an advisory, in
a folder or a zip file. None is in this repository, because one that is not from this week says little.
"""

import json
import tomllib
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from cctview_pipeline.errors import CctviewError

ACCEPTED = Path(__file__).with_name("accepted-advisories.toml")
ECOSYSTEM = "PyPI"


@dataclass(frozen=True)
class Advisory:
    """One hole in one package of the lock. names: its id first, then what others call it; fixed: versions without it."""

    package: str
    version: str
    names: tuple[str, ...]
    fixed: tuple[str, ...] = ()

    def __str__(self) -> str:
        others = f" ({', '.join(self.names[1:])})" if self.names[1:] else ""
        mend = f"fixed in {', '.join(self.fixed)}" if self.fixed else "fixed in no version yet"
        return f"{self.package} {self.version} has {self.names[0]}{others}, {mend}"


@dataclass(frozen=True)
class Accepted:
    """An advisory that a person looked at and lives with until a day, and why."""

    advisory: str
    package: str
    reason: str
    until: date

    def __post_init__(self) -> None:
        if not (self.reason.strip() and type(self.until) is date):
            raise CctviewError(f"{ACCEPTED.name}: {self.advisory} needs a reason, and until as a day such as 2026-12-31.")

    def covers(self, advisory: Advisory) -> bool:
        """Whether it is this advisory by any of its names, in this package."""
        return self.package == advisory.package and self.advisory in advisory.names


def read_accepted(path: Path = ACCEPTED) -> list[Accepted]:
    """The accepted advisories. Raises CctviewError where an entry lacks a part."""
    try:
        return [Accepted(**each) for each in tomllib.loads(path.read_text()).get("accepted", [])]
    except (tomllib.TOMLDecodeError, TypeError) as error:
        raise CctviewError(
            f"{path} cannot be read ({error}): each [[accepted]] has advisory, package, reason and until."
        ) from error


@dataclass(frozen=True)
class AdvisoryList:
    """Advisories of a folder or zip file. newest: the day of its newest entry; entries: how many it has."""

    records: tuple[dict, ...]
    newest: str
    path: Path

    @classmethod
    def open(cls, path: Path) -> "AdvisoryList":
        """Raises CctviewError on what is no list in this format, or has no entry for the registry."""
        try:
            records = tuple(map(json.loads, _texts(path)))
            records = tuple(each for each in records if any(_in_registry(affected) for affected in each.get("affected", [])))
            newest = max((each["modified"][:10] for each in records), default="")
        except (OSError, zipfile.BadZipFile, ValueError, KeyError, TypeError, AttributeError) as error:
            raise CctviewError(f"{path} is no list of advisories in the OSV format, one JSON file each: {error!r}.") from error
        if not records:
            raise CctviewError(f"{path} holds no advisory on a package of {ECOSYSTEM}.")
        return cls(records, newest, path)

    def against(self, lock: Mapping[str, str]) -> list[Advisory]:
        """The advisories that hit a version of the lock."""
        found = {}
        for record in self.records:
            for affected in record["affected"]:
                name = canonicalize_name(affected["package"]["name"])
                if not record.get("withdrawn") and name in lock and _in_registry(affected) and _hits(affected, lock[name]):
                    names = (record["id"], *record.get("aliases", []))
                    found[record["id"], name] = Advisory(name, lock[name], names, tuple(_fixed(affected)))
        return sorted(found.values(), key=lambda each: (each.package, each.names))


def _texts(path: Path) -> Iterator[str | bytes]:
    if path.is_dir():
        yield from (each.read_text() for each in sorted(path.glob("*.json")))
        return
    with zipfile.ZipFile(path) as archive:
        yield from (archive.read(name) for name in archive.namelist() if name.endswith(".json"))


def _in_registry(affected: dict) -> bool:
    return affected["package"]["ecosystem"] == ECOSYSTEM


def _hits(affected: dict, version: str) -> bool:
    """Whether a version is named, or lies in a range; the algorithm that the format's specification gives."""
    if version in affected.get("versions", []):
        return True
    wanted = Version(version)
    return any(_in_range(each["events"], wanted) for each in affected.get("ranges", []) if each["type"] == "ECOSYSTEM")


def _in_range(events: Iterable[dict], wanted: Version) -> bool:
    inside = False
    for kind, at in sorted(((kind, at) for event in events for kind, at in event.items()), key=lambda event: _version(event[1])):
        if kind == "introduced" and wanted >= _version(at):
            inside = True
        elif (kind == "fixed" and wanted >= _version(at)) or (kind == "last_affected" and wanted > _version(at)):
            inside = False
    return inside


def _version(text: str) -> Version:
    try:
        return Version(text)
    except InvalidVersion as error:
        raise CctviewError(f"An advisory names the version '{text}', which is none that Python packages have.") from error


def _fixed(affected: dict) -> list[str]:
    events = [event for each in affected.get("ranges", []) if each["type"] == "ECOSYSTEM" for event in each["events"]]
    return sorted({event["fixed"] for event in events if "fixed" in event}, key=_version)
