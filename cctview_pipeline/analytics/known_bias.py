"""How far the figures are off where the truth is known, in the synthetic city: for the models that it was measured with, only.

``known_bias.json`` is written by benchmarks/counts.py and read here; nothing else knows its figures.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

NOT_MEASURED = "How far these figures are off was not measured for these models."

MEASURES = {
    "vehicle_counts": "counts of a quarter of an hour",
    "flows": "counts of a quarter of an hour",
    "in_view": "the second counter's counts",
    "speeds": "mean speeds of a quarter",
    "heavy_share": "shares of buses and trucks",
    "travel_times": "median travel times",
}
"""Measure, which is also a mart's name where one shows it, and what it is of."""


@dataclass(frozen=True, kw_only=True)
class KnownBias:
    """value: measured less true, in percent of the true value, as a rule; spread: such that 1.645 of it to either side of value
    hold 90 % of what was measured; support: how many figures that rests on."""

    measure: str
    value: float
    spread: float
    support: int
    on: str

    @property
    def sentence(self) -> str:
        return (
            f"In the synthetic city ({self.on}) {MEASURES[self.measure]} were off by {self.value:+.1f} % as a rule, "
            f"and nine in ten by {self.value - 1.645 * self.spread:+.1f} to {self.value + 1.645 * self.spread:+.1f} %."
        )


def known_bias(measure: str, model: str) -> KnownBias | None:
    """Of one of MEASURES, with the models that a table's column ``model`` names; None where it was not measured with these."""
    found = _measured()
    if set(model.split()) != set(found["model"].split()) or measure not in found["measures"]:
        return None
    said = found["measures"][measure]
    return KnownBias(measure=measure, value=said["value"], spread=said["spread"], support=said["support"], on=found["on"])


def sentence(mart: str, model: str) -> str:
    """What is to be said below a mart that was made with these models."""
    found = known_bias(mart, model) if mart in MEASURES else None
    return found.sentence if found else NOT_MEASURED


def shipped(mart: str) -> str:
    """The same of the models that it was measured with, which are the shipped ones."""
    return sentence(mart, _measured()["model"])


@cache
def _measured() -> dict:
    return json.loads(files(__package__).joinpath("known_bias.json").read_text())
