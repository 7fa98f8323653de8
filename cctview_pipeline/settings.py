"""What a person wrote in a TOML file: known keys, values of their kind and in their range, or a sentence that says why not.

A value is looked at before it is converted: ``true`` is no number, ``"3"`` is none either, and a time without its offset is no
moment, though Python would make one of each.
"""

import difflib
import math
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

import tomlkit

from cctview_pipeline.errors import CctviewError, ConfigurationError, is_shown, printable
from cctview_pipeline.limits import TOML_BYTES, TOML_DEPTH

FIRST_YEAR, LAST_YEAR = 1970, 2200
"""Of a campaign or of what is asked for. Beyond, calendars end: no offset can be added to the year 1 or 9999."""
_INTEGERS = -(2**63), 2**63 - 1
"""TOML's: what is larger overflows in every table."""
_DOTTED = re.compile(rf"(?<![\w\"'-])(?:[\"']?[\w-]*[\"']?[ \t]*\.[ \t]*){{{TOML_DEPTH.most}}}")
_AT = re.compile(r"\(at line (\d+), column (\d+)\)")


@dataclass(frozen=True)
class Section:
    """One table of a file, by which a refusal says where its mend belongs. name: as the file has it: ``[campaign.privacy]``."""

    file: str
    name: str

    def refusal(self, what: str, rest: str) -> CctviewError:
        return ConfigurationError(f"{self.file}: {what} under {self.name}{rest}")

    def wrong(self, key: str, value: object, why: str, mend: str) -> CctviewError:
        return ConfigurationError(f"{self.file}: {key} = {written(value)} under {self.name} {why}: write {mend}.")


@dataclass(frozen=True)
class Key:
    """One key of a section. kind: str, bool, int, float (an int is one too), datetime, list (of texts) or dict; example: a right
    value, as it is written; least, most: of a number; above: what it must be more than; called: what such a value is, where
    its kind alone does not tell; sentence: what it is for, as docs/reference/configuration.md tells it."""

    kind: type
    example: str
    least: float = -math.inf
    most: float = math.inf
    above: float = -math.inf
    needed: bool = False
    called: str = ""
    sentence: str = ""

    def wrong(self, value: object) -> str | None:
        """Why a value is none, behind ``key = value under [section]``."""
        if not _is(value, self.kind):
            return f"is no {self.value_name}"
        if isinstance(value, int) and not _INTEGERS[0] <= value <= _INTEGERS[1]:
            return "is larger than any whole number of TOML"
        if self.kind in (int, float) and isinstance(value, int | float) and not self._allows(value):
            return f"is out of range ({self.range})"
        if isinstance(value, str | list | tuple) and not all(map(is_shown, [value] if isinstance(value, str) else value)):
            return "has characters that cannot be shown in one line"
        return None

    def _allows(self, value: float) -> bool:
        return self.least <= value <= self.most and value > self.above and math.isfinite(value)

    @property
    def value_name(self) -> str:
        return self.called or _NAMES[self.kind]

    @property
    def is_bounded(self) -> bool:
        return (self.least, self.most, self.above) != (-math.inf, math.inf, -math.inf)

    @property
    def range(self) -> str:
        least = f"more than {self.above:g}" if self.above > -math.inf else f"{self.least:,.0f} or more"
        return f"from {self.least:.15g} to {self.most:.15g}" if self.most < math.inf and self.above == -math.inf else least


def read_section(values: object, section: Section, keys: Mapping[str, Key]) -> dict[str, Any]:
    """The section as a dict, times in UTC. Raises CctviewError for a key that is missing or unknown, and for a wrong value."""
    if not isinstance(values, Mapping):
        raise ConfigurationError(
            f"{section.file}: {section.name} is {written(values)}: write {section.name} on a line of its own."
        )
    for name in values:
        if name not in keys:
            raise section.refusal(f"the unknown key '{printable(name)}' stands", f": {_meant(name, keys)}")
    for name, key in keys.items():
        if key.needed and name not in values:
            raise section.refusal(f"{name} is missing", f": add {name} = {key.example}.")
        if name in values and key.kind is not datetime and (why := key.wrong(values[name])):
            raise section.wrong(name, values[name], why, key.example if key.kind is dict else f"{name} = {key.example}")
    return {
        name: utc_of(value, section, name, keys[name].example) if keys[name].kind is datetime else value
        for name, value in values.items()
    }


def utc_of(value: object, section: Section, key: str, example: str) -> datetime:
    """A time of the file. Raises CctviewError, with the mend, where it says no moment: nothing takes this machine's zone."""
    if isinstance(value, datetime):
        if value.tzinfo is None:
            why = "has no offset, and so is another hour in every time zone"
            raise section.wrong(key, value, why, f"{key} = {value.isoformat()}Z, or another offset")
        if FIRST_YEAR <= value.year <= LAST_YEAR:
            return value.astimezone(UTC)
        raise section.wrong(key, value, f"is not between {FIRST_YEAR} and {LAST_YEAR}", f"{key} = {example}")
    if isinstance(value, date):
        raise section.wrong(key, value, "is a day without an hour", f"{key} = {value.isoformat()}T00:00:00Z")
    if isinstance(value, time):
        raise section.wrong(key, value, "is an hour without a day", f"{key} = {example}")
    if isinstance(value, str):
        raise section.wrong(key, value, "is a text and no time", f"{key} = {example}, without quotes")
    raise section.wrong(key, value, "is no time", f"{key} = {example}")


def decode_toml(data: bytes, source: str) -> str:
    """The text of a TOML file, which is UTF-8; a byte order mark before it is no part of it. Raises CctviewError."""
    TOML_BYTES.check(len(data), _of(source))
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in data[:2]:
        raise ConfigurationError(f"{source} is UTF-16, and TOML is UTF-8: save it as UTF-8.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(
            f"{source} is no UTF-8 in line {line} (byte 0x{data[error.start]:02x}): save it as UTF-8."
        ) from None


def parse_toml(text: str, source: str) -> dict[str, Any]:
    """The file's values. Raises CctviewError, with the line, for what is no TOML."""
    TOML_BYTES.check(len(text), _of(source))
    text = text.removeprefix("\ufeff")
    if _DOTTED.search(text):
        raise ConfigurationError(f"{source} is no TOML: {TOML_DEPTH.says(TOML_DEPTH.most + 1)}")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ConfigurationError(f"{source} is no TOML: {TOML_DEPTH.says(TOML_DEPTH.most + 1)}") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{source} is no TOML: {_where(text, str(error))}") from error
    except ValueError as error:  # a number of thousands of digits
        raise ConfigurationError(f"{source} is no TOML: a number in it has too many digits.") from error


def written(value: object) -> str:
    """As the file has it, in one line and shortened where it is long."""
    if isinstance(value, Mapping) or (isinstance(value, list) and value and isinstance(value[0], Mapping)):
        return "{...}" if isinstance(value, Mapping) else "[{...}]"
    try:
        text = tomlkit.item(value).as_string()
    except (TypeError, ValueError):  # no value that TOML has: the command line's, or a notebook's
        text = str(value)
    text = printable(" ".join(text.split()))
    return text if len(text) <= 60 else f"{text[:57]}..."


def _is(value: object, kind: type) -> bool:
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if kind is list:
        return isinstance(value, list | tuple) and all(isinstance(each, str) and each.strip() for each in value)
    return isinstance(value, Mapping if kind is dict else kind)


_NAMES = {
    str: "text",
    bool: "true or false",
    int: "whole number",
    float: "number",
    list: "list of texts",
    dict: "table",
    datetime: "time with its offset",
}


def _meant(name: str, keys: Mapping[str, Key]) -> str:
    if not keys:
        return "this network has no settings, take it out."
    near = difflib.get_close_matches(name, keys, 1)
    return f"{f'it may mean {near[0]}; ' if near else ''}known are {', '.join(keys)}."


def _where(text: str, said: str) -> str:
    """The line that is wrong, in our words: the parser's speak of its own state."""
    found = _AT.search(said)
    lines = text.splitlines() or [""]
    number = min(int(found[1]), len(lines)) if found else len(lines)
    twice = "twice" in said or "overwrite" in said or "redefine" in said or "mutable" in said
    why = "a key or a section stands there for the second time" if twice else "mend what is written there"
    return f"line {number} is `{printable(lines[number - 1].strip()[:80])}`: {why}."


def _of(source: str) -> Callable[[str], CctviewError]:
    return lambda sentence: ConfigurationError(f"{source}: {sentence}")
