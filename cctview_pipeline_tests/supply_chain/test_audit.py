"""What is known against the lock: by a service, by a list, by nobody. What was not checked is never called good."""

import json
import subprocess
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version
from typer.testing import CliRunner

from cctview_pipeline.errors import CctviewError
from cctview_pipeline_tests.factories.ports import free_ports
from supply_chain import audit as auditing
from supply_chain.__main__ import app
from supply_chain.advisories import Accepted, Advisory, AdvisoryList, read_accepted
from supply_chain.audit import CLEAN, FOUND, UNCHECKED, Audit, audit_by_list, audit_by_service, verdict

LOCK = {"jinja2": "3.1.6", "numpy": "2.4.6"}
TODAY = date(2026, 11, 29)
HOLE = Advisory("jinja2", "3.1.6", ("PYSEC-2026-1", "CVE-2026-1"), ("3.1.7",))


def record(name: str = "jinja2", **ranges: str) -> dict:
    """An advisory in the OSV format with one range of versions."""
    events = [{kind: version} for kind, version in (ranges or {"introduced": "0", "fixed": "3.1.7"}).items()]
    affected = {"package": {"ecosystem": "PyPI", "name": name}, "ranges": [{"type": "ECOSYSTEM", "events": events}]}
    return {"id": "PYSEC-2026-1", "aliases": ["CVE-2026-1"], "modified": "2026-11-20T00:00:00Z", "affected": [affected]}


def written(folder: Path, *records: dict) -> Path:
    for number, each in enumerate(records):
        (folder / f"{number}.json").write_text(json.dumps(each))
    return folder


@contextmanager
def service(status: int = 200) -> Iterator[dict[str, tuple[str, ...]]]:
    """A service with OSV's interface that knows HOLE."""

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            body = json.dumps({"vulns": [record()]} if asked["package"]["name"] == "jinja2" else {}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", free_ports(1)[0]), Answers)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield {"a service here": ("osv", "--osv-url", f"http://127.0.0.1:{server.server_port}")}
    finally:
        server.shutdown()
        server.server_close()


def test_a_service_that_answers():
    with service() as services:
        assert audit_by_service(LOCK, services) == Audit("a service here", [HOLE])


def test_a_service_that_fails():
    with service(503) as services:
        assert audit_by_service(LOCK, services) is None


def test_a_service_that_knows_only_some_packages(monkeypatch: pytest.MonkeyPatch):
    def ask(lock, arguments):
        return Audit("", [], frozenset(lock) - {"pip", *arguments})

    monkeypatch.setattr(auditing, "_ask", ask)
    assert audit_by_service(LOCK, {"one": ["numpy"]}) == Audit("one", [], frozenset({"jinja2"}))
    assert audit_by_service(LOCK, {"none": []}) is None


def test_what_pip_audit_skips_was_not_checked(monkeypatch: pytest.MonkeyPatch):
    """Its own verdict on a mirror without advisories is "No known vulnerabilities found", with status 0."""
    said = {"dependencies": [{"name": name, "skip_reason": "not found"} for name in ("pip", *LOCK)], "fixes": []}
    done = subprocess.CompletedProcess([], 0, json.dumps(said), "No known vulnerabilities found")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: done)
    assert audit_by_service(LOCK) is None
    said["dependencies"][0] = {"name": "pip", "version": "23.0", "vulns": []}
    said["dependencies"][1] = {"name": "jinja2", "version": "3.1.6", "vulns": []}
    done.stdout = json.dumps(said)
    assert audit_by_service(LOCK) == Audit("the registry's advisories", [], frozenset({"numpy"}))


def test_nobody_could_be_asked(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(auditing, "audit_by_service", lambda lock: None)
    told = CliRunner().invoke(app, ["audit"])
    assert told.exit_code == UNCHECKED
    assert told.output.startswith("Nothing was checked against vulnerabilities: ")
    leave = CliRunner().invoke(app, ["audit", "--unchecked-ok"])
    assert (leave.exit_code, leave.output) == (CLEAN, told.output)


def test_leaving_out_what_could_not_be_checked_leaves_nothing_else_out(tmp_path: Path):
    known = written(tmp_path, record("numpy", introduced="0"))
    told = CliRunner().invoke(app, ["audit", "--unchecked-ok", "--advisories", str(known)])
    assert told.exit_code == FOUND
    assert "Open: numpy " in told.output


@pytest.mark.parametrize("zipped", [False, True])
def test_a_list_without_a_network(tmp_path: Path, zipped: bool):
    there = written(tmp_path, record(), record("numpy", introduced="0", fixed="2.0"), record("django", introduced="0"))
    if zipped:
        with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
            for each in tmp_path.glob("*.json"):
                archive.write(each, each.name)
        there = tmp_path / "all.zip"
    found = audit_by_list(LOCK, there)
    assert found == Audit(f"{there}, 3 advisories, the newest of 2026-11-20", [HOLE])
    assert verdict(LOCK, found, [], TODAY) == (
        FOUND,
        [
            f"Checked 2 of 2 packages against {there}, 3 advisories, the newest of 2026-11-20.",
            "Open: jinja2 3.1.6 has PYSEC-2026-1 (CVE-2026-1), fixed in 3.1.7.",
        ],
    )


@pytest.mark.parametrize(
    ("ranges", "hit"),
    [
        ({"introduced": "0"}, True),
        ({"introduced": "3.1.6"}, True),
        ({"introduced": "3.1.7"}, False),
        ({"introduced": "0", "fixed": "3.1.6"}, False),
        ({"introduced": "0", "last_affected": "3.1.6"}, True),
        ({"introduced": "0", "last_affected": "3.1.5"}, False),
        ({"introduced": "0", "fixed": "3.1.6rc1"}, False),
    ],
)
def test_the_ends_of_a_range(tmp_path: Path, ranges: dict[str, str], hit: bool):
    assert bool(AdvisoryList.open(written(tmp_path, record(**ranges))).against(LOCK)) == hit


@given(st.lists(st.integers(0, 30), min_size=2, max_size=6, unique=True), st.integers(0, 30))
def test_ranges_one_after_another(bounds: list[int], minor: int):
    from supply_chain.advisories import _in_range

    steps = sorted(bounds)
    events = [{"introduced" if place % 2 == 0 else "fixed": f"1.{at}"} for place, at in enumerate(steps)]
    inside = sum(at <= minor for at in steps) % 2 == 1
    assert _in_range(reversed(events), Version(f"1.{minor}")) == inside


def test_what_was_withdrawn_or_is_of_another_registry(tmp_path: Path):
    other = record()
    other["affected"][0]["package"]["ecosystem"] = "npm"
    known = written(tmp_path, record() | {"withdrawn": "2026-11-21T00:00:00Z"}, record("numpy", introduced="3"), other)
    assert AdvisoryList.open(known).against(LOCK) == []


@pytest.mark.parametrize("text", ["", "{", "[]", '{"affected": [{"package": {}}]}', '{"id": "X"}', "\N{SNOWMAN}"])
def test_what_is_no_list(tmp_path: Path, text: str):
    (tmp_path / "one.json").write_text(text)
    with pytest.raises(CctviewError, match=r"is no list of advisories in the OSV format|holds no advisory on a package"):
        AdvisoryList.open(tmp_path)
    with pytest.raises(CctviewError, match="is no list of advisories in the OSV format"):
        AdvisoryList.open(tmp_path / "one.json")


def test_an_accepted_advisory_is_open_again_when_its_day_is_over():
    found = Audit("a list", [HOLE])
    lives_with = Accepted("CVE-2026-1", "jinja2", "No template is written by strangers.", TODAY)
    status, lines = verdict(LOCK, found, [lives_with], TODAY)
    assert (status, lines[1]) == (CLEAN, f"Accepted until {TODAY}: {HOLE}. No template is written by strangers.")
    status, lines = verdict(LOCK, found, [lives_with], date(2026, 11, 30))
    assert (status, lines[1]) == (FOUND, f"Open: {HOLE}; it was accepted until {TODAY}.")
    assert verdict(LOCK, found, [Accepted("CVE-2026-1", "numpy", "Another package.", TODAY)], TODAY)[0] == FOUND


def test_an_accepted_advisory_that_is_no_longer_found():
    gone = Accepted("CVE-2025-9", "numpy", "Not reached.", TODAY)
    assert verdict(LOCK, Audit("a list", []), [gone], TODAY) == (
        CLEAN,
        [
            "Checked 2 of 2 packages against a list.",
            "Accepted and no longer found: CVE-2025-9 in numpy; take it out.",
            "No advisory is open.",
        ],
    )


def test_what_was_checked_in_part_is_not_clean():
    status, lines = verdict(LOCK, Audit("a list", [], frozenset({"numpy"})), [], TODAY)
    assert status == UNCHECKED
    assert lines[0] == "Checked 1 of 2 packages against a list."
    assert "not checked: numpy" in lines[1]


@pytest.mark.parametrize(
    "entry",
    [
        'advisory = "X"\npackage = "numpy"\nreason = "none"',
        'advisory = "X"\npackage = "numpy"\nreason = " "\nuntil = 2026-12-31',
        'advisory = "X"\npackage = "numpy"\nreason = "why"\nuntil = "soon"',
        'advisory = "X"\npackage = "numpy"\nreason = "why"\nuntil = 2026-12-31\nby = "me"',
        "advisory = ",
    ],
)
def test_an_entry_without_reason_or_day(tmp_path: Path, entry: str):
    (tmp_path / "accepted.toml").write_text(f"[[accepted]]\n{entry}\n")
    with pytest.raises(CctviewError, match="until"):
        read_accepted(tmp_path / "accepted.toml")


def test_the_projects_own_entries_can_be_read():
    assert all(each.until > date(2026, 1, 1) for each in read_accepted())
