"""What of a table of counts may be published: no group below k, and none that comes out by subtraction.

::

    counts = query(lake, "SELECT camera_id, carriageway, began_at, label, date_trunc('hour', began_at) AS hour, vehicles, coverage "
                         "FROM vehicle_counts WHERE vehicles IS NOT NULL")
    k_anonymous(counts, totals=[("camera_id", "began_at"), ("hour", "label"), ("hour",), ()], values=["coverage"])

    camera_id  carriageway  began_at  label  hour   vehicles  coverage
    735        N            08:00     car    08:00       112         0.99
    735        S            08:00     car    08:00        96         0.99
    735                     08:00                        221                of all labels, both carriageways
                                      truck  08:00        57                of all cameras
                                             08:00      1204

What exactly nobody can find out, and who is assumed to know what, is in differencing.py. It holds for one call: what is published
of the same vehicles in another call (other totals, a second k, a week that holds the day) can be subtracted from this one, so
ask for everything in one. It protects groups, not against who was there: a driver who knows of himself sees k - 1 others.

A row that is not given counts as 0 **and is taken to be known as such**: the protection of the others never rests on it, and it
is not protected itself, for an empty group holds nobody. Where it must not be told that nobody was there, give the row with a 0:
it is then a group below k like any other, and costs what the others cost.
"""

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cctview_pipeline.errors import CctviewError
from cctview_pipeline.privacy.differencing import shown_rows

K = 10
"""How many vehicles a published group has at least, unless the caller says otherwise."""
MIN_BIN = timedelta(minutes=15)
COUNT, TIME = "vehicles", "began_at"
"""The columns that hold how many a group has, and when its bin begins."""


def k_anonymous(
    table: pa.Table,
    k: int = K,
    *,
    totals: Sequence[Sequence[str]] = (),
    values: Sequence[str] = (),
) -> pa.Table:
    """The rows, and totals of rows, that may be published: the table's columns, sorted by set of totals and dimensions.

    table: one row a group. vehicles: how many it holds, whole, 0 and more. began_at: when its bin begins; every column of times
    holds multiples of 15 minutes (since 1970, UTC). values: columns that describe the group, such as a median; they are published
    with their row and not for totals. They must not tell the count. All other columns are dimensions; coarser times (hour, day)
    are dimensions of their own. totals: the dimensions that are kept in a further set of sums; ``()`` is the grand total.
    Dimensions that a total sums over are null.

    The order of rows changes nothing. A day of 96 bins x 10 cameras x 2 carriageways x 4 labels takes 0.2 to 3 s of a core with
    up to four sets of totals, up to 8 s with seven. Every set costs rows, crossing ones (cameras and labels) the most.

    Raises CctviewError for bins that are not aligned, and for a table, k or totals that cannot be what was meant.
    """
    dimensions = [name for name in table.column_names if name != COUNT and name not in values]
    _check_columns(table, dimensions, values)
    _check_bins(table, dimensions)
    _check_question(k, totals, dimensions)
    cells = _plain(table).sort_by([(name, "ascending") for name in dimensions])
    counts = cells[COUNT].cast(pa.int64()).to_numpy()
    codes = {name: _codes(cells[name]) for name in dimensions}
    if len(_grouped(codes, dimensions, len(cells))[0]) < len(cells):
        raise CctviewError(f"Two rows of the table are one group ({', '.join(dimensions)}): add them up first.")

    sets = [_grouped(codes, kept, len(cells)) for kept in totals]  # of each: every total's first cell, every cell's total
    begins = np.cumsum([0] + [len(firsts) for firsts, _ in sets])  # where its totals begin among all totals
    groups = np.empty((len(cells), len(sets)), np.int64)
    for number, (_, group) in enumerate(sets):
        groups[:, number] = begins[number] + group
    shown = shown_rows(counts, groups, k)

    shown_cells, shown_totals = np.split(shown, [len(cells)])
    parts = [cells.filter(pa.array(shown_cells))]
    for kept, (firsts, group), begin in zip(totals, sets, begins, strict=False):
        sums = np.zeros(len(firsts), np.int64)
        np.add.at(sums, group, counts)
        may = shown_totals[begin : begin + len(firsts)]
        parts.append(_rows_of_totals(cells, kept, firsts[may], sums[may]))
    return pa.concat_tables(parts)


def _check_columns(table: pa.Table, dimensions: Sequence[str], values: Sequence[str]) -> None:
    if missing := [name for name in (COUNT, TIME, *values) if name not in table.column_names]:
        raise CctviewError(f"The table has no column '{missing[0]}': it has {', '.join(table.column_names)}.")
    if COUNT in values or TIME in values:
        raise CctviewError(f"'{COUNT}' is the count and '{TIME}' the time: neither can be one of the values.")
    if not pa.types.is_timestamp(table.schema.field(TIME).type):
        raise CctviewError(f"'{TIME}' must hold times, and holds {table.schema.field(TIME).type}: cast it to timestamps.")
    if not pa.types.is_integer(table.schema.field(COUNT).type) or table[COUNT].null_count:
        raise CctviewError(f"'{COUNT}' must hold a whole number in every row.")
    if len(table) and (least := pc.min(table[COUNT]).as_py()) < 0:
        raise CctviewError(f"'{COUNT}' holds {least}: a count is 0 or more.")
    for name in dimensions:
        if pa.types.is_floating(table.schema.field(name).type):
            raise CctviewError(f"'{name}' holds real numbers, and rows cannot be grouped by them: name it under values.")
        if table[name].null_count:
            raise CctviewError(f"'{name}' holds nulls, which stand for a sum in what is published: name them, such as 'unknown'.")


def _check_bins(table: pa.Table, dimensions: Sequence[str]) -> None:
    for name in dimensions:
        kind = table.schema.field(name).type
        if not pa.types.is_timestamp(kind):
            continue
        begins = table[name].cast(pa.timestamp("ns", kind.tz)).cast(pa.int64()).to_numpy()
        off = np.flatnonzero(begins % (MIN_BIN // timedelta(microseconds=1) * 1000))
        if len(off):
            at = table[name][int(off[0])].as_py()
            raise CctviewError(f"'{name}' holds {at:%H:%M:%S}, which is no multiple of 15 minutes: count in aligned bins.")


def _check_question(k: int, totals: Sequence[Sequence[str]], dimensions: Sequence[str]) -> None:
    if k < 2:
        raise CctviewError(f"k = {k} protects nobody: give 2 or more.")
    for kept in totals:
        if isinstance(kept, str) or (unknown := set(kept) - set(dimensions)):
            which = kept if isinstance(kept, str) else min(unknown)
            raise CctviewError(f"Totals are lists of dimensions ({', '.join(dimensions)}); '{which}' is none.")
        if set(kept) == set(dimensions):
            raise CctviewError("A total that keeps every dimension is the row itself: leave it out.")
    if len({frozenset(kept) for kept in totals}) < len(totals):
        raise CctviewError("One set of totals is given twice: leave one out.")


def _plain(table: pa.Table) -> pa.Table:
    """Without dictionaries, whose order is that of the rows; every column may hold nulls, which totals need."""
    kinds = [field.type.value_type if pa.types.is_dictionary(field.type) else field.type for field in table.schema]
    fields = [field.with_type(kind).with_nullable(True) for field, kind in zip(table.schema, kinds, strict=True)]
    return table.cast(pa.schema(fields)).combine_chunks()


def _codes(column: pa.ChunkedArray) -> np.ndarray:
    """int64[n]: equal where the column is; in the order of the sorted table."""
    return column.combine_chunks().dictionary_encode().indices.to_numpy().astype(np.int64)


def _grouped(codes: dict[str, np.ndarray], kept: Sequence[str], rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Every group's first row, and every row's group."""
    keys = np.stack([np.zeros(rows, np.int64), *(codes[name] for name in kept)], axis=1)
    _, firsts, group = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    return firsts, group.ravel()


def _rows_of_totals(cells: pa.Table, kept: Sequence[str], firsts: np.ndarray, sums: np.ndarray) -> pa.Table:
    """One row a total: what it keeps and its count; the other dimensions and the values are null."""
    kinds = {field.name: field.type for field in cells.schema}
    columns = {name: pa.nulls(len(firsts), kind) for name, kind in kinds.items()}
    columns |= {name: cells[name].take(pa.array(firsts)) for name in kept}
    columns[COUNT] = pa.array(sums, kinds[COUNT])
    rows = pa.table(columns, schema=cells.schema)
    return rows.sort_by([(name, "ascending") for name in kept]) if kept else rows
