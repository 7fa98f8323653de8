"""Tables of figures as a Data Package: CSV or Parquet files and the ``datapackage.json`` that describes every column of them.

The descriptor is that of Frictionless Data, version 1 (Data Package and Table Schema, specs.frictionlessdata.io), which GMNS,
CKAN and many others read. ``frictionless validate datapackage.json`` checks types, keys and hashes.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import pyarrow as pa

from cctview_pipeline.campaign import Camera
from cctview_pipeline.formats.figures import QUARTERS, Figures, to_csv, to_parquet
from cctview_pipeline.lake.spec import CAMERA_ID, column

DESCRIPTOR = "datapackage.json"
Form = Literal["csv", "parquet"]
_TYPES = {"string": "string", "bool": "boolean", "date32[day]": "date"}
_UNITS = {"metres": "m", "flow_per_h": "veh/h", "vehicle_h": "veh h", "delay_h": "veh h", "vehicle_km": "veh km", "bytes": "byte"}
_VEHICLES = ("vehicles", "expanded", "lower", "upper", "in_view_count", "vehicles_at_least", "journeys")
_SUFFIXES = {"_kmh": "km/h", "_km": "km", "_min": "min", "_s": "s", "_h": "h", "_m": "m", "_share": "1"}
CAMERAS = pa.schema(
    [
        CAMERA_ID,
        column("name", pa.string(), "what people call it"),
        column("longitude", pa.float64(), "degrees east, WGS 84"),
        column("latitude", pa.float64(), "degrees north, WGS 84"),
        column("faces", pa.string(), "north, east, south or west; empty where nobody knows"),
        column("corridor", pa.string(), "the road it stands at"),
        column("order", pa.int32(), "its place along the corridor"),
    ]
)


@dataclass(frozen=True, kw_only=True)
class About:
    """What a package says of itself. name: of lower-case letters, digits, dots, hyphens and underscores; licence: an identifier
    such as CC-BY-4.0, empty where it grants nothing; begin, end: first and last local day; biases: sentences, each about what
    the figures get wrong; k: how many vehicles a group has at least, None where nothing was withheld; privacy: what is promised
    of the people in it, or that nothing is; attribution: what the cameras' operators ask to be shown; software: name and version
    of what wrote it; models: those that the figures rest on."""

    name: str
    title: str
    network: str
    begin: str
    end: str
    software: str
    created: datetime
    licence: str = ""
    models: tuple[str, ...] = ()
    biases: tuple[str, ...] = ()
    k: int | None = None
    privacy: str = ""
    attribution: tuple[str, ...] = ()


@dataclass(frozen=True)
class Beside:
    """A file of the package that is no table. path: within it; description: one sentence."""

    path: str
    mediatype: str
    description: str
    content: bytes


def package_files(
    about: About, cameras: Sequence[Camera], tables: Sequence[Figures], form: Form, beside: Sequence[Beside] = ()
) -> Iterator[tuple[str, bytes]]:
    """Path and content of every file of the package, the descriptor last: what is written in this order is whole once it has
    one. tables: their columns have a description each; cameras: those that the tables refer to."""
    resources = []
    names = {each.name for each in tables}
    for other in beside:
        resources.append(_other_resource(other))
        yield other.path, other.content
    for each in [camera_figures(cameras), *tables]:
        path, content = f"data/{each.name}.{form}", (to_csv if form == "csv" else to_parquet)(each.rows)
        resources.append(_resource(each, path, content, form, names))
        yield path, content
    yield DESCRIPTOR, (json.dumps(_descriptor(about, resources), indent=2, ensure_ascii=False) + "\n").encode()


def camera_figures(cameras: Sequence[Camera]) -> Figures:
    """The cameras as a table, which the others refer to."""
    rows = [{name: getattr(each, "id" if name == "camera_id" else name) for name in CAMERAS.names} for each in cameras]
    return Figures("cameras", "The cameras that the figures are of.", pa.Table.from_pylist(rows, CAMERAS), ("camera_id",))


def unit_of(name: str) -> str:
    """A column's unit, by its name; empty where it has none."""
    if name in _UNITS:
        return _UNITS[name]
    if name in _VEHICLES:
        return "veh"
    return next((unit for suffix, unit in _SUFFIXES.items() if name.endswith(suffix)), "")


def _descriptor(about: About, resources: list[dict[str, Any]]) -> dict[str, Any]:
    said: dict[str, Any] = {
        "profile": "data-package",
        "name": about.name,
        "title": about.title,
        "created": about.created.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    if about.licence:
        said["licenses"] = [{"name": about.licence, "title": about.licence}]
    said["sources"] = [{"title": f"Cameras of {about.network}; their pictures are no part of this package."}]
    if about.attribution:
        said["attribution"] = list(about.attribution)
    said["generated_by"] = {"software": about.software, "models": list(about.models)}
    said["window"] = {"first_day": about.begin, "last_day": about.end}
    if about.k is not None:
        said["k"] = about.k
    if about.privacy:
        said["privacy"] = about.privacy
    return said | {"known_biases": list(about.biases), "resources": resources}


def _resource(each: Figures, path: str, content: bytes, form: Form, others: set[str]) -> dict[str, Any]:
    schema: dict[str, Any] = {"fields": [_field(field, each.key) for field in each.rows.schema], "missingValues": [""]}
    if each.key:
        schema["primaryKey"] = list(each.key)
    if foreign := list(_foreign_keys(each, others)):
        schema["foreignKeys"] = foreign
    kind = {"csv": {"format": "csv", "mediatype": "text/csv", "encoding": "utf-8"}, "parquet": {"format": "parquet"}}[form]
    return {
        "name": each.name,
        "profile": "tabular-data-resource",
        "path": path,
        "description": each.description,
        "bytes": len(content),
        "hash": f"sha256:{hashlib.sha256(content).hexdigest()}",
        **kind,
        "schema": schema,
    }


def _other_resource(other: Beside) -> dict[str, Any]:
    return {
        "name": other.path.lower(),
        "path": other.path,
        "description": other.description,
        "mediatype": other.mediatype,
        "bytes": len(other.content),
        "hash": f"sha256:{hashlib.sha256(other.content).hexdigest()}",
    }


def _field(field: pa.Field, key: tuple[str, ...]) -> dict[str, Any]:
    described: Mapping[bytes, bytes] = field.metadata or {}
    said: dict[str, Any] = {"name": field.name, "type": _type(field.type), "description": described[b"description"].decode()}
    if unit := unit_of(field.name):
        said["unit"] = unit
    # An empty text is a missing value in CSV, so only what can't be one is asked for.
    if field.name in key or not (field.nullable or pa.types.is_string(field.type)):
        said["constraints"] = {"required": True}
    return said


def _type(kind: pa.DataType) -> str:
    if pa.types.is_timestamp(kind):
        return "datetime"
    if pa.types.is_integer(kind):
        return "integer"
    return "number" if pa.types.is_floating(kind) else _TYPES[str(kind)]


def _foreign_keys(each: Figures, others: set[str]) -> Iterator[dict[str, Any]]:
    """Cameras, and quarters of an hour where their table is there."""
    for name in ("camera_id", "from_camera_id", "to_camera_id", "origin", "destination"):
        if name in each.rows.column_names and each.name != "cameras":
            yield _foreign(name, "cameras", "camera_id")
    if each.name in QUARTERS and "bins" in others:
        yield _foreign("began_at", "bins", "began_at")


def _foreign(field: str, resource: str, of: str) -> dict[str, Any]:
    return {"fields": [field], "reference": {"resource": resource, "fields": [of]}}
