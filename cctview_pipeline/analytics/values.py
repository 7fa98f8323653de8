"""The values of an answer as text: as JSON has them, and as a line of CSV or a terminal does.

JSON has fewer types than DuckDB: whole numbers and decimals are written with all their digits, what is no finite number or time
is null, bytes are base64, times are ISO 8601, intervals its durations (``P1DT2H``), and lists, structs and maps are written
recursively.
"""

import base64
import json
import math
from collections.abc import Callable, Iterable
from datetime import date
from functools import lru_cache

import numpy as np
import pyarrow as pa
from pyarrow import types

from cctview_pipeline.errors import CctviewError

_EPOCH = date(1970, 1, 1).toordinal() - 1
_ERA = 146_097
"""Days after which the calendar repeats itself: 400 years."""
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_INFINITE = {2**63 - 1, -(2**63) + 1}, {2**31 - 1, -(2**31) + 1}
"""What DuckDB has for the times and the days ``infinity`` and ``-infinity``."""

Texts = list[str | None]


def texts(column: pa.Array, utc: bool = True) -> Texts:
    """Each value as text, None for null; what is nested is JSON. utc: whether times without a zone are UTC, and end in Z."""
    kind = column.type
    if types.is_dictionary(kind):
        return texts(column.dictionary_decode(), utc)
    for is_kind, write in _SCALARS:
        if is_kind(kind):
            return [None if value is None else write(value) for value in column.to_pylist()]
    for is_kind, write_column in _COLUMNS:
        if is_kind(kind):
            return write_column(column, utc)
    raise CctviewError(f"A column of the type {kind} cannot be written: cast it to VARCHAR in the question.")


def json_texts(column: pa.Array, utc: bool = True) -> list[str]:
    """Each value as JSON."""
    quote = json.dumps if _is_text(column.type) else str
    if quote is json.dumps:
        return ["null" if text is None else json.dumps(text, ensure_ascii=False) for text in texts(column, utc)]
    return ["null" if text is None else text for text in texts(column, utc)]


def _is_text(kind: pa.DataType) -> bool:
    if types.is_dictionary(kind):
        return _is_text(kind.value_type)
    plain = types.is_boolean, types.is_integer, types.is_floating, types.is_decimal, types.is_nested
    return not any(is_kind(kind) for is_kind in plain)


def _float(value: float) -> str | None:
    return repr(value) if math.isfinite(value) else None


def _short_floats(column: pa.Array, utc: bool) -> Texts:
    """With as many digits as tell two of them apart, which are fewer than Python's float has."""
    numbers = column.to_numpy(zero_copy_only=False).astype(column.type.to_pandas_dtype())
    return [str(number) if np.isfinite(number) else None for number in numbers]  # a null is NaN there


def _days(column: pa.Array, utc: bool) -> Texts:
    days = column.cast(pa.int32()).to_pylist()
    return [None if value is None or value in _INFINITE[1] else _day(value) for value in days]


def _times(column: pa.Array, utc: bool) -> Texts:
    unit = _PER_SECOND[column.type.unit]
    return [None if value is None else _time(value, unit) for value in _integers(column)]


def _timestamps(column: pa.Array, utc: bool) -> Texts:
    unit, zone = _PER_SECOND[column.type.unit], "Z" if column.type.tz or utc else ""

    def write(value: int) -> str:
        day, rest = divmod(value, 86_400 * unit)
        return f"{_day(day)}T{_time(rest, unit)}{zone}"

    return [None if value is None or value in _INFINITE[0] else write(value) for value in _integers(column)]


def _integers(column: pa.Array) -> list[int | None]:
    width = pa.int32() if column.type.bit_width == 32 else pa.int64()
    return column.cast(width).to_pylist()


@lru_cache(4096)
def _day(days: int) -> str:
    """Days since 1970 as ISO 8601, also where Python's calendar ends: the year 0 is 1 BC."""
    era, rest = divmod(days + _EPOCH, _ERA)
    found = date.fromordinal(rest + 1)
    year = found.year + 400 * era
    return f"{f'{year:04d}' if 0 <= year <= 9999 else f'{year:+07d}'}-{found:%m-%d}"


def _time(value: int, per_second: int) -> str:
    seconds, part = divmod(value, per_second)
    fraction = f".{part:0{len(str(per_second)) - 1}d}".rstrip("0") if part else ""
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{fraction}"


def _interval(value: pa.MonthDayNano) -> str:
    """ISO 8601's duration; every part has a sign of its own where it is negative, as in DuckDB."""
    sign, nanoseconds = ("-" if value.nanoseconds < 0 else ""), abs(value.nanoseconds)
    seconds, part = divmod(nanoseconds, 10**9)
    fraction = f".{part:09d}".rstrip("0") if part else ""
    clock = [(seconds // 3600, "H", ""), (seconds // 60 % 60, "M", ""), (seconds % 60, "S", fraction)]
    behind = "".join(f"{sign}{number}{more}{name}" for number, name, more in clock if number or more)
    before = [(int(value.months / 12), "Y"), (int(math.fmod(value.months, 12)), "M"), (value.days, "D")]
    written = "".join(f"{number}{name}" for number, name in before if number) + (f"T{behind}" if behind else "")
    return f"P{written or 'T0S'}"


def _lists(column: pa.Array, utc: bool) -> Texts:
    if types.is_fixed_size_list(column.type):
        column = column.cast(pa.list_(column.type.value_type))
    inner = json_texts(column.values, utc)
    return _spans(column, lambda begin, end: f"[{', '.join(inner[begin:end])}]")


def _maps(column: pa.MapArray, utc: bool) -> Texts:
    """An object, whose keys are text."""
    keys = [json.dumps(text or "null", ensure_ascii=False) for text in texts(column.keys, utc)]
    items = json_texts(column.items, utc)
    return _spans(column, lambda begin, end: _object(zip(keys[begin:end], items[begin:end], strict=True)))


def _spans(column: pa.Array, write: Callable[[int, int], str]) -> Texts:
    offsets, valid = column.offsets.to_pylist(), column.is_valid().to_pylist()
    return [write(offsets[i], offsets[i + 1]) if there else None for i, there in enumerate(valid)]


def _structs(column: pa.StructArray, utc: bool) -> Texts:
    """An object; a list where its fields have no names."""
    names = [column.type.field(i).name for i in range(column.type.num_fields)]
    keys = [json.dumps(name, ensure_ascii=False) for name in names]
    rows = zip(*(json_texts(column.field(i), utc) for i in range(len(names))), strict=True)
    written = [_object(zip(keys, row, strict=True)) if any(names) else f"[{', '.join(row)}]" for row in rows]
    return [text if there else None for text, there in zip(written, column.is_valid().to_pylist(), strict=True)]


def _unions(column: pa.UnionArray, utc: bool) -> Texts:
    """The member that is there."""
    members = [json_texts(column.field(i), utc) for i in range(column.type.num_fields)]
    found = (members[code][i] for i, code in enumerate(column.type_codes.to_pylist()))
    return [None if text == "null" else text for text in found]


def _object(pairs: Iterable[tuple[str, str]]) -> str:
    return f"{{{', '.join(f'{key}: {value}' for key, value in pairs)}}}"


_SCALARS: tuple[tuple[Callable[[pa.DataType], bool], Callable[..., str | None]], ...] = (
    (types.is_null, str),
    (types.is_string, str),
    (types.is_large_string, str),
    (types.is_boolean, lambda value: "true" if value else "false"),
    (types.is_integer, str),
    (types.is_float64, _float),
    (types.is_decimal, lambda value: format(value, "f")),
    (types.is_binary, lambda value: base64.b64encode(value).decode()),
    (types.is_large_binary, lambda value: base64.b64encode(value).decode()),
    (types.is_interval, _interval),
)
_COLUMNS: tuple[tuple[Callable[[pa.DataType], bool], Callable[[pa.Array, bool], Texts]], ...] = (
    (types.is_floating, _short_floats),
    (types.is_date32, _days),
    (types.is_time, _times),
    (types.is_timestamp, _timestamps),
    (types.is_map, _maps),
    (types.is_list, _lists),
    (types.is_large_list, _lists),
    (types.is_fixed_size_list, _lists),
    (types.is_struct, _structs),
    (types.is_union, _unions),
)
