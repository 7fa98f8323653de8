"""A corridor as engineers draw it: straightened, metres along it, cameras in their order."""

import itertools
from dataclasses import dataclass
from datetime import datetime, timedelta

from cctview_pipeline.campaign import Camera, Campaign
from cctview_pipeline.match.gate import heading

USUAL_KMH = 60.0
"""Where nothing was timed."""
WAYS = {"N": "northbound", "S": "southbound", "E": "eastbound", "W": "westbound"}


@dataclass(frozen=True)
class Road:
    """cameras: in order; metres: of each from the first, along the great circles between them."""

    name: str
    cameras: tuple[Camera, ...]
    metres: tuple[float, ...]

    @property
    def ids(self) -> list[str]:
        return [camera.id for camera in self.cameras]

    @property
    def length(self) -> float:
        return self.metres[-1]

    def at(self, camera: str) -> float:
        return self.metres[self.ids.index(camera)]

    def part(self, first: int, last: int) -> "Road":
        """Of the cameras from one place to another, exclusive."""
        return Road(self.name, self.cameras[first:last], tuple(each - self.metres[first] for each in self.metres[first:last]))

    def ways(self) -> dict[str, list[Camera]]:
        """Carriageway -> cameras in the order in which its traffic passes them."""
        if len(self.cameras) < 2 or not self.cameras[0].faces:
            return {}
        there, back = (heading(one, other) for one, other in (self.cameras[:2], self.cameras[1::-1]))
        return {there: list(self.cameras), back: list(self.cameras[::-1])}

    def shifts(self, way: str, camera: str, at: datetime, times: "list[dict]") -> dict[str, timedelta]:
        """Camera -> how much later, or earlier, what passes ``camera`` passes it: by the pace that was measured at the time, from
        passage to passage, and at 60 km/h where none was. times: rows of travel_times."""
        order = [each.id for each in self.ways().get(way, [])]
        if camera not in order:
            return {}
        along, total = [0.0], 0.0
        for one, other in itertools.pairwise(order):
            total += abs(self.at(other) - self.at(one)) / (pace(one, other, at, times) or USUAL_KMH / 3.6)
            along.append(total)
        here = along[order.index(camera)]
        return {each: timedelta(seconds=passed - here) for each, passed in zip(order, along, strict=True)}


def pace(one: str, other: str, at: datetime, times: "list[dict]") -> float | None:
    """Metres a second, of the quarter of an hour that is nearest."""
    known = [row for row in times if (row["from_camera_id"], row["to_camera_id"]) == (one, other) and row["median_s"]]
    nearest = min(known, key=lambda row: abs(row["began_at"] - at), default=None)
    return nearest["metres"] / nearest["median_s"] if nearest else None


def roads(campaign: Campaign) -> list[Road]:
    """Every corridor of the campaign, by name."""
    ordered = sorted(campaign.cameras, key=lambda camera: (camera.corridor, camera.order))
    found = []
    for name, group in itertools.groupby(ordered, key=lambda camera: camera.corridor):
        cameras = tuple(group)
        steps = (one.distance_m(other) for one, other in itertools.pairwise(cameras))
        found.append(Road(name, cameras, tuple(itertools.accumulate(steps, initial=0.0))))
    return found


def road_of(campaign: Campaign, camera: str) -> Road:
    """The road that a camera stands at."""
    return next(road for road in roads(campaign) if camera in road.ids)
