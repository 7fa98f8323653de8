"""Whether anything is known against the versions of the lock.

Asked are the services that pip-audit knows, or a list without a network. No answer is never taken for a good one: what was not
checked is said, and has a status of its own.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from supply_chain.advisories import Accepted, Advisory, AdvisoryList

SERVICES = {"the registry's advisories": ("pypi",), "OSV": ("osv",)}
"""Services by name, with the arguments that pip-audit takes for them after --vulnerability-service."""
CLEAN, FOUND, UNCHECKED = 0, 1, 3
"""Exit statuses; 2 is a command line that is wrong."""
PROBE = "pip"
"""A package that every service has heard of: one that has not answers nothing."""


@dataclass(frozen=True)
class Audit:
    """What was asked and what came of it. source: in words; unchecked: packages about which nothing was said."""

    source: str
    advisories: Sequence[Advisory]
    unchecked: frozenset[str] = frozenset()


def audit_by_list(lock: Mapping[str, str], path: Path) -> Audit:
    """By a list in the OSV format. Raises CctviewError where it is none."""
    found = AdvisoryList.open(path)
    return Audit(f"{path}, {len(found.records)} advisories, the newest of {found.newest}", found.against(lock))


def audit_by_service(lock: Mapping[str, str], services: Mapping[str, Sequence[str]] = SERVICES) -> Audit | None:
    """By the first service that answers; None where none does."""
    for name, arguments in services.items():
        # One question before two hundred: a mirror of the registry often has no advisories at all.
        probe = _ask({PROBE: "23.0"}, arguments)
        if probe is None or PROBE in probe.unchecked:
            continue
        found = _ask(lock, arguments)
        if found and len(found.unchecked) < len(lock):
            return Audit(name, found.advisories, found.unchecked)
    return None


def _ask(lock: Mapping[str, str], arguments: Sequence[str]) -> Audit | None:
    """What pip-audit says, or None where it says nothing that can be read."""
    command = [sys.executable, "-m", "pip_audit", "--disable-pip", "--no-deps", "--format", "json", "--progress-spinner", "off"]
    with tempfile.TemporaryDirectory() as folder:
        # A cache of its own: an answer of last month is no answer.
        pinned = Path(folder) / "pinned.txt"
        pinned.write_text("".join(f"{name}=={version}\n" for name, version in lock.items()))
        command += ["--cache-dir", folder, "--requirement", str(pinned), "--vulnerability-service", *arguments]
        done = subprocess.run(command, capture_output=True, text=True)
    try:
        answers = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        return None
    found = [
        Advisory(each["name"], each["version"], (hole["id"], *hole["aliases"]), tuple(hole["fix_versions"]))
        for each in answers
        for hole in each.get("vulns", [])
    ]
    answered = {each["name"] for each in answers if "skip_reason" not in each}
    return Audit(arguments[0], found, frozenset(lock) - answered)


def verdict(lock: Mapping[str, str], audit: Audit | None, accepted: Sequence[Accepted], today: date) -> tuple[int, list[str]]:
    """The exit status of an audit, and what a person reads."""
    if audit is None:
        names = " and ".join(SERVICES)
        return UNCHECKED, [
            f"Nothing was checked against vulnerabilities: {names} did not answer for any of {len(lock)} packages.",
            "Give a list: make lint-deps ADVISORIES=FILE, a zip file or folder of advisories in the OSV format.",
        ]
    lines = [f"Checked {len(lock) - len(audit.unchecked)} of {len(lock)} packages against {audit.source}."]
    open_, lived_with = [], []
    for each in audit.advisories:
        entry = next((entry for entry in accepted if entry.covers(each)), None)
        (lived_with if entry and entry.until >= today else open_).append((each, entry))
    lines += [f"Open: {each}{_run_out(entry)}." for each, entry in open_]
    lines += [f"Accepted until {entry.until}: {each}. {entry.reason}" for each, entry in lived_with]
    met = {entry for _, entry in open_ + lived_with}
    lines += [
        f"Accepted and no longer found: {entry.advisory} in {entry.package}; take it out."
        for entry in accepted
        if entry not in met
    ]
    if audit.unchecked:
        lines.append(f"Not known there, so not checked: {', '.join(sorted(audit.unchecked))}.")
    if not open_:
        lines.append("No advisory is open." if not audit.unchecked else "No advisory is open on what was checked.")
    return (FOUND if open_ else UNCHECKED if audit.unchecked else CLEAN), lines


def _run_out(entry: Accepted | None) -> str:
    return f"; it was accepted until {entry.until}" if entry else ""
