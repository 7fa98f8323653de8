"""A vehicle: one track, its candidates with their reasons, where it came from, and where it went."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from cctview_pipeline.campaign import HOUR, Campaign
from cctview_pipeline.ids import camera_of
from cctview_pipeline.lake import Partition
from cctview_pipeline.match.tables import EVIDENCE
from cctview_pipeline.match.verdicts import OFFERED
from cctview_pipeline.roads import RoadNetwork
from cctview_pipeline.viewer.names import Names, hour_of
from cctview_pipeline.viewer.reading import Reading

TRACK = (
    "track_id", "detection_ids", "first_seen", "last_seen", "passed_at", "carriageway", "direction", "parked", "speed_kmh",
    "speed_kmh_error", "label", "label_probability", "quality", "best_detection_id", "continues", "model",
)  # fmt: skip
CROPS = 16


@dataclass(frozen=True)
class Track:
    """A row of tracks, and the partition it stands in. name: its pseudonym, None once its day's key is gone."""

    row: Mapping
    partition: Partition
    name: str | None

    @property
    def id(self) -> str:
        return self.row["track_id"]

    @property
    def camera(self) -> str:
        return self.partition.camera

    @property
    def at(self) -> datetime:
        """When it passed, as far as that is known."""
        return self.row["passed_at"] or self.row["first_seen"]

    @property
    def crops(self) -> list[str]:
        """Some of its detections, evenly spread over its time."""
        ids = self.row["detection_ids"]
        step = max(1, math.ceil(len(ids) / CROPS))
        return ids[::step]


@dataclass(frozen=True)
class Candidate:
    """track: None where it can't be found any more; said: a row of matches; evidence: name -> logarithm, empty where it was not
    kept."""

    track: Track | None
    said: Mapping
    evidence: Mapping[str, float]


@dataclass(frozen=True)
class Ranking:
    """Of one neighbouring camera. nobody: the probability that none of them is the vehicle; unshown: candidates left out."""

    camera: str
    candidates: list[Candidate]
    nobody: float
    unshown: int

    @property
    def chosen(self) -> bool:
        return any(each.said["assigned"] for each in self.candidates)


@dataclass(frozen=True, kw_only=True)
class Leg:
    """Of a journey."""

    track: Track | None
    camera: str
    entered_at: datetime
    left_at: datetime
    speed_kmh: float | None
    probability: float
    is_this: bool


def find_track(reading: Reading, names: Names, identifier: str, partition: Partition | None = None) -> Track | None:
    """By its id, in its hour's partition, or the one beside it: a published id's second can lie beyond the hour."""
    hour = hour_of(identifier)
    near = [Partition.camera_hour(camera_of(identifier), each) for each in (hour, hour - HOUR, hour + HOUR)]
    for place in [partition] if partition else near:
        row = _row(reading, place, identifier)
        if row is not None:
            return Track(row, place, names(identifier))
    return None


def _row(reading: Reading, partition: Partition, identifier: str) -> dict | None:
    rows = reading.table("tracks", partition, TRACK)
    place = pc.index(rows["track_id"], pa.scalar(identifier)).as_py() if rows.num_rows else -1
    return {name: rows[name][place].as_py() for name in rows.column_names} if place >= 0 else None


def rankings(reading: Reading, names: Names, track: Track) -> list[Ranking]:
    """Who it may have been at the cameras before."""
    rows = _where(reading.table("matches", track.partition), "query_track_id", track.id)
    reasons = _where(reading.table("match_evidence", track.partition), "query_track_id", track.id)
    told = {row["gallery_track_id"]: {name: row[name] for name in EVIDENCE} for row in reasons}
    found = []
    for camera in dict.fromkeys(row["gallery_camera_id"] for row in rows):
        ranked = sorted((row for row in rows if row["gallery_camera_id"] == camera), key=lambda row: row["rank"])
        nobody = max(0.0, 1.0 - sum(row["probability"] for row in ranked))
        shown = [row for row in ranked if row["rank"] <= OFFERED or row["assigned"]]
        candidates = [
            Candidate(find_track(reading, names, row["gallery_track_id"]), row, told.get(row["gallery_track_id"], {}))
            for row in shown
        ]
        found.append(Ranking(camera, candidates, nobody, len(ranked) - len(shown)))
    return found


def went_to(reading: Reading, names: Names, campaign: Campaign, track: Track) -> list[Candidate]:
    """Later tracks of the neighbours that were matched with this one: the same table read the other way."""
    found = []
    for camera in RoadNetwork.of(campaign).neighbours(track.camera):
        for hour in (track.partition.begin, track.partition.begin + HOUR):
            rows = _where(reading.table("matches", Partition.camera_hour(camera.id, hour)), "gallery_track_id", track.id)
            found += [Candidate(find_track(reading, names, row["query_track_id"]), row, {}) for row in rows if row["assigned"]]
    return found


def journey(reading: Reading, names: Names, track: Track) -> list[Leg]:
    """All legs of the journey that it is part of, in order; none where journeys were not made, or are gone."""
    hours = [track.partition.begin + i * HOUR for i in (-1, 0, 1)]
    tables = reading.tables("journeys", map(Partition.of_hour, hours))
    mine = next((row["journey_id"] for table in tables for row in _where(table, "track_id", track.id)), "")
    legs = sorted((row for table in tables for row in _where(table, "journey_id", mine)), key=lambda row: row["leg"])
    return [
        Leg(
            track=find_track(reading, names, row["track_id"]),
            camera=row["camera_id"],
            entered_at=row["entered_at"],
            left_at=row["left_at"],
            speed_kmh=row["speed_kmh"],
            probability=row["probability"],
            is_this=row["track_id"] == track.id,
        )
        for row in legs
    ]


def _where(table: pa.Table, column: str, value: str) -> list[dict]:
    return table.filter(pc.equal(table[column], value)).to_pylist() if table.num_rows else []
