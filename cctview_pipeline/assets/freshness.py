"""on_time: whether what a live campaign's hours and days lead to came in time, a check of every asset that comes by itself.

Not ``dg.FreshnessPolicy``, nor the checks that it supersedes: watching/late.py says why. The sensor ``freshness`` tells Dagster
what it finds without a run; the step below is for a person who presses *Execute*, and for backfills, which run all checks of what
they make. A closed archive has no such check: nothing of it is ever late.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from cctview_pipeline.cameras.live import LIVE_NETWORKS
from cctview_pipeline.campaign import Campaign
from cctview_pipeline.districts import in_district
from cctview_pipeline.resources.lake import LakeResource
from cctview_pipeline.watching.late import WATCHED, Late, Lateness

ON_TIME = "on_time"
_NAMED = 20
"""Partitions that a check names: what it says lives in Dagster's event log."""


def freshness_checks(campaign: Campaign) -> list[dg.AssetChecksDefinition]:
    """One definition with a check of every asset that comes by itself; none for cameras that are not live."""
    if campaign.network not in LIVE_NETWORKS:
        return []
    specs = [
        dg.AssetCheckSpec(
            ON_TIME,
            asset=table,
            description="Every hour, or day, that should be there by now is there or was deleted on purpose. It warns when not.",
        )
        for table in WATCHED
    ]

    @dg.multi_asset_check(name="freshness", specs=specs, can_subset=True)
    def freshness(context: dg.AssetCheckExecutionContext, lake: LakeResource) -> Iterator[dg.AssetCheckResult]:
        store, current = lake.open_campaign()
        found = Lateness(store, current).look(datetime.now(UTC))
        for key in sorted(context.selected_asset_check_keys, key=str):
            late = found.get(key.asset_key.path[-1])
            yield dg.AssetCheckResult(asset_key=key.asset_key, check_name=key.name, **verdict(late))

    return [in_district(freshness, campaign.district)]


def verdict(late: Late | None) -> dict[str, Any]:
    """What a check says; late: None where nothing is expected any more."""
    if late is None:
        return {
            "passed": True,
            "severity": dg.AssetCheckSeverity.WARN,
            "description": "Nothing is expected of this campaign: collecting is turned off, or its window has ended.",
            "metadata": {},
        }
    metadata: dict[str, Any] = {"late": len(late.missing), "next_due": dg.MetadataValue.timestamp(late.due)}
    if late.missing:
        metadata["missing"] = dg.MetadataValue.json([str(place) for place in late.missing[:_NAMED]])
    if late.newest:
        metadata["newest"] = dg.MetadataValue.timestamp(late.newest)
    return {
        "passed": not late.missing,
        "severity": dg.AssetCheckSeverity.WARN,
        "description": late.sentence,
        "metadata": metadata,
    }
