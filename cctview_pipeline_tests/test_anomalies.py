"""Times that a campaign says not to trust."""

from datetime import UTC, datetime

import pytest

from cctview_pipeline.anomalies import Anomaly
from cctview_pipeline.campaign import Campaign
from cctview_pipeline.errors import ConfigurationError
from cctview_pipeline_tests.factories.day_lake import road

NINE = datetime(2020, 5, 5, 13, tzinfo=UTC)
CLOSED = Anomaly(
    camera="road-1", began=NINE, ended=NINE.replace(hour=14), problem="do-not-use", note="A lane was closed.", carriageway="N"
)


def test_a_campaign_with_an_anomaly_reads_as_it_was_written():
    campaign = road(2, NINE, 2, anomalies=(CLOSED,))
    assert Campaign.from_toml(campaign.to_toml()).anomalies == (CLOSED,)


@pytest.mark.parametrize(
    ("line", "instead", "sentence"),
    [
        ('problem = "do-not-use"', 'problem = "bad"', "is no do-not-use, questionable or caveat"),
        ("ended = 2020-05-05T14:00:00Z", "ended = 2020-05-05T13:00:00Z", "before it begins"),
        ('camera = "road-1"', 'camera = "road-9"', "not in this campaign"),
        ('note = "A lane was closed."', "", "note is missing"),
        ('carriageway = "N"', 'side = "N"', "the unknown key 'side'"),
    ],
)
def test_an_entry_that_cannot_be_is_refused_with_the_mend(line, instead, sentence):
    text = road(2, NINE, 2, anomalies=(CLOSED,)).to_toml()
    assert line in text
    with pytest.raises(ConfigurationError, match=sentence):
        Campaign.from_toml(text.replace(line, instead))


def test_anomalies_that_are_no_list_are_refused():
    with pytest.raises(ConfigurationError, match=r"\[\[anomalies\]\]"):
        Campaign.from_toml(road(1, NINE, 2).to_toml() + "\n[anomalies]\ncamera = 'road-1'\n")
