"""Matches of one camera-hour, as the lake's table."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cctview_pipeline.embed.tables import embedding_matrix
from cctview_pipeline.lake.schemas import schema_of
from cctview_pipeline.match.belief import Belief
from cctview_pipeline.match.gate import Edge
from cctview_pipeline.match.matching import METRIC, Candidate, match
from cctview_pipeline.match.pairs import TrackSet


def match_tracks(
    edges: Sequence[tuple[Edge, pa.Table, pa.Table]], tracks: pa.Table, features: pa.Table
) -> tuple[pa.Table, list[tuple[Edge, Belief]]]:
    """A camera's tracks and features, and for each edge into it its source's tracks and features -> matches, and what was
    learned of the edges.

    A track that goes on from the hour before is no query: it was one then. A source's track that goes on into the
    next hour is no candidate: its continuation, which tells when the vehicle left, is.
    """
    rows, learned = [], []
    begun = tracks.filter(pc.is_null(tracks["continues"]))
    for edge, source_tracks, source_features in edges:
        queries = track_set(begun, features, edge.carriageway)
        ended = source_tracks.filter(pc.invert(pc.is_in(source_tracks["track_id"], source_tracks["continues"].combine_chunks())))
        gallery = track_set(ended, source_features, edge.carriageway)
        matching = match(edge, queries, gallery)
        rows.extend(_row(edge, queries, gallery, found) for found in matching.candidates)
        if matching.belief is not None:
            learned.append((edge, matching.belief))
    rows.sort(key=lambda row: (row["query_track_id"], row["gallery_camera_id"], row["rank"]))
    return pa.Table.from_pylist(rows, schema_of("matches")), learned


def _row(edge: Edge, queries: TrackSet, gallery: TrackSet, found: Candidate) -> dict:
    return {
        "query_track_id": queries.ids[found.query],
        "gallery_track_id": gallery.ids[found.gallery],
        "gallery_camera_id": edge.source.id,
        "rank": found.rank,
        "distance": found.distance,
        "metric": METRIC,
        "gap_s": found.gap_s,
        "implied_speed_kmh": found.speed_kmh,
        "probability": found.probability,
        "assigned": found.assigned,
        "margin": found.margin,
    }


def track_set(tracks: pa.Table, features: pa.Table, carriageway: str) -> TrackSet:
    """The tracks of one carriageway. Raises KeyError when a detection has no embedding."""
    chosen = tracks.filter(pc.equal(tracks["carriageway"], carriageway))
    row = {detection_id: i for i, detection_id in enumerate(features["detection_id"].to_pylist())}
    vectors = embedding_matrix(features)
    looks = [
        np.average(vectors[[row[i] for i in ids]], axis=0, weights=sizes)
        for ids, sizes in zip(chosen["detection_ids"].to_pylist(), chosen["sizes"].to_pylist(), strict=True)
    ]
    first, last = _seconds(chosen["first_seen"]), _seconds(chosen["last_seen"])
    passed = _floats(chosen["passed_at"].cast(pa.int64())) / 1e6
    return TrackSet(
        chosen["track_id"].to_pylist(),
        first,
        last,
        np.where(np.isnan(passed), (first + last) / 2, passed),
        np.stack(looks) if looks else np.zeros((0, vectors.shape[1]), np.float32),
        np.array(chosen["label"].to_pylist(), str),
        np.log(_floats(chosen["pace"])),
        _floats(chosen["pace_error"]),
        _floats(chosen["lane"]),
        _floats(chosen["relative_size"]),
    )


def _floats(column: pa.ChunkedArray) -> np.ndarray:
    """(N,) float64, NaN for null."""
    return np.array(pc.fill_null(column.cast(pa.float64()), float("nan")))


def _seconds(times: pa.ChunkedArray) -> np.ndarray:
    return times.cast(pa.int64()).to_numpy().astype(np.float64) / 1e6
