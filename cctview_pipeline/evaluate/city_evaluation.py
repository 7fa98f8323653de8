"""The whole yardstick: a lake of the synthetic city, its results against its truth."""

from datetime import datetime

from cctview_pipeline.campaign import Campaign
from cctview_pipeline.errors import CctviewError, NotFoundError
from cctview_pipeline.evaluate.detection import detection_rows
from cctview_pipeline.evaluate.journeys import calibration_rows, journey_rows, match_rows
from cctview_pipeline.evaluate.movements import movement_rows
from cctview_pipeline.evaluate.passages import read_passages
from cctview_pipeline.evaluate.reading import check_present, read, read_camera
from cctview_pipeline.evaluate.reidentification import reidentification_rows
from cctview_pipeline.evaluate.report import Evaluation
from cctview_pipeline.evaluate.tracking import tracking_rows
from cctview_pipeline.evaluate.traffic import count_rows, label_rows, speed_rows, travel_time_rows
from cctview_pipeline.evaluate.transitions import CameraPair, assigned_matches, true_transitions
from cctview_pipeline.lake import Lake
from cctview_pipeline.roads import RoadNetwork


def evaluate(lake: Lake, cameras: list[str], hours: list[datetime], threshold: float) -> Evaluation:
    """Measure everything, from detections to travel times.

    cameras: ids in the corridor's order; hours: full hours, UTC; threshold: the detector's operating point, 0..1.

    Raises CctviewError, naming the partition and the mend, when truth or results are missing.
    """
    campaign = lake.campaign()
    if campaign is None:
        raise NotFoundError(f"The lake {lake.uri} is empty: backfill the synthetic city into it first.")
    if not cameras or not hours:
        raise CctviewError("There is nothing to evaluate: name at least one camera and one hour.")
    hours = sorted(set(hours))
    ways = _ways(campaign, cameras)
    check_present(lake, cameras, hours)
    features = [read(lake, "features", camera, hours) for camera in cameras]
    seen = [read_camera(lake, camera, hours, each) for camera, each in zip(cameras, features, strict=True)]
    matches = assigned_matches(lake, seen, ways, hours)
    transitions = true_transitions(lake, seen, ways, hours)
    rows = detection_rows(seen, threshold)
    rows += tracking_rows(seen)
    rows += reidentification_rows(seen, ways)
    rows += journey_rows(lake, seen, hours) + match_rows(seen, ways, matches, transitions)
    rows += calibration_rows(matches)
    passed = [read_passages(lake, each, hours) for each in seen]
    rows += count_rows(passed) + label_rows(passed) + speed_rows(passed)
    rows += travel_time_rows(ways, matches, transitions)
    rows += movement_rows(lake, cameras, hours)
    return Evaluation(tuple(rows))


def _ways(campaign: Campaign, cameras: list[str]) -> list[CameraPair]:
    """Every camera and each neighbour that is evaluated too: both directions of the road."""
    network = RoadNetwork.of(campaign)
    known = [campaign.camera(name).id for name in cameras]  # raises
    return [(camera, other.id) for camera in known for other in network.neighbours(camera) if other.id in known]
