"""Lists of cameras that are described without code."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cctview_pipeline.cameras.networks.generic import Generic, Source
from cctview_pipeline.cameras.protocol import Told
from cctview_pipeline.cameras.spooled import keep_source, kept_source
from cctview_pipeline.campaign import Campaign
from cctview_pipeline.collect.engine import EngineSettings
from cctview_pipeline.collect.session import list_cameras
from cctview_pipeline.errors import CctviewError, ConfigurationError, NotFoundError
from cctview_pipeline.resources.understood import understood
from cctview_pipeline.spool.folder import SpoolFolder
from cctview_pipeline_tests.factories.tables import campaign

BASE = {
    "operator": "Roads of Example",
    "list": "https://data.example.org/cameras.json",
    "form": "json",
    "image": "https://images.example.org/{id}.jpg",
    "timezone": "Europe/Vienna",
}
IN_JSON = BASE | {"rows": "data.cameras", "id": "ref", "name": "title", "latitude": "place.lat", "longitude": "place.lon"}
ROWS = {"data": {"cameras": [{"ref": 7, "title": "Foo", "place": {"lat": "48.2", "lon": 16.3}}, {"ref": "b/c", "place": {}}]}}


def network(**changes) -> Generic:
    return Generic(Source.read(BASE | changes))


def read(network: Generic, document: object):
    return network.read_list(document if isinstance(document, bytes) else json.dumps(document).encode())


def test_json_with_tables_in_tables():
    described = Generic(Source.read(IN_JSON))
    found = read(described, ROWS)
    (camera,) = found.cameras
    assert (camera.id, camera.name, camera.latitude, camera.longitude) == ("7", "Foo", 48.2, 16.3)
    assert dict(found.left_out) == {"coordinates": 1}
    assert described.frame_request(camera).url == "https://images.example.org/7.jpg"
    assert described.hosts == {"data.example.org", "images.example.org"}


@pytest.mark.parametrize("separator", [",", ";"])
def test_csv_with_a_mark_before_it_and_a_field_that_says_on(separator: str):
    rows = [("id", "name", "latitude", "longitude", "on", "url"), ("a", "Fö", "48.2", "16.3", "1", "/a.png")]
    rows += [
        ("b", "", "48.2", "16.3", "0", "https://images.example.org/b.png"),
        ("c", "", "48", "16", "1", "https://x.org/c.png"),
    ]
    content = b"\xef\xbb\xbf" + "\n".join(separator.join(row) for row in rows).encode()
    found = read(network(form="csv", image="url", online="on", hosts=["images.example.org"]), content)
    assert [(camera.id, camera.name, camera.online) for camera in found.cameras] == [("a", "Fö", True), ("b", "b", False)]
    assert found.cameras[0].image_url == "https://data.example.org/a.png"
    assert dict(found.left_out) == {"elsewhere": 1}


def test_a_line_of_a_csv_that_is_none_takes_no_other_with_it():
    lines = ["id,name,latitude,longitude", "a,Foo,48.2,16.3", f"b,{'x' * 200_000},48.2,16.3", "c,Bar,48.2,16.3"]
    found = read(network(form="csv"), "\r".join(lines).encode())
    assert [camera.id for camera in found.cameras] == ["a", "c"]
    assert sum(found.left_out.values()) == 1


def test_rows_without_the_address_that_was_described_are_left_out_and_counted():
    rows = [{"id": n, "name": n, "latitude": 48.2, "longitude": 16.3, "url": "/a.jpg"} for n in ("a", "b")]
    with pytest.raises(CctviewError, match="2 without the address of a picture where the description says that it is"):
        read(network(image="photo"), rows)
    (camera,) = read(network(image="photo"), [*rows, rows[0] | {"id": "c", "photo": "/c.jpg"}]).cameras
    assert camera.image_url == "https://data.example.org/c.jpg"


def test_a_csv_in_another_encoding_is_refused():
    with pytest.raises(CctviewError, match="gives no list of cameras"):
        read(network(form="csv"), "id\tname\n1\tfoo".encode("utf-16-le"))


def test_geojson_has_its_place_in_its_points():
    point = {"type": "Point", "coordinates": [16.3, 48.2, 170]}
    features = [{"type": "Feature", "id": "f-1", "geometry": point, "properties": {"name": "Foo"}}]
    features.append({"type": "Feature", "id": "f-2", "geometry": None, "properties": None})
    found = read(network(form="geojson"), {"type": "FeatureCollection", "features": features})
    assert [(camera.id, camera.latitude, camera.longitude) for camera in found.cameras] == [("f-1", 48.2, 16.3)]
    assert sum(found.left_out.values()) == 1


def test_a_list_that_tells_when_pictures_were_taken_is_a_frame_list():
    described = network(captured="at", refresh_s=30.0)
    told = described.read_frames(json.dumps([{"id": "a", "at": "2026-01-01T10:00:00+01:00"}, {"id": "b"}, 7]).encode())
    nine = round(datetime(2026, 1, 1, 9, tzinfo=UTC).timestamp() * 1e6)
    assert told == {"a": Told(captured_us=nine), "b": Told()}
    assert described.frames_every_s == 30.0


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"timezone": "Vienna"}, "timezone = 'Vienna' is no time zone"),
        ({"country": "XX"}, "country = 'XX' has no known holidays"),
        ({"form": "xml"}, 'form = "xml" under .* is no csv, json or geojson: write form = "json"'),
        ({"image": "https://images.example.org/a.jpg"}, "image is one address for all cameras"),
        ({"key_query": "k", "key_header": "K"}, "the key goes under key_query or under key_header"),
        ({"key_variable": "AWS_SECRET_ACCESS_KEY", "key_query": "k"}, "key_variable = .* is no name of a variable"),
        ({"headers": ["Referer"]}, "'Referer' is no header: write Name: value"),
        ({"headers": ["A: b\r\nC: d"]}, "headers = .* has characters that cannot be shown in one line"),
        ({"list": "cameras.json", "captured": "at"}, "captured is told by a list that is asked for"),
        ({"picture": "x"}, "the unknown key 'picture' stands under"),
        ({"period_s": 0}, "period_s = 0 .* is out of range"),
    ],
)
def test_a_description_that_is_none_is_refused(changes: dict, sentence: str):
    with pytest.raises(ConfigurationError, match=sentence):
        Source.read(BASE | changes, "cams.toml")


def test_a_key_comes_from_the_environment_alone(monkeypatch: pytest.MonkeyPatch):
    keyed = network(key_header="AccountKey", key_variable="CCTVIEW_ANOTHER_2_KEY")
    monkeypatch.delenv("CCTVIEW_ANOTHER_2_KEY", raising=False)
    with pytest.raises(ConfigurationError, match="needs a key: get one from Roads of Example, and set CCTVIEW_ANOTHER_2_KEY"):
        keyed.list_requests()
    monkeypatch.setenv("CCTVIEW_ANOTHER_2_KEY", "made-key")
    (request,) = keyed.list_requests()
    assert (request.secret_headers, "made-key" in repr(request)) == ({"AccountKey": "made-key"}, False)


def test_a_list_on_this_machine_is_read_and_nobody_asked(tmp_path: Path):
    (tmp_path / "cams.csv").write_text("id,name,latitude,longitude\na,Foo,48.2,16.3\n")
    text = "\n".join(f'{name} = "{value}"' for name, value in (BASE | {"list": "cams.csv", "form": "csv"}).items())
    (tmp_path / "cams.toml").write_text(text)
    described = Generic(Source.of_file(tmp_path / "cams.toml"))
    found = asyncio.run(list_cameras(described, EngineSettings(contact="a@b.org")))
    assert [camera.id for camera in found.cameras] == ["a"]
    assert described.hosts == {"images.example.org"}
    (tmp_path / "cams.csv").unlink()
    with pytest.raises(NotFoundError, match=r"The list of cameras .*cams\.csv can't be read"):
        described.stored_list()


def test_a_campaign_holds_the_description(tmp_path: Path):
    source = Source.read(IN_JSON)
    settings = {"collect": True, "contact": "a@b.org", "source": source.as_dict()}
    written = understood(campaign(network="generic", settings=settings)).to_toml()
    assert Source.read(Campaign.from_toml(written).settings["source"]) == source
    with pytest.raises(ConfigurationError, match="A generic network is described by a file"):
        understood(campaign(network="generic", settings={}))
    with pytest.raises(ConfigurationError, match="describes a network of its own, and this one is 'tfl'"):
        understood(campaign(network="tfl", settings={"source": source.as_dict()}))


def test_a_spool_remembers_what_it_was_collected_by(tmp_path: Path):
    source = Source.read(IN_JSON)
    assert kept_source(SpoolFolder(tmp_path)) is None
    keep_source(SpoolFolder(tmp_path / "spool"), source)
    assert kept_source(SpoolFolder(tmp_path / "spool")) == source
    with pytest.raises(ConfigurationError, match="give this one another with --spool"):
        keep_source(SpoolFolder(tmp_path / "spool"), Source.read(BASE | {"list": "https://other.example.org/x.json"}))
