"""Days are partitions of the lake and nothing else: vehicles pass midnight as they pass any hour."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from cctview_pipeline.assets import pictures
from cctview_pipeline.campaign import HOUR
from cctview_pipeline.definitions import build_definitions
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.partitions import to_key
from cctview_pipeline.resources.keys import open_keys
from cctview_pipeline_tests.factories.tables import campaign
from cctview_pipeline_tests.factories.traffic import DrivenCar, drive

MIDNIGHT = datetime(2020, 5, 5, tzinfo=UTC)
TAKES_S = 84.0
"""From the first camera to the second."""


@pytest.fixture
def driven(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """75 cars at two cameras, five minutes before and five after midnight, up to their features."""
    lake = Lake(str(tmp_path / "lake"))
    lake.write_campaign(campaign(start=MIDNIGHT - HOUR, end=MIDNIGHT + HOUR))
    hours = {MIDNIGHT - HOUR: (MIDNIGHT - timedelta(seconds=300), 0.0), MIDNIGHT: (MIDNIGHT, 300.0)}
    for camera, later in (("cam-1", 0.0), ("cam-2", TAKES_S)):
        cars = [DrivenCar(i, 6.1 * i + later, away=False) for i in range(75)]
        for hour, (begin, second) in hours.items():
            made = drive(cars, 300, begin, second, camera=camera)
            tables = made.tables() | {"features": made.features}
            for name in ("raw_frames", "detections", "features"):
                lake.write(name, Partition.camera_hour(camera, hour), tables[name])
    monkeypatch.setenv("CCTVIEW_LAKE", lake.uri)
    monkeypatch.setenv("CCTVIEW_KEYS", str(tmp_path / "keys"))
    monkeypatch.setattr(pictures, "MAX_PICTURES", 0)
    return lake


def test_tracks_and_matches_go_on_over_midnight(driven: Lake):
    for camera, hour in (("cam-1", MIDNIGHT - HOUR), ("cam-2", MIDNIGHT - HOUR), ("cam-1", MIDNIGHT), ("cam-2", MIDNIGHT)):
        make(driven, "tracks", Partition.camera_hour(camera, hour))
    last = Partition.camera_hour("cam-2", MIDNIGHT)
    make(driven, "matches", last)
    assert all(open_keys(driven.uri).existing(day) for day in (MIDNIGHT.date(), (MIDNIGHT - HOUR).date())), "to name them by"
    assert any(driven.read("tracks", last)["continues"].to_pylist())
    matched = [row["gallery_track_id"] for row in driven.read("matches", last).to_pylist() if row["assigned"]]
    across = [name for name in matched if "--2020-05-04--" in name]
    assert len(across) >= 8
    assert len(matched) - len(across) > 10


def test_no_tracks_are_made_of_a_day_whose_key_was_destroyed(driven: Lake):
    open_keys(driven.uri).destroy(MIDNIGHT.date())
    place = Partition.camera_hour("cam-1", MIDNIGHT)
    assert not make(driven, "tracks", place, fails=True)
    assert not driven.has("tracks", place)


def make(lake: Lake, table: str, place: Partition, fails: bool = False) -> bool:
    definitions = build_definitions(lake.require_campaign())
    (asset,) = (each for each in definitions.assets if dg.AssetKey(table) in each.keys)
    made = dg.materialize([asset], partition_key=to_key(place), resources=definitions.resources, raise_on_error=False)
    assert made.success != fails
    return made.success
