"""What tracks shows of itself in Dagster."""

from dataclasses import replace

import dagster as dg
import numpy as np
import pyarrow as pa
import pytest

from cctview_pipeline.automation.jobs import range_tags
from cctview_pipeline.definitions import build_definitions
from cctview_pipeline.images import encode_jpeg
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.track import pictures, tracker
from cctview_pipeline.track.flow import AWAY, TOWARDS, RoadModel
from cctview_pipeline_tests.factories.archive import HOUR_17
from cctview_pipeline_tests.factories.tables import rows
from cctview_pipeline_tests.factories.traffic import drive, two_way_traffic

CAMERA = "735-683-N"
NARROW = {"width": 232, "height": 240, "jpeg": encode_jpeg(np.zeros((240, 232, 3), np.uint8))}
"""Frames whose right edge cuts every car that drives away, where frames of 352 pixels would show it whole."""


@pytest.fixture
def narrow_hour(lake: Lake) -> Partition:
    """A camera-hour of narrow frames in the lake, tracked by nobody yet. Of a city: pictures of real cameras are not drawn."""
    lake.write_campaign(replace(lake.require_campaign(), network="city", path=None, settings={"seed": 1000, "minutes": 5}))
    place = Partition.camera_hour(CAMERA, HOUR_17)
    made = drive(two_way_traffic(), camera=CAMERA, size=(232, 240))
    times = pa.compute.unique(made.detections["captured_at"]).to_pylist()
    frames = ({"frame_id": f"{n}", "camera_id": CAMERA, "captured_at": at} | NARROW for n, at in enumerate(times))
    lake.write("raw_frames", place, rows("raw_frames", *frames))
    lake.write("detections", place, made.detections)
    lake.write("features", place, made.features)
    return place


def test_the_flow_that_is_drawn_is_the_one_that_was_used(lake: Lake, narrow_hour: Partition, monkeypatch: pytest.MonkeyPatch):
    learned: list[RoadModel] = []
    drawn: list[RoadModel] = []
    learn, plot = tracker.fit_road_model, pictures.plot_flow
    monkeypatch.setattr(tracker, "fit_road_model", lambda *given: learned.append(learn(*given)) or learned[-1])
    monkeypatch.setattr(pictures, "plot_flow", lambda image, flow: drawn.append(flow) or plot(image, flow))
    job = build_definitions(lake.require_campaign()).resolve_job_def("camera_hours")
    with dg.DagsterInstance.ephemeral() as instance:
        job.execute_in_process(
            instance=instance, tags=range_tags(narrow_hour, narrow_hour), asset_selection=[dg.AssetKey("tracks")]
        )
    assert [each.ways[AWAY] for each in drawn] == [None]
    assert drawn[0].ways[TOWARDS] is not None
    assert any(each is drawn[0] for each in learned)
