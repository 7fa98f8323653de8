"""camera_flows as Dagster makes it, with what stands beside it."""

from datetime import timedelta

import dagster as dg

from cctview_pipeline.automation.jobs import range_tags
from cctview_pipeline.definitions import build_definitions
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline_tests.factories.archive import HOUR_17
from cctview_pipeline_tests.factories.crossing import Crossing, traffic
from cctview_pipeline_tests.factories.tables import rows

CAMERA = "735-683-N"
PLACE = Partition.camera_hour(CAMERA, HOUR_17)


def made(lake: Lake, instance: dg.DagsterInstance) -> dict:
    """What Dagster says of the hour."""
    job = build_definitions(lake.require_campaign()).resolve_job_def("camera_hours")
    tags, chosen = range_tags(PLACE, PLACE), [dg.AssetKey("camera_flows")]
    done = job.execute_in_process(instance=instance, tags=tags, asset_selection=chosen, raise_on_error=False)
    (event,) = done.asset_materializations_for_node("camera_flows")
    return {name: value.value for name, value in event.metadata.items()}


def test_a_hour_of_tracks_becomes_movements_counts_and_queues(lake: Lake):
    crossing = Crossing(traffic([("N", "S"), ("S", "N"), ("N", "W")]))
    frames = ({"frame_id": f"f{at}", "captured_at": HOUR_17 + timedelta(seconds=at)} for at in range(3600))
    lake.write("raw_frames", PLACE, rows("raw_frames", *frames))
    lake.write("tracks", PLACE, crossing.tracks)
    lake.write("detections", PLACE, crossing.detections)
    with dg.DagsterInstance.ephemeral() as instance:
        said = made(lake, instance)
    assert said["verdict"] == "written"
    assert [row["turn"] for row in lake.read("camera_flows", PLACE).to_pylist()] == ["through", "right", "through"]
    assert round(sum(lake.read("movements_seen", PLACE)["followed"].to_pylist())) == 24
    assert lake.read("queues_seen", PLACE).num_rows == 2 * 4


def test_without_tracks_nothing_is_made_and_it_says_so(lake: Lake):
    with dg.DagsterInstance.ephemeral() as instance:
        said = made(lake, instance)
    assert said["verdict"] == f"not written: tracks and detections of {PLACE} were not written."
    assert not lake.has("camera_flows", PLACE)
