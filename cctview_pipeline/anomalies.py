"""Times in which a camera's figures are not what they seem, as a person names them under ``[[anomalies]]`` in campaign.toml.

::

    [[anomalies]]
    camera = "735-683-N"
    began = 2020-05-05T17:00:00Z
    ended = 2020-05-05T18:30:00Z
    problem = "do-not-use"
    investigation = "confirmed"
    note = "A film crew had closed the right lane."

The words are those of Toronto's Miovision tables. Figures over which a do-not-use lies are flagged, and keep what was counted.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cctview_pipeline.errors import ConfigurationError
from cctview_pipeline.settings import Key, Section, read_section, written

PROBLEMS = ("do-not-use", "questionable", "caveat")
INVESTIGATIONS = ("auto", "suspected", "confirmed", "dismissed")
KEYS = {
    "camera": Key(str, '"735-683-N"', needed=True, sentence="Its id."),
    "began": Key(datetime, "2020-05-05T17:00:00Z", needed=True, sentence="When it began."),
    "ended": Key(datetime, "2020-05-05T18:30:00Z", needed=True, sentence="When it ended, exclusive."),
    "problem": Key(str, '"do-not-use"', needed=True, sentence=f"{', '.join(PROBLEMS[:-1])} or caveat."),
    "investigation": Key(
        str,
        '"confirmed"',
        sentence=f"How sure one is: {', '.join(INVESTIGATIONS[1:-1])} (as a rule) or dismissed, which takes back what was found.",
    ),
    "note": Key(str, '"A lane was closed."', needed=True, sentence="What happened, in one sentence."),
    "carriageway": Key(str, '"N"', sentence="The side of the road; all where it is left out."),
    "label": Key(str, '"truck"', sentence="car, bus, truck or motorcycle; all where it is left out."),
}


@dataclass(frozen=True, kw_only=True)
class Anomaly:
    """camera: its id; began, ended: UTC; carriageway, label: empty for all."""

    camera: str
    began: datetime
    ended: datetime
    problem: str
    note: str
    investigation: str = "suspected"
    carriageway: str = ""
    label: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As :func:`anomalies_of` reads it."""
        return {name: value for name in KEYS if (value := getattr(self, name))}


def anomalies_of(rows: object, source: str) -> tuple[Anomaly, ...]:
    """The entries of ``[[anomalies]]``. Raises ConfigurationError, naming the entry, for one that cannot be."""
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise ConfigurationError(f"{source}: anomalies is no list of tables: describe each under an [[anomalies]] of its own.")
    return tuple(_anomaly(row, Section(source, f"[[anomalies]], entry {number}")) for number, row in enumerate(rows, 1))


def _anomaly(row: Mapping, section: Section) -> Anomaly:
    said = read_section(row, section, KEYS)
    for name, known in (
        ("problem", PROBLEMS),
        ("investigation", INVESTIGATIONS),
        ("label", ("car", "bus", "truck", "motorcycle")),
    ):
        if name in said and said[name] not in known:
            raise section.wrong(name, said[name], "is not known", f"one of {', '.join(known)}")
    if said["ended"] <= said["began"]:
        raise section.wrong("ended", said["ended"], "is not after began", f"a time after {written(said['began'])}")
    return Anomaly(**said)
