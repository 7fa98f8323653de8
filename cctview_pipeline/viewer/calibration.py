"""How often a probability such as this one was right, where the truth is known: in the synthetic city."""

from dataclasses import dataclass

from cctview_pipeline.lake import Partition
from cctview_pipeline.viewer.reading import Reading


@dataclass(frozen=True)
class Bin:
    """Of matches that claimed a probability in [low, high): so many, and the share of them that was right."""

    low: float
    high: float
    right: float
    support: int


@dataclass(frozen=True)
class Calibration:
    """source: where it was measured, in words."""

    bins: tuple[Bin, ...]
    source: str

    def of(self, probability: float) -> Bin | None:
        return next((each for each in self.bins if each.low <= min(probability, 0.9999) < each.high), None)


def calibration(reading: Reading) -> Calibration:
    """Of this lake, where it is a city that was evaluated; no bins otherwise: on real cameras nobody knows."""
    days = reading.days("evaluation")
    if days:
        rows = [
            row for row in reading.table("evaluation", Partition.of_day(max(days))).to_pylist() if row["metric"] == "share_right"
        ]
        bins = tuple(_bin(row) for row in rows if row["value"] is not None and "-" in row["scope"])
        if bins:
            return Calibration(bins, "in this city, by its truth")
    return Calibration((), "")


def _bin(row: dict) -> Bin:
    low, high = row["scope"].split("-", 1)
    return Bin(float(low), float(high), row["value"], row["support"])
