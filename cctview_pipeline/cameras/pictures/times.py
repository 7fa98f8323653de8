"""``times.csv``: when pictures were taken that neither their name nor their metadata tell it of.

::

    file,captured_at
    gate/IMG_0001.jpg,2026-11-29T10:15:30.250+02:00
    gate/IMG_0002.jpg,2026-11-29 10:15:32            the campaign's timezone
    gate/IMG_0003.jpg,1764411334.5                   Unix seconds

It lies in the folder that the names begin in. Of several rows of a file the first counts.
"""

import csv
import io
import posixpath
from collections.abc import Sequence
from datetime import datetime, tzinfo
from pathlib import Path

from cctview_pipeline.cameras.footage.starts import read_time
from cctview_pipeline.errors import CctviewError, printable
from cctview_pipeline.limits import CSV_FIELD, SIDECAR_BYTES

NAME = "times.csv"
_COLUMNS = ("file", "captured_at")


class Times:
    """The rows of all times.csv of a folder."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[str, str]] = {}
        self._used: dict[str, set[str]] = {}

    def add(self, folder: str, path: Path) -> None:
        """folder: where it lies, below the one given, with slashes. Raises CctviewError, with the mend."""
        rows: dict[str, str] = {}
        for name, time in _read(path):
            rows.setdefault(posixpath.normpath(name.strip().replace("\\", "/")), time)
        self._rows[folder], self._used[folder] = rows, set()

    def of(self, place: str, zone: tzinfo | None) -> datetime | None:
        """When a file was taken, UTC, by the nearest that lists it; None where none does. Raises NoZone, and CctviewError for
        what is no time."""
        parts = place.split("/")
        for depth in reversed(range(len(parts))):
            folder, name = "/".join(parts[:depth]), "/".join(parts[depth:])
            if (rows := self._rows.get(folder)) and name in rows:
                self._used[folder].add(name)
                return read_time(rows[name], zone, posixpath.join(folder, NAME))
        return None

    def idle(self) -> list[str]:
        """Rows that no picture needed: ``times.csv: NAME``."""
        return [
            f"{posixpath.join(folder, NAME)}: {printable(name)}"
            for folder, rows in self._rows.items()
            for name in rows
            if name not in self._used[folder]
        ]


def _read(path: Path) -> Sequence[tuple[str, str]]:
    try:
        SIDECAR_BYTES.check(path.stat().st_size)
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise CctviewError(f"It can't be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise CctviewError("It is no CSV: save it as UTF-8 with a line of column names.") from error
    head = text.partition("\n")[0]
    try:
        table = csv.DictReader(io.StringIO(text), delimiter=";" if ";" in head else ",")
        if missing := [name for name in _COLUMNS if name not in (table.fieldnames or ())]:
            raise CctviewError(f"It has no column {missing[0]}: its first line is file,captured_at.")
        rows = list(table)
        CSV_FIELD.check(max((len(value) for row in rows for value in row.values() if isinstance(value, str)), default=0))
        return [(row["file"], row["captured_at"]) for row in rows if row["file"] and row["captured_at"]]
    except csv.Error as error:
        raise CctviewError("It is no CSV: save it as UTF-8 with a line of column names.") from error
