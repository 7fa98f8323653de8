"""When what passes one camera of a road passes the others: by the pace that was measured."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from cctview_pipeline.roads import Edge, Road

USUAL_KMH = 60.0
"""Where nothing was timed."""


def shifts(road: Road, way: str, camera: str, at: datetime, times: list[dict]) -> dict[str, timedelta]:
    """Camera -> how much later, or earlier, what passes ``camera`` passes it: by the pace that was measured at the time, from
    passage to passage, and at 60 km/h where none was. way: one of the road's carriageways; times: rows of travel_times."""
    edges = road.carriageways.get(way, ())
    order = [edge.source.id for edge in edges[:1]] + [edge.target.id for edge in edges]
    if camera not in order:
        return {}
    along = [0.0]
    for edge in edges:
        along.append(along[-1] + edge.metres / (pace(edge, at, times) or USUAL_KMH / 3.6))
    here = along[order.index(camera)]
    return {each: timedelta(seconds=passed - here) for each, passed in zip(order, along, strict=True)}


def pace(edge: Edge, at: datetime, times: Sequence[dict]) -> float | None:
    """Metres a second, of the quarter of an hour that is nearest."""
    known = [row for row in times if (row["from_camera_id"], row["to_camera_id"]) == edge.pair and row["median_s"]]
    nearest = min(known, key=lambda row: abs(row["began_at"] - at), default=None)
    return nearest["metres"] / nearest["median_s"] if nearest else None
