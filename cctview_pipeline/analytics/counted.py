"""Which rows stand behind a figure: the rule of each mart's statement, turned around.

A quarter of an hour lies within an hour, so that the vehicles of a figure are in one partition: of its camera and hour.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from cctview_pipeline.campaign import HOUR, floor_hour
from cctview_pipeline.lake import Partition
from cctview_pipeline.local_calendar import BIN
from cctview_pipeline.roads import Edge

KEYS = {
    "vehicle_counts": ("camera_id", "carriageway", "label", "began_at"),
    "flows": ("camera_id", "carriageway", "began_at"),
    "speeds": ("camera_id", "carriageway", "began_at"),
    "travel_times": ("from_camera_id", "to_camera_id", "began_at"),
}
"""Mart -> the columns that name one of its rows."""


@dataclass(frozen=True)
class TimedPair:
    """A vehicle at both cameras of a way. later, earlier: rows of passages; seconds: from passing the one to the other."""

    later: Mapping
    earlier: Mapping
    seconds: float
    probability: float


def place_of(figure: Mapping) -> Partition:
    """Where the passages are, and the matches, that a row of a mart was made from."""
    return Partition.camera_hour(figure.get("camera_id") or figure["to_camera_id"], floor_hour(figure["began_at"]))


def places_before(figure: Mapping) -> list[Partition]:
    """Where a travel time's vehicles passed the camera before."""
    hour = floor_hour(figure["began_at"])
    return [Partition.camera_hour(figure["from_camera_id"], at) for at in (hour, hour - HOUR)]


def counted_passages(table: str, passages: pa.Table, figure: Mapping) -> pa.Table:
    """Rows of passages that a row of vehicle_counts, flows or speeds counts."""
    chosen = pc.and_(pc.equal(passages["carriageway"], figure["carriageway"]), _within(passages["passed_at"], figure))
    if "label" in KEYS[table]:
        chosen = pc.and_(chosen, pc.equal(passages["label"], figure["label"]))
    found = passages.filter(chosen)
    return found.filter(pc.greater(found["speed_kmh"], 0)) if table == "speeds" else found


def timed_pairs(
    matches: pa.Table, passages: pa.Table, earlier: Iterable[pa.Table], figure: Mapping, edge: Edge
) -> list[TimedPair]:
    """What a row of travel_times rests on, the fastest first. passages: of the camera and hour of arrival; earlier: of the
    camera before. Of the matches that the fragments of one vehicle have, the likeliest counts."""
    arrived = counted_passages("flows", passages, {**figure, "carriageway": edge.enters})
    left = (table.filter(pc.equal(table["carriageway"], edge.leaves)) for table in earlier)
    later = {fragment: row for row in arrived.to_pylist() for fragment in row["track_ids"]}
    before = {fragment: row for table in left for row in table.to_pylist() for fragment in row["track_ids"]}
    found: dict[str, TimedPair] = {}
    for match in matches.filter(pc.field("assigned")).to_pylist():
        one, other = later.get(match["query_track_id"]), before.get(match["gallery_track_id"])
        if one is None or other is None or one["passed_at"] <= other["passed_at"]:
            continue
        seconds = (one["passed_at"] - other["passed_at"]).total_seconds() * _pole_share(one, other, figure["metres"])
        pair = TimedPair(one, other, seconds, match["probability"])
        best = found.get(one["track_id"])
        if best is None or (-pair.probability, pair.earlier["track_id"]) < (-best.probability, best.earlier["track_id"]):
            found[one["track_id"]] = pair
    return sorted(found.values(), key=lambda pair: (pair.seconds, pair.later["track_id"]))


def _pole_share(later: Mapping, earlier: Mapping, metres: float) -> float:
    """Of the way between two passages, that between the poles, as prelude.sql has it."""
    if later["beyond_m"] is None or earlier["beyond_m"] is None:
        return 1.0
    longer = later["beyond_m"] - earlier["beyond_m"]
    return metres / (metres + longer) if longer > -metres / 2 else 1.0


def _within(times: pa.ChunkedArray, figure: Mapping) -> pa.ChunkedArray:
    begin, end = (pa.scalar(at, times.type) for at in (figure["began_at"], figure["began_at"] + BIN))
    return pc.and_(pc.greater_equal(times, begin), pc.less(times, end))
