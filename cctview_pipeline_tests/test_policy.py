from datetime import timedelta

import pytest

from cctview_pipeline.campaign import Campaign
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.policy import LIFETIMES, Policy
from cctview_pipeline_tests.factories.tables import campaign


def policy(network: str = "archive", **said) -> Policy:
    return Policy.of(campaign(network=network, privacy=said))


def test_without_a_word_people_are_masked_and_vehicles_are_forgotten():
    found = policy()
    assert found.masks_people
    assert found.purposes == ()
    assert found.lifetime("features") == timedelta(hours=24)
    assert found.lifetime("tracks") == timedelta(days=7)
    assert found.lifetime("vehicle_counts") is None


def test_the_city_forgets_only_what_it_is_told_to_forget():
    found = policy("city", lifetimes={"crops": "12 h"})
    assert found.lifetime("features") is None
    assert found.lifetime("crops") == timedelta(hours=12)


def test_who_keeps_people_visible_keeps_frames_for_hours_only():
    found = policy(purposes=["road safety"], unmasked_for="road safety", lifetimes={"raw_frames": "forever", "crops": "2 h"})
    assert not found.masks_people
    assert found.lifetime("raw_frames") == found.lifetime("spool") == timedelta(hours=6)
    assert found.lifetime("crops") == timedelta(hours=2)


def test_a_campaign_of_before_may_name_the_pictures_that_dagster_has_no_more():
    assert policy(lifetimes={"pictures": "6 h"}) == policy()


def test_a_campaign_keeps_its_promises_in_its_file():
    said = {"purposes": ["counts"], "lifetimes": {"tracks": "30 d", "matches": "forever"}}
    again = Campaign.from_toml(campaign(privacy=said).to_toml())
    assert Policy.of(again) == policy(**said)
    assert Policy.of(again).lifetime("tracks") == timedelta(days=30)


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (
            {"purpose": ["counts"]},
            "unknown key 'purpose' stands under .*: it may mean purposes; known are purposes, unmasked_for",
        ),
        ({"purposes": "counts"}, "list of texts"),
        ({"purposes": [""]}, "list of texts"),
        ({"purposes": [1]}, "list of texts"),
        ({"unmasked_for": "fun"}, "none of the purposes"),
        ({"purposes": ["a", "b", " a"]}, r"purposes under \[campaign.privacy\] name 'a' twice: take one out"),
        ({"unmasked_for": True}, "unmasked_for = true .* is no text"),
        ({"largest_side": "640"}, 'largest_side = "640" .* is no whole number: write largest_side = 640'),
        ({"largest_side": True}, "largest_side = true .* is no whole number"),
        ({"largest_side": 8}, "from 16 to 32767"),
        ({"queries_an_hour": 0}, r"\(from 1 to 1000000\)"),
        ({"queries_an_hour": 60.0}, "is no whole number"),
        ({"lifetimes": 7}, r"lifetimes = 7 .* is no table: write \[campaign.privacy.lifetimes\]"),
        ({"lifetimes": {"crop": "1 h"}}, r"unknown key 'crop' stands under \[campaign.privacy.lifetimes\]: it may mean crops"),
        *(
            ({"lifetimes": {"crops": value}}, r"crops = .* is no lifetime: write crops = \"12 h\"")
            for value in ("soon", "0 h", 12, "-1 h", "1.5 h", "30 m", True)
        ),
    ],
)
def test_what_is_not_understood_is_refused(said: dict, sentence: str):
    with pytest.raises(CctviewError, match=sentence):
        policy(**said)


def test_spaces_around_a_purpose_are_no_part_of_it():
    assert policy(purposes=[" counts "], unmasked_for=" counts").unmasked_for == "counts"


def test_every_lifetime_is_of_a_table_or_of_what_lies_beside_the_lake():
    from cctview_pipeline.lake.schemas import TABLES

    assert set(LIFETIMES) - set(TABLES) == {"spool", "logs", "keys"}
