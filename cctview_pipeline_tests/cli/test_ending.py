"""How a command ends: whose mistake it was is told in one sentence, and nothing is told twice."""

import errno
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cctview_pipeline.cli import query as cli_query
from cctview_pipeline.cli.options import command_line
from cctview_pipeline.cli.terminal import console, print_json, say
from cctview_pipeline.drift.survey import CameraHourDrift, labelling_command
from cctview_pipeline.lake import Lake
from cctview_pipeline.privacy.audit import AuditLog
from cctview_pipeline.shell import command
from cctview_pipeline_tests.factories.command import Workplace
from cctview_pipeline_tests.factories.tables import campaign

ENDLESS = "select count(*) from range(100000000000) where range % 7 = 3"


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    place = Workplace(tmp_path)
    Lake(str(place.lake)).write_campaign(campaign())
    return place


def ended(place: Workplace, monkeypatch: pytest.MonkeyPatch, error: BaseException) -> tuple[int, str]:
    """The status and what stands on stderr when this is raised in the middle of a command."""

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(cli_query, "asked", fail)
    done = place.invoke("query", "select 1")
    return done.returncode, done.stderr


@pytest.mark.parametrize("error", [KeyError("x"), TypeError("y"), ValueError("z"), FileNotFoundError(errno.ENOENT, "no", "/a")])
def test_a_mistake_of_ours_is_not_told_as_the_users(place: Workplace, monkeypatch: pytest.MonkeyPatch, error: Exception):
    status, told = ended(place, monkeypatch, error)
    assert status == 70
    found = re.fullmatch(
        rf"cctview: this is a mistake of cctview and not yours \({type(error).__name__} in test_ending.py, line \d+\): please "
        r"report it with the file (.*)\.\n",
        told,
    )
    assert "Traceback" in Path(found[1]).read_text()
    Path(found[1]).unlink()


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (OSError(errno.ENOSPC, "No space", "/lake/x"), "cctview: /lake/x: the disk is full: make room, and give"),
        (
            PermissionError(errno.EACCES, "Denied", "/lake/x"),
            "cctview: /lake/x: it may not be used by this user: change its rights",
        ),
        (OSError(errno.EROFS, "ro", "/l\x1b[2J"), "cctview: /l\\x1b[2J: its disk can only be read"),
        (
            NotADirectoryError(errno.ENOTDIR, "no", "/f/x"),
            "cctview: /f/x: a part of this path is a file, and no folder: name another",
        ),
        (IsADirectoryError(errno.EISDIR, "no", "/f"), "cctview: /f: it is a folder, where a file should be"),
        (OSError(errno.ENAMETOOLONG, "no", "/f"), "cctview: /f: its name is longer than the disk allows"),
        (MemoryError(), "cctview: this machine's memory is used up"),
    ],
)
def test_what_is_around_us_is_told_with_its_mend(
    place: Workplace, monkeypatch: pytest.MonkeyPatch, error: Exception, sentence: str
):
    status, told = ended(place, monkeypatch, error)
    assert status == 1
    assert told.startswith(sentence)
    assert told.count("\n") == 1


@pytest.mark.parametrize("after_s", [0.0, 0.05, 0.5])
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_who_stops_a_command_is_told_that_it_can_be_given_again(
    place: Workplace, number: signal.Signals, status: int, after_s: float
):
    """In mid-course, be it while the tables are looked up, in which DuckDB swallows what a signal raises."""
    own = (
        "import signal, cctview_pipeline.__main__ as cli, cctview_pipeline.cli.query as query\n"
        # A shell that runs the tests in the background ignores the first; Dagster, within a test before, then the second.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "signal.signal(signal.SIGTERM, signal.SIG_DFL)\n"
        "asked = query.asked\n"
        "query.asked = lambda *words: print('begun', flush=True) or asked(*words)\n"
        "cli.main()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", own, "query", ENDLESS], env=place.environment, stderr=-1, stdout=-1, text=True
    )
    try:
        assert process.stdout.readline() == "begun\n"
        time.sleep(after_s)
        process.send_signal(number)
        out, told = process.communicate(timeout=60)
    finally:
        process.kill()
    assert (process.returncode, out, told) == (status, "", "cctview: stopped; the same command goes on where it was.\n")


@pytest.mark.parametrize("form", ["--json", "--csv", "--records"])
def test_a_full_disk_behind_what_is_printed(place: Workplace, form: str):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "cctview_pipeline", "query", form, "select 1 as n"],
            env=place.environment, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (1, "cctview: the disk is full: make room, and give the same command again.\n")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_a_shell_may_have_closed_what_a_command_reads_or_prints_to(place: Workplace, closed: str):
    words = shlex.join([sys.executable, "-m", "cctview_pipeline", "query", "select 1 as n"])
    done = subprocess.run(["sh", "-c", f"{words} {closed}"], env=place.environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "" if ">&-" in closed.split() else "n\n1\n", "")


def test_nobody_reads_a_table_to_its_end(place: Workplace):
    """As with `| head`: the status is the signal's, as it is for an answer, and no failure's."""
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w") as gone:
        done = subprocess.run(
            [sys.executable, "-m", "cctview_pipeline", "models", "list"],
            env=place.environment, stdout=gone, stderr=subprocess.PIPE, text=True, timeout=60,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (141, "")


def test_who_stops_a_command_while_its_modules_load_sees_no_traceback(place: Workplace):
    own = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from cctview_pipeline.__main__ import main\n"
        "class Slow:\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name == 'cctview_pipeline.cli': print('loading', flush=True); time.sleep(30)\n"
        "sys.meta_path.insert(0, Slow())\n"
        "main()"
    )
    process = subprocess.Popen([sys.executable, "-c", own], env=place.environment, stderr=-1, stdout=-1, text=True)
    try:
        assert process.stdout.readline() == "loading\n"
        process.send_signal(signal.SIGINT)
        out, told = process.communicate(timeout=60)
    finally:
        process.kill()
    assert (process.returncode, out, told) == (130, "", "cctview: stopped; the same command goes on where it was.\n")


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("CCTVIEW_LAKE", "{file}", "cctview: The lake {file} is a file: name a folder in CCTVIEW_LAKE."),
        ("CCTVIEW_LAKE", "/dev/null", "cctview: The lake /dev/null is a file: name a folder in CCTVIEW_LAKE."),
        (
            "DAGSTER_HOME",
            "{file}",
            "cctview: DAGSTER_HOME: {file} can be no folder, because {file} is a file: name another place.",
        ),
        ("CCTVIEW_LAKE", "file:///x", "cctview: The lake 'file:///x' is neither a folder nor s3://bucket/prefix."),
    ],
)
def test_places_that_are_none(place: Workplace, tmp_path: Path, name: str, value: str, sentence: str):
    (tmp_path / "file").write_text("")
    there = Workplace(place.folder, extra=((name, value.format(file=tmp_path / "file")),))
    done = there.invoke("summary")
    assert (done.returncode, done.stderr) == (1, sentence.format(file=tmp_path / "file") + "\n")


words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)


@given(st.lists(words, min_size=1), st.dictionaries(st.sampled_from(["CCTVIEW_LAKE", "DAGSTER_HOME"]), words))
def test_a_printed_command_gives_back_its_words(given_words: list[str], environment: dict[str, str]):
    printed = command("cctview", *given_words, **environment)
    settings = [f"{name}={value}" for name, value in environment.items()]
    assert shlex.split(printed) == [*settings, "cctview", *given_words]


@pytest.mark.parametrize("folder", ["with space", "it's", 'a "b"', "-dash", "tab\there", "two\nlines", "$HOME", "a;b", "ü*?[x]"])
def test_what_is_printed_to_be_copied_can_be(folder: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture):
    """In a shell, and whatever the width of the console is."""
    monkeypatch.setattr(console, "_width", 20)
    monkeypatch.setenv("CCTVIEW_LAKE", f"/tmp/{folder}")
    monkeypatch.setenv("DAGSTER_HOME", f"/tmp/{folder}/dagster")
    monkeypatch.setattr(sys, "argv", [f"/tmp/{folder}/cctview"])
    say(command_line("query", "select * from travel_times"))
    printed = capsys.readouterr().out
    assert shlex.split(printed) == [
        f"CCTVIEW_LAKE=/tmp/{folder}", f"DAGSTER_HOME=/tmp/{folder}/dagster", os.path.relpath(f"/tmp/{folder}/cctview"), "query",
        "select * from travel_times",
    ]  # fmt: skip
    shown = subprocess.run(["sh", "-c", f"set -- {printed.strip()}; printf '%s\\0' \"$@\""], capture_output=True, text=True)
    assert shown.stdout.split("\0")[-2] == "select * from travel_times"


def test_run_as_a_module_it_names_the_module(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "argv", ["/here/cctview_pipeline/__main__.py", "backfill"])
    monkeypatch.setenv("CCTVIEW_LAKE", "")
    monkeypatch.setenv("DAGSTER_HOME", "")
    assert command_line("summary") == "python -m cctview_pipeline summary"


def test_the_command_for_what_drifts_is_one(monkeypatch: pytest.MonkeyPatch):
    hour = datetime(2020, 5, 5, 17, tzinfo=UTC)
    finding = CameraHourDrift.__new__(CameraHourDrift)
    vars(finding).update(camera="cam-1", hour=hour)
    assert shlex.split(labelling_command("detections", [finding]))[:5] == ["cctview", "train", "detector", "--teacher", "NAME"]


def test_json_is_json(capsys: pytest.CaptureFixture):
    moment = datetime(2020, 5, 5, 17, tzinfo=UTC)
    print_json({"t": moment, "naive": moment.replace(tzinfo=None), "n": [float("nan"), float("inf"), 1.5], "x": None, "e": "é"})
    out = capsys.readouterr().out
    assert json.loads(out, parse_constant=pytest.fail) == {
        "t": "2020-05-05T17:00:00Z", "naive": "2020-05-05T17:00:00Z", "n": [None, None, 1.5], "x": None, "e": "é",
    }  # fmt: skip
    with pytest.raises(TypeError):
        print_json({"b": b"no text"})


def test_the_summary_has_times_in_utc(place: Workplace):
    assert json.loads(place.invoke("summary", "--json").stdout)["cameras"][0]["first_frame"] is None


def test_what_was_asked_is_shown_and_does_nothing_to_the_terminal(place: Workplace):
    AuditLog(place.folder / "audit" / "audit.jsonl").append("query", "select 1 --\x1b[2J\n from tracks", lake=str(place.lake))
    first, *asked = place.invoke("audit", "show").stdout.splitlines()
    assert str(place.lake) in first
    assert asked == ["    select 1 --\\x1b[2J", "     from tracks"]
