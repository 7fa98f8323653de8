"""Which assets a campaign has."""

from collections.abc import Mapping

import dagster as dg

from cctview_pipeline.assets.accounts import camera_status, gaps
from cctview_pipeline.assets.camera_flows import camera_flows
from cctview_pipeline.assets.coverage import coverage
from cctview_pipeline.assets.crops import crops
from cctview_pipeline.assets.daily_report import daily_report
from cctview_pipeline.assets.detections import detections
from cctview_pipeline.assets.detector_model import detector_model
from cctview_pipeline.assets.evaluation import evaluation
from cctview_pipeline.assets.extractor_model import extractor_model
from cctview_pipeline.assets.features import features
from cctview_pipeline.assets.journeys import journeys
from cctview_pipeline.assets.labels import labels
from cctview_pipeline.assets.marts import marts
from cctview_pipeline.assets.matches import matches
from cctview_pipeline.assets.passages import passages
from cctview_pipeline.assets.raw_frames import raw_frames
from cctview_pipeline.assets.throughput import throughput
from cctview_pipeline.assets.tracks import tracks
from cctview_pipeline.assets.truth import truth_boxes, truth_movements, truth_passages
from cctview_pipeline.cameras.live import LIVE_NETWORKS
from cctview_pipeline.campaign import Campaign
from cctview_pipeline.districts import in_district
from cctview_pipeline.partitions import Partitions

ONLY_OF_CITY = (truth_boxes, truth_passages, truth_movements, evaluation)
"""Only the synthetic city knows the truth: a lake of real cameras does not show assets that it could never fill."""
ONLY_OF_LIVE = (camera_status, gaps)
"""Only live cameras have states and gaps: an archive does not say what it lacks."""
OF_ALL = (
    *(labels, raw_frames, detections, crops, features, tracks, passages, camera_flows, matches, journeys),
    *(marts, throughput, daily_report),
)

BY_PRODUCTS = {
    "rejected_frames": (),
    "vehicles_in_view": ("detections", "tracks"),
    "movements_seen": ("detections", "tracks"),
    "queues_seen": ("detections", "tracks"),
    "match_evidence": ("features", "tracks"),
    "verdicts": ("matches",),
}
"""Tables that no asset is named for, and the tables they are made from: frames that raw_frames set aside, the second counter of
passages, what of the movements was seen, what matches rest on, and what people said of them."""


def build_assets(campaign: Campaign, departed: Mapping[str, str] | None = None) -> list[dg.AssetsDefinition]:
    """The assets that a campaign has. departed: cameras that stay partitions, and their groups. Reads the models' manifest,
    and no lake."""
    partitions = Partitions.of(campaign, departed)
    more = ONLY_OF_CITY if campaign.network == "city" else ONLY_OF_LIVE if campaign.network in LIVE_NETWORKS else ()
    models = [build(campaign, partitions) for build in (detector_model, extractor_model, coverage)]
    assets = [*models, *(build(partitions) for build in (*OF_ALL, *more))]
    return [in_district(each, campaign.district) for each in assets]
