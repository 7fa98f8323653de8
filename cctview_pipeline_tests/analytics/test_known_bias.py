"""What is known of how far figures are off is said of the models that it was measured with, and of no others."""

import pytest

from cctview_pipeline.analytics import known_bias as module
from cctview_pipeline.analytics.known_bias import MEASURES, NOT_MEASURED, known_bias, sentence

MODEL = "tracker-1 detector@aa extractor@bb"


@pytest.fixture(autouse=True)
def measured(monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"value": -1.0, "spread": 2.0, "support": 96}
    found = {"model": MODEL, "on": "seeds 1 and 2", "measures": {"vehicle_counts": said}}
    monkeypatch.setattr(module, "_measured", lambda: found)


def test_it_is_said_of_the_models_that_it_was_measured_with():
    found = known_bias("vehicle_counts", MODEL)
    assert (found.value, found.spread, found.support) == (-1.0, 2.0, 96)
    assert sentence("vehicle_counts", MODEL) == (
        "In the synthetic city (seeds 1 and 2) counts of a quarter of an hour were off by -1.0 % as a rule, "
        "and nine in ten by -4.3 to +2.3 %."
    )


@pytest.mark.parametrize(
    ("mart", "model"), [("vehicle_counts", "tracker-1 detector@cc extractor@bb"), ("speeds", MODEL), ("bins", MODEL)]
)
def test_nothing_is_said_of_what_was_not_measured(mart, model):
    assert sentence(mart, model) == NOT_MEASURED


def test_the_shipped_figures_are_of_every_measure(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.undo()
    model = module._measured()["model"]
    assert all(known_bias(measure, model).support for measure in MEASURES)
