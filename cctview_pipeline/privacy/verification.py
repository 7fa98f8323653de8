"""Whether an audit log is as it was written: the first line that is not, and what became of it."""

import os
from collections.abc import Iterator
from dataclasses import dataclass

from cctview_pipeline.privacy.audit import AuditLog
from cctview_pipeline.privacy.entries import NOTHING, Entry, Head


@dataclass(frozen=True)
class Verdict:
    """head: of the last line that is right; line: the first that is wrong, None when all are right; sentence: for a person."""

    head: Head
    line: int | None
    sentence: str

    @property
    def whole(self) -> bool:
        return self.line is None


def verify(log: AuditLog, noted: Head | None = None) -> Verdict:
    """Read the whole log. noted: a number and hash that ``cctview audit head`` printed at some time.

    Finds a changed line, a changed hash, lines that are missing, swapped or repeated, an unfinished last line, and an end that
    the head file does not name. Entries that were forged together with all hashes after them are found by ``noted`` alone.
    Raises CctviewError when there is no log, or it can't be read.
    """
    with log.reading() as descriptor, os.fdopen(os.dup(descriptor), "rb") as file:
        last, before = NOTHING, NOTHING
        for number, line in enumerate(file, 1):
            entry = Entry.parse(line)
            if entry is None or not line.endswith(b"\n"):
                return Verdict(before, number, _no_entry(number, line))
            if sentence := _wrong(number, line, entry, file):
                return Verdict(before, number, sentence)
            if entry.previous != last.hash:
                found = f"Line {number} does not follow line {last.number}: one of them was written anew, with a hash of its own."
                return Verdict(before, max(last.number, 1), found)
            before, last = last, entry.head
            if noted and number == noted.number and last != noted:
                return Verdict(before, number, f"Entry {number} has another hash than was noted: it or one before was forged.")
        head = log.read_head()
    if noted and noted.number > last.number:
        return Verdict(last, last.number + 1, f"The log ends before line {noted.number}, which was noted.")
    if head.number > last.number:
        return Verdict(last, last.number + 1, f"The log ends before line {head.number} that the head file names.")
    # A writer that dies between line and head leaves the log one ahead; the next one catches up.
    if head in (last, before):
        return Verdict(last, None, f"All {last.number} entries are as they were written.")
    if head == NOTHING:
        return Verdict(last, last.number, f"{log.head_path} is gone: nobody knows whether line {last.number} is the last.")
    found = f"Line {head.number} has another hash than the head file names, or lines were added without it."
    return Verdict(before, head.number, found)


def _no_entry(number: int, line: bytes) -> str:
    if not line.endswith(b"\n"):
        return f"Line {number} is unfinished: its writer was stopped, nothing was answered, and the next entry takes its place."
    return f"Line {number} is no entry."


def _wrong(number: int, line: bytes, entry: Entry, rest: Iterator[bytes]) -> str | None:
    """What is wrong with an entry by itself and by its number. line: as it stands in the log; rest: the lines after."""
    if entry.line() != line:
        following = Entry.parse(next(rest, b""))
        only_hash = following is not None and following.previous == entry.head.hash
        return f"Line {number} was changed: its {'hash' if only_hash else 'content'} is not what was written."
    if entry.number < number:
        return f"Line {number} repeats entry {entry.number}."
    if entry.number > number:
        if any((later := Entry.parse(other)) and later.number == number for other in rest):
            return f"Line {number} holds entry {entry.number}, and entry {number} stands further down: lines were swapped."
        return f"Line {number} holds entry {entry.number}: entries {number} to {entry.number - 1} are missing."
    return None
