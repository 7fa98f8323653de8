"""What a person wrote in a TOML file: a data class read by pydantic, or one sentence that says what to mend.

A section of a file is a data class. The types of its fields, of those below, say what is let in; the text under a field says what
it is for; ``Field(examples=[...])`` is a right value. The sentences of a refusal, docs/reference/configuration.md and the schema
that an editor reads all come from there. A value is looked at before it is converted: ``true`` is no number, ``"3"`` is none
either, and a time without its offset is no moment, though Python would make one of each.

::

    @dataclass(frozen=True)
    class Upload:
        __pydantic_config__ = CLOSED

        parts: Annotated[StrictInt, Field(ge=1, le=100, examples=[8])] = 8
        # and below it, as a text of its own, what it is for

    read(Upload, {"parts": 3}, Section("upload.toml", "[upload]"))
"""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import cache
from typing import Annotated, Any, TypeAlias, TypeVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    StrictStr,
    StringConstraints,
    TypeAdapter,
    ValidationError,
)
from pydantic.json_schema import GenerateJsonSchema, SkipJsonSchema
from pydantic_core import ErrorDetails, PydanticCustomError

from cctview_pipeline.errors import CctviewError, ConfigurationError, is_shown, printable
from cctview_pipeline.toml_text import written

FIRST_YEAR, LAST_YEAR = 1970, 2200
"""Of a campaign or of what is asked for. Beyond, calendars end: no offset can be added to the year 1 or 9999."""

CLOSED = ConfigDict(extra="forbid", use_attribute_docstrings=True)
"""The ``__pydantic_config__`` of every section: no key that it does not know."""

_UNSHOWN = "has characters that cannot be shown in one line"
_RANGES = ("greater_than", "greater_than_equal", "less_than", "less_than_equal", "finite_number")
_T = TypeVar("_T")


def refused(why: str, example: str = "") -> PydanticCustomError:
    """What a validator of a type raises. why: what stands behind ``key = value under [section]``; example: what to write, where
    the examples of the field do not tell."""
    return PydanticCustomError("refused", "{why}", {"why": why, "example": example})


def _shown(text: str) -> str:
    if not is_shown(text):
        raise refused(_UNSHOWN)
    return text


def _moment(value: object) -> object:
    """A time of the file in UTC: nothing takes this machine's zone."""
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise refused("has no offset, and so is another hour in every time zone", f"{value.isoformat()}Z, or another offset")
        if not FIRST_YEAR <= value.year <= LAST_YEAR:
            raise refused(f"is not between {FIRST_YEAR} and {LAST_YEAR}")
        return value.astimezone(UTC)
    if isinstance(value, date):
        raise refused("is a day without an hour", f"{value.isoformat()}T00:00:00Z")
    if isinstance(value, time):
        raise refused("is an hour without a day")
    raise refused("is a text and no time" if isinstance(value, str) else "is no time")


Shown = AfterValidator(_shown)
Text: TypeAlias = Annotated[StrictStr, Shown]
Texts: TypeAlias = tuple[Annotated[Text, StringConstraints(strip_whitespace=True, min_length=1)], ...]
Moment: TypeAlias = Annotated[datetime, BeforeValidator(_moment)]
Absent: TypeAlias = SkipJsonSchema[None]
"""Of a key that need not be there: TOML has no null."""


@dataclass(frozen=True)
class Section:
    """One table of a file, by which a refusal says where its mend belongs. name: as the file has it: ``[campaign.privacy]``."""

    file: str
    name: str

    def inner(self, key: str) -> "Section":
        """The table that is the value of one of its keys."""
        return Section(self.file, f"{self.name[:-1]}.{key}]")

    def refusal(self, what: str, rest: str) -> CctviewError:
        return ConfigurationError(f"{self.file}: {what} under {self.name}{rest}")

    def wrong(self, key: str, value: object, why: str, mend: str) -> CctviewError:
        return ConfigurationError(f"{self.file}: {key} = {written(value)} under {self.name} {why}: write {mend}.")


def read(kind: type[_T], values: object, section: Section) -> _T:
    """The section as its data class. Raises ConfigurationError for a key that is missing or unknown, for a wrong value, and for
    what the class itself refuses."""
    if not isinstance(values, Mapping):
        raise ConfigurationError(
            f"{section.file}: {section.name} is {written(values)}: write {section.name} on a line of its own."
        )
    of: type = kind
    try:
        return _adapter(of).validate_python(dict(values))
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        raise _refusal(min(found, key=_urgency), schema_of(of), values, section) from None
    except CctviewError as error:  # of what several values mean together
        raise ConfigurationError(f"{section.file}: {error}") from error


def read_rows(kind: type[_T], rows: Iterable[object], file: str, name: str) -> tuple[_T, ...]:
    """The tables of a list, ``[[name]]``, each a section of its own that is told by its id or its number."""

    def told(row: object, number: int) -> str:
        return f"id = {written(row['id'])}" if isinstance(row, Mapping) and "id" in row else f"number {number}"

    return tuple(read(kind, row, Section(file, f"[[{name}]], {told(row, i)}")) for i, row in enumerate(rows, 1))


@cache
def _adapter(kind: type) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


class _Schema(GenerateJsonSchema):
    """Titles are ours, where a kind needs a name; and no default stands where it is nothing."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def dataclass_schema(self, schema: Any) -> dict[str, Any]:
        return {key: value for key, value in super().dataclass_schema(schema).items() if key not in ("title", "description")}

    def default_schema(self, schema: Any) -> dict[str, Any]:
        found = super().default_schema(schema)
        if found.get("default") in (None, "", []) or isinstance(found["default"], dict):
            found.pop("default", None)
        return found


@cache
def schema_of(kind: type) -> dict[str, Any]:
    """The JSON schema of a section, by which it is read: of the file's values, times as texts."""
    return _adapter(kind).json_schema(schema_generator=_Schema)


def keys_of(schema: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Key of a section -> its schema, in the order in which they are described."""
    within = {f"#/$defs/{name}": found for name, found in schema.get("$defs", {}).items()}
    properties = schema.get("properties", {}).items()
    return {key: within.get(found.get("$ref"), {}) | {k: v for k, v in found.items() if k != "$ref"} for key, found in properties}


def value_name(schema: Mapping[str, Any]) -> str:
    """What a value of that schema is called."""
    return schema.get("title") or ("time with its offset" if "format" in schema else _NAMES[schema["type"]])


def value_range(schema: Mapping[str, Any]) -> str:
    """From where to where a number may be; empty for other things."""
    if "maximum" not in schema:
        return ""
    least = f"more than {schema['exclusiveMinimum']:.15g}," if "exclusiveMinimum" in schema else f"from {schema['minimum']:.15g}"
    return f"{least} to {schema['maximum']:.15g}"


_NAMES = {
    "string": "text",
    "boolean": "true or false",
    "integer": "whole number",
    "number": "number",
    "array": "list of texts",
    "object": "table",
}


def _urgency(error: ErrorDetails) -> int:
    """A misspelt key is told before the one that is missing for it."""
    return {"unexpected_keyword_argument": 0, "missing": 1}.get(error["type"], 2)


def _refusal(error: ErrorDetails, schema: dict[str, Any], values: Mapping[str, Any], section: Section) -> CctviewError:
    """Pydantic's error in our words. schema, values: of the section; an error inside a list is of the whole list."""
    key, *more = map(str, error["loc"])
    keys = keys_of(schema)
    if more and keys[key]["type"] == "object":
        if more[-1] == "[key]":
            return _unknown(more[0], keys_of(keys[key]), section.inner(key))
        return _refusal(error | {"loc": tuple(more)}, keys[key], values[key], section.inner(key))
    if error["type"] == "unexpected_keyword_argument":
        return _unknown(key, keys, section)
    if error["type"] == "missing" and not more:
        return section.refusal(f"{key} is missing", f": add {_mend(key, keys[key], section)}.")
    why, said = f"is no {value_name(keys[key])}", error.get("ctx", {})
    if error["type"] == "refused":
        why = said["why"]
    elif error["type"] == "string_unicode":  # half of a character
        why = _UNSHOWN
    elif error["type"] in _RANGES and not more:
        why = f"is out of range ({value_range(keys[key])})"
    return section.wrong(key, values[key], why, _mend(key, keys[key], section, said.get("example", "")))


def _mend(key: str, schema: Mapping[str, Any], section: Section, example: str = "") -> str:
    """The line to write."""
    if schema["type"] == "object":
        return f"{section.inner(key).name} on a line of its own, and its keys below it"
    right = (each if "format" in schema else written(each) for each in schema["examples"])
    return f"{key} = {example or ' or '.join(right)}"


def _unknown(key: str, known: Iterable[str], section: Section) -> CctviewError:
    near = difflib.get_close_matches(key, known := list(known), 1)
    may = f"it may mean {near[0]}; " if near else ""
    mend = f"{may}known are {', '.join(known)}." if known else "this network has no settings, take it out."
    return section.refusal(f"the unknown key '{printable(key)}' stands", f": {mend}")
