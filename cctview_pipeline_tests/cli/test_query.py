"""``cctview query`` as a person and as a pipe see it."""

import csv
import io
import json
import os
import pty
import re
import subprocess
from pathlib import Path

import pytest

from cctview_pipeline.lake import Lake
from cctview_pipeline_tests.factories.command import CCTVIEW, Workplace
from cctview_pipeline_tests.factories.tables import campaign, partition_of, rows

WIDE = "select camera_id, carriageway, began_at, local_at, label, vehicles, coverage, status, day from vehicle_counts"
NARROW = "select camera_id, vehicles from vehicle_counts"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    place = Workplace(tmp_path_factory.mktemp("query"))
    lake = Lake(str(place.lake))
    lake.write_campaign(campaign())
    lake.write("vehicle_counts", partition_of("vehicle_counts"), rows("vehicle_counts", {}, {"vehicles": 4}))
    return place


def refusal(place: Workplace, *words: str) -> str:
    done = place.invoke("query", *words)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    return line


def in_terminal(place: Workplace, columns: int, *words: str) -> str:
    """What a terminal of so many columns is shown."""
    ours, theirs = pty.openpty()
    environment = place.environment | {"COLUMNS": str(columns), "TERM": "xterm"}
    with subprocess.Popen([CCTVIEW, "query", *words], env=environment, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                shown += os.read(ours, 1 << 16)
            except OSError:  # Linux's way to say that the other end is closed
                break
    os.close(ours)
    assert process.returncode == 0, shown
    return re.sub(r"\x1b\[[0-9;]*m", "", shown.decode().replace("\r\n", "\n"))


def test_a_pipe_gets_csv_and_no_drawings(place: Workplace):
    for words in ((WIDE,), ("--csv", WIDE)):
        out = place.invoke("query", *words).stdout
        header, first, second = csv.reader(io.StringIO(out, newline=""))
        names = ["camera_id", "carriageway", "began_at", "local_at", "label", "vehicles", "coverage", "status", "day"]
        assert header == names
        times = ["2020-05-05T17:00:00Z", "2020-05-05T13:00-04:00"]
        assert first == ["cam-1", "N", *times, "car", "3", "1.0", "observed", "2020-05-05"]
        assert second[5] == "4"
        assert out.isascii()


def test_csv_by_rfc_4180(place: Workplace):
    out = place.invoke(
        "query", "--csv", """select 'a,b' as "x,y", 'say "hi"' as q, 'l1\nl2' as n, '' as empty, null as nothing, 'é' as e"""
    )
    assert out.stdout == '"x,y",q,n,empty,nothing,e\r\n"a,b","say ""hi""","l1\nl2","",,é\r\n'


def test_json_has_numbers_null_and_times_in_utc(place: Workplace):
    asked = (
        "select sum(vehicles) as s, max(began_at) as t, 'nan'::double as n, 'a'::blob as b, 1 as a, 2 as a from vehicle_counts"
    )
    out = place.invoke("query", "--json", asked).stdout
    assert out == '{"s": 7, "t": "2020-05-05T17:00:00Z", "n": null, "b": "YQ==", "a": 1, "a_2": 2}\n'


def test_records_a_line_a_column(place: Workplace):
    out = place.invoke(
        "query", "--records", "select camera_id, vehicles, null as nothing, 'a\x1b[2J\nb' as odd from vehicle_counts"
    ).stdout
    assert out == "".join(
        f"camera_id: cam-1\nvehicles: {n}\nnothing: \nodd: a\\x1b[2J\\nb\n{end}" for n, end in ((3, "\n"), (4, ""))
    )


def test_a_terminal_shows_a_table_where_it_fits_and_records_where_not(place: Workplace):
    assert "┃ camera_id ┃ vehicles ┃" in in_terminal(place, 80, NARROW)
    wide = in_terminal(place, 80, WIDE)
    assert "coverage: 1.000\n" in wide
    assert "┃" not in wide
    assert "coverage ┃" in in_terminal(place, 160, WIDE)
    assert "camera_id: cam-1\n" in in_terminal(place, 80, "--records", NARROW)


def test_a_terminal_is_told_that_there_is_more(place: Workplace):
    shown = in_terminal(place, 80, "select range as r from range(100000)")
    assert shown.endswith("These are the first 1000 rows: --csv or --json gives all.\n")
    assert "│ 999" in shown
    assert "│ 1000 " not in shown
    assert "more" not in in_terminal(place, 80, "select range as r from range(1000)")
    assert "No rows." in in_terminal(place, 80, "select 1 as a where false")
    assert len(place.invoke("query", "select range as r from range(3000)").stdout.splitlines()) == 3001


@pytest.mark.parametrize("form", ["--json", "--csv", "--records"])
def test_a_reader_that_has_seen_enough_ends_it_quietly(place: Workplace, form: str):
    """As `| head -1` does, long before the end of what could be told."""
    process = place.start("query", form, "select range as r from range(100000000)")
    assert process.stdout.readline()
    process.stdout.close()
    assert process.wait(60) == 141
    assert process.stderr.read() == ""
    process.stderr.close()


@pytest.mark.parametrize(
    "sql",
    [
        *("-- how many\nselect 1 as n", "--how many\r\n\n  select 1 as n", "/* how many */ select 1 as n", "\ufeffselect 1 as n"),
        *(
            "  \n\tselect 1 as n",
            "(select 1 as n)",
            "((select 1 as n))",
            "with a as (select 1 as n) from a",
            "from (select 1 as n)",
        ),
        *("select 1 as n;;", "; select 1 as n ; -- done", "values (1)", "select 1 as n -- done"),
    ],
)
def test_a_question_may_begin_and_end_as_sql_does(place: Workplace, sql: str):
    for words in (("--json", sql), (sql, "--json"), ("--json", "--", sql)):
        done = place.invoke("query", *words)
        assert [*json.loads(done.stdout or done.stderr).values()] == [1]


def test_an_option_that_is_none_is_still_told(place: Workplace):
    done = place.invoke("query", "--jsn", NARROW)
    assert done.returncode == 2
    assert "--jsn" in done.stderr


@pytest.mark.parametrize(
    ("sql", "sentence"),
    [
        *((sql, f"A statement of the kind {kind} is no question: ask with SELECT") for sql, kind in {
            "insert into gaps values (1)": "INSERT", "copy gaps to '/tmp/x'": "COPY", "attach 'x'": "ATTACH",
            "set threads = 1": "SET",
            "-- select\ndelete from gaps": "DELETE", "/*;*/ drop view gaps": "DROP", "install httpfs": "LOAD",
            "pragma version": "PRAGMA",
            "create table t as select 1": "CREATE", "export database '/tmp/x'": "EXPORT", "explain select 1": "EXPLAIN",
        }.items()),
        ("select 1; select 2", "These are 2 statements, and a question is one"),
        ("select 1; drop view gaps", "These are 2 statements"),
        ("", "The question is empty: ask with SELECT"),
        *((sql, "The question is empty") for sql in ("-- nothing\n", "-- nothing", "--\tnothing", "/* nothing */")),
        ("pivot gaps on reason using count(*)", "A PIVOT must say IN which values"),
        ("select vehicle from vehicle_counts", 'answer this question: Binder Error: Referenced column "vehicle" not found'),
        ("select vehicle from vehicle_counts", 'Candidate bindings: "vehicles"'),
        ("select * from vehicle_count", "There is no table 'vehicle_count': known are raw_frames, "),
        ("select 1 as", "DuckDB cannot answer this question: Parser Error: syntax error at end of input."),
        ("select 'x'::int", "Conversion Error: Could not convert string 'x' to INT32."),
        ("select 1::bit as b", "The column 'b' has the type BIT, which only DuckDB reads: cast it to VARCHAR."),
        (f"select '{'x' * 70_000}'", "A question of 70,009 bytes is refused: 65,536 are allowed."),
        ("select " + "(" * 20_000, "DuckDB cannot answer this question: Parser Error: memory exhausted"),
    ],
)  # fmt: skip
def test_what_is_no_question_is_told_in_one_line(place: Workplace, sql: str, sentence: str):
    before = sorted(place.lake.rglob("*"))
    assert sentence in refusal(place, sql)
    assert sorted(place.lake.rglob("*")) == before


def test_an_answer_has_one_form(place: Workplace):
    assert "give --json, --csv or --records" in refusal(place, "--json", "--csv", NARROW)


def test_bytes_that_are_no_text_are_no_question(place: Workplace):
    assert "The question is no UTF-8" in refusal(place, b"select '\xff'".decode(errors="surrogateescape"))


def test_times_are_utc_wherever_this_machine_stands(place: Workplace, tmp_path: Path):
    """A time without a zone takes none, and one of another zone is read as it is written."""
    asked = "select '2020-05-05 13:00:00-04'::timestamptz::timestamp as a, '2020-05-05 17:00'::timestamp::timestamptz as b"
    for zone in ("UTC", "America/New_York", "Asia/Kolkata"):
        there = Workplace(place.folder, extra=(("TZ", zone),))
        assert json.loads(there.run("query", "--json", asked).stdout) == dict.fromkeys("ab", "2020-05-05T17:00:00Z")


def test_times_that_are_turned_to_a_zone_do_not_claim_to_be_utc(place: Workplace):
    asked = "select (began_at at time zone 'UTC') at time zone 'America/New_York' as here from vehicle_counts limit 1"
    assert place.invoke("query", "--json", asked).stdout == '{"here": "2020-05-05T13:00:00"}\n'
