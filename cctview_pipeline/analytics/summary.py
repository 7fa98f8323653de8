"""What a lake holds, for a person at a terminal or a program."""

from dataclasses import asdict, dataclass, field
from datetime import datetime
from importlib.resources import files
from typing import Any

from rich.table import Table

from cctview_pipeline.analytics.warehouse import connect
from cctview_pipeline.lake import Lake
from cctview_pipeline.lake.layout import format_hour

_TRAVEL = """
SELECT from_camera_id AS "from", to_camera_id AS "to", sum(vehicles)::INT AS vehicles,
       (sum(vehicles * median_s) / sum(vehicles))::FLOAT AS usual_s,
       (sum(vehicles * space_mean_kmh) / sum(vehicles))::FLOAT AS kmh,
       (sum(vehicles * mean_probability) / sum(vehicles))::FLOAT AS mean_probability
FROM travel_times WHERE median_s IS NOT NULL AND to_camera_id IN $cameras AND strftime(began_at, '%Y-%m-%dT%H') IN $hours
GROUP BY ALL ORDER BY ALL
"""
_JOURNEYS = """
SELECT count(*)::INT AS journeys, count(*) FILTER (cameras > 1)::INT AS over_two_or_more_cameras,
       coalesce(max(cameras), 0)::INT AS most_cameras
FROM (SELECT journey_id, count(DISTINCT camera_id) AS cameras FROM journeys WHERE hour IN $hours GROUP BY ALL)
"""
_REJECTED = """
SELECT camera, reason, count(*)::INT AS frames, min(name) AS example, arg_min(detail, name) AS detail
FROM rejected_frames WHERE camera IN $cameras AND hour IN $hours GROUP BY ALL ORDER BY ALL
"""


@dataclass(frozen=True)
class Summary:
    """cameras: a dict of counts each; travel: a dict a pair of neighbours, once their day has figures; usual_s: its quarters'
    medians, by vehicles; journeys: counts; rejected: a dict a camera and
    reason."""

    cameras: list[dict[str, Any]]
    travel: list[dict[str, Any]]
    journeys: dict[str, int]
    rejected: list[dict[str, Any]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def empty(self) -> bool:
        return not any(row["frames"] or row["rejected"] for row in self.cameras)

    def sentences(self) -> list[str]:
        """What was set aside and why, and the cameras of which nothing is left."""
        told = [
            f"Set aside of {row['camera']}: {row['frames']:,} {row['reason']}, such as {row['example']}: {row['detail']}"
            for row in self.rejected
        ]
        return told + [
            f"No picture of {row['camera']} could be used: all {row['rejected']:,} were set aside."
            for row in self.cameras
            if row["rejected"] and not row["frames"]
        ]

    def tables(self) -> list[Table]:
        """For a terminal: one table of cameras, one of the ways between them."""
        counts = ("frames", "rejected", "detections", "crops", "tracks", "passages", "matched")
        shown = {"detections": "boxes", "passages": "passed"}  # so that it fits into 80 columns
        cameras = Table("camera", *(shown.get(name, name) for name in counts), title="Cameras")
        for column in cameras.columns[1:]:
            column.justify = "right"
        for row in self.cameras:
            cameras.add_row(row["camera"], *(f"{row[name]:,}" for name in counts))
        cameras.add_section()
        cameras.add_row("all", *(f"{sum(row[name] for row in self.cameras):,}" for name in counts))
        if alone := [f"{row['camera']} ({row['sightings']:,} sightings)" for row in self.cameras if row["sightings"]]:
            cameras.caption = f"Frames came too seldom to follow vehicles, or to count them: {', '.join(alone)}."
        travel = Table("from", "to", "vehicles", "usual time", "km/h", "probability", title="Between neighbouring cameras")
        for column in travel.columns[2:]:
            column.justify = "right"
        for row in self.travel:
            figures = f"{row['usual_s']:.0f} s", f"{row['kmh']:.0f}", f"{row['mean_probability']:.2f}"
            travel.add_row(row["from"], row["to"], f"{row['vehicles']:,}", *figures)
        return [cameras, travel]


def summarise(lake: Lake, cameras: list[str], hours: list[datetime]) -> Summary:
    """Count what the lake holds for cameras and hours."""
    chosen = {"cameras": cameras, "hours": [format_hour(hour) for hour in hours]}
    with connect(lake) as database:
        by_camera = database.execute(files(__package__).joinpath("summary.sql").read_text(), chosen).to_arrow_table().to_pylist()
        travel = database.execute(_TRAVEL, chosen).to_arrow_table().to_pylist()
        journeys = database.execute(_JOURNEYS, {"hours": chosen["hours"]}).to_arrow_table().to_pylist()[0]
        rejected = database.execute(_REJECTED, chosen).to_arrow_table().to_pylist()
    by_camera.sort(key=lambda row: cameras.index(row["camera"]))
    return Summary(by_camera, travel, journeys, rejected)
