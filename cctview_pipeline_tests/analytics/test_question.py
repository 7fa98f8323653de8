"""A question's limits, and what is said of one that goes wrong on the way."""

import time
from collections.abc import Iterator
from dataclasses import replace

import duckdb
import pytest

from cctview_pipeline.analytics import question
from cctview_pipeline.analytics.forms import json_lines
from cctview_pipeline.analytics.question import Answer, limit_memory, told
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.limits import QUESTION_MEMORY_BYTES, QUESTION_ROW_BYTES, QUESTION_SECONDS

ENDLESS = ["SELECT count(*) FROM range(100000000000) WHERE range % 7 = 3", "SELECT * FROM range(100000000000)"]


@pytest.fixture
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as database:
        yield database


@pytest.mark.parametrize("sql", ENDLESS)
def test_a_question_that_takes_too_long_is_stopped(
    database: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch, sql: str
):
    monkeypatch.setattr(question, "QUESTION_SECONDS", replace(QUESTION_SECONDS, most=1))
    began = time.monotonic()
    with pytest.raises(
        CctviewError, match=r"^The question was stopped after 1 seconds: ask for fewer cameras, hours or columns\.$"
    ):
        sum(batch.num_rows for batch in Answer(database, database.sql(sql)).batches())
    assert time.monotonic() - began < 5


def test_who_reads_slowly_may(database: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(question, "QUESTION_SECONDS", replace(QUESTION_SECONDS, most=0.5))
    batches = Answer(database, database.sql("SELECT * FROM range(5000)")).batches()
    assert next(batches).num_rows == question.ROWS
    time.sleep(1)
    assert sum(batch.num_rows for batch in batches) == 5000 - question.ROWS


def test_a_question_that_needs_too_much_memory_is_stopped(
    database: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch, tmp_path
):
    """And leaves nothing of the lake's rows in the working directory instead."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(question, "QUESTION_MEMORY_BYTES", replace(QUESTION_MEMORY_BYTES, most=50_000_000))
    limit_memory(database)
    with pytest.raises(CctviewError, match=r"^The question needs more than 50,000,000 bytes of memory: ask for fewer hours"):
        Answer(database, database.sql("SELECT * FROM range(50000000) t(a) ORDER BY hash(a)")).table()
    assert not list(tmp_path.iterdir())


def test_what_goes_wrong_in_mid_course_is_told_in_one_line(database: duckdb.DuckDBPyConnection):
    rows = Answer(database, database.sql("SELECT CASE WHEN i < 5000 THEN i ELSE error('no\nmore') END FROM range(9000) t(i)"))
    with pytest.raises(CctviewError, match=r"^DuckDB cannot answer this question: Invalid Input Error: no more\.$"):
        list(rows.batches())


def test_an_answer_without_rows_has_its_columns(database: duckdb.DuckDBPyConnection):
    found = Answer(database, database.sql("SELECT 1 AS a, 'x'::ENUM('x') AS a WHERE false")).table()
    assert (found.num_rows, found.column_names) == (0, ["a", "a_2"])


def test_a_row_has_a_limit_and_many_rows_come_in_pieces(database: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(question, "QUESTION_ROW_BYTES", replace(QUESTION_ROW_BYTES, most=100_000))
    batches = list(Answer(database, database.sql("SELECT repeat('x', 90000) AS a, i FROM range(40) t(i)")).batches())
    assert all(batch.nbytes <= 100_000 for batch in batches)
    assert [i for batch in batches for i in batch["i"].to_pylist()] == [*range(40)]
    with pytest.raises(
        CctviewError, match=r"^A row of the answer has 100,\d{3} bytes, and 100,000 are allowed: ask for less in one"
    ):
        Answer(database, database.sql("SELECT repeat('x', 100000) AS a FROM range(3)")).table()


def test_a_huge_cell_is_refused_before_it_is_written(database: duckdb.DuckDBPyConnection):
    with pytest.raises(CctviewError, match="A row of the answer has 70,000,"):
        list(json_lines(Answer(database, database.sql("SELECT repeat('x', 70000000) AS a"))))


@pytest.mark.parametrize(
    ("sql", "hinted"),
    [
        *(("SELECT nothing", True), ("SELECT t.q FROM (VALUES (1)) t(w)", True), ("SELECT * EXCLUDE (q) FROM range(3)", True)),
        ("SELECT 1 UNION SELECT 1, 2", False),
        ("SELECT rang FROM range(3) t(range)", False),  # DuckDB names what may be meant
    ],
)
def test_only_who_named_what_is_not_there_is_told_where_names_are(database: duckdb.DuckDBPyConnection, sql: str, hinted: bool):
    with pytest.raises(duckdb.Error) as error:
        database.sql(sql)
    assert str(told(error.value)).endswith("DESCRIBE and a table's name show its columns.") == hinted
