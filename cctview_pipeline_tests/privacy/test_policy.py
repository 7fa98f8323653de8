from datetime import timedelta

import pytest

from cctview_pipeline.campaign import Campaign
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.privacy.policy import LIFETIMES, Policy
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


def test_a_campaign_keeps_its_promises_in_its_file():
    said = {"purposes": ["counts"], "lifetimes": {"tracks": "30 d", "matches": "forever"}}
    again = Campaign.from_toml(campaign(privacy=said).to_toml())
    assert Policy.of(again) == policy(**said)
    assert Policy.of(again).lifetime("tracks") == timedelta(days=30)


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"purpose": ["counts"]}, "unknown key 'purpose'"),
        ({"purposes": "counts"}, "list of texts"),
        ({"purposes": [""]}, "list of texts"),
        ({"unmasked_for": "fun"}, "none of the purposes"),
        ({"largest_side": "640"}, "wrong kind"),
        ({"largest_side": 8}, "from 16"),
        ({"queries_an_hour": 0}, "1 or more"),
        ({"lifetimes": {"crop": "1 h"}}, "names 'crop'"),
        ({"lifetimes": {"crops": "soon"}}, "given as '12 h'"),
        ({"lifetimes": {"crops": "0 h"}}, "given as '12 h'"),
        ({"lifetimes": {"crops": 12}}, "given as '12 h'"),
    ],
)
def test_what_is_not_understood_is_refused(said: dict, sentence: str):
    with pytest.raises(CctviewError, match=sentence):
        policy(**said)


def test_every_lifetime_is_of_a_table_or_of_what_lies_beside_the_lake():
    from cctview_pipeline.lake.schemas import TABLES

    assert set(LIFETIMES) - set(TABLES) == {"spool", "pictures", "logs", "keys"}
