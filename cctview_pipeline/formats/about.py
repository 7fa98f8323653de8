"""What a package of a campaign's figures says of itself: its days and cameras, what made it, and what is wrong with it."""

import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from importlib.metadata import version

import pyarrow as pa

from cctview_pipeline.campaign import Campaign
from cctview_pipeline.formats.data_package import About

BIASES = (
    "A vehicle whose track breaks can be counted twice, and one that another hides not at all.",
    "Buses, trucks and motorcycles are recognised less often than cars; of their numbers the shares are corrected, the counts by "
    "label are not.",
    "What was counted in part of a quarter of an hour is expanded as if the rest of it had been like it (status: expanded).",
    "Travel times are those of vehicles that were recognised at the next camera. Slow ones are recognised less often, so high "
    "percentiles and the indices made of them can come out too small.",
    "Speeds rest on a calibration by the traffic itself; error_kmh has its error, and where there is no calibration there is no "
    "speed.",
)
"""Known before anything is measured; what was measured stands in docs/evaluation.md."""


def about(
    campaign: Campaign,
    days: Sequence[date],
    created: datetime,
    quality: Iterable[pa.Table] = (),
    licence: str = "",
    k: int | None = None,
    privacy: str = "",
) -> About:
    """Of these local days. quality: their ``data_quality``, which names the models; licence, k, privacy: as in About."""
    named = {text for table in quality for text in table["models"].to_pylist() if text}
    slug = re.sub(r"[^a-z0-9]+", "-", campaign.name.lower()).strip("-") or "campaign"
    return About(
        name=f"{slug}-figures",
        title=f"Traffic figures of {campaign.name}",
        network=campaign.network,
        begin=str(min(days)),
        end=str(max(days)),
        software=f"cctview-pipeline {version('cctview-pipeline')}",
        created=created,
        licence=licence,
        models=tuple(sorted(named)),
        biases=BIASES,
        k=k,
        privacy=privacy,
    )
