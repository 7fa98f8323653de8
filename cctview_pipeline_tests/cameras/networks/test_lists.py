"""Every network's list out of a fixture of its shape, what its rows can have, and what is asked for and where."""

import copy
import hashlib
import json
from datetime import UTC, datetime

import pytest

from cctview_pipeline.cameras.listed import joined
from cctview_pipeline.cameras.live import LIVE_NETWORKS, open_live
from cctview_pipeline.cameras.networks.generic import Source
from cctview_pipeline.cameras.protocol import LiveNetwork, Told, is_of, shown
from cctview_pipeline.errors import CctviewError, ConfigurationError
from cctview_pipeline_tests.factories import stand_in
from cctview_pipeline_tests.factories.stand_in import SOURCE, red_card

TAKEN = "2026-01-01T09:58:10+08:00"
TAKEN_US = round(datetime(2026, 1, 1, 1, 58, 10, tzinfo=UTC).timestamp() * 1e6)
TWO = range(2)
LISTS = {
    "digitraffic": stand_in.digitraffic_stations(TWO),
    "tfl": stand_in.tfl_rows(TWO),
    "drivebc": stand_in.drivebc_rows(TWO, lambda camera: TAKEN),
    "hong-kong": stand_in.hong_kong_list(TWO),
    "singapore": stand_in.singapore_items(TWO, lambda camera: TAKEN, lambda camera: 7),
    "norway": stand_in.norway_items(TWO),
    "caltrans": stand_in.caltrans_rows(4, TWO),
    "511on": stand_in.five_one_one_sites(TWO),
    "511ny": stand_in.five_one_one_ny_rows(TWO),
}
FIRST = {
    "digitraffic": ("C0150001", "vt0 Foo (01)", 60.17, 24.94, "https://weathercam.digitraffic.fi/C0150001.jpg"),
    "tfl": (
        "JamCams_00001.00000",
        "A0 Foo Rd/Bar St",
        51.5,
        -0.1,
        "https://s3-eu-west-1.amazonaws.com/jamcams.tfl.gov.uk/00001.00000.jpg",
    ),
    "drivebc": ("880", "Foo Rd - W 0", 55.7, -120.7, "https://www.drivebc.ca/images/880.jpg"),
    "hong-kong": ("H100F", "Foo Rd near Bar [H100F]", 22.28, 114.15, "https://tdcctv.data.one.gov.hk/H100F.JPG"),
    "singapore": ("1000", "Camera 1000", 1.29, 103.87, "https://images.data.gov.sg/api/traffic-images/2026/01/0-7.jpg"),
    "norway": ("3000040_2", "E0 Foo, Mot Bar", 59.9, 10.7, "https://kamera.atlas.vegvesen.no/api/images/3000040_2"),
    "caltrans": (
        "d4-0",
        "TV100 -- I-580 : West of SR-24",
        37.8,
        -122.2,
        "https://cwwp2.dot.ca.gov/data/d4/cctv/image/cam0/cam0.jpg",
    ),
    "511on": ("0.10", "QEW at Foo 0, Looking East", 43.3, -79.8, "https://511on.ca/map/Cctv/10"),
    "511ny": ("Skyline-0", "7 Avenue @ 0 Street", 40.7, -73.9, "https://511ny.org/map/Cctv/0"),
}


def content_of(document: object) -> bytes:
    return document.encode() if isinstance(document, str) else json.dumps(document).encode()


def read(name: str, document: object | None = None):
    return open_live(name).read_list(content_of(LISTS[name] if document is None else document))


@pytest.mark.parametrize("name", LISTS)
def test_a_list_of_its_shape(name: str):
    network, found = open_live(name), read(name)
    camera = found.cameras[0]
    told = network.read_frames(content_of(LISTS[name]))[camera.network_id] if name == "singapore" else None
    url = network.frame_request(camera, told).url
    assert (camera.id, camera.name, camera.latitude, camera.longitude, url) == FIRST[name]
    assert (len(found.cameras), found.left_out, camera.online) == (2, {}, True)


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("content", [b"<html>sorry</html>", b"", b"{}", b"[1]", b"<Error><Message>Invalid Key</Message></Error>"])
def test_what_is_no_list_is_refused(name: str, content: bytes):
    with pytest.raises(CctviewError, match="gives no list of cameras"):
        open_live(name).read_list(content)


@pytest.mark.parametrize("name", [name for name in LIVE_NETWORKS if name not in ("generic", "replay")])
def test_whose_pictures_they_are_and_where_they_are_asked_for(name: str):
    network = open_live(name)
    assert network.terms.operator
    assert network.terms.licence
    assert network.terms.url.startswith("https://")
    assert "legal basis" in network.terms.text
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("CCTVIEW_FIVE_ONE_ONE_KEY", "made-key")
        for request in network.list_requests():
            assert is_of(request.url, network.hosts)
            assert "made-key" not in request.url + repr(request)


@pytest.mark.parametrize("name", LISTS)
def test_another_server_of_its_form_is_asked_for_everything(name: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CCTVIEW_FIVE_ONE_ONE_KEY", "made-key")
    network = open_live(name, "http://127.0.0.1:9/mirror")
    (camera, *_) = network.read_list(content_of(LISTS[name])).cameras
    asked = [*(request.url for request in network.list_requests())]
    asked += [] if name == "singapore" else [network.frame_request(camera).url]
    assert network.hosts == {"127.0.0.1"}
    assert all(url.startswith("http://127.0.0.1:9/mirror/") for url in asked)
    real = FIRST[name][4].removeprefix("https://")
    assert name == "singapore" or asked[-1] == f"http://127.0.0.1:9/mirror/{real}"


def changed(name: str, change) -> object:
    document = copy.deepcopy(LISTS[name])
    change(document)
    return document


def test_london_s_pictures_lie_in_its_part_of_a_host_that_others_share():
    def elsewhere(rows: list) -> None:
        rows[0]["additionalProperties"][1]["value"] = "https://s3-eu-west-1.amazonaws.com/somebody.else/00001.00000.jpg"

    found = read("tfl", changed("tfl", elsewhere))
    assert (len(found.cameras), dict(found.left_out)) == (1, {"elsewhere": 1})
    hosts = open_live("tfl").hosts
    assert not is_of("https://s3-eu-west-1.amazonaws.com/jamcams.tfl.gov.uk/../somebody.else/1.jpg", hosts)
    assert not is_of("https://s3-eu-west-1.amazonaws.com/", hosts)


def test_london_s_cameras_that_are_off_say_so_in_words():
    def off(rows: list) -> None:
        rows[0]["additionalProperties"][0]["value"] = "false"
        del rows[1]["additionalProperties"][0]

    found = read("tfl", changed("tfl", off))
    assert [camera.online for camera in found.cameras] == [False, True]
    assert found.unclear == ["JamCams_00001.00001"]


def test_a_finnish_view_that_is_given_up_is_left_out_and_one_that_rests_is_off():
    def given_up(document: dict) -> None:
        document["features"][0]["properties"]["presets"][1]["inCollection"] = False

    found = read("digitraffic", changed("digitraffic", given_up))
    assert (len(found.cameras), dict(found.left_out)) == (1, {"ended": 1})

    def resting(document: dict) -> None:
        document["features"][0]["properties"]["collectionStatus"] = "REMOVED_TEMPORARILY"

    assert [camera.online for camera in read("digitraffic", changed("digitraffic", resting)).cameras] == [False, False]


def test_finland_is_told_who_asks_and_its_own_card_is_known():
    network = open_live("digitraffic")
    assert network.list_requests()[0].headers["Digitraffic-User"].startswith("cctview-pipeline/")
    assert network.placeholders == {"56a09616bea478b7b8f0cee1422a11d2"}
    network.placeholders = frozenset({hashlib.md5(b"its card").hexdigest()})
    assert (network.notice(b"a picture"), network.notice(b"its card")) == ("", "The network sends this where it has no picture.")


def test_finland_s_times_come_from_its_frame_list():
    document = {"stations": [{"id": "C01500", "presets": [{"id": "C0150001", "measuredTime": TAKEN}, {"id": "C0150002"}]}]}
    told = open_live("digitraffic").read_frames(content_of(document))
    assert told == {"C0150001": Told(captured_us=TAKEN_US), "C0150002": Told()}


def test_british_columbia_s_credited_cameras_are_left_out_and_it_says_where_others_look():
    def credited(rows: list) -> None:
        rows[0]["credit"] = "<a>A ski resort</a>"

    found = read("drivebc", changed("drivebc", credited))
    assert (dict(found.left_out), found.cameras[0].faces, found.cameras[0].period_s) == ({"credited": 1}, "west", 850.0)


def test_british_columbia_s_red_bar_is_a_notice():
    network = open_live("drivebc")
    assert network.notice(red_card()) == "The card of a camera that is off."
    assert network.notice(stand_in.encoded(stand_in.with_bar(stand_in.drawn(0, 1, 1.0), 0.0))) == ""
    assert network.notice(b"no picture") == ""


def test_singapore_s_short_answers_and_those_without_any():
    network = open_live("singapore")
    with pytest.raises(CctviewError, match="gives no list"):
        network.read_frames(content_of({"api_info": {"status": "healthy"}, "message": "no results found"}))
    told = network.read_frames(content_of(LISTS["singapore"]))
    assert told["1000"].captured_us == TAKEN_US
    assert (told["1000"].url, len(told["1000"].mark)) == (FIRST["singapore"][4], 32)


def test_an_address_of_a_frame_list_on_another_s_host_is_not_taken():
    def elsewhere(document: dict) -> None:
        document["items"][0]["cameras"][0]["image"] = "https://somebody.example/1.jpg"

    told = open_live("singapore").read_frames(content_of(changed("singapore", elsewhere)))
    assert (told["1000"].url, told["1001"].url != "") == ("", True)


def test_norway_s_pages_follow_one_another_and_an_odd_link_ends_them():
    network = open_live("norway")
    following = f"{stand_in.NORWAY}?offset=4"
    assert network.next_page(content_of(stand_in.norway_items(TWO, following))).url == following
    assert network.next_page(content_of(LISTS["norway"])) is None
    assert network.next_page(content_of({"links": 7})) is None
    assert network.next_page(content_of({"links": [7, {"rel": "next", "href": 7}]})) is None


def test_california_s_districts_have_files_of_their_own_and_texts_for_everything():
    network = open_live("caltrans")
    urls = [request.url for request in network.list_requests()]
    assert (len(urls), urls[2]) == (12, "https://cwwp2.dot.ca.gov/data/d3/cctv/cctvStatusD03.json")
    assert read("caltrans").cameras[0].period_s == 120.0

    def nothing(document: dict) -> None:
        row = document["data"][0]["cctv"]
        row["inService"], row["location"]["latitude"] = "false", "37.9"
        row["imageData"]["static"] = {"currentImageUpdateFrequency": "Not Reported", "currentImageURL": "Not Reported"}
        document["data"][1]["cctv"]["location"]["longitude"] = ""

    found = read("caltrans", changed("caltrans", nothing))
    assert dict(found.left_out) == {"coordinates": 1}
    assert (found.cameras[0].online, found.cameras[0].image_url, found.cameras[0].period_s) == (False, "", 0.0)


def test_the_same_index_in_two_districts_is_two_cameras():
    network = open_live("caltrans")
    parts = [network.read_list(content_of(stand_in.caltrans_rows(district, TWO))) for district in (4, 5)]
    assert [camera.id for camera in joined(parts).cameras] == ["d4-0", "d4-1", "d5-0", "d5-1"]


def test_a_511_site_has_views_and_a_view_that_is_disabled_is_off():
    def odd(sites: list) -> None:
        sites[0]["Views"][0]["Status"] = "Disabled"
        sites[0]["Views"][1]["Url"] = "/map/Cctv/11"
        sites.append({"Id": 9, "Latitude": 0, "Longitude": 0, "Views": [{"Id": 99, "Url": "https://511on.ca/map/Cctv/99"}]})
        sites.append({"Id": 10, "Latitude": 43.0, "Longitude": -79.0, "Views": [{"Id": 1, "Url": "https://x.traveliq.co/1"}]})
        sites.append({"Id": 11, "Latitude": None, "Longitude": None, "Views": []})

    found = read("511on", changed("511on", odd))
    assert [(camera.id, camera.online) for camera in found.cameras] == [("0.10", False), ("0.11", True)]
    assert found.cameras[1].image_url == "https://511on.ca/map/Cctv/11"
    assert dict(found.left_out) == {"coordinates": 1, "elsewhere": 1, "id": 1}


def test_a_key_is_needed_and_shown_nowhere(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("CCTVIEW_FIVE_ONE_ONE_KEY", raising=False)
    with pytest.raises(
        ConfigurationError, match=r"register at https://511on\.ca/my511/register, and set CCTVIEW_FIVE_ONE_ONE_KEY"
    ):
        open_live("511on").list_requests()
    monkeypatch.setenv("CCTVIEW_FIVE_ONE_ONE_KEY", "made-key")
    (request,) = open_live("511on").list_requests()
    assert request.secret == {"key": "made-key"}
    assert "made-key" not in f"{request} {request.url} {shown(request.url)}"
    assert open_live("511on").frame_request(read("511on").cameras[0]).secret == {}
    monkeypatch.setenv("CCTVIEW_FIVE_ONE_ONE_KEY", "made\r\nkey")
    with pytest.raises(ConfigurationError, match="has characters that no address can have"):
        open_live("511on").list_requests()


def test_an_address_is_shown_without_what_may_be_a_key():
    assert shown("https://me:secret@a.b/c?key=abc&x=1#d") == "https://a.b/c?key=...&x=...#d"


def test_xml_with_entities_is_no_list():
    bomb = '<!DOCTYPE l [<!ENTITY a "aaaa">]><image-list><image><key>&a;</key></image></image-list>'
    with pytest.raises(CctviewError, match="gives no list of cameras"):
        read("hong-kong", bomb)


def test_a_generic_network_needs_a_description():
    with pytest.raises(ConfigurationError, match="A generic network is described by a file"):
        open_live("generic")
    network: LiveNetwork = open_live("generic", source=Source.read(SOURCE))
    assert network.name == "generic"
