"""The text of a TOML file, read with one sentence for whatever is none, and a value as such a file has it."""

import re
import tomllib
from collections.abc import Callable, Mapping
from typing import Any

import tomlkit

from cctview_pipeline.errors import CctviewError, ConfigurationError, printable
from cctview_pipeline.limits import TOML_BYTES, TOML_DEPTH

# Possessive: a quote alone opens or closes, and trying both for each of so many takes days.
_DOTTED = re.compile(rf"(?<![\w\"'-])(?:[\"']?+[\w-]*+[\"']?+[ \t]*+\.[ \t]*+){{{TOML_DEPTH.most}}}")
_AT = re.compile(r"\(at line (\d+), column (\d+)\)")


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
