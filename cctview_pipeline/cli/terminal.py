"""The console that commands print to, and what they print for programs."""

import io
import json
import math
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from rich.console import Console

from cctview_pipeline.ending import end_quietly


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Rich would end with status 1, as if something had failed."""
        end_quietly()


console = _Console(markup=False, emoji=False)
"""What stands in brackets or between colons is text: a path, a section of campaign.toml or an answer of the lake may have any."""


def say(text: str) -> None:
    """Print a line as it is: a console breaks lines and replaces tabs, also in a command that somebody copies."""
    print(text)


def write(lines: Iterable[str]) -> None:
    """Print what a program reads, in UTF-8 whatever the terminal's alphabet is. Lines come with their ends."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", newline="")
    try:
        sys.stdout.writelines(lines)
        sys.stdout.flush()
    except BrokenPipeError:
        end_quietly()


def print_json(value: Any) -> None:
    """One JSON document: times in UTC with a Z, and null for what is no finite number."""
    write([json.dumps(_plain(value), indent=2, ensure_ascii=False, allow_nan=False) + "\n"])


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, datetime):
        return (value.astimezone(UTC) if value.tzinfo else value).replace(tzinfo=None).isoformat() + "Z"
    return None if isinstance(value, float) and not math.isfinite(value) else value
