"""What a campaign must say before anything is collected."""

import math
from dataclasses import replace
from datetime import UTC, datetime, time

import pytest

from cctview_pipeline.campaign import Campaign
from cctview_pipeline.collect.settings import CollectSettings
from cctview_pipeline.errors import CctviewError

CAMPAIGN = Campaign(
    name="live",
    network="nyc-dot",
    start=datetime(2026, 11, 1, tzinfo=UTC),
    end=None,
    cameras=(),
    path="/spool",
    settings={"collect": True, "contact": "a@b.org"},
)


def test_a_network_that_is_turned_on():
    settings = CollectSettings.of(CAMPAIGN)
    assert settings.engine().user_agent == "cctview-pipeline (+a@b.org)"
    assert settings.network("nyc-dot").base_url == "https://webcams.nyctmc.org"
    assert (
        CollectSettings.of(replace(CAMPAIGN, settings={**CAMPAIGN.settings, "base_url": "http://here/"}))
        .network("nyc-dot")
        .base_url
        == "http://here"
    )


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"network": "archive"}, "The campaign's network is 'archive', which is not live"),
        ({"settings": {}}, "Collecting is turned off: read the operator's terms, and set collect = true"),
        ({"settings": {"collect": False, "contact": "a@b.org"}}, "Collecting is turned off"),
        (
            {"settings": {"collect": "yes"}},
            r"^campaign.toml: collect = \"yes\" under \[campaign.settings\] is no true or false: write",
        ),
        ({"settings": {"collect": 1}}, "collect = 1 .* is no true or false"),
        ({"settings": {"budget_gib": True}}, "budget_gib = true .* is no number: write budget_gib = 20.0"),
        ({"settings": {"budget_gib": "20"}}, 'budget_gib = "20" .* is no number'),
        *(({"settings": {"budget_gib": value}}, r"budget_gib = .* is out of range") for value in (0, -1.0, math.nan, math.inf)),
        *(({"settings": {"metrics_port": value}}, r"metrics_port = .* \(from 0 to 65535\)") for value in (-1, 65_536)),
        *(({"settings": {"base_url": value}}, "is no address of a server") for value in ("here", "ftp://here", "http://")),
        ({"settings": {"contact": "a@b.org\r\nCookie: 1"}}, "contact = .* has characters that cannot be shown in one line"),
        ({"settings": {"seed": 7}}, "unknown key 'seed' stands under .*: known are collect, contact"),
        ({"settings": {"budget": 7}}, "it may mean budget_gib"),
        ({"settings": {"window": "noon"}}, r"window = \"noon\" .* is no span of the day: write window = \"13:00-14:00\""),
    ],
)
def test_what_is_refused(changes: dict, sentence: str):
    with pytest.raises(CctviewError, match=sentence):
        CollectSettings.of(replace(CAMPAIGN, **changes))


def test_without_a_contact_there_is_no_engine():
    with pytest.raises(CctviewError, match="needs a contact"):
        CollectSettings.of(replace(CAMPAIGN, settings={"collect": True})).engine()


@pytest.mark.parametrize(
    ("window", "begin", "hours"),
    [("13:00-14:00", time(13), 1), ("22:30-01:00", time(22, 30), 2.5), ("00:00-00:00", time(0), 24)],
)
def test_windows(window: str, begin: time, hours: float):
    assert CollectSettings(window=window).begin_and_seconds() == (begin, hours * 3600)
