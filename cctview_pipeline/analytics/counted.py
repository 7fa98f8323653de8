"""Which rows stand behind a figure: the rule of each mart's statement, turned around.

A quarter of an hour lies within an hour, so that all of them are in one partition: of the camera and hour of the figure.
"""

from collections.abc import Mapping
from datetime import timedelta

import pyarrow as pa
import pyarrow.compute as pc

from cctview_pipeline.campaign import floor_hour
from cctview_pipeline.lake import Partition

BIN = timedelta(minutes=15)
KEYS = {
    "vehicle_counts": ("camera_id", "carriageway", "began_at", "label"),
    "travel_times": ("from_camera_id", "to_camera_id", "began_at"),
}
"""Mart -> the columns that name one of its rows."""


def place_of(figure: Mapping) -> Partition:
    """Where the tracks are, and the matches, that a row of a mart was made from."""
    return Partition.camera_hour(figure.get("camera_id") or figure["to_camera_id"], floor_hour(figure["began_at"]))


def counted_tracks(tracks: pa.Table, figure: Mapping) -> tuple[pa.Table, int]:
    """Rows of tracks that a row of vehicle_counts counts, by vehicle_counts.sql, and how many mere sightings it leaves out."""
    way = pc.fill_null(tracks["carriageway"], "unknown")
    wanted = pc.and_(pc.equal(way, figure["carriageway"]), pc.equal(tracks["label"], figure["label"]))
    begun = pc.and_(pc.is_null(tracks["continues"]), _within(tracks["first_seen"], figure))
    found = tracks.filter(pc.and_(wanted, begun))
    whole = found.filter(pc.is_valid(found["quality"]))
    return whole, found.num_rows - whole.num_rows


def timed_matches(matches: pa.Table, tracks: pa.Table, figure: Mapping) -> pa.Table:
    """Rows of matches that make a row of travel_times, as travel_times.sql does."""
    arrived = tracks.filter(_within(tracks["first_seen"], figure))["track_id"]
    chosen = pc.and_(matches["assigned"], pc.equal(matches["gallery_camera_id"], figure["from_camera_id"]))
    return matches.filter(pc.and_(chosen, pc.is_in(matches["query_track_id"], arrived.combine_chunks())))


def _within(times: pa.ChunkedArray, figure: Mapping) -> pa.ChunkedArray:
    begin, end = (pa.scalar(at, times.type) for at in (figure["began_at"], figure["began_at"] + BIN))
    return pc.and_(pc.greater_equal(times, begin), pc.less(times, end))
