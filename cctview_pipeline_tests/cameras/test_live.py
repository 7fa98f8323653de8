"""Lists of live cameras, as New York's API gives them."""

import json
from urllib.request import urlopen

import pytest

from cctview_pipeline.cameras.catalogue import catalogue
from cctview_pipeline.cameras.city_server import running
from cctview_pipeline.cameras.networks.nyc_dot import NycDot
from cctview_pipeline.city import CityNetwork, CitySettings
from cctview_pipeline.errors import CctviewError
from cctview_pipeline_tests.factories.cities import DAWN

NETWORK = NycDot()
KNOWN = catalogue()["735-683-N"]


def row(**changes) -> dict:
    place = {"latitude": "40.6", "longitude": -73.9} | {"name": "Somewhere @ 1 St", "area": "Queens"}
    return {"id": "11111111-2222-3333-4444-555555555555", "isOnline": "true"} | place | changes


def read(*rows: dict):
    return NETWORK.read_list(json.dumps(rows).encode()).cameras


def test_a_camera_s_facts():
    (camera,) = read(row())
    assert (camera.id, camera.network_id) == (row()["id"], row()["id"])
    assert (camera.latitude, camera.longitude, camera.online, camera.area) == (40.6, -73.9, True, "Queens")
    assert NETWORK.frame_request(camera).url.endswith(f"/api/cameras/{row()['id']}/image")


@pytest.mark.parametrize(("text", "online"), [("true", True), ("True ", True), ("false", False), (True, True), (False, False)])
def test_online_is_a_string(text, online: bool):
    assert read(row(isOnline=text))[0].online is online


def test_published_cameras_keep_their_id():
    by_id, by_place, elsewhere = read(
        row(id=KNOWN.network_id),
        row(id="66666666-2222-3333-4444-555555555555", latitude=KNOWN.latitude + 1e-4, longitude=KNOWN.longitude),
        row(id="77777777-2222-3333-4444-555555555555", latitude=KNOWN.latitude + 1e-2, longitude=KNOWN.longitude),
    )
    # The one with the known id has it; the other on the same pole keeps its own.
    assert [by_id.id, by_place.id, elsewhere.id] == [KNOWN.id, by_place.network_id, elsewhere.network_id]
    (alone,) = read(row(latitude=KNOWN.latitude + 1e-4, longitude=KNOWN.longitude))
    assert alone.id == KNOWN.id


@pytest.mark.parametrize(
    "content",
    [
        b"<html>",
        b"{}",
        b'{"detail": "no"}',
        b"[1]",
        json.dumps([row(latitude=None)]).encode(),
        json.dumps([{"id": "a"}]).encode(),
    ],
)
def test_what_is_no_list_is_refused(content: bytes):
    with pytest.raises(CctviewError, match="gives no list of cameras"):
        NETWORK.read_list(content)


def test_an_empty_list_is_one():
    assert read() == []


def test_the_city_s_server_is_such_a_network():
    network = CityNetwork(CitySettings(seed=1000, start=DAWN, minutes=1))
    with running(network) as address:
        live = NycDot(address)
        with urlopen(live.list_requests()[0].url) as answer:
            cameras = live.read_list(answer.read()).cameras
        with urlopen(live.frame_request(cameras[0]).url) as answer:
            (picture,) = live.pictures(answer.read())
    assert len(cameras) == 6
    assert all(camera.online for camera in cameras)
    assert picture.startswith(b"\xff\xd8")


def test_terms_say_whose_the_pictures_are():
    assert "Department of Transportation" in NETWORK.terms.operator
    assert "legal basis" in NETWORK.terms.text
