"""What people said of candidates, read: the newest word of each person, and the pairs on which they agree.

They are labels, and change no match. What was erased, or whose lifetime is over, is not in the lake any more and so not here.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields

import pyarrow as pa

from cctview_pipeline.lake import Lake, Partition

SAME, DIFFERENT, NONE = VERDICTS = ("same", "different", "none")
OFFERED = 8
"""Candidates of a neighbour that people are shown, beside the one that was chosen: of these "none of these" speaks."""

Pair = tuple[str, str]
"""Of track ids: the query's and the gallery's."""


@dataclass(frozen=True, kw_only=True)
class Judged:
    """same: the pairs that are one vehicle, by everybody who judged them; different: those that are two; disputed: pairs of which
    people say both; shared: pairs that two people or more have judged; people: who have said anything."""

    same: frozenset[Pair] = frozenset()
    different: frozenset[Pair] = frozenset()
    disputed: frozenset[Pair] = frozenset()
    shared: frozenset[Pair] = frozenset()
    people: frozenset[str] = frozenset()

    @property
    def agreed(self) -> dict[Pair, bool]:
        """Pair -> whether it is one vehicle."""
        return dict.fromkeys(self.same, True) | dict.fromkeys(self.different, False)

    @classmethod
    def join(cls, parts: "Iterable[Judged]") -> "Judged":
        parts = list(parts)
        return cls(**{each.name: frozenset().union(*(getattr(part, each.name) for part in parts)) for each in fields(cls)})


def read_judged(lake: Lake, partitions: Sequence[Partition]) -> Judged:
    """The verdicts of some camera-hours."""
    columns = ["query_track_id", "gallery_track_id", "rank", "assigned"]
    said = [place for place in partitions if lake.has("verdicts", place)]
    return Judged.join(judge(lake.read("verdicts", place), lake.read("matches", place, columns)) for place in said)


def judge(verdicts: pa.Table, matches: pa.Table) -> Judged:
    """matches: of the same camera-hour: whoever says "none of these" of a query says of each candidate offered that it is another
    vehicle."""
    offered: dict[str, list[str]] = defaultdict(list)
    for row in matches.to_pylist():
        if row["rank"] <= OFFERED or row["assigned"]:
            offered[row["query_track_id"]].append(row["gallery_track_id"])
    votes: dict[Pair, dict[str, bool]] = defaultdict(dict)
    for word in newest(verdicts.to_pylist()):
        query, person = word["query_track_id"], word["said_by"]
        if word["verdict"] == NONE:
            for each in offered[query]:
                votes[query, each].setdefault(person, False)
        else:
            votes[query, word["gallery_track_id"]][person] = word["verdict"] == SAME
    of = lambda answers: frozenset(pair for pair, said in votes.items() if set(said.values()) == answers)  # noqa: E731
    shared = frozenset(pair for pair, said in votes.items() if len(said) > 1)
    people = frozenset(verdicts["said_by"].to_pylist())
    return Judged(same=of({True}), different=of({False}), disputed=of({True, False}), shared=shared, people=people)


def newest(words: Iterable[Mapping]) -> list[Mapping]:
    """Without what a person took back: of a pair the last word counts; "none of these" takes back each "the same vehicle" that
    the person had said of the query before, and the other way round."""
    kept: dict[Pair, dict[str | None, Mapping]] = defaultdict(dict)
    for word in sorted(words, key=lambda word: word["said_at"]):
        mine = kept[word["said_by"], word["query_track_id"]]
        if word["verdict"] == NONE:
            for gallery in [each for each, before in mine.items() if before["verdict"] == SAME]:
                del mine[gallery]
        elif word["verdict"] == SAME:
            mine.pop(None, None)
        mine[word["gallery_track_id"]] = word
    return [word for mine in kept.values() for word in mine.values()]
