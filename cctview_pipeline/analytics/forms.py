"""How an answer is written: JSON and CSV for programs, a table or records for a person.

Names of columns are never cut: an answer that is wider than the terminal comes as records, a line a column.
"""

import json
from collections.abc import Iterable, Iterator
from itertools import chain, islice

import pyarrow as pa
from pyarrow import types
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from cctview_pipeline.analytics.question import Answer
from cctview_pipeline.analytics.values import json_texts, texts
from cctview_pipeline.errors import printable


def json_lines(answer: Answer) -> Iterator[str]:
    """An object a row, a row a line."""
    keys = [json.dumps(name, ensure_ascii=False) for name in answer.columns]
    for batch in answer.batches():
        columns = [json_texts(column, answer.utc) for column in batch.columns]
        for row in zip(*columns, strict=True):
            yield f"{{{', '.join(f'{key}: {value}' for key, value in zip(keys, row, strict=True))}}}\n"


def csv_lines(answer: Answer) -> Iterator[str]:
    """RFC 4180 with a header. Null is nothing between two commas, the empty text is ``""``."""
    batches = answer.batches()
    first = list(islice(batches, 1))  # a question that fails has no header either
    yield _csv(answer.columns)
    for batch in chain(first, batches):
        for row in zip(*(texts(column, answer.utc) for column in batch.columns), strict=True):
            yield _csv(row)


def records(names: list[str], cells: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """``column: value``, and an empty line between two rows."""
    between = ""
    for row in cells:
        yield between + "".join(f"{printable(name)}: {value}\n" for name, value in zip(names, row, strict=True))
        between = "\n"


def rows(answer: Answer) -> Iterator[tuple[str, ...]]:
    """For a person: each value in one line, numbers short, pictures by their size."""
    for batch in answer.batches():
        yield from zip(*(_shown(column, answer.utc) for column in batch.columns), strict=True)


def fitting_table(names: list[str], cells: list[tuple[str, ...]], console: Console) -> Table | None:
    """A table of the cells, or None where it does not fit the console's width uncut."""
    table = Table(*map(printable, names))
    for row in cells:
        table.add_row(*row)
    room = console.options.update(max_width=1 << 20)
    return table if Measurement.get(console, room, table).maximum <= console.width else None


def head(found: Iterator[tuple[str, ...]], most: int) -> tuple[list[tuple[str, ...]], bool]:
    """At most so many rows, and whether there are more. What is left is not computed."""
    first = list(islice(found, most + 1))
    return first[:most], len(first) > most


def _csv(fields: Iterable[str | None]) -> str:
    return ",".join("" if field is None else _quoted(field) for field in fields) + "\r\n"


def _quoted(field: str) -> str:
    plain = field and not any(letter in field for letter in ',"\r\n') and field == field.strip()
    return field if plain else '"' + field.replace('"', '""') + '"'


def _shown(column: pa.Array, utc: bool) -> list[str]:
    if types.is_binary(column.type) or types.is_large_binary(column.type):
        return ["" if value is None else f"<{len(value)} bytes>" for value in column.to_pylist()]
    if types.is_floating(column.type):
        return ["" if value is None else _short(value) for value in column.to_pylist()]
    return ["" if text is None else printable(text) for text in texts(column, utc)]


def _short(value: float) -> str:
    return f"{value:.3f}" if value == 0 or abs(value) >= 0.001 else f"{value:.3g}"
