"""Everything that Dagster sees: a function of the campaign that the lake holds."""

from datetime import UTC, datetime

import dagster as dg

from cctview_pipeline.assets.drift import drift_checks
from cctview_pipeline.assets.freshness import freshness_checks
from cctview_pipeline.assets.graph import build_assets
from cctview_pipeline.automation.collecting import collect_job, live_collection
from cctview_pipeline.automation.freshness import freshness
from cctview_pipeline.automation.jobs import Jobs
from cctview_pipeline.automation.next_stage import next_stage
from cctview_pipeline.automation.old_runs import hourly_old_runs, old_runs_job
from cctview_pipeline.automation.retention import hourly_retention, retention_job
from cctview_pipeline.automation.schedules import daily_collection, daily_drift
from cctview_pipeline.automation.sensors import next_job, seal_hours
from cctview_pipeline.cameras.live import LIVE_NETWORKS
from cctview_pipeline.campaign import Campaign
from cctview_pipeline.districts import in_district
from cctview_pipeline.lake.roster import Roster, enrolled
from cctview_pipeline.resources.lake import LakeResource
from cctview_pipeline.resources.models import DetectorResource, ExtractorResource
from cctview_pipeline.resources.network import NetworkResource

EMPTY = Campaign(
    name="empty lake",
    network="archive",
    start=datetime(2020, 1, 1, tzinfo=UTC),
    end=datetime(2020, 1, 1, 1, tzinfo=UTC),
    cameras=(),
)
"""What the code location shows before the first backfill has written a campaign: no cameras, one hour."""


def build_definitions(campaign: Campaign, roster: Roster | None = None) -> dg.Definitions:
    """The assets, checks, jobs, schedules and sensors of a campaign. roster: who has come and left. Opens no lake: runs open it
    when they begin."""
    roster = roster or Roster()
    assets = build_assets(campaign, roster.departed)
    jobs = Jobs.of(assets, campaign)
    district, live = campaign.district, campaign.network in LIVE_NETWORKS
    retention, forgetting, collecting = retention_job(campaign), old_runs_job(campaign), collect_job(campaign)
    return dg.Definitions(
        assets=assets,
        asset_checks=[*(in_district(check, district) for check in drift_checks), *freshness_checks(campaign)],
        jobs=[*jobs, retention, forgetting, *([collecting] if live else [])],
        schedules=[
            live_collection(campaign, collecting) if live else daily_collection(campaign, jobs),
            hourly_retention(retention, district),
            hourly_old_runs(forgetting),
            daily_drift(campaign, jobs),
        ],
        sensors=[
            next_job(campaign, jobs, roster),
            next_stage(campaign, jobs, roster),
            seal_hours(campaign, jobs),
            freshness(campaign),
        ],
        resources={
            "lake": LakeResource(),
            "network": NetworkResource(),
            "detector": DetectorResource(),
            "extractor": ExtractorResource(),
        },
        # One process a run, so that a model is loaded once for all its partitions. Several runs go on at a time.
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """What Dagster loads, and loads anew on its own reload: the campaign of the lake that ``CCTVIEW_LAKE`` names, and its roster,
    which is brought up to date."""
    lake = LakeResource().open()
    campaign = lake.campaign()
    return build_definitions(*enrolled(lake, campaign, datetime.now(UTC))) if campaign else build_definitions(EMPTY)
