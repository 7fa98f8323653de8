"""What a run is doing, as it writes it into its log and whoever waits for it reads it there."""

import re
from dataclasses import dataclass

_LINE = re.compile(r"(?P<table>\w+) (?P<partition>.+) \((?P<number>\d+) of (?P<total>\d+)\)")


@dataclass(frozen=True)
class Work:
    """partition: as a person reads it; number: its place among the run's, from 1 to total."""

    table: str
    partition: str
    number: int
    total: int

    def __str__(self) -> str:
        return f"{self.table} {self.partition} ({self.number} of {self.total})"

    @classmethod
    def parse(cls, line: str) -> "Work | None":
        """A line of a log, and None for one that tells of something else."""
        found = _LINE.fullmatch(line)
        return cls(found["table"], found["partition"], int(found["number"]), int(found["total"])) if found else None
