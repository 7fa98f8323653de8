"""One line of the audit log, and how lines hang together by their hashes."""

import hashlib
import json
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cached_property

from cctview_pipeline.documents import parse_json
from cctview_pipeline.errors import CctviewError

BEGINNING = "0" * 64
"""What the first line has for the hash of the line before."""


@dataclass(frozen=True)
class Head:
    """An entry's number and its hash: all that it takes to know that everything up to it is as it was."""

    number: int
    hash: str

    def __str__(self) -> str:
        return f"{self.number}:{self.hash}"

    @classmethod
    def parse(cls, text: str) -> "Head":
        """``12:9f86...``, as ``cctview audit head`` prints it."""
        number, _, digest = text.strip().partition(":")
        if not number.isdecimal() or len(digest) != len(BEGINNING) or set(digest) - set("0123456789abcdef"):
            raise CctviewError(f"'{text}' is no head of an audit log: give NUMBER:HASH, as `cctview audit head` prints it.")
        return cls(int(number), digest)


NOTHING = Head(0, BEGINNING)
"""The head of an empty log."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One line. number: of the line, from 1; time: UTC; user: who ran the process, or on whose behalf a service asked; kind:
    query, session, export, publish, training, erase or erasure request; lake: its URI; asked: the SQL, or what was chosen;
    tables: whose rows were asked for; previous: the hash of the line before."""

    number: int
    time: datetime
    user: str
    purpose: str
    kind: str
    lake: str
    asked: str
    tables: tuple[str, ...]
    previous: str

    @cached_property
    def _content(self) -> str:
        said = {each.name: getattr(self, each.name) for each in fields(self)}
        return json.dumps(said | {"time": self.time.isoformat(timespec="microseconds")})

    @cached_property
    def head(self) -> Head:
        return Head(self.number, hashlib.sha256(self._content.encode()).hexdigest())

    def line(self) -> bytes:
        """As it stands in the log, with its hash, which is that of all before it in the line."""
        return f'{self._content[:-1]}, "hash": "{self.head.hash}"}}\n'.encode()

    @classmethod
    def parse(cls, line: bytes) -> "Entry | None":
        """None for what is no entry; whether its hash is right is for the caller, who compares ``line()``."""
        try:
            said = parse_json(line, "a line")
            if not isinstance(said, dict) or {name: type(value) for name, value in said.items()} != _KINDS:
                return None
            time = datetime.fromisoformat(said["time"])
        except (CctviewError, ValueError):
            return None
        if time.tzinfo is None or not all(isinstance(table, str) for table in said["tables"]):
            return None
        del said["hash"]
        return cls(**(said | {"time": time, "tables": tuple(said["tables"])}))


_KINDS = {each.name: str for each in fields(Entry)} | {"number": int, "tables": list, "hash": str}
"""What a line holds: name -> type in JSON."""
