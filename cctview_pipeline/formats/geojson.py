"""Cameras and the ways between them as GeoJSON (RFC 7946: longitude before latitude, WGS 84), for QGIS, Kepler and web maps.

Tables are joined to the cameras by ``camera_id``, to the ways by ``from_camera_id`` and ``to_camera_id``.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from cctview_pipeline.campaign import Camera
from cctview_pipeline.roads import Edge

DECIMALS = 6
"""Of degrees: a tenth of a metre, as the RFC advises."""


def cameras_geojson(cameras: Sequence[Camera], quality: pa.Table | None = None, attribution: Sequence[str] = ()) -> bytes:
    """A point a camera. quality: ``data_quality`` of one or several days, for the first and last day with data and the mean
    coverage; null without it. attribution: what must be shown, a foreign member of the collection."""
    seen = _seen(quality) if quality is not None else {}
    features = []
    for camera in cameras:
        said = {name: getattr(camera, name) for name in ("name", "corridor", "order", "network")}
        said |= {"faces": camera.faces or None, "first_day": None, "last_day": None, "coverage": None}
        said |= seen.get(camera.id, {})
        features.append(_feature(camera.id, "Point", _place(camera), {"camera_id": camera.id} | said))
    return _collection(features, attribution)


def links_geojson(edges: Iterable[Edge], attribution: Sequence[str] = ()) -> bytes:
    """A straight line a way; what the road does between two cameras nobody has told."""
    ways = (
        _feature(
            edge.id,
            "LineString",
            [_place(edge.source), _place(edge.target)],
            {
                "link_id": edge.id,
                "from_camera_id": edge.source.id,
                "to_camera_id": edge.target.id,
                "corridor": edge.road,
                "carriageway": edge.carriageway,
                "length_m": round(edge.metres, 1),
            },
        )
        for edge in edges
    )
    return _collection(ways, attribution)


def _seen(quality: pa.Table) -> dict[str, dict[str, Any]]:
    coverage = quality.group_by("camera_id").aggregate([("coverage", "mean")]).to_pylist()
    found = {row["camera_id"]: {"coverage": round(row["coverage_mean"], 4)} for row in coverage}
    some = quality.filter(pc.greater(quality["coverage"], 0.0)).group_by("camera_id")
    for row in some.aggregate([("local_date", "min"), ("local_date", "max")]).to_pylist():
        found[row["camera_id"]] |= {"first_day": str(row["local_date_min"]), "last_day": str(row["local_date_max"])}
    return found


def _place(camera: Camera) -> list[float]:
    return [round(camera.longitude, DECIMALS), round(camera.latitude, DECIMALS)]


def _feature(identifier: str, kind: str, coordinates: list, properties: dict[str, Any]) -> dict[str, Any]:
    geometry = {"type": kind, "coordinates": coordinates}
    return {"type": "Feature", "id": identifier, "geometry": geometry, "properties": properties}


def _collection(features: Iterable[dict[str, Any]], attribution: Sequence[str]) -> bytes:
    found: dict[str, Any] = {"type": "FeatureCollection"} | ({"attribution": "; ".join(attribution)} if attribution else {})
    found |= {"features": list(features)}
    return (json.dumps(found, indent=1, ensure_ascii=False) + "\n").encode()
