"""Matches of one camera-hour, as the lake's table."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cctview_pipeline.embed.tables import embedding_matrix
from cctview_pipeline.lake.schemas import schema_of
from cctview_pipeline.match.gate import Edge
from cctview_pipeline.match.matching import AGGREGATE, METRIC, Candidate, TrackSet, match


def match_tracks(edges: Sequence[tuple[Edge, pa.Table, pa.Table]], tracks: pa.Table, features: pa.Table) -> pa.Table:
    """A camera's tracks and features, and for each edge into it its source's tracks and features -> matches.

    A track that goes on from the hour before is no query: it was one then. A source's track that goes on into the
    next hour is no candidate: its continuation, which tells when the vehicle left, is.
    """
    rows = []
    begun = tracks.filter(pc.is_null(tracks["continues"]))
    for edge, source_tracks, source_features in edges:
        queries = track_set(begun, features, edge.carriageway)
        ended = source_tracks.filter(pc.invert(pc.is_in(source_tracks["track_id"], source_tracks["continues"].combine_chunks())))
        gallery = track_set(ended, source_features, edge.carriageway)
        rows.extend(_row(edge, queries, gallery, found) for found in match(edge, queries, gallery))
    rows.sort(key=lambda row: (row["query_track_id"], row["gallery_camera_id"], row["rank"]))
    return pa.Table.from_pylist(rows, schema_of("matches"))


def _row(edge: Edge, queries: TrackSet, gallery: TrackSet, found: Candidate) -> dict:
    return {
        "query_track_id": queries.ids[found.query],
        "gallery_track_id": gallery.ids[found.gallery],
        "gallery_camera_id": edge.source.id,
        "rank": found.rank,
        "distance": found.distance,
        "metric": f"{METRIC}-{AGGREGATE}",
        "gap_s": found.gap_s,
        "implied_speed_kmh": found.speed_kmh,
        "probability": found.probability,
        "assigned": found.assigned,
        "margin": found.margin,
    }


def track_set(tracks: pa.Table, features: pa.Table, carriageway: str) -> TrackSet:
    """The tracks of one carriageway with their embeddings. Raises KeyError when a detection has none."""
    chosen = tracks.filter(pc.equal(tracks["carriageway"], carriageway))
    row = {detection_id: i for i, detection_id in enumerate(features["detection_id"].to_pylist())}
    vectors = embedding_matrix(features)
    return TrackSet(
        chosen["track_id"].to_pylist(),
        _seconds(chosen["first_seen"]),
        _seconds(chosen["last_seen"]),
        [vectors[[row[i] for i in ids]] for ids in chosen["detection_ids"].to_pylist()],
    )


def _seconds(times: pa.ChunkedArray) -> np.ndarray:
    return times.cast(pa.int64()).to_numpy().astype(np.float64) / 1e6
