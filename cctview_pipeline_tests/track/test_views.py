"""A camera's views: boxes are compared in pixels of one size, and tracks never lead from one view into another."""

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cctview_pipeline.errors import CctviewError
from cctview_pipeline.images.size import same_shape
from cctview_pipeline.track.camera_hour import track_camera_hour
from cctview_pipeline.track.passages import passages_table
from cctview_pipeline.track.retraced import retrace
from cctview_pipeline.track.views import VIEW, reference_sizes, views
from cctview_pipeline_tests.factories.archive import HOUR_17
from cctview_pipeline_tests.factories.tables import NORTH, rows
from cctview_pipeline_tests.factories.traffic import drive, two_way_traffic

TURN = HOUR_17 + timedelta(hours=1)
NOTHING = {name: rows(name) for name in ("raw_frames", "detections", "features", "tracks", "passages")}


def column(table: pa.Table, name: str, values) -> pa.Table:
    place = table.schema.get_field_index(name)
    return table.set_column(place, table.schema.field(place), pa.array(values, table.schema.field(place).type))


def resized(tables: dict, frames: np.ndarray, size: tuple[int, int]) -> dict:
    """The same hour, some of whose frames (F,) came in another size: their boxes are in pixels of that."""
    raw, found = tables["raw_frames"], tables["detections"]
    other = set(np.array(raw["frame_id"].to_pylist())[frames].tolist())
    mine = np.isin(found["frame_id"].to_pylist(), list(other))
    for side, (name, corners) in enumerate((("width", ("x1", "x2")), ("height", ("y1", "y2")))):
        raw = column(raw, name, np.where(frames, size[side], raw[name].to_numpy()))
        scale = np.where(mine, size[side] / found[f"frame_{name}"].to_numpy(), 1)
        for corner in corners:
            found = column(found, corner, (found[corner].to_numpy() * scale).astype(np.float32))
        found = column(found, f"frame_{name}", np.where(mine, size[side], found[f"frame_{name}"].to_numpy()))
    return tables | {"raw_frames": raw, "detections": found}


def stretches(tables: dict, frames: int) -> np.ndarray:
    """(F,) bool: every other so many frames."""
    return (np.arange(tables["raw_frames"].num_rows) // frames) % 2 == 1


@pytest.mark.parametrize("size", [(704, 480), (640, 436), (176, 120)])
@pytest.mark.parametrize("frames", [1, 7])
def test_an_hour_of_two_sizes_has_the_tracks_of_one(size, frames):
    tables = drive(two_way_traffic()).tables()
    plain = track_camera_hour(NORTH, tables, NOTHING)
    mixed = track_camera_hour(NORTH, resized(tables, stretches(tables, frames), size), NOTHING)
    assert plain.tracks.num_rows == 40
    for name in ("detection_ids", "first_seen", "direction", "carriageway"):
        assert mixed.tracks[name].equals(plain.tracks[name]), name
    for name in ("entry_x", "entry_y", "exit_x", "exit_y", "speed_px_s"):
        assert mixed.tracks[name].to_pylist() == pytest.approx(plain.tracks[name].to_pylist(), abs=0.5), name
    assert len(mixed.views) == 1


@pytest.mark.parametrize("size", [(1760, 1200), (176, 120)])
def test_an_hour_of_larger_pixels_has_the_same_tracks_and_passages(size):
    """Whatever is a pixel's in a small picture, such as the noise of a box, is several in a large one."""
    made = drive(two_way_traffic(40), seconds=240)
    large = resized(made.tables(), np.ones(made.tables()["raw_frames"].num_rows, bool), size)
    plain, other = (track_camera_hour(NORTH, each, NOTHING).tracks for each in (made.tables(), large))
    assert other["detection_ids"].equals(plain["detection_ids"])
    for name in ("pace", "pace_error", "lane", "relative_size"):
        assert other[name].to_pylist() == pytest.approx(plain[name].to_pylist(), rel=1e-3, abs=1e-3), name
    assert other["speed_px_s"].to_pylist() == pytest.approx(
        [s * size[0] / 352 for s in plain["speed_px_s"].to_pylist()], rel=1e-3
    )
    times = np.unique(made.sightings.times)
    counted = [
        passages_table(NORTH, HOUR_17, retrace(tracks, detections), times, NOTHING["passages"])
        for tracks, detections in ((plain, made.detections), (other, large["detections"]))
    ]
    assert counted[1]["track_ids"].equals(counted[0]["track_ids"])
    assert counted[0].num_rows == 80


def test_boxes_are_brought_to_the_size_that_most_frames_have():
    tables = drive(two_way_traffic()).tables()
    few = np.arange(tables["raw_frames"].num_rows) < 5
    assert [view.name for view in views(resized(tables, few, (704, 480)))] == ["352x240"]
    assert [view.name for view in views(resized(tables, ~few, (704, 480)))] == ["704x480"]


def test_tracks_do_not_lead_into_a_view_of_another_shape():
    """Whatever overlaps by its pixels: the camera shows something else now."""
    tables = drive(two_way_traffic()).tables()
    late = np.arange(tables["raw_frames"].num_rows) >= 30
    turned = resized(tables, late, (352, 288))
    hour = track_camera_hour(NORTH, turned, NOTHING)
    assert [view.view.name for view in hour.views] == ["352x240", "352x288"]
    found = turned["detections"]
    size_of = dict(zip(found["detection_id"].to_pylist(), found["frame_height"].to_pylist(), strict=True))
    for row in hour.tracks.to_pylist():
        assert {f"352x{size_of[name]}" for name in row["detection_ids"]} == {row["view"]}
    assert hour.tracks["first_seen"].to_pylist() == sorted(hour.tracks["first_seen"].to_pylist())


def test_tracks_do_not_lead_into_a_view_that_the_pictures_tell_apart():
    tables = drive(two_way_traffic()).tables()
    numbers = (np.arange(tables["raw_frames"].num_rows) >= 30).astype(int)
    tables["raw_frames"] = tables["raw_frames"].append_column(VIEW, pa.array(numbers))
    hour = track_camera_hour(NORTH, tables, NOTHING)
    assert [each.view.name for each in hour.views] == ["352x240", "352x240/2"]
    number_of = dict(zip(tables["raw_frames"]["frame_id"].to_pylist(), numbers.tolist(), strict=True))
    for row in hour.tracks.to_pylist():
        shown = {number_of[name.split("--detections--")[0]] for name in row["detection_ids"]}
        assert shown == {int(row["view"].endswith("/2"))}


def test_a_track_goes_on_over_the_hours_turn_into_frames_of_another_size():
    before = drive(two_way_traffic(), seconds=100, begin=TURN - timedelta(seconds=100))
    now = drive(two_way_traffic(), seconds=100, begin=TURN, first_second=100)
    earlier, later = before.tables(), now.tables()
    plain = track_camera_hour(NORTH, later, earlier).tracks["continues"]
    every = np.ones(later["raw_frames"].num_rows, bool)
    assert plain.null_count < len(plain)
    assert track_camera_hour(NORTH, resized(later, every, (704, 480)), earlier).tracks["continues"].equals(plain)
    other = track_camera_hour(NORTH, resized(later, every, (352, 288)), earlier).tracks["continues"]
    assert other.null_count == len(other)


def test_where_frames_are_gone_the_detections_know_their_size():
    tables = drive(two_way_traffic()).tables()
    gone = tables | {"raw_frames": rows("raw_frames")}
    assert track_camera_hour(NORTH, gone, NOTHING).tracks.equals(track_camera_hour(NORTH, tables, NOTHING).tracks)


def test_an_older_partition_asks_the_frames_and_refuses_without_them():
    tables = drive(two_way_traffic()).tables()
    older = tables["detections"]
    for name in ("frame_width", "frame_height"):
        older = column(older, name, [None] * len(older))
    plain = track_camera_hour(NORTH, tables, NOTHING).tracks
    assert track_camera_hour(NORTH, tables | {"detections": older}, NOTHING).tracks.equals(plain)
    with pytest.raises(CctviewError, match="Nobody knows any more of what size the frame cam-1--"):
        track_camera_hour(NORTH, tables | {"detections": older, "raw_frames": rows("raw_frames")}, NOTHING)
    unknown = {"detections": older, "raw_frames": rows("raw_frames"), "features": tables["features"], "tracks": plain}
    assert track_camera_hour(NORTH, tables, unknown).tracks["continues"].null_count == plain.num_rows


sizes = st.tuples(st.integers(16, 2000), st.integers(16, 2000))


@given(st.lists(sizes, min_size=1, max_size=30))
def test_every_size_has_one_of_its_own_shape(given_sizes):
    found = reference_sizes(given_sizes)
    assert set(found) == set(given_sizes)
    assert all(same_shape(size, reference) and found[reference] == reference for size, reference in found.items())
