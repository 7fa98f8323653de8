"""Matches of one camera-hour, as the lake's table."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cctview_pipeline.lake.schemas import schema_of
from cctview_pipeline.match.belief import EdgeModel
from cctview_pipeline.match.looks import mean_looks
from cctview_pipeline.match.matching import METRIC, Candidates, match
from cctview_pipeline.match.pairs import TrackSet
from cctview_pipeline.roads import Edge

EVIDENCE = ("looks", "size", "pace", "label", "travel_time")
"""The columns of match_evidence, in the order of EdgeModel.evidence."""


@dataclass(frozen=True)
class Matched:
    """matches, match_evidence: the tables; learned: of the edges."""

    matches: pa.Table
    evidence: pa.Table
    learned: list[tuple[Edge, EdgeModel]]


def match_tracks(edges: Sequence[tuple[Edge, pa.Table, pa.Table]], tracks: pa.Table, features: pa.Table) -> Matched:
    """A camera's tracks and features, and for each edge into it its source's tracks and features -> who may be whom, and why.

    A track that goes on from the hour before is no query: it was one then. A source's track that goes on into the
    next hour is no candidate: its continuation, which tells when the vehicle left, is.
    """
    parts, reasons, learned = [schema_of("matches").empty_table()], [schema_of("match_evidence").empty_table()], []
    begun = tracks.filter(pc.is_null(tracks["continues"]))
    for side in dict.fromkeys(edge.enters for edge, _, _ in edges):
        queries = track_set(begun, features, side)
        sources = [(edge, _ended(edge, *tables)) for edge, *tables in edges if edge.enters == side]
        for (edge, gallery), matching in zip(sources, match(queries, sources), strict=True):
            if matching.candidates is None or matching.belief is None:
                continue
            parts.append(_table(edge, queries, gallery, matching.candidates))
            reasons.append(_reasons(queries, gallery, matching.candidates))
            learned.append((edge, matching.belief))
    order = [(name, "ascending") for name in ("query_track_id", "gallery_camera_id", "rank")]
    matches = pa.concat_tables(parts).sort_by(order).combine_chunks()
    return Matched(matches, pa.concat_tables(reasons).sort_by("query_track_id").combine_chunks(), learned)


def _ended(edge: Edge, tracks: pa.Table, features: pa.Table) -> TrackSet:
    """The source's tracks that leave by the edge, less those that go on into the next hour."""
    return track_set(
        tracks.filter(pc.invert(pc.is_in(tracks["track_id"], tracks["continues"].combine_chunks()))), features, edge.leaves
    )


def _table(edge: Edge, queries: TrackSet, gallery: TrackSet, found: Candidates) -> pa.Table:
    columns = _ids(queries, gallery, found) | {
        "gallery_camera_id": [edge.source.id] * len(found),
        "rank": found.rank,
        "distance": found.distance,
        "metric": [METRIC] * len(found),
        "gap_s": found.gap_s,
        "implied_speed_kmh": found.speed_kmh,
        "probability": found.probability,
        "assigned": found.assigned,
        "margin": found.margin,
    }
    return pa.table(columns, schema_of("matches"))


def _reasons(queries: TrackSet, gallery: TrackSet, found: Candidates) -> pa.Table:
    evidence = dict(zip(EVIDENCE, found.evidence, strict=True))
    return pa.table(_ids(queries, gallery, found) | evidence, schema_of("match_evidence"))


def _ids(queries: TrackSet, gallery: TrackSet, found: Candidates) -> dict[str, pa.Array]:
    columns = (("query_track_id", queries, found.query), ("gallery_track_id", gallery, found.gallery))
    return {name: pa.array(tracks.ids, pa.string()).take(pa.array(rows)) for name, tracks, rows in columns}


def track_set(tracks: pa.Table, features: pa.Table, carriageway: str) -> TrackSet:
    """The tracks of one carriageway. Raises KeyError when a detection has no embedding."""
    chosen = tracks.filter(pc.equal(tracks["carriageway"], carriageway))
    first, last = _seconds(chosen["first_seen"]), _seconds(chosen["last_seen"])
    passed = _floats(chosen["passed_at"].cast(pa.int64())) / 1e6
    return TrackSet(
        ids=chosen["track_id"].to_pylist(),
        first=first,
        last=last,
        passed=np.where(np.isnan(passed), (first + last) / 2, passed),
        looks=mean_looks(chosen, features),
        label=np.array(chosen["label"].to_pylist(), str),
        pace=np.log(_floats(chosen["pace"])),
        pace_error=_floats(chosen["pace_error"]),
        lane=_floats(chosen["lane"]),
        size=_floats(chosen["relative_size"]),
    )


def _floats(column: pa.ChunkedArray) -> np.ndarray:
    """(N,) float64, NaN for null."""
    return np.array(pc.fill_null(column.cast(pa.float64()), float("nan")))


def _seconds(times: pa.ChunkedArray) -> np.ndarray:
    return times.cast(pa.int64()).to_numpy().astype(np.float64) / 1e6
