"""Chaining assigned matches into journeys, hour by hour, so that a journey keeps its id over the hour's end."""

from collections.abc import Iterable

import pyarrow as pa

from cctview_pipeline.lake.schemas import schema_of


def chain_journeys(tracks: pa.Table, matches: pa.Table, before: pa.Table) -> pa.Table:
    """All cameras' tracks and matches of an hour, and the journeys of the hour before -> the hour's journeys.

    Every track that moved is a leg of one journey. It goes on with the journey of the track it was matched to, unless
    a likelier track already took that place; a track cut by the hour's turn keeps its journey and leg; every other
    one begins a journey.
    """
    rows: list[dict] = []
    place = {row["track_id"]: row for row in before.to_pylist()}
    taken = {(row["journey_id"], row["leg"]) for row in before.to_pylist()}
    chosen = _chosen(matches)
    for track in _in_order(tracks):
        earlier, match = place.get(track["continues"]), chosen.get(track["track_id"])
        before_it = match and place.get(match["gallery_track_id"])
        begins = {"journey_id": track["track_id"].replace("--track--", "--journey--"), "leg": 0}
        speed, probability = None, 1.0
        if earlier is not None:
            leg = {name: earlier[name] for name in begins}
            speed, probability = earlier["speed_kmh"], earlier["probability"]
        elif match and before_it and (before_it["journey_id"], before_it["leg"] + 1) not in taken:
            leg = {"journey_id": before_it["journey_id"], "leg": before_it["leg"] + 1}
            speed, probability = match["implied_speed_kmh"], match["probability"]
        else:
            leg = begins
        row = leg | {
            "track_id": track["track_id"],
            "camera_id": track["camera_id"],
            "entered_at": track["first_seen"],
            "left_at": track["last_seen"],
            "speed_kmh": speed,
            "probability": probability,
        }
        rows.append(row)
        place[row["track_id"]] = row
        taken.add((row["journey_id"], row["leg"]))
    rows.sort(key=lambda row: (row["journey_id"], row["leg"], row["entered_at"]))
    return pa.Table.from_pylist(rows, schema_of("journeys"))


def _chosen(matches: pa.Table) -> dict[str, dict]:
    """query track -> its match; each gallery track for the likeliest of its queries only."""
    chosen: dict[str, dict] = {}
    taken: set[str] = set()
    columns = ["query_track_id", "gallery_track_id", "implied_speed_kmh", "probability", "assigned"]
    for row in sorted(matches.select(columns).to_pylist(), key=lambda row: (-row["probability"], row["query_track_id"])):
        if row["assigned"] and row["query_track_id"] not in chosen and row["gallery_track_id"] not in taken:
            chosen[row["query_track_id"]] = row
            taken.add(row["gallery_track_id"])
    return chosen


def _in_order(tracks: pa.Table) -> Iterable[dict]:
    """Tracks that moved, earliest first: a matched track ended before its successor began, so it has its place by then."""
    columns = ["track_id", "camera_id", "first_seen", "last_seen", "continues", "carriageway"]
    rows = [row for row in tracks.select(columns).to_pylist() if row["carriageway"]]
    return sorted(rows, key=lambda row: (row["first_seen"], row["track_id"]))
