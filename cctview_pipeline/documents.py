"""JSON that others wrote: parsed, or refused with one sentence that names it and the place; settings.py does so for TOML.

The library raises several kinds of exceptions for a bad document, and one of them, for brackets nested a thousand deep, is no
ValueError.
"""

import json
import re

from cctview_pipeline.errors import CctviewError

_PLACE = re.compile(r"\(?(?:at )?line (\d+),? column (\d+)")


def parse_json(data: bytes, name: str) -> object:
    """name: what the sentence calls it, such as its path. NaN and infinities are no JSON. Raises CctviewError."""
    try:
        return json.loads(data.decode("utf-8-sig"), parse_constant=_refuse)
    except UnicodeDecodeError as error:
        raise CctviewError(f"{name} is no JSON: byte {error.start} is not UTF-8.") from error
    except (ValueError, RecursionError) as error:
        raise CctviewError(f"{name} is no JSON{_place(error)}.") from error


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _place(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return ": its brackets are nested too deep"
    if found := _PLACE.search(str(error)):
        return ": see line {}, column {}".format(*found.groups())
    return ": it ends too early" if "end of document" in str(error) else ": it holds a number or a date that there is not"
