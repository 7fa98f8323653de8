"""One campaign and one hour with cameras of different sizes, one of which changes its size in the middle."""

import os
from dataclasses import replace
from unittest import mock

import dagster as dg
import numpy as np
import pytest

from cctview_pipeline.automation.instance import prepare_home
from cctview_pipeline.backfill.select import Asked, choose
from cctview_pipeline.boxes import pairwise_iou
from cctview_pipeline.detect.detections import VEHICLES
from cctview_pipeline.evaluate.truth import MIN_VISIBLE, shorter_side
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline_tests.factories.cities import RUSH
from cctview_pipeline_tests.factories.command import Workplace
from cctview_pipeline_tests.factories.jobs import run_all

pytestmark = pytest.mark.slow
CAMERAS = ("city-1", "city-2", "city-3")
SETTINGS = {"seed": 1003, "minutes": 2, "sizes": ["320x240:city-1", "1280x720:city-3"], "faults": ["resized:city-2"]}
STORED = {"city-1": {(320, 240)}, "city-2": {(352, 240), (704, 480)}, "city-3": {(1280, 720)}}
WIDE = {"largest_side": 1920}
"""Pictures are stored as large as they come."""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lake, dict]:
    """The lake, and what the detections' metadata say, by camera."""
    place = Workplace(tmp_path_factory.mktemp("sizes"))
    lake = Lake(str(place.lake))
    campaign = choose(lake, Asked(network="city", cameras=list(CAMERAS), begin=RUSH, settings=SETTINGS)).campaign
    lake.write_campaign(replace(campaign, privacy=WIDE))
    with mock.patch.dict(os.environ, place.environment):
        prepare_home()
        with dg.DagsterInstance.get() as instance:
            run_all(lake, instance)
            records = instance.fetch_materializations(dg.AssetKey("detections"), limit=10).records
            told = {str(each.partition_key).split("|")[0]: each.asset_materialization.metadata for each in records}
    return lake, told


def of(camera: str) -> Partition:
    return Partition.camera_hour(camera, RUSH)


@pytest.mark.parametrize("camera", CAMERAS)
def test_frames_and_their_detections_have_their_own_size(finished, camera):
    lake, _ = finished
    frames, found = lake.read("raw_frames", of(camera)), lake.read("detections", of(camera))
    assert set(zip(frames["width"].to_pylist(), frames["height"].to_pylist(), strict=True)) == STORED[camera]
    assert set(zip(found["frame_width"].to_pylist(), found["frame_height"].to_pylist(), strict=True)) == STORED[camera]


@pytest.mark.parametrize("camera", CAMERAS)
def test_vehicles_are_found_at_every_size(finished, camera):
    """Of those that are 12 px where a picture is 352 wide, and mostly to be seen."""
    lake, _ = finished
    frames, found, truth = (lake.read(name, of(camera)).to_pandas() for name in ("raw_frames", "detections", "truth_boxes"))
    wide = dict(zip(frames.frame_id, frames.width, strict=True))
    truth = truth[truth.label.isin(VEHICLES) & (truth.visible_fraction > 2 * MIN_VISIBLE) & truth.frame_id.isin(frames.frame_id)]
    found = found[found.label.isin(VEHICLES) & (found.score >= 0.5)]
    hits: dict[int, list[bool]] = {}
    for frame, rows in truth.groupby("frame_id"):
        boxes = rows[["x1", "y1", "x2", "y2"]].to_numpy()
        large = boxes[shorter_side(boxes) >= 12 * wide[frame] / 352]
        overlaps = pairwise_iou(large, found[found.frame_id == frame][["x1", "y1", "x2", "y2"]].to_numpy())
        hits.setdefault(wide[frame], []).extend((overlaps.max(1, initial=0) >= 0.5).tolist())
    for width, each in hits.items():
        assert len(each) > 50, width
        assert np.mean(each) > 0.8, (width, np.mean(each))


def test_how_they_were_looked_at_is_written_down(finished):
    _, told = finished
    said = {camera: told[camera]["looked_at"].value for camera in CAMERAS}
    assert said["city-1"] == ["320x240 at 1.5"]
    assert sorted(each.split(" ")[0] for each in said["city-2"]) == ["352x240", "704x480"]
    assert "352x240 at 1.36" in said["city-2"]
    assert said["city-3"] != ["1280x720 at 1"], "as it is, the vehicles that are near would be missed"
    assert told["city-3"]["looked_at_pixels"].value["1280x720"] == 1280 * 720 / 2, "at 0.707"


def test_tracks_go_on_where_the_size_changes(finished):
    lake, _ = finished
    tracks = lake.read("tracks", of("city-2"))
    width = {row["detection_id"]: row["frame_width"] for row in lake.read("detections", of("city-2")).to_pylist()}
    assert len(set(tracks["view"].to_pylist())) == 1, "it shows the same, only larger"
    assert any(len({width[each] for each in ids}) == 2 for ids in tracks["detection_ids"].to_pylist())


def test_every_camera_counts_about_as_many_as_passed(finished):
    lake, _ = finished
    for camera in CAMERAS:
        counted, true = (lake.read(name, of(camera)).num_rows for name in ("passages", "truth_passages"))
        assert counted == pytest.approx(true, rel=0.35, abs=6), camera
