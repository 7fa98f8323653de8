"""The sensor that tells Dagster which assets are late, without a run."""

from datetime import UTC, datetime

import dagster as dg

from cctview_pipeline.assets.freshness import ON_TIME, verdict
from cctview_pipeline.cameras.live import LIVE_NETWORKS
from cctview_pipeline.campaign import Campaign
from cctview_pipeline.districts import asset_key
from cctview_pipeline.lake import Lake
from cctview_pipeline.resources.lake import LakeResource
from cctview_pipeline.watching.late import WATCHED, Late, Lateness

EVERY_S = 60
_KEPT: dict[str, Lateness] = {}
"""Lake -> what is known to be there: a code server lives long, and asks for each partition until it is there and no more."""


def freshness(campaign: Campaign) -> dg.SensorDefinition:
    """The sensor ``freshness``: it runs only for a live network."""
    live = campaign.network in LIVE_NETWORKS

    @dg.sensor(
        default_status=dg.DefaultSensorStatus.RUNNING if live else dg.DefaultSensorStatus.STOPPED,
        minimum_interval_seconds=EVERY_S,
    )
    def freshness(context: dg.SensorEvaluationContext, lake: LakeResource) -> dg.SensorResult | dg.SkipReason:
        """Warn of hours and days that are late, and say so when they came."""
        if not live:
            return dg.SkipReason("This lake's frames come from no live network: nothing is ever late.")
        found = look(lake.open(), campaign, datetime.now(UTC))
        told = {line.partition(" ")[0]: line for line in (context.cursor or "").splitlines()}
        now = {table: f"{table} {_state(found.get(table))}" for table in WATCHED}
        changed = [table for table in WATCHED if told.get(table) != now[table]]
        if not changed:
            return dg.SkipReason(f"{sum(bool(late.missing) for late in found.values())} assets are late, as before.")
        events = [
            dg.AssetCheckEvaluation(
                asset_key=asset_key(campaign.district, table), check_name=ON_TIME, **verdict(found.get(table))
            )
            for table in changed
        ]
        return dg.SensorResult(asset_events=events, cursor="\n".join(now.values()))

    return freshness


def look(lake: Lake, campaign: Campaign, now: datetime) -> dict[str, Late]:
    """Table -> what of it is late."""
    known = _KEPT.get(lake.uri)
    if known is None or known.campaign != campaign:
        known = _KEPT[lake.uri] = Lateness(lake, campaign)
    return dict(known.look(now))


def _state(late: Late | None) -> str:
    """What has to change before Dagster is told anew: what is missing, or the newest that is there."""
    return "-" if late is None else f"{late.newest} {len(late.missing)} {late.missing[0] if late.missing else ''}"
