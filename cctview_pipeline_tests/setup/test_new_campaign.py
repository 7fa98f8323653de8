"""Which cameras a campaign begins with."""

import pytest

from cctview_pipeline.cameras.listed import LiveCamera
from cctview_pipeline.errors import ConfigurationError, NotFoundError
from cctview_pipeline.setup.new_campaign import Place, Wanted, live_cameras


def camera(name: str, latitude: float, longitude: float = 25.0, online: bool = True) -> LiveCamera:
    return LiveCamera(id=name, network_id=f"n-{name}", name=name, latitude=latitude, longitude=longitude, online=online)


LISTED = [camera("a", 60.0), camera("b", 60.01), camera("c", 60.5), camera("off", 60.0, online=False)]


def ids(wanted: Wanted) -> list[str]:
    return [each.id for each in wanted.of(LISTED)]


def test_all_that_are_on():
    assert ids(Wanted()) == ["a", "b", "c"]


def test_named_ones_on_or_off_by_either_id():
    assert ids(Wanted(ids=["n-off", "b", "n-b"])) == ["off", "b"]


def test_those_of_an_area():
    assert ids(Wanted(area=Wanted.parse_area("59.9,24,60.2,26"))) == ["a", "b"]


def test_the_nearest_first():
    near = Wanted(near=Place.parse("60.02,25"), within_km=5)
    assert ids(near) == ["b", "a"]
    assert ids(Wanted(near=Place.parse("60.02,25"), within_km=500, most=1)) == ["b"]


def test_nothing_there_is_said():
    with pytest.raises(NotFoundError, match="None of the network's 4 cameras is on and in this place"):
        ids(Wanted(near=Place(10.0, 10.0)))
    with pytest.raises(NotFoundError, match="list has no camera that can be used"):
        Wanted().of([])
    with pytest.raises(NotFoundError, match="no camera 'z'"):
        ids(Wanted(ids=["z"]))


@pytest.mark.parametrize("text", ["", "1", "1,2,3", "a,b", "91,0", "0,181", "nan,1"])
def test_what_is_no_place(text: str):
    with pytest.raises(ConfigurationError, match="is no"):
        Place.parse(text)


@pytest.mark.parametrize("text", ["1,2,3", "2,0,1,1", "0,2,1,1", "0,0,0,0", "a,b,c,d"])
def test_what_is_no_area(text: str):
    with pytest.raises(ConfigurationError, match="is no"):
        Wanted.parse_area(text)


def test_cameras_of_a_list_keep_their_place_and_name():
    (made,) = live_cameras("digitraffic", LISTED[:1])
    assert (made.id, made.network, made.network_id, made.latitude) == ("a", "digitraffic", "n-a", 60.0)
    assert made.corridor == ""
