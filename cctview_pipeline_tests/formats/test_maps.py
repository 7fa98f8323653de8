"""GeoJSON by its RFC's own rules, GMNS by the fields of its specification."""

import json
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import frictionless
import pytest

from cctview_pipeline.formats.geojson import cameras_geojson, links_geojson
from cctview_pipeline.formats.gmns import gmns_files
from cctview_pipeline.links import Link
from cctview_pipeline.roads import RoadNetwork
from cctview_pipeline_tests.factories.figures import CAMERAS, figures
from cctview_pipeline_tests.factories.tables import NORTH, campaign

LINKS = RoadNetwork.of(campaign(cameras=CAMERAS)).edges
REQUIRED = {"constraints": {"required": True}}
ID = {"type": "any"} | REQUIRED
COORDINATE = {"type": "number"} | REQUIRED
GMNS = {
    "node": {
        "fields": [
            {"name": "node_id"} | ID,
            {"name": "name", "type": "string"},
            {"name": "x_coord"} | COORDINATE,
            {"name": "y_coord"} | COORDINATE,
            {"name": "node_type", "type": "string"},
        ],
        "primaryKey": ["node_id"],
    },
    "link": {
        "fields": [
            {"name": "link_id"} | ID,
            {"name": "name", "type": "string"},
            {"name": "from_node_id"} | ID,
            {"name": "to_node_id"} | ID,
            {"name": "directed", "type": "boolean"} | REQUIRED,
            {"name": "geometry", "type": "any"},
            {"name": "dir_flag", "type": "integer", "constraints": {"enum": [1, -1, 0]}},
            {"name": "length", "type": "number", "constraints": {"minimum": 0}},
        ],
        "primaryKey": ["link_id"],
        "foreignKeys": [
            {"fields": [name], "reference": {"resource": "node", "fields": ["node_id"]}}
            for name in ("from_node_id", "to_node_id")
        ],
    },
    "config": {
        "fields": [
            *({"name": name, "type": "any"} for name in ("dataset_name", "short_length", "long_length", "speed", "crs")),
            {"name": "geometry_field_format", "type": "any"},
            {"name": "version_number", "type": "number"},
            {"name": "id_type", "type": "string", "constraints": {"enum": ["string", "integer"]}},
        ]
    },
}
"""Of spec/node.schema.json, link.schema.json and config.schema.json, GMNS 0.97: the fields that are written, in their order."""


def checked(data: bytes, kind: str) -> dict[str, dict]:
    """The features by id. RFC 7946: types (1.4), positions as longitude and latitude (3.1.1), geometry and properties of every
    feature (3.2), no other coordinate system (4), no crs, coordinates or geometry beside a collection's features (7.1)."""
    found = json.loads(data)
    assert found.keys() == {"type", "features"}
    assert found["type"] == "FeatureCollection"
    for feature in found["features"]:
        assert feature.keys() == {"type", "id", "geometry", "properties"}
        assert feature["type"] == "Feature"
        assert feature["geometry"].keys() == {"type", "coordinates"}
        assert feature["geometry"]["type"] == kind
        positions = [feature["geometry"]["coordinates"]] if kind == "Point" else feature["geometry"]["coordinates"]
        assert len(positions) >= (1 if kind == "Point" else 2)
        assert all(len(each) == 2 and -180 <= each[0] <= 180 and -90 <= each[1] <= 90 for each in positions)
    return {feature["id"]: feature for feature in found["features"]}


def test_cameras():
    found = checked(cameras_geojson(CAMERAS, figures()["data_quality"]), "Point")
    assert found[NORTH.id]["geometry"]["coordinates"] == [-73.96, 40.75]  # longitude first
    said = found["cam-2"]["properties"]
    assert said | {"coverage": 0} == {
        "camera_id": "cam-2",
        "name": "Second",
        "corridor": "road",
        "order": 2,
        "network": "",
        "faces": "north",
        "first_day": "2020-05-05",
        "last_day": "2020-05-05",
        "coverage": 0,
    }
    assert said["coverage"] == pytest.approx((21 + 0.8 + 0.3) / 24, abs=1e-3)


def test_cameras_without_figures():
    found = checked(cameras_geojson(CAMERAS), "Point")
    assert found[NORTH.id]["properties"]["coverage"] is None
    assert found[NORTH.id]["properties"]["first_day"] is None


def test_links():
    found = checked(links_geojson(LINKS), "LineString")
    assert found.keys() == {"cam-1--cam-2", "cam-2--cam-1", "cam-2--cam-3", "cam-3--cam-2"}
    there, back = found["cam-1--cam-2"], found["cam-2--cam-1"]
    assert there["geometry"]["coordinates"] == back["geometry"]["coordinates"][::-1] == [[-73.96, 40.75], [-73.97, 40.74]]
    assert (there["properties"]["carriageway"], back["properties"]["carriageway"]) == ("S", "N")
    assert there["properties"]["length_m"] == pytest.approx(1396, abs=2)


def test_links_of_cameras_that_face_nobody_knows_where_go_onward_along_their_road():
    loose = tuple(replace(each, faces="", corridor="", order=0) for each in CAMERAS[:2])
    link = Link(from_camera=loose[0].id, to_camera=loose[1].id, metres=1500.0, leaves="towards", enters="away")
    edges = RoadNetwork.of(campaign(cameras=loose, links=(link,))).edges
    [found] = checked(links_geojson(edges), "LineString").values()
    said = {name: found["properties"][name] for name in ("corridor", "carriageway", "length_m")}
    assert said == {"corridor": "cam-1 to cam-2", "carriageway": "onward", "length_m": 1500.0}


@pytest.mark.parametrize("changed", [False, True])
def test_frictionless_validates_the_network_against_gmns(tmp_path: Path, changed: bool):
    for name, content in gmns_files("made", CAMERAS, LINKS).items():
        wrong = changed and name == "link.csv"
        (tmp_path / name).write_bytes(content.replace(b'"cam-3"', b'"cam-9"') if wrong else content)
    described = [
        {"name": name, "path": f"{name}.csv", "schema": schema | {"missingValues": ["NaN", ""]}} for name, schema in GMNS.items()
    ]
    (tmp_path / "datapackage.json").write_text(json.dumps({"name": "gmns", "resources": described}))
    report = frictionless.validate(str(tmp_path / "datapackage.json"))
    found = {error.type for task in report.tasks for error in task.errors}
    assert found == ({"foreign-key"} if changed else set())


def test_geometry_of_a_network_is_well_known_text():
    text = gmns_files("made", CAMERAS, LINKS)["link.csv"].decode()
    lines = re.findall(r"LINESTRING \((-?\d+\.\d+) (-?\d+\.\d+), (-?\d+\.\d+) (-?\d+\.\d+)\)", text)
    assert len(lines) == len(LINKS)
    assert {tuple(map(float, line)) for line in lines} == {
        (each.source.longitude, each.source.latitude, each.target.longitude, each.target.latitude) for each in LINKS
    }


def test_ids_of_links_are_unlike():
    assert all(one != other for one, other in pairwise(sorted(edge.id for edge in LINKS)))
