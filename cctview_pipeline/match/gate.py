"""Which earlier tracks could be the same vehicle at all: where it came from, and how long the way takes."""

from dataclasses import dataclass

import numpy as np

from cctview_pipeline.campaign import Camera, Campaign

SLOWEST_KMH, MAX_SPEED_KMH = 5.0, 130.0
SIGHT_M = 100.0
"""A camera sees so much of its road: from where it loses a vehicle to where the next camera finds it can be less far than from
camera to camera, by twice as much where the two face each other."""

MAX_DURATION_S = 3600.0
"""A match of (c, h) reads hours h-1 and h, so no way may take longer than an hour."""


@dataclass(frozen=True)
class Edge:
    """From a camera to its neighbour along the road, for the traffic of one carriageway.

    metres: along the great circle, so an implied speed is a lower bound and the fastest allowed one is safe.
    """

    source: Camera
    target: Camera
    carriageway: str
    metres: float

    @property
    def shortest_s(self) -> float:
        return max(self.metres - 2 * SIGHT_M, 0.0) / (MAX_SPEED_KMH / 3.6)

    @property
    def longest_s(self) -> float:
        return min(MAX_DURATION_S, self.metres / (SLOWEST_KMH / 3.6))

    def admits(self, gaps: np.ndarray, passing: np.ndarray) -> np.ndarray:
        """gaps: s between a track's end at the source and one's beginning at the target; passing: s between when the two were in
        the middle of the cameras' sights, which can be a third nearer to each other than the cameras -> bool."""
        quickest = self.metres / (1.5 * MAX_SPEED_KMH / 3.6)
        return (gaps >= self.shortest_s) & (gaps <= self.longest_s) & (passing >= quickest)

    def speed_kmh(self, seconds: np.ndarray) -> np.ndarray:
        """Of so many seconds between passing the two cameras."""
        return self.metres / seconds * 3.6


def edges_into(campaign: Campaign, camera_id: str) -> list[Edge]:
    """Where a camera's vehicles come from: for each neighbour the carriageway that leads from it to the camera."""
    target = campaign.camera(camera_id)
    return [Edge(c, target, heading(c, target), c.distance_m(target)) for c in campaign.neighbours(camera_id)]


def edges(campaign: Campaign) -> list[Edge]:
    """All ways between neighbouring cameras, in both directions."""
    return [edge for camera in campaign.cameras for edge in edges_into(campaign, camera.id)]


def heading(source: Camera, target: Camera) -> str:
    """The carriageway's letter: the compass direction, of the two that the cameras of the corridor look along, that
    leads from source to target."""
    if source.faces in ("north", "south"):
        return "N" if target.latitude > source.latitude else "S"
    return "E" if target.longitude > source.longitude else "W"
