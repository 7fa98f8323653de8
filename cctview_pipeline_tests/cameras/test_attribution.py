"""What operators ask to be shown, and for which days."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from cctview_pipeline.cameras.attribution import attributions
from cctview_pipeline.cameras.live import LIVE_NETWORKS, open_live
from cctview_pipeline.campaign import Campaign
from cctview_pipeline_tests.factories.stand_in import SOURCE
from cctview_pipeline_tests.factories.tables import NORTH, campaign

DAYS = [date(2026, 1, 7), date(2026, 1, 5)]
NONE_KNOWN = {"nyc-dot", "replay", "511alberta", "511ga", "fl511", "511wi", "511idaho", "udot"}
"""Networks of which no source says that they ask for it."""


def of(network: str, **changes) -> Campaign:
    return campaign(network=network, **changes)


@pytest.mark.parametrize("name", [name for name in LIVE_NETWORKS if name != "generic"])
def test_every_network_that_asks_for_it(name: str):
    assert len(attributions(of(name), DAYS)) == (0 if name in NONE_KNOWN else 1)
    assert bool(open_live(name).terms.attribution) == (name not in NONE_KNOWN)


def test_singapore_wants_the_days_of_access():
    (sentence,) = attributions(of("singapore"), DAYS)
    assert "accessed on 2026-01-05 to 2026-01-07 from data.gov.sg" in sentence
    assert "accessed on 2026-01-05 from" in attributions(of("singapore"), DAYS[1:])[0]


def test_without_days_it_is_the_campaign_s_window_by_its_own_clock():
    """17 to 19 o'clock UTC of the fifth of May is the sixth in Singapore."""
    window = {"start": datetime(2026, 1, 5, 17, tzinfo=UTC), "end": datetime(2026, 1, 6, 17, tzinfo=UTC)}
    assert "accessed on 2026-01-06 to 2026-01-07" in attributions(of("singapore", **window))[0]
    assert (
        "accessed on 2026-01-06 from"
        in attributions(of("singapore", **window | {"end": datetime(2026, 1, 6, 16, tzinfo=UTC)}))[0]
    )


def test_a_described_network_says_its_own():
    assert attributions(of("generic", settings={"source": SOURCE}), DAYS[1:]) == (
        "Roads of Example, CC BY 4.0, accessed 2026-01-05",
    )
    assert attributions(of("generic", settings={"source": SOURCE | {"attribution": ""}}), DAYS) == ()


def test_cameras_of_another_network_are_named_too():
    mixed = replace(of("tfl"), cameras=(replace(NORTH, network="digitraffic"),))
    assert [sentence[:6] for sentence in attributions(mixed)] == ["Powere", "Source"]


def test_an_archive_and_the_city_ask_for_nothing():
    assert attributions(of("archive")) == attributions(of("city")) == ()
