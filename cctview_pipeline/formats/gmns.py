"""Cameras and the ways between them as a General Modeling Network Specification: node.csv, link.csv and config.csv.

GMNS 0.97 (zephyr-data-specs/GMNS, spec/*.schema.json): cameras are nodes, ways between neighbouring ones are directed links.
Lengths are kilometres and speeds km/h, as config.csv says; what is not known of a road (lanes, capacity, limits) is left out.
"""

from collections.abc import Sequence

import pyarrow as pa

from cctview_pipeline.campaign import Camera
from cctview_pipeline.formats.figures import to_csv
from cctview_pipeline.formats.geojson import DECIMALS
from cctview_pipeline.roads import Edge

_NODE = pa.schema(
    {"node_id": pa.string(), "name": pa.string(), "x_coord": pa.float64(), "y_coord": pa.float64(), "node_type": pa.string()}
)
_LINK = pa.schema(
    {
        "link_id": pa.string(),
        "name": pa.string(),
        "from_node_id": pa.string(),
        "to_node_id": pa.string(),
        "directed": pa.bool_(),
        "geometry": pa.string(),
        "dir_flag": pa.int16(),
        "length": pa.float64(),
    }
)
_CONFIG = {
    "dataset_name": "",
    "short_length": "meters",
    "long_length": "kilometers",
    "speed": "kilometers_per_hour",
    "crs": "EPSG:4326",
    "geometry_field_format": "WKT",
    "version_number": "0.97",
    "id_type": "string",
}


def gmns_files(name: str, cameras: Sequence[Camera], edges: Sequence[Edge]) -> dict[str, bytes]:
    """File name -> content. name: of the campaign."""
    nodes = [
        {
            "node_id": camera.id,
            "name": camera.name,
            "x_coord": round(camera.longitude, DECIMALS),
            "y_coord": round(camera.latitude, DECIMALS),
            "node_type": "camera",
        }
        for camera in cameras
    ]
    ways = [
        {
            "link_id": edge.id,
            "name": edge.road,
            "from_node_id": edge.source.id,
            "to_node_id": edge.target.id,
            "directed": True,
            "geometry": f"LINESTRING ({_place(edge.source)}, {_place(edge.target)})",
            "dir_flag": 1,
            "length": round(edge.metres / 1000, 4),
        }
        for edge in edges
    ]
    return {
        "node.csv": to_csv(pa.Table.from_pylist(nodes, _NODE)),
        "link.csv": to_csv(pa.Table.from_pylist(ways, _LINK)),
        "config.csv": to_csv(pa.Table.from_pylist([_CONFIG | {"dataset_name": name}])),
    }


def _place(camera: Camera) -> str:
    return f"{round(camera.longitude, DECIMALS):.{DECIMALS}f} {round(camera.latitude, DECIMALS):.{DECIMALS}f}"
