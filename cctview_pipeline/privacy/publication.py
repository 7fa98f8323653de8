"""``cctview publish``: figures of local days as a package for everybody, in a folder or on S3.

::

    from cctview_pipeline.privacy.publication import publish
    from cctview_pipeline.resources.lake import open_lake

    publish(open_lake(), "published/may", licence="CC-BY-4.0")

What may be in it says release.py. A package is there whole or not at all: a folder gets its name when it is complete; on S3,
where nothing can be renamed, ``datapackage.json`` comes last.

Two packages about the same vehicles could be subtracted from one another. So every day that is published is noted in the lake, by
a hash of all its counts, and is published once more only with the same ones: the same day twice, or in two windows, gives the
same rows and nothing to subtract. With another k, or when its figures were made anew meanwhile, it is refused, until somebody
says that the earlier package was withdrawn (``again``). What others copied of it meanwhile, no command knows.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from cctview_pipeline.cameras.attribution import attributions
from cctview_pipeline.campaign import Campaign
from cctview_pipeline.documents import parse_json
from cctview_pipeline.errors import AccessRefusedError, ConfigurationError, StorageError
from cctview_pipeline.files import whole_folder
from cctview_pipeline.formats.about import about
from cctview_pipeline.formats.data_dictionary import data_dictionary
from cctview_pipeline.formats.data_package import DESCRIPTOR, Beside, package_files
from cctview_pipeline.formats.figures import KEYS, Figures, days_with_figures, of_days, read_day, to_csv
from cctview_pipeline.formats.geojson import cameras_geojson, links_geojson
from cctview_pipeline.lake import Lake, S3Access
from cctview_pipeline.lake.layout import format_day
from cctview_pipeline.lake.storage import Storage
from cctview_pipeline.policy import Policy
from cctview_pipeline.privacy.audit import AuditLog
from cctview_pipeline.privacy.release import CLASS_KEY, COUNTED, READ, RELEASED, WITHHELD, description_of, release
from cctview_pipeline.roads import RoadNetwork

NOTES = "publications"
"""The folder of the lake in which it is noted what was published."""
_LICENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
_GEOJSON = "application/geo+json"

Release = dict[date, dict[str, pa.Table]]


@dataclass(frozen=True, kw_only=True)
class Publication:
    """days: that it holds; files: below ``out``; rows, withheld: by table with a status, all and those that k hides."""

    out: str
    days: tuple[date, ...]
    k: int
    files: tuple[str, ...]
    rows: Mapping[str, int]
    withheld: Mapping[str, int]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self) | {"days": [str(day) for day in self.days], "files": list(self.files)}


@dataclass(frozen=True, kw_only=True)
class Note:
    """What was published of a day. sha256: of its counts as they were published; at: when, UTC; to: where."""

    sha256: str
    k: int
    at: str
    to: str
    licence: str


def publish(
    lake: Lake,
    out: str,
    *,
    licence: str,
    between: tuple[date | None, date | None] = (None, None),
    k: int | None = None,
    again: bool = False,
    s3: S3Access | None = None,
) -> Publication:
    """Write the local days that have figures to ``out``, a new folder or ``s3://bucket/prefix``.

    between: the first day and the one after the last, None for no bound; licence: an identifier such as CC-BY-4.0; k: how many
    vehicles a published group has at least, the campaign's when left out; again: what was published of these days before was
    withdrawn; s3: how to reach ``out``, as the lake is reached when left out. It is written to the audit log first. Raises
    CctviewError for days without figures, for days that were published with other counts, for a licence or a k that can't be,
    and where ``out`` is there and not empty.
    """
    if not _LICENCE.fullmatch(licence):
        raise ConfigurationError(
            f"'{licence}' is no licence's identifier: say under which others may use the figures, such as CC-BY-4.0 or ODbL-1.0."
            if licence
            else "Without a licence nobody may use what is published: name one, such as --licence CC-BY-4.0."
        )
    campaign = lake.require_campaign()
    k = Policy.of(campaign).k if k is None else k
    days = days_with_figures(lake, *between)
    released = {day: release(read_day(lake, day, READ), k) for day in days}
    now = datetime.now(UTC)
    notes = {
        day: Note(sha256=_digest(tables), k=k, at=f"{now:%Y-%m-%dT%H:%M:%SZ}", to=out, licence=licence)
        for day, tables in released.items()
    }
    for day, note in notes.items():
        _check_earlier(lake, day, note, again)
    files = _package(campaign, released, licence, k, now)
    target = _open(out, s3 or lake.storage.s3)
    window = f"{days[0]} to {days[-1]}, {len(days)} days, k = {k}, to {out}"
    AuditLog().append("publish", window, lake=lake.uri, tables=tuple(sorted(READ)))
    for day, note in notes.items():  # before the first file: what was noted and not published can still be published
        lake.storage.write(_key(day), json.dumps(asdict(note), indent=1).encode())
    _write(target, files)
    rows, withheld = _counts(released)
    return Publication(out=out, days=tuple(days), k=k, files=tuple(sorted(files)), rows=rows, withheld=withheld)


def earlier(lake: Lake, day: date) -> Note | None:
    """What was published of a day before, or None."""
    try:
        found = parse_json(lake.storage.read(_key(day)).to_pybytes(), lake.storage.path(_key(day)))
        return Note(**found) if isinstance(found, dict) else None
    except FileNotFoundError:
        return None
    except TypeError as error:
        raise StorageError(f"{lake.storage.path(_key(day))} is no note of a publication: {error}.") from error


def _check_earlier(lake: Lake, day: date, note: Note, again: bool) -> None:
    before = earlier(lake, day)
    if before is None or again or before.sha256 == note.sha256:
        return
    why = f"k = {before.k}" if before.k != note.k else "other figures"
    raise AccessRefusedError(
        f"{day} was published at {before.at} to {before.to} with {why}, and the two could be subtracted from one another: "
        "withdraw that package, and add --again."
    )


def _digest(tables: Mapping[str, pa.Table]) -> str:
    whole = hashlib.sha256()
    for name in COUNTED:
        content = to_csv(tables[name])
        whole.update(f"{name} {len(content)}\n".encode())
        whole.update(content)
    return whole.hexdigest()


def _key(day: date) -> str:
    return f"{NOTES}/{format_day(day)}.json"


def _package(campaign: Campaign, released: Release, licence: str, k: int, now: datetime) -> dict[str, bytes]:
    """Path -> content, the descriptor last."""
    keys = KEYS | {"class_counts": CLASS_KEY}
    tables = [
        Figures(name, description_of(name), of_days({day: each[name] for day, each in released.items()}), keys[name])
        for name in RELEASED
    ]
    quality = [each["data_quality"] for each in released.values()]
    whose = attributions(campaign, list(released))
    said = replace(about(campaign, list(released), now, quality, licence, k, _promise(k)), attribution=whose)
    points = cameras_geojson(campaign.cameras, pa.concat_tables(quality), whose)
    beside = [
        Beside("cameras.geojson", _GEOJSON, "The cameras, as points.", points),
        Beside(
            "links.geojson",
            _GEOJSON,
            "The ways between neighbouring cameras, as lines.",
            links_geojson(RoadNetwork.of(campaign).edges, whose),
        ),
    ]
    readme = data_dictionary(said, tables, beside).encode()
    beside.append(Beside("README.md", "text/markdown", "What every file and column is.", readme))
    return dict(package_files(said, campaign.cameras, tables, "csv", beside))


def _promise(k: int) -> str:
    return (
        f"No row tells of fewer than {k} vehicles. Of what is withheld nobody who sees the rest, and knows k, finds out a range "
        f"of fewer than {k} counts by adding and subtracting; whoever runs the rule backwards over every possible table can "
        "narrow some. Nothing is shorter than 15 minutes, and no id follows a vehicle."
    )


def _counts(released: Release) -> tuple[dict[str, int], dict[str, int]]:
    """Of every table with a status: its rows, and those that are withheld."""
    rows, withheld = Counter[str](), Counter[str]()
    for tables in released.values():
        for name, table in tables.items():
            if "status" in table.column_names:
                rows[name] += table.num_rows
                withheld[name] += table["status"].to_pylist().count(WITHHELD)
    return dict(rows), dict(withheld)


def _open(out: str, s3: S3Access) -> Storage | Path:
    """The place, which must be empty."""
    if "://" not in out:
        return Path(out)
    target = Storage(out, s3)
    if target.list(""):
        raise StorageError(f"{out} is there already and not empty: name another place, or take away what is there.")
    return target


def _write(target: Storage | Path, files: Mapping[str, bytes]) -> None:
    """Every file, or none."""
    if isinstance(target, Path):
        with whole_folder(target) as folder:
            for name, content in files.items():
                (folder / name).parent.mkdir(exist_ok=True)
                (folder / name).write_bytes(content)
        return
    assert list(files)[-1] == DESCRIPTOR, "Who finds it finds all the others."
    try:
        for name, content in files.items():
            target.write(name, content)
    except BaseException as error:
        with suppress(StorageError):  # a store that is gone keeps them, and no descriptor speaks of them
            for name in reversed(list(files)):
                target.delete(name)
        if isinstance(error, StorageError):
            raise StorageError(f"{target.uri} could not be written whole, and has no {DESCRIPTOR}: {error}") from error
        raise
