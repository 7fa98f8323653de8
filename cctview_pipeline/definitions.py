"""Everything that Dagster sees."""

import dagster as dg
from dagster_aws.s3 import S3Resource

from cctview_pipeline.assets.drift import drift_checks
from cctview_pipeline.automation.collecting import collect_job, live_collection
from cctview_pipeline.automation.jobs import ALL_ASSETS, camera_hours_job, days_job, drift_job, hours_job, labels_job
from cctview_pipeline.automation.lifetimes import hourly_retention, retention_job
from cctview_pipeline.automation.schedules import daily_collection, daily_drift
from cctview_pipeline.automation.sensors import next_job, seal_hours
from cctview_pipeline.resources.lake import LakeResource
from cctview_pipeline.resources.models import DetectorResource, ExtractorResource
from cctview_pipeline.resources.network import NetworkResource

defs = dg.Definitions(
    assets=ALL_ASSETS,
    asset_checks=drift_checks,
    jobs=[
        camera_hours_job,
        hours_job,
        days_job,
        labels_job,
        drift_job,
        retention_job,
        *([collect_job] if live_collection else []),
    ],
    schedules=[live_collection or daily_collection, hourly_retention, daily_drift],
    sensors=[next_job, seal_hours],
    resources={
        "lake": LakeResource(s3=S3Resource()),
        "network": NetworkResource(),
        "detector": DetectorResource(),
        "extractor": ExtractorResource(),
    },
    # One process a run, so that a model is loaded once for all its partitions. Several runs go on at a time.
    executor=dg.in_process_executor,
)
