"""What passes from one camera to the next: in truth, and as the pipeline matched it."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cctview_pipeline.evaluate.reading import CameraResults, microseconds, read, strings
from cctview_pipeline.lake import Lake

CameraPair = tuple[str, str]
"""From a camera to its neighbour."""


@dataclass(frozen=True)
class Transition:
    """A vehicle that was counted at two neighbouring cameras, one right after the other. arrived: when it passed the
    second, us since 1970; passed_s: from passing one pole to passing the other."""

    vehicle: str
    way: CameraPair
    arrived: int
    passed_s: float


@dataclass(frozen=True, kw_only=True)
class AssignedMatch:
    """A chosen match. vehicle: the one that both its tracks are identified as, else None; arrived: when it passed the second
    camera, us since 1970; passed_s: from passing one camera to passing the other, in the middle of what each sees;
    poles_s: what that makes of the way between the poles, at the same speed, where it is known how far from them that is."""

    way: CameraPair
    arrived: int
    passed_s: float
    poles_s: float
    probability: float
    vehicle: str | None


def true_transitions(lake: Lake, cameras: list[CameraResults], ways: list[CameraPair], hours: list[datetime]) -> list[Transition]:
    """Vehicles whose passages follow each other at neighbouring cameras, on one carriageway."""
    columns = ["vehicle_id", "camera_id", "passed_at", "carriageway"]
    table = pa.concat_tables(read(lake, "truth_passages", c.camera_id, hours, columns) for c in cameras)
    counted = {c.camera_id: set(c.truth.vehicle[c.truth.counted].tolist()) for c in cameras}
    table = table.sort_by([("vehicle_id", "ascending"), ("passed_at", "ascending")])
    passed = microseconds(table["passed_at"])
    vehicle, carriageway = strings(table["vehicle_id"]), strings(table["carriageway"])
    camera, known = table["camera_id"].to_pylist(), set(ways)
    follows = np.flatnonzero((vehicle[1:] == vehicle[:-1]) & (carriageway[1:] == carriageway[:-1])) + 1
    found = []
    for i in follows:
        way, name = (camera[i - 1], camera[i]), str(vehicle[i])
        if way in known and name in counted[way[0]] and name in counted[way[1]]:
            found.append(Transition(name, way, int(passed[i]), (passed[i] - passed[i - 1]) / 1e6))
    return found


def assigned_matches(
    lake: Lake, cameras: list[CameraResults], ways: list[CameraPair], hours: list[datetime]
) -> list[AssignedMatch]:
    """Chosen matches between evaluated cameras; those with a track of an hour that is not evaluated are left out."""
    campaign = lake.campaign()
    assert campaign is not None  # it has matches
    metres = {way: campaign.camera(way[0]).distance_m(campaign.camera(way[1])) for way in ways}
    by_id, known, found = {camera.camera_id: camera for camera in cameras}, set(ways), []
    columns = ["query_track_id", "gallery_track_id", "gallery_camera_id", "probability", "assigned"]
    for camera in cameras:
        table = read(lake, "matches", camera.camera_id, hours, columns)
        for row in table.filter(pc.field("assigned")).to_pylist():
            source = by_id.get(row["gallery_camera_id"])
            if source is None or (source.camera_id, camera.camera_id) not in known:
                continue
            query, gallery = camera.tracks.index.get(row["query_track_id"]), source.tracks.index.get(row["gallery_track_id"])
            if query is None or gallery is None:
                continue
            arrived, left = camera.tracks.passed[query], source.tracks.passed[gallery]
            way, seconds = (source.camera_id, camera.camera_id), (arrived - left) / 1e6
            longer = camera.tracks.beyond_m[query] - source.tracks.beyond_m[gallery]
            share = metres[way] / (metres[way] + longer) if longer > -metres[way] / 2 else 1.0
            same = camera.tracks.vehicle[query] == source.tracks.vehicle[gallery]
            found.append(
                AssignedMatch(
                    way=way,
                    arrived=int(arrived),
                    passed_s=seconds,
                    poles_s=seconds * share,
                    probability=row["probability"],
                    vehicle=camera.tracks.vehicle[query] if same else None,
                )
            )
    return found


def name_of(way: CameraPair) -> str:
    """A way as a scope: ``city-1 to city-2``."""
    return f"{way[0]} to {way[1]}"
