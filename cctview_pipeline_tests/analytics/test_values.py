"""What DuckDB's types are in JSON and in CSV, value by value."""

import base64
import csv
import io
import json
import math
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cctview_pipeline.analytics.forms import csv_lines, json_lines
from cctview_pipeline.analytics.question import Answer, told_apart
from cctview_pipeline.analytics.values import json_texts, texts
from cctview_pipeline.errors import CctviewError

JSON_OF = {
    "true": "true",
    "-7::TINYINT": "-7",
    "7::UTINYINT": "7",
    "18446744073709551615::UBIGINT": "18446744073709551615",
    "sum(7::BIGINT)": "7",
    "(-170141183460469231731687303715884105728)::HUGEINT": "-170141183460469231731687303715884105728",
    "1.50::DECIMAL(10, 2)": "1.50",
    "12345678901234567890123456789.012345678::DECIMAL(38, 9)": "12345678901234567890123456789.012345678",
    "avg(1)": "1.0",
    "0.1::FLOAT": "0.1",
    "0.1::DOUBLE": "0.1",
    "1e300::DOUBLE": "1e+300",
    "'nan'::DOUBLE": "null",
    "'-inf'::DOUBLE": "null",
    "'inf'::FLOAT": "null",
    "1 / 0": "null",
    "NULL": "null",
    "'a \"ü\" \n'": '"a \\"ü\\" \\n"',
    "'x'::ENUM('x', 'y')": '"x"',
    "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::UUID": '"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"',
    "'\\xFF\\xD8'::BLOB": '"/9g="',
    "DATE '2020-05-05'": '"2020-05-05"',
    "DATE '0044-03-15 (BC)'": '"-000043-03-15"',
    "DATE '12345-01-31'": '"+012345-01-31"',
    "'infinity'::DATE": "null",
    "TIME '17:00:01.5'": '"17:00:01.5"',
    "TIME '24:00:00'": '"24:00:00"',
    "TIMESTAMP '2020-05-05 17:00:00'": '"2020-05-05T17:00:00Z"',
    "TIMESTAMP '1969-12-31 23:59:59.999999'": '"1969-12-31T23:59:59.999999Z"',
    "'2020-05-05 17:00:00.123456789'::TIMESTAMP_NS": '"2020-05-05T17:00:00.123456789Z"',
    "'2020-05-05 17:00:00'::TIMESTAMP_S": '"2020-05-05T17:00:00Z"',
    "'2020-05-05 17:00:00.5'::TIMESTAMP_MS": '"2020-05-05T17:00:00.5Z"',
    "'-infinity'::TIMESTAMP": "null",
    "'2020-05-05 13:00:00-04'::TIMESTAMPTZ": '"2020-05-05T17:00:00Z"',
    "INTERVAL '1 year 2 months 3 days 04:05:06.7'": '"P1Y2M3DT4H5M6.7S"',
    "INTERVAL '-90 minutes'": '"PT-1H-30M"',
    "INTERVAL '-14 months'": '"P-1Y-2M"',
    "INTERVAL '0 days'": '"PT0S"',
    "[1, NULL, 3]": "[1, null, 3]",
    "[]": "[]",
    "NULL::INT[]": "null",
    "array_value(1.5::DOUBLE, 'nan'::DOUBLE)": "[1.5, null]",
    "[DATE '2020-05-05']": '["2020-05-05"]',
    "{'a': 1, 'b': ['\\xFF'::BLOB], 'c': {'d': NULL}}": '{"a": 1, "b": ["/w=="], "c": {"d": null}}',
    "NULL::STRUCT(a INT)": "null",
    "row(1, 'x')": '[1, "x"]',
    "MAP {'a': 1.5::DECIMAL(4, 2), 'b': NULL}": '{"a": 1.50, "b": null}',
    "MAP {1: 'x'}": '{"1": "x"}',
    "MAP {}": "{}",
    "union_value(a := 1)": "1",
    "union_value(a := 'x')": '"x"',
    "NULL::UNION(a INT)": "null",
    "'{\"a\": 1}'::JSON": '"{\\"a\\": 1}"',
}


@pytest.fixture
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as database:
        database.execute("SET TimeZone = 'UTC'")
        yield database


@pytest.mark.parametrize("value", JSON_OF)
def test_json_by_duckdbs_types(database: duckdb.DuckDBPyConnection, value: str):
    (line,) = json_lines(Answer(database, database.sql(f"SELECT {value} AS x")))
    assert line == f'{{"x": {JSON_OF[value]}}}\n'
    assert json.loads(line, parse_constant=pytest.fail).keys() == {"x"}


@pytest.mark.parametrize("value", JSON_OF)
def test_a_line_of_csv_has_the_same_text(database: duckdb.DuckDBPyConnection, value: str):
    _, line = csv_lines(Answer(database, database.sql(f"SELECT {value} AS x, 1 AS y")))
    expected = JSON_OF[value]
    nested = value.startswith("union")
    text = "" if expected == "null" else json.loads(expected) if expected.startswith('"') and not nested else expected
    assert line.endswith(",1\r\n")
    assert list(csv.reader(io.StringIO(line, newline=""))) == [[text, "1"]]


@pytest.mark.parametrize(
    "value",
    ["'101'::BIT", "1::BIGNUM", "['17:00:00+02'::TIMETZ]", "{'a': 1::VARIANT}", "1::UHUGEINT", "MAP {1: 'POINT(1 2)'::GEOMETRY}"],
)
def test_what_only_duckdb_reads_is_refused_with_the_mend(database: duckdb.DuckDBPyConnection, value: str):
    with pytest.raises(CctviewError, match=r"^The column 'x' has the type .*, which only DuckDB reads: cast it to VARCHAR\.$"):
        Answer(database, database.sql(f"SELECT {value} AS x"))
    assert list(json_lines(Answer(database, database.sql(f"SELECT ({value})::VARCHAR AS x"))))


def test_times_that_the_question_turned_have_no_z(database: duckdb.DuckDBPyConnection):
    turned = Answer(database, database.sql("SELECT TIMESTAMP '2020-05-05 13:00' AS here, now() AS then"), utc=False)
    (row,) = map(json.loads, json_lines(turned))
    assert row["here"] == "2020-05-05T13:00:00"
    assert row["then"].endswith("Z")


def test_names_that_occur_twice_are_told_apart(database: duckdb.DuckDBPyConnection):
    (line,) = json_lines(Answer(database, database.sql("SELECT 1 AS a, 2 AS a, 3 AS a_2, 4 AS a")))
    assert line == '{"a": 1, "a_3": 2, "a_2": 3, "a_4": 4}\n'


@given(st.lists(st.sampled_from(["a", "a_2", "a_3", "b", "a_2_2"])))
def test_no_name_is_lost(names: list[str]):
    found = told_apart(names)
    assert len(set(found)) == len(names)
    assert all(new == name or new.startswith(f"{name}_") for name, new in zip(names, found, strict=True))
    assert all(name in found for name in names)


times = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31))
KINDS = {
    "BIGINT": (st.integers(-(2**63), 2**63 - 1), int),
    "DOUBLE": (st.floats(), lambda found: math.nan if found is None else found),
    "DECIMAL(20, 5)": (st.decimals(-(10**14), 10**14, places=5), Decimal),
    "VARCHAR": (st.text(st.characters(codec="utf-8", exclude_characters="\0")), str),
    "BLOB": (st.binary(), base64.b64decode),
    "BOOLEAN": (st.booleans(), bool),
    "DATE": (st.dates(), date.fromisoformat),
    "TIMESTAMP": (times, lambda text: datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None)),
}


@given(st.data(), st.sampled_from(list(KINDS)))
def test_what_goes_in_comes_out(data: st.DataObject, kind: str):
    """Alone, and in a list in a struct in a map, as JSON and as CSV."""
    strategy, back = KINDS[kind]
    values = data.draw(st.lists(strategy | st.none(), min_size=1, max_size=5))
    with duckdb.connect() as database:
        database.execute(f"CREATE TABLE t (x {kind}, n INT)")
        database.executemany("INSERT INTO t VALUES (?, ?)", [(value, number) for number, value in enumerate(values)])
        sql = "SELECT x, MAP {'k': {'v': [x, x]}} AS nested FROM t ORDER BY n"
        found = [
            json.loads(line, parse_float=Decimal if "DEC" in kind else float)
            for line in json_lines(Answer(database, database.sql(sql)))
        ]
        rows = list(csv.reader(io.StringIO("".join(csv_lines(Answer(database, database.sql(sql)))), newline="")))
    for value, row, line in zip(values, found, rows[1:], strict=True):
        assert row["nested"] == {"k": {"v": [row["x"], row["x"]]}}
        assert line[0] == ("" if row["x"] is None else row["x"] if isinstance(row["x"], str) else line[0])
        gone = value is None or (isinstance(value, float) and not math.isfinite(value))
        assert (row["x"] is None) == gone
        assert gone or back(row["x"]) == value


def test_rows_of_several_batches_and_slices_stay_in_place(database: duckdb.DuckDBPyConnection):
    sql = (
        "SELECT i, [i, i + 1] AS l, {'a': i} AS s, MAP {i: i} AS m, array_value(i, i) AS f, i % 3 = 0 AS b FROM range(5000) t(i)"
    )
    found = [json.loads(line) for line in json_lines(Answer(database, database.sql(sql)))]
    assert found == [
        {"i": i, "l": [i, i + 1], "s": {"a": i}, "m": {str(i): i}, "f": [i, i], "b": i % 3 == 0} for i in range(5000)
    ]
    column = database.sql(sql).to_arrow_table().slice(4000, 3).combine_chunks()
    for name, written in (("l", "[4001, 4002]"), ("s", '{"a": 4001}'), ("m", '{"4001": 4001}'), ("f", "[4001, 4001]")):
        assert json_texts(column[name].chunk(0))[1] == texts(column[name].chunk(0))[1] == written
