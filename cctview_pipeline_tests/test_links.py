"""``[[links]]`` of a campaign's file: what is read, and what is refused with its fix."""

from dataclasses import replace

import pytest

from cctview_pipeline.campaign import Campaign
from cctview_pipeline.errors import ConfigurationError
from cctview_pipeline.links import Link, named_side, sides_of
from cctview_pipeline_tests.factories.tables import NORTH, SOUTH, campaign

UNKNOWN = tuple(replace(camera, faces="", corridor="", order=0) for camera in (NORTH, SOUTH))
LINK = Link(from_camera=NORTH.id, to_camera=SOUTH.id, metres=1600.0, leaves="towards", enters="away")


def test_links_survive_the_file():
    written = campaign(cameras=UNKNOWN, links=(LINK, replace(LINK, from_camera=SOUTH.id, to_camera=NORTH.id)))
    text = written.to_toml()
    assert f'from = "{NORTH.id}"\nto = "{SOUTH.id}"' in text
    assert "corridor" not in text
    assert Campaign.from_toml(text) == written


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"to_camera": "elsewhere"}, "Camera 'elsewhere' is not in this campaign"),
        ({"metres": 1.5}, "has 1.5 metres, and the straight line between the two has 1"),
        (
            {"leaves": ""},
            "does not say how it leaves 'cam-1', and nobody knows how the two face: write leaves = \"towards\" or",
        ),
        ({"enters": "S"}, f'has enters = "S", and \'{SOUTH.id}\' faces nobody knows where to: write "towards" or "away".'),
    ],
)
def test_what_no_link_can_be_is_refused(change: dict, sentence: str):
    with pytest.raises(ConfigurationError) as error:
        campaign(cameras=UNKNOWN, links=(replace(LINK, **change),))
    assert sentence in str(error.value)


def test_a_side_that_the_camera_does_not_have_is_refused():
    with pytest.raises(ConfigurationError, match=r'has leaves = "E", and .* looks north: write "towards" or "away"'):
        campaign(cameras=(NORTH, SOUTH), links=(replace(LINK, leaves="E"),))


def test_where_a_place_is_not_known_no_length_is_wrong():
    nowhere = (replace(UNKNOWN[0], latitude=0.0, longitude=0.0), UNKNOWN[1])
    assert campaign(cameras=nowhere, links=(LINK,)).links == (LINK,)


def test_a_pair_that_is_linked_twice_is_refused():
    with pytest.raises(ConfigurationError, match="stands there twice"):
        campaign(cameras=UNKNOWN, links=(LINK, LINK))


def test_a_camera_does_not_lead_back_to_itself():
    with pytest.raises(ConfigurationError, match="leads back to itself"):
        replace(LINK, to_camera=NORTH.id)


@pytest.mark.parametrize(
    ("faces", "away", "towards"), [("north", "N", "S"), ("south", "S", "N"), ("east", "E", "W"), ("west", "W", "E")]
)
def test_sides_have_the_compass_s_letters_where_the_facing_is_known(faces: str, away: str, towards: str):
    assert sides_of(faces) == (away, towards)
    assert (named_side(faces, "away"), named_side(faces, towards)) == (away, towards)


def test_sides_are_called_by_what_they_are_where_it_is_not():
    assert sides_of("") == ("away", "towards")
    assert named_side("", "N") is None
