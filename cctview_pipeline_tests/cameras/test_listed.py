"""Lists of cameras as the world sends them: good rows are cameras, bad ones are counted, and what is no list is refused."""

import contextlib
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cctview_pipeline.cameras.catalogue import catalogue
from cctview_pipeline.cameras.listed import WORDS, CameraList, LiveCamera, tidy
from cctview_pipeline.cameras.networks import nyc_dot
from cctview_pipeline.cameras.networks.nyc_dot import NycDot
from cctview_pipeline.cameras.snapshots import read_list, write_list
from cctview_pipeline.campaign import BadCamera, Camera, Campaign, metres_between
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.limits import Limit
from cctview_pipeline_tests.factories.spool import NINE

CITY = NycDot()
GOOD = {"id": "good-1", "name": "Somewhere @ 1 St", "latitude": "40.6", "longitude": -73.9, "isOnline": "true"}


def read(*rows: object) -> CameraList:
    return CITY.read_list(json.dumps(rows).encode())


BAD = {
    "null": ({"latitude": None}, "coordinates"),
    "nan": ({"latitude": math.nan}, "coordinates"),
    "nan as text": ({"latitude": "nan"}, "coordinates"),
    "infinite": ({"longitude": -math.inf}, "coordinates"),
    "comma": ({"latitude": "40,6"}, "coordinates"),
    "python's own number": ({"latitude": "4_0.6"}, "coordinates"),
    "wide digits": ({"latitude": "\uff14\uff10"}, "coordinates"),
    "true": ({"latitude": True}, "coordinates"),
    "a list": ({"latitude": [40.6]}, "coordinates"),
    "out of range": ({"latitude": 4060000}, "coordinates"),
    "swapped": ({"latitude": -73.9, "longitude": 40.6}, "coordinates"),
    "nowhere": ({"latitude": 0, "longitude": 0}, "coordinates"),
    "no id": ({"id": None}, "id"),
    "empty id": ({"id": ""}, "id"),
    "path": ({"id": "../x"}, "id"),
    "dots": ({"id": "a..b"}, "id"),
    "space": ({"id": "a b"}, "id"),
    "unicode": ({"id": "kam\u00e9ra"}, "id"),
    "half a character": ({"id": "a\ud800"}, "id"),
    "line": ({"id": "a\n"}, "id"),
    "long id": ({"id": "a" * 201}, "id"),
    "id that is a list": ({"id": ["a"]}, "id"),
    "twice": ({"id": "good-1"}, "duplicate"),
    "but for case": ({"id": "GOOD-1"}, "case"),
}


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_row_is_left_out_and_counted(bad: str):
    changes, reason = BAD[bad]
    found = read(GOOD, {**GOOD, "id": "bad-1", **changes}, {**GOOD, "id": "good-2"})
    assert [camera.id for camera in found.cameras] == ["good-1", "good-2"]
    assert dict(found.left_out) == {reason: 1}
    assert found.said().startswith(f"Rows of the list that were left out: 1 {WORDS[reason]} (such as ")
    assert found.said().isprintable()


@pytest.mark.parametrize("row", [None, 1, "x", [], {}, [[[]]], {"id": 5}])
def test_what_is_no_row_is_left_out(row: object):
    found = read(row, GOOD)
    assert [camera.id for camera in found.cameras] == ["good-1"]
    assert found.left_out.total() == 1


def test_all_bad_rows_at_once_are_told_by_reason():
    found = read(GOOD, *({**GOOD, "id": f"bad-{number}", **changes} for number, (changes, _) in enumerate(BAD.values())), 7)
    assert [camera.id for camera in found.cameras] == ["good-1"]
    assert dict(found.left_out) == {"coordinates": 12, "id": 10, "duplicate": 1, "case": 1, "no_camera": 1}
    assert "12 without a place where the network's cameras are (such as bad-0)" in found.said()


def test_one_row_in_another_encoding_or_with_an_endless_number_is_not_the_list_s_end():
    rows = json.dumps([GOOD, {**GOOD, "id": "b", "name": "NAME"}, {**GOOD, "id": "c", "latitude": 77}]).encode()
    found = CITY.read_list(rows.replace(b"NAME", b"Caf\xe9").replace(b"77", b"9" * 5000))
    assert [camera.id for camera in found.cameras] == ["good-1", "b"]
    assert dict(found.left_out) == {"coordinates": 1}
    assert [camera.id for camera in CITY.read_list(b"\xef\xbb\xbf" + json.dumps([GOOD]).encode()).cameras] == ["good-1"]


def test_names_are_one_line_that_can_be_printed():
    names = ["FDR @\n48 St\t", "\ud800", "\x1b[31mred\x07", "x" * 10_000_000, 5, None, "\u202eevil"]
    found = read(*({**GOOD, "id": f"c-{number}", "name": name} for number, name in enumerate(names)))
    assert [camera.name[:12] for camera in found.cameras] == ["FDR @ 48 St", "c-1", "[31mred", "x" * 12, "c-4", "c-5", "evil"]
    assert all(len(camera.name) <= 200 and camera.name.isprintable() for camera in found.cameras)


def test_a_server_elsewhere_may_have_cameras_anywhere():
    assert NycDot("http://127.0.0.1:9").read_list(json.dumps([{**GOOD, "latitude": 0, "longitude": 0}]).encode()).cameras


@pytest.mark.parametrize("content", [b"", b"<html>", b"{}", b"[", b'[{"id": "a"', b"[1]", b"null", b"[" * 100_000, b"\xff" * 99])
def test_what_is_no_list_is_refused_in_our_words(content: bytes):
    with pytest.raises(CctviewError, match="gives no list of cameras") as told:
        CITY.read_list(content)
    assert "Error" not in str(told.value)


def test_a_list_without_end_is_read_up_to_the_limit(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("cctview_pipeline.cameras.listed.LIST_ROWS", Limit(3, ""))
    found = read(*({**GOOD, "id": f"c-{number}"} for number in range(8)))
    assert len(found.cameras) == 3
    assert dict(found.left_out) == {"too_many": 5}


@pytest.mark.parametrize("said", [True, "true", "TRUE ", 1, "1", 1.0, False, "false", 0, "0", None, "yes", [], {}, 7])
def test_what_is_on_is_read_in_any_form_and_what_says_neither_is_told(said: object):
    found = read(GOOD, {**GOOD, "id": "b", "isOnline": said})
    off, unclear = said in (False, "false", "0"), said in (None, "yes", [], {}, 7)
    assert [camera.online for camera in found.cameras] == [True, not off]
    assert found.unclear == (["b"] if unclear else [])
    assert ("does not say whether they are on, and which are taken to be: 1 (such as b)." in found.said()) == unclear


def test_a_row_without_a_word_of_it_is_on():
    row = {name: value for name, value in GOOD.items() if name != "isOnline"}
    assert (read(row).cameras[0].online, read(row).said()) == (True, "")


def test_few_rows_of_a_long_list_are_held_against_the_catalogue(monkeypatch: pytest.MonkeyPatch):
    """Only those that lie on the latitude of one of its cameras: a list of 100,000 rows is read between two frames."""
    known = catalogue()["735-683-N"]
    measured = []
    monkeypatch.setattr(nyc_dot, "metres_between", lambda *pair: measured.append(pair) or metres_between(*pair))
    here = {**GOOD, "id": "here", "latitude": known.latitude + 0.0003, "longitude": known.longitude}
    found = read(here, *({**GOOD, "id": f"c-{number}"} for number in range(1000)))
    assert found.cameras[0].id == "735-683-N"
    assert len(measured) < 10


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "name", "latitude", "x"]), inner, max_size=4)
    ),
    max_leaves=8,
)
rows = st.builds(
    dict,
    id=json_values | st.from_regex(r"[a-z]{1,3}", fullmatch=True),
    name=json_values,
    latitude=json_values | st.floats(40.5, 41),
    longitude=json_values | st.floats(-74, -73.5),
)


@given(st.lists(rows | json_values, max_size=8))
def test_what_a_list_lets_in_is_refused_nowhere_later(tmp_path_factory: pytest.TempPathFactory, given_rows: list):
    """By no campaign and by no spool; and a good row is there whatever stands beside it."""
    found = read(*given_rows, {**GOOD, "id": "the-good-1"})
    assert "the-good-1" in [camera.id for camera in found.cameras]
    assert len(found.cameras) + found.left_out.total() == len(given_rows) + 1
    path = tmp_path_factory.mktemp("spool") / "cameras.json"
    write_list(path, found.cameras)
    assert sorted(camera.id for camera in read_list(path)) == sorted(camera.id for camera in found.cameras)
    own = [
        Camera(
            id=c.id,
            name=c.name,
            latitude=c.latitude,
            longitude=c.longitude,
            faces="",
            corridor=c.id,
            order=0,
            network="nyc-dot",
            network_id=c.network_id,
        )
        for c in found.cameras
    ]
    campaign = Campaign(name="x", network="nyc-dot", start=NINE, end=None, cameras=tuple(own))
    assert Campaign.from_toml(campaign.to_toml()) == campaign


@given(st.binary(max_size=300))
def test_any_bytes_as_a_list_raise_nothing_but_our_own(content: bytes):
    with contextlib.suppress(CctviewError):
        assert isinstance(CITY.read_list(content), CameraList)


def test_one_bad_row_of_a_kept_list_takes_no_other(tmp_path):
    path = tmp_path / "cameras.json"
    write_list(
        path,
        [
            LiveCamera(id="a", network_id="a", name="A", latitude=40, longitude=-73, online=True),
            LiveCamera(id="b", network_id="b", name="B", latitude=40, longitude=-73, online=True),
        ],
    )
    path.write_text(path.read_text().replace('"latitude": 40', '"latitude": null', 1))
    assert [camera.id for camera in read_list(path)] == ["b"]


@pytest.mark.parametrize("changes", [{"id": "a b"}, {"latitude": math.nan}, {"name": None}, {"network_id": "\ud800"}])
def test_the_campaign_and_the_list_refuse_the_same(changes: dict):
    facts = {"id": "a", "network_id": "a", "name": "A", "latitude": 40.0, "longitude": -73.0} | changes
    with pytest.raises(BadCamera) as listed:
        LiveCamera(**facts, online=True)
    with pytest.raises(BadCamera) as described:
        Camera(**facts, faces="", corridor="a", order=0)
    assert (listed.value.reason, str(listed.value)) == (described.value.reason, str(described.value))


@given(st.text(max_size=300))
def test_tidy_names_stay_as_they_are(text: str):
    assert tidy(tidy(text)) == tidy(text)
    assert tidy(text).isprintable()


@pytest.mark.parametrize(
    "address", ["127.0.0.1:8011", "ftp://x", "http://", "http://[::1", "file:///etc", "http://a/x?y", "http://a/#z"]
)
def test_an_address_that_is_no_server_s_is_refused(address: str):
    with pytest.raises(CctviewError, match="is no address of a server"):
        NycDot(address)


def test_a_password_in_an_address_is_told_to_nobody():
    with pytest.raises(CctviewError) as told:
        NycDot("http://me:secret@127.0.0.1:9/x?y")
    assert "'http://127.0.0.1:9/x?y' is no address" in str(told.value)
    with pytest.raises(CctviewError) as told:
        NycDot("http://me:secret@127.0.0.1:9").read_list(b"<html>")
    assert str(told.value).startswith("http://127.0.0.1:9/api/cameras/ gives no list of cameras")
