"""A question that is being answered: rows in batches, within limits of time and memory, and what went wrong in one sentence."""

import os
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

import duckdb
import pyarrow as pa

from cctview_pipeline.ending import stop_if_asked
from cctview_pipeline.errors import CctviewError, printable
from cctview_pipeline.limits import QUESTION_MEMORY_BYTES, QUESTION_ROW_BYTES, QUESTION_SECONDS

Found = TypeVar("Found")
ROWS = 2048
"""Of a batch: DuckDB's own measure, 40 MB of pictures."""
_UNWRITTEN = frozenset({"bit", "bignum", "time with time zone", "variant", "uhugeint", "geometry"})
"""Types that come out of DuckDB as bytes of its own, with another value, or not at all."""
_NO_PARQUET = re.compile(r"(?:File|at end of file|file) '([^'\n]*\.parquet)'")
_UNKNOWN = re.compile('^Binder Error: (Referenced )?(Column|column|table) ".*(not found|not exist)|does not have a column')


class Answer:
    """The rows of one question, read once. columns: their names, each of its own; utc: whether times without a zone are UTC.

    Raises CctviewError, with DuckDB's own words behind ours, for what cannot be answered, and for what takes too long or too
    much memory. failure: says what else went wrong, where DuckDB only repeats it.
    """

    def __init__(
        self,
        database: duckdb.DuckDBPyConnection,
        relation: duckdb.DuckDBPyRelation,
        utc: bool = True,
        failure: Callable[[], CctviewError | None] = lambda: None,
    ) -> None:
        for name, kind in zip(relation.columns, relation.types, strict=True):
            if (found := _unwritten(kind)) is not None:
                raise CctviewError(
                    f"The column '{printable(name)}' has the type {found}, which only DuckDB reads: cast it to VARCHAR."
                )
        self.columns, self.utc = told_apart(relation.columns), utc
        self._database, self._relation, self._failure = database, relation, failure
        self._left_s, self._worker = QUESTION_SECONDS.most, ThreadPoolExecutor(1)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Only what DuckDB works counts as time: who reads slowly may."""
        reader = self._within_limits(lambda: self._relation.to_arrow_reader(ROWS))
        self._schema = pa.schema([each.with_name(name) for each, name in zip(reader.schema, self.columns, strict=True)])
        while (batch := self._within_limits(lambda: next(reader, None))) is not None:
            yield from _pieces(pa.RecordBatch.from_arrays(batch.columns, schema=self._schema))

    def table(self) -> pa.Table:
        """All rows."""
        batches = list(self.batches())
        return pa.Table.from_batches(batches, self._schema)

    def _within_limits(self, work: Callable[[], Found]) -> Found:
        """DuckDB works in a thread of its own, because a signal waits for as long as this one is in its hands."""
        stop_if_asked()
        began = time.monotonic()
        try:
            future = self._worker.submit(work)
            wait([future], max(self._left_s, 0))
            if not future.done():
                raise CctviewError(QUESTION_SECONDS.says(QUESTION_SECONDS.most))
            return future.result()
        except (duckdb.Error, pa.ArrowException, OSError) as error:  # Arrow's reader has its own errors for DuckDB's
            raise self._failure() or told(error) from error
        except BaseException:  # its time is over, or somebody stops this process
            self._stop()
            raise
        finally:
            self._left_s -= time.monotonic() - began

    def _stop(self) -> None:
        idle = self._worker.submit(int)
        while not idle.done():
            self._database.interrupt()
            wait([idle], 0.1)
        self._worker.shutdown()


def _pieces(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Its rows, none of more bytes than a row may have: written as text they take several times as much."""
    if QUESTION_ROW_BYTES.allows(batch.nbytes):
        yield batch
    else:
        if batch.num_rows == 1:
            QUESTION_ROW_BYTES.check(batch.nbytes)
        half = batch.num_rows // 2
        yield from _pieces(batch.slice(0, half))
        yield from _pieces(batch.slice(half))


def limit_memory(database: duckdb.DuckDBPyConnection) -> None:
    """No question takes more than its limit, or four fifths of what there is; nothing is put on the disk instead."""
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    database.execute(f"SET memory_limit = '{min(QUESTION_MEMORY_BYTES.most, there * 4 // 5)} B'")
    database.execute("SET temp_directory = ''")


def told_apart(names: list[str]) -> list[str]:
    """Names that occur twice get a number: ``a``, ``a`` -> ``a``, ``a_2``."""
    found = dict[str, None]()
    for name in names:
        new, number = name, 1
        while new in found or (number > 1 and new in names):
            number += 1
            new = f"{name}_{number}"
        found[new] = None
    return list(found)


def told(error: Exception) -> CctviewError:
    """DuckDB's words behind ours, without the part that quotes the question."""
    text = str(error).strip()
    if isinstance(error, duckdb.OutOfMemoryException) or text.startswith("Out of Memory"):
        return CctviewError(QUESTION_MEMORY_BYTES.says(QUESTION_MEMORY_BYTES.most))
    if damaged := damaged_file(error):
        return CctviewError(damaged)
    words = printable(" ".join(text.split("\nLINE ")[0].split()))
    unknown = _UNKNOWN.search(words) and "Candidate" not in words
    hint = " DESCRIBE and a table's name show its columns." if unknown else ""
    return CctviewError(f"DuckDB cannot answer this question: {words}{'' if words.endswith(('.', '!', '?')) else '.'}{hint}")


def damaged_file(error: Exception) -> str:
    """A sentence, with the mend, where DuckDB says that a partition's file is no Parquet; else nothing."""
    found = _NO_PARQUET.search(str(error))
    return f"{found[1]} is no readable Parquet file: run its partition again." if found else ""


def _unwritten(kind: duckdb.sqltypes.DuckDBPyType) -> str | None:
    if kind.id in _UNWRITTEN:
        return str(kind)
    nested = kind.children if kind.id in ("list", "array", "struct", "map", "union") else []
    return next(
        (found for _, child in nested if isinstance(child, duckdb.sqltypes.DuckDBPyType) and (found := _unwritten(child))), None
    )
