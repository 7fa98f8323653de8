"""How the matcher did on the pairs that people judged: of real cameras too, where nobody knows the truth."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cctview_pipeline.campaign import HOUR
from cctview_pipeline.evaluate.journeys import reliability
from cctview_pipeline.evaluate.report import ALL, Evaluation, Row, measured
from cctview_pipeline.evaluate.transitions import CameraPair, name_of
from cctview_pipeline.ids import camera_of
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.lake.layout import parse_key
from cctview_pipeline.match.verdicts import Judged, judge

SUBJECT, WORTH = "verdicts", "verdicts_calibration"
NO_SAMPLE = (
    "Judged pairs are no random sample: people judge what they look at, and can name only candidates that they were offered. So "
    "these figures tell of these pairs alone. A pair on which people disagree is counted and left out."
)


@dataclass(frozen=True)
class JudgedMatch:
    """A pair that people agree on, and what the matcher says of it: probability 0 where it is none of its candidates any more."""

    way: CameraPair
    same: bool
    probability: float
    assigned: bool


def judged_hours(lake: Lake) -> list[Partition]:
    """The camera-hours that have verdicts."""
    return [parse_key(key)[1] for key in lake.keys("verdicts")]


def evaluate_verdicts(lake: Lake, partitions: Sequence[Partition]) -> Evaluation:
    """Precision of the chosen matches among the pairs that were judged, recall of those that are one vehicle, and how often a
    probability was right, over all and by way. No rows where nobody judged anything.

    Pairs of tracks that were made anew since, and are not there any more, are counted (``gone``) and left out.
    """
    found, gone, parts = list[JudgedMatch](), 0, list[Judged]()
    for place in partitions:
        matches, said = lake.read("matches", place), lake.read("verdicts", place)
        parts.append(judged := judge(said, matches))
        matched = {(row["query_track_id"], row["gallery_track_id"]): row for row in matches.to_pylist()}
        there = _tracks(lake, place, {track for pair in judged.agreed for track in pair})
        for (query, gallery), same in judged.agreed.items():
            row = matched.get((query, gallery), {"probability": 0.0, "assigned": False})
            if query in there and gallery in there:
                way = there[gallery], there[query]
                found.append(JudgedMatch(way, same, row["probability"], row["assigned"]))
            else:
                gone += 1
    everything = Judged.join(parts)
    if not everything.people:
        return Evaluation(())
    about = {"people": len(everything.people), "disputed": len(everything.disputed), "gone": gone}
    agreement = 1 - len(everything.disputed & everything.shared) / len(everything.shared) if everything.shared else None
    rows = [Row(subject=SUBJECT, metric=name, scope=ALL, value=float(count), support=count) for name, count in about.items()]
    rows += measured(SUBJECT, ALL, len(everything.shared), {"agreement": agreement})
    rows += _rows(ALL, found)
    by_way = defaultdict(list)
    for each in found:
        by_way[each.way].append(each)
    for way in sorted(by_way):
        rows += _rows(name_of(way), by_way[way])
    right, probability = np.array([each.same for each in found], float), np.array([each.probability for each in found], float)
    return Evaluation((*rows, *reliability(WORTH, probability, right)))


def _rows(scope: str, pairs: list[JudgedMatch]) -> list[Row]:
    chosen, same = [each.same for each in pairs if each.assigned], [each.assigned for each in pairs if each.same]
    rows = [Row(subject=SUBJECT, metric="pairs", scope=scope, value=float(len(pairs)), support=len(pairs))]
    rows += measured(SUBJECT, scope, len(chosen), {"match_precision": float(np.mean(chosen)) if chosen else None})
    return rows + measured(SUBJECT, scope, len(same), {"match_recall": float(np.mean(same)) if same else None})


def _tracks(lake: Lake, place: Partition, wanted: set[str]) -> dict[str, str]:
    """Of these tracks, those that are still there -> their camera. A query's are of its hour; a candidate may be of the one
    before."""
    found: dict[str, str] = {}
    for camera in sorted({camera_of(track) for track in wanted}):
        for hour in (place.begin, place.begin - HOUR):
            ids = lake.read("tracks", Partition.camera_hour(camera, hour), ["track_id"])["track_id"].to_pylist()
            found |= {track: camera for track in ids if track in wanted}
    return found
