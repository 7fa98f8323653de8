"""A campaign.toml that says what its keys are."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cctview_pipeline.campaign import Campaign
from cctview_pipeline.links import Link
from cctview_pipeline.setup.commented import commented
from cctview_pipeline.toml_text import parse_toml
from cctview_pipeline_tests.factories.tables import NORTH, SOUTH, campaign

LOOSE = tuple(replace(camera, faces="", corridor="", order=0) for camera in (NORTH, SOUTH))


@pytest.mark.parametrize(
    "made",
    [
        campaign(cameras=LOOSE),
        campaign(cameras=(NORTH, SOUTH), privacy={"purposes": ["traffic counts"]}, timezone="Europe/Helsinki"),
        campaign(network="nyc-dot", settings={"contact": "you@example.org"}),
        campaign(
            cameras=LOOSE,
            links=(Link(from_camera=NORTH.id, to_camera=SOUTH.id, metres=1500.0, leaves="away", enters="away"),),
        ),
    ],
)
def test_it_is_the_same_campaign(made: Campaign):
    assert Campaign.from_toml(commented(made)) == made


@given(st.text("ab =[]#\"'\\ö", min_size=1).filter(lambda text: text.strip()))
def test_names_are_no_keys_and_no_sections(name: str):
    made = campaign(name=name, cameras=LOOSE)
    assert Campaign.from_toml(commented(made)) == made


def test_every_key_is_explained_once_and_what_is_left_out_stands_there_as_a_comment():
    text = commented(campaign(cameras=LOOSE))
    assert text.count("# Its id: letters, digits") == 1, "of the first camera alone"
    assert "# masks = [[[0, 0], [90, 0], [0, 60]]]" in text
    assert 'purposes = ["traffic counts"]   # what vehicles may be asked about for' in text
    assert "unmasked_for" not in text, "nobody is led to it"
    assert max(map(len, text.splitlines())) <= 130


def test_the_links_that_are_shown_are_read_once_they_are_no_comments():
    head, _, links = commented(campaign(cameras=LOOSE)).partition("# Where a camera's traffic comes next:")
    text = head + "\n".join(line.removeprefix("# ") for line in links.splitlines()[1:])
    assert Campaign.from_toml(text).links[0].pair == (NORTH.id, SOUTH.id)
    assert parse_toml(text, "campaign.toml")["links"]
