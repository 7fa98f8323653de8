"""The stages that every hour goes through, by the jobs that make them: which tables are made together, and what waits for what.

Stages are apart where they need different machines or wait for different things: ``vision`` is what a GPU is for, ``tracking``
reads the hour before of the same camera, ``matching`` the tracks of neighbours in other groups.
"""

from collections.abc import Mapping

from cctview_pipeline.analytics.marts import MARTS

REPORT = "daily_report"
FIGURES = (*MARTS, "throughput", REPORT)
"""Of a local day."""
TRUTH = ("truth_boxes", "truth_passages", "truth_movements")
ACCOUNTS = ("camera_status", "gaps")
CHAIN = ("raw_frames", "detections", "crops", "features", "tracks", "passages", "camera_flows", "matches")
"""Tables of a camera and an hour, each made from the one before; but camera_flows and matches from tracks."""

STAGES: Mapping[str, tuple[str, ...]] = {
    "frames": ("raw_frames", *TRUTH, *ACCOUNTS, "coverage"),
    "vision": ("detections", "crops", "features"),
    "tracking": ("tracks", "passages", "camera_flows"),
    "matching": ("matches",),
    "hours": ("journeys",),
    "days": (*FIGURES, "evaluation"),
}
"""Job -> its tables, of campaigns that have them. The first three are of a camera group, the fourth of all cameras of an hour."""

CAMERA_HOURS = "camera_hours"
"""The job of the first four stages in one run: what a campaign of one group takes on one machine, where to begin a run and to
load a model anew costs more than it would gain."""
OF_CAMERA_HOURS = ("frames", "vision", "tracking", "matching")
