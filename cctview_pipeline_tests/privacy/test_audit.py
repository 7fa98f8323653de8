"""The audit log: what was done to it is found, and nothing that can't be logged is answered."""

import json
import os
import resource
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from cctview_pipeline import files
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.privacy.audit import AuditLog
from cctview_pipeline.privacy.entries import Entry, Head
from cctview_pipeline.privacy.verification import verify
from cctview_pipeline_tests.factories.killed import FORK, die, end_of


@pytest.fixture
def log(tmp_path: Path) -> AuditLog:
    return AuditLog(tmp_path / "audit" / "audit.jsonl")


def ask(log: AuditLog, sql: str = "SELECT 1 FROM tracks", **more) -> Entry:
    return log.append("query", sql, user="ada", purpose="traffic counts", lake="/lake", tables=("tracks",), **more)


@pytest.fixture
def nine(log: AuditLog) -> AuditLog:
    for number in range(9):
        ask(log, f"SELECT {number} FROM tracks")
    return log


def test_an_entry_is_one_line_that_says_who_asked_what_when_and_what_for(log: AuditLog):
    before = datetime.now(UTC)
    first, second = ask(log, "SELECT *\nFROM tracks -- é"), ask(log)
    line, _ = log.path.read_text().splitlines()
    said = json.loads(line)
    assert said | {"time": "", "hash": ""} == {
        "number": 1,
        "time": "",
        "user": "ada",
        "purpose": "traffic counts",
        "kind": "query",
        "lake": "/lake",
        "asked": "SELECT *\nFROM tracks -- é",
        "tables": ["tracks"],
        "previous": "0" * 64,
        "hash": "",
    }
    assert before <= datetime.fromisoformat(said["time"]) <= datetime.now(UTC)
    assert said["hash"] == first.head.hash == second.previous
    assert log.path.stat().st_mode & 0o777 == log.head_path.stat().st_mode & 0o777 == 0o600


def test_entries_come_back_newest_first_over_any_number_of_blocks(log: AuditLog):
    written = [ask(log, "x" * 20_000) for _ in range(9)]
    assert list(log.newest()) == written[::-1]


def test_a_log_as_it_was_written_is_whole(nine: AuditLog):
    verdict = verify(nine)
    assert (verdict.whole, verdict.head) == (True, next(nine.newest()).head)
    assert verify(nine, verdict.head).whole
    ask(nine)
    assert verify(nine, verdict.head).whole


def forged(line: bytes, **changes) -> bytes:
    """The line with other content, and the hash that goes with it."""
    return replace(Entry.parse(line), **changes).line()


def zoneless(entry: Entry) -> Entry:
    return replace(entry, time=entry.time.replace(tzinfo=None))


def raising(error: OSError) -> Callable:
    def broken(*words: object, **more: object) -> None:
        raise error

    return broken


TAMPERED: dict[str, tuple[Callable[[list[bytes]], list[bytes]], int, str]] = {
    "content": (lambda e: [*e[:4], e[4].replace(b"SELECT 4", b"SELECT 7"), *e[5:]], 5, "its content is not"),
    "a space": (lambda e: [*e[:4], e[4].replace(b'"kind": ', b'"kind":  '), *e[5:]], 5, "was changed"),
    "another key": (lambda e: [*e[:4], e[4].replace(b'{"num', b'{"x": 1, "num'), *e[5:]], 5, "no entry"),
    "hash": (lambda e: [*e[:4], e[4][:-5] + b'00"}\n', *e[5:]], 5, "its hash is not"),
    "content and hash": (lambda e: [*e[:4], forged(e[4], user="bob"), *e[5:]], 5, "Line 6 does not follow line 5"),
    "content and hash of the first": (lambda e: [forged(e[0], user="bob"), *e[1:]], 1, "Line 2 does not follow line 1"),
    "content and hash of the last": (lambda e: [*e[:8], forged(e[8], user="bob")], 9, "another hash than the head file"),
    "the first has something before": (lambda e: [forged(e[0], previous="1" * 64), *e[1:]], 1, "does not follow"),
    "one missing": (lambda e: e[:4] + e[5:], 5, "entries 5 to 5 are missing"),
    "three missing": (lambda e: e[:4] + e[7:], 5, "entries 5 to 7 are missing"),
    "the first missing": (lambda e: e[1:], 1, "entries 1 to 1 are missing"),
    "swapped": (lambda e: [*e[:4], e[5], e[4], *e[6:]], 5, "were swapped"),
    "swapped far apart": (lambda e: [e[0], e[7], *e[2:7], e[1], e[8]], 2, "were swapped"),
    "duplicate": (lambda e: e[:5] + e[4:], 6, "repeats entry 5"),
    "the first again at the end": (lambda e: [*e, e[0]], 10, "repeats entry 1"),
    "torn": (lambda e: [*e[:8], e[8][:40]], 9, "unfinished"),
    "torn by its newline only": (lambda e: [*e[:8], e[8][:-1]], 9, "unfinished"),
    "the last missing": (lambda e: e[:8], 9, "ends before line 9 that the head file names"),
    "all missing": (lambda e: [], 1, "ends before line 9"),
    "an empty line": (lambda e: [*e[:4], b"\n", *e[4:]], 5, "no entry"),
    "no text": (lambda e: [*e[:4], b"\xff\x00\n", *e[4:]], 5, "no entry"),
    "a number for a text": (lambda e: [*e[:4], e[4].replace(b'"ada"', b"1"), *e[5:]], 5, "no entry"),
    "tables that are no names": (lambda e: [*e[:4], e[4].replace(b'["tracks"]', b"[[]]"), *e[5:]], 5, "no entry"),
    "a time without a zone": (lambda e: [*e[:4], zoneless(Entry.parse(e[4])).line(), *e[5:]], 5, "no entry"),
    "nested too deep": (lambda e: [*e[:4], b"[" * 3000 + b"\n", *e[5:]], 5, "no entry"),
    "an object without its keys": (lambda e: [*e[:4], b"{}\n", *e[5:]], 5, "no entry"),
    "a time that is none": (lambda e: [*e[:4], e[4].replace(b'"time": "', b'"time": "soon '), *e[5:]], 5, "no entry"),
    "no JSON": (lambda e: [*e[:4], b"{\n", *e[5:]], 5, "no entry"),
    "a list": (lambda e: [*e[:4], b"[]\n", *e[5:]], 5, "no entry"),
}


@pytest.mark.parametrize("kind", TAMPERED)
def test_tampering_is_found_at_its_line(nine: AuditLog, kind: str):
    change, line, sentence = TAMPERED[kind]
    nine.path.write_bytes(b"".join(change(nine.path.read_bytes().splitlines(keepends=True))))
    verdict = verify(nine)
    assert (verdict.line, verdict.whole) == (line, False)
    assert sentence in verdict.sentence


def add_without_the_head(log: AuditLog, count: int) -> None:
    head = log.head_path.read_bytes()
    for _ in range(count):
        ask(log)
    log.head_path.write_bytes(head)


def test_a_log_one_ahead_of_its_head_is_a_crash_and_two_ahead_is_none(nine: AuditLog):
    add_without_the_head(nine, 1)
    assert verify(nine).whole
    ask(nine)
    assert verify(nine).whole
    add_without_the_head(nine, 2)
    assert "lines were added without it" in verify(nine).sentence


@pytest.mark.parametrize(
    "harm",
    [
        lambda log: log.path.write_bytes(b"".join(log.path.read_bytes().splitlines(keepends=True)[:8])),
        lambda log: log.path.unlink(),
        lambda log: log.head_path.unlink(),
        lambda log: log.head_path.write_text("9:0"),
        lambda log: log.head_path.write_text(f"9:{'0' * 64}"),
        lambda log: log.path.write_bytes(log.path.read_bytes() + b"{}\n"),
        lambda log: add_without_the_head(log, 2),
    ],
    ids=["last line", "log", "head", "broken head", "other head", "broken line", "two ahead"],
)
def test_nothing_is_written_after_an_end_that_is_not_right(nine: AuditLog, harm: Callable[[AuditLog], None]):
    """The lines that are missing there could never be missed again."""
    harm(nine)
    before = nine.path.read_bytes() if nine.path.exists() else b""
    with pytest.raises(CctviewError, match=r"`cctview audit verify` (tells more|says which)|head file .* is damaged"):
        ask(nine)
    assert nine.path.read_bytes() == before


def test_who_forges_log_and_head_is_found_by_a_number_and_hash_that_were_noted_elsewhere(nine: AuditLog):
    noted = verify(nine).head
    shutil.rmtree(nine.path.parent)
    for number in range(9):
        ask(nine, f"SELECT {number + 100} FROM tracks")
    assert verify(nine).whole
    assert verify(nine, noted).line == 9
    assert "than was noted" in verify(nine, noted).sentence
    assert "ends before line 12, which was noted" in verify(nine, Head(12, noted.hash)).sentence
    assert Head.parse(str(noted)) == noted
    with pytest.raises(CctviewError, match=r"'9:zz' is no head of an audit log: give NUMBER:HASH"):
        Head.parse("9:zz")


def write_entries(path: Path, name: str, count: int, start: Barrier) -> None:
    log = AuditLog(path)
    start.wait()
    for number in range(count):
        log.append("query", f"{name} {number}")


@pytest.mark.parametrize("processes", [2, 8])
def test_processes_that_write_at_once_make_one_chain(log: AuditLog, processes: int):
    start = FORK.Barrier(processes)
    writers = [FORK.Process(target=write_entries, args=(log.path, str(number), 10, start)) for number in range(processes)]
    for each in writers:
        each.start()
    for each in writers:
        each.join(30)
    assert [each.exitcode for each in writers] == [0] * processes
    assert verify(log).whole
    written = [entry.asked for entry in reversed(list(log.newest()))]
    assert sorted(written) == sorted(f"{w} {n}" for w in range(processes) for n in range(10))
    assert [text for text in written if text.startswith("0 ")] == [f"0 {number}" for number in range(10)]


def test_two_threads_wait_for_each_other_as_well(log: AuditLog):
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda number: ask(log, str(number)), range(40)))
    assert verify(log).whole
    assert verify(log).head.number == 40


def write_and_die(path: Path, where: str) -> None:
    """In the middle of the line, once it is written, before the head is in place, or once it is."""
    write = os.pwrite

    def half(log: int, data: bytes, place: int) -> None:
        write(log, data[: len(data) // 2], place)
        die()

    of, name, dying = {
        "line": (os, "pwrite", half),
        "sync": (os, "ftruncate", die),
        "head": (Path, "replace", die),
        "folder": (files, "sync_directory", die),
    }[where]
    setattr(of, name, dying)
    AuditLog(path).append("query", "SELECT 9".ljust(2000))


@pytest.mark.parametrize(("where", "left"), [("line", 0), ("sync", 1), ("head", 1), ("folder", 1)])
def test_a_writer_that_is_killed_leaves_a_log_that_the_next_one_goes_on_with(nine: AuditLog, where: str, left: int):
    assert end_of(write_and_die, nine.path, where) == -signal.SIGKILL
    assert verify(nine).whole == (where != "line")
    assert len(list(nine.newest())) == 9 + left
    ask(nine, "x")  # shorter than what was left unfinished
    assert verify(nine).whole
    assert [entry.asked[:8] for entry in nine.newest()][:2] == ["x", "SELECT 9" if left else "SELECT 8"]


def test_the_first_writer_of_all_may_be_killed_too(log: AuditLog):
    log.path.parent.mkdir()
    assert end_of(write_and_die, log.path, "head") == -signal.SIGKILL
    ask(log)
    assert verify(log).head.number == 2


@pytest.fixture
def full(tmp_path: Path) -> Iterator[AuditLog]:
    """Nine entries on a disk of 64 KiB with no room left."""
    folder = tmp_path / "small"
    folder.mkdir()
    if os.getuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], capture_output=True).returncode:
        pytest.skip("a small disk can be mounted by root only")
    try:
        log = AuditLog(folder / "audit.jsonl")
        for number in range(9):
            ask(log, f"SELECT {number} FROM tracks")
        with (folder / "filler").open("wb", buffering=0) as filler, suppress(OSError):
            while True:
                filler.write(bytes(4096))
        yield log
    finally:
        subprocess.run(["umount", folder], check=True)


def test_a_full_disk_refuses_and_keeps_nothing(full: AuditLog):
    before = full.path.read_bytes()
    with pytest.raises(CctviewError, match=r"^Refused, because it can't be logged: .*No space left on device\.$"):
        ask(full, "x" * 20_000)
    assert full.path.read_bytes() == before
    assert verify(full).whole
    assert sorted(path.name for path in full.path.parent.iterdir()) == ["audit.head", "audit.jsonl", "filler"]
    (full.path.parent / "filler").unlink()
    ask(full, "x" * 20_000)
    assert verify(full).head.number == 10


def test_a_line_that_fits_only_in_part_is_taken_back(nine: AuditLog):
    before, limits = nine.path.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 100, limits[1]))
    try:
        with pytest.raises(CctviewError, match=r"because it can't be logged: .*File too large\.$"):
            ask(nine)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert nine.path.read_bytes() == before
    assert verify(nine).whole


def test_what_cannot_even_be_taken_back_gives_way_to_the_next(nine: AuditLog, monkeypatch: pytest.MonkeyPatch):
    whole, write = nine.path.read_bytes(), os.pwrite

    broken = raising(OSError(5, "Input/output error"))
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", lambda log, data, place: write(log, data[:50], place) if len(data) > 200 else broken())
        patch.setattr(os, "ftruncate", broken)
        with pytest.raises(CctviewError, match=r"Input/output error\.$"):
            ask(nine)
    assert len(nine.path.read_bytes()) > len(whole)
    ask(nine)
    assert nine.path.read_bytes().startswith(whole)
    assert verify(nine).head.number == 10


def test_a_head_that_cannot_be_written_refuses_and_takes_the_line_back(nine: AuditLog, monkeypatch: pytest.MonkeyPatch):
    before = nine.path.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", raising(OSError(28, "No space left on device")))
        with pytest.raises(CctviewError, match=r"because it can't be logged: .*No space left on device\.$"):
            ask(nine)
    assert nine.path.read_bytes() == before
    with monkeypatch.context() as patch:  # the head is in its place, but the folder may forget it
        patch.setattr(files, "sync_directory", raising(OSError(5, "Input/output error")))
        with pytest.raises(CctviewError, match=r"because it can't be logged: .*Input/output error\.$"):
            ask(nine)
    assert verify(nine).head.number == 10
    ask(nine)
    assert verify(nine).head.number == 11


def test_who_may_read_the_log_may_read_its_head(nine: AuditLog):
    nine.path.chmod(0o640)
    ask(nine)
    assert nine.head_path.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    "harm",
    [lambda entry: entry.line().replace(b"SELECT 4", b"SELECT 7"), lambda entry: b"[]\n", lambda entry: zoneless(entry).line()],
    ids=["content", "no entry", "a time without a zone"],
)
def test_questions_are_not_counted_by_lines_that_are_not_right(nine: AuditLog, harm: Callable[[Entry], bytes]):
    lines = nine.path.read_bytes().splitlines(keepends=True)
    nine.path.write_bytes(b"".join([*lines[:4], harm(Entry.parse(lines[4])), *lines[5:]]))
    before = nine.path.read_bytes()
    with pytest.raises(
        CctviewError, match=r"audit.jsonl has a line that is no entry or was changed: `cctview audit verify` says which\.$"
    ):
        ask(nine, admit=list)
    assert nine.path.read_bytes() == before


@pytest.mark.parametrize("place", ["a file/audit.jsonl", "a folder"])
def test_a_place_that_cannot_be_written_refuses(tmp_path: Path, place: str):
    (tmp_path / "a file").touch()
    (tmp_path / "a folder").mkdir()
    with pytest.raises(CctviewError, match=r"^Refused, because it can't be logged: .*(Not a directory|Is a directory)\.$"):
        ask(AuditLog(tmp_path / place))


def test_a_log_that_is_not_there_is_told(log: AuditLog):
    with pytest.raises(CctviewError, match=r"^There is no audit log at .*audit\.jsonl: the first question"):
        verify(log)
