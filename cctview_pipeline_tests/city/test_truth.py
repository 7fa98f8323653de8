"""The truth tables against the frames, the traffic and each other."""

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from cctview_pipeline.city.corridor import NORTHBOUND, SOUTHBOUND
from cctview_pipeline.city.mounts import HEIGHT, WIDTH
from cctview_pipeline.city.network import START
from cctview_pipeline.city.traffic import vehicle_id
from cctview_pipeline.city.truth import boxes_table, in_stored_frames, sight
from cctview_pipeline.city.vehicles import KINDS
from cctview_pipeline.evaluate.truth import counts
from cctview_pipeline.lake.schemas import schema_of

CAMERAS = ["city-2", "city-4"]
"""One looks north, one south."""


@pytest.fixture(params=CAMERAS)
def camera(request) -> str:
    return request.param


@pytest.fixture
def boxes(camera, truth) -> pa.Table:
    return truth(camera)


@pytest.fixture
def passages(camera, network) -> pa.Table:
    return network.truth_passages(camera, START)


def corners(table: pa.Table) -> np.ndarray:
    return np.stack([table[name].to_numpy() for name in ("x1", "y1", "x2", "y2")], axis=1)


def seconds(column: pa.ChunkedArray) -> np.ndarray:
    return column.cast(pa.int64()).to_numpy() / 1e6


def test_tables_have_their_schemas_even_without_rows(boxes, passages):
    assert boxes.schema.equals(schema_of("truth_boxes"))
    assert passages.schema.equals(schema_of("truth_passages"))
    assert boxes_table("city-1", []).schema.equals(schema_of("truth_boxes"))
    assert not any(column.null_count for table in (boxes, passages) for column in table.columns)


def test_every_box_is_inside_the_frame_and_visible(boxes):
    box, fraction = corners(boxes), boxes["visible_fraction"].to_numpy()
    assert (box[:, :2] >= 0).all()
    assert (box[:, 2] <= WIDTH).all()
    assert (box[:, 3] <= HEIGHT).all()
    assert (box[:, 0] < box[:, 2]).all()
    assert (box[:, 1] < box[:, 3]).all()
    assert ((fraction > 0) & (fraction <= 1)).all()
    assert np.mean(fraction > 0.95) > 0.2


def test_every_row_belongs_to_a_frame_and_a_vehicle_is_in_a_frame_once(boxes, camera, network):
    shots = {shot.captured_at for shot in network.shots(camera, START)}
    assert set(boxes["captured_at"].to_pylist()) <= shots
    assert boxes.group_by(["frame_id"]).aggregate([("captured_at", "count_distinct")])[
        "captured_at_count_distinct"
    ].unique().to_pylist() == [1]
    assert boxes.group_by(["frame_id", "vehicle_id"]).aggregate([]).num_rows == boxes.num_rows
    assert boxes["camera_id"].unique().to_pylist() == [camera]


def test_a_vehicle_keeps_its_kind_label_and_carriageway(boxes):
    for name in ("kind", "label", "carriageway"):
        assert boxes.group_by(["vehicle_id", name]).aggregate([]).num_rows == len(boxes["vehicle_id"].unique())
    labels = {kind.name: kind.label for kind in KINDS}
    assert [labels[kind] for kind in boxes["kind"].to_pylist()] == boxes["label"].to_pylist()
    assert set(boxes["carriageway"].unique().to_pylist()) == {"N", "S"}


def test_the_rows_of_one_frame_are_those_of_the_hour(boxes, camera, network):
    shot = network.shots(camera, START)[40]
    _, alone = network.picture_and_truth(camera, shot)
    assert alone.equals(
        boxes.filter(pc.equal(boxes["captured_at"], pa.scalar(shot.captured_at, boxes["captured_at"].type))).combine_chunks()
    )


def test_vehicles_are_unique_in_the_traffic_at_every_moment(network):
    traffic = network.traffic(START)
    for second in (0.0, 31.3, 200.75, 500.1):
        now = traffic.at(second)
        assert len(set(now.vehicle.tolist())) == len(now.vehicle)


def test_vehicles_pass_when_the_traffic_says_they_are_at_the_pole(passages, camera, network):
    traffic, mount = network.traffic(START), network.mount(camera)
    number = {vehicle_id(vehicle): vehicle for vehicle in np.unique(traffic.vehicle)}
    assert passages.num_rows > 200
    for row in passages.slice(0, 150).to_pylist():
        times, places, _ = traffic.path(number[row["vehicle_id"]])
        south = row["carriageway"] == "S"
        low, high = sight(mount, SOUTHBOUND if south else NORTHBOUND)

        def place(name: str, times=times, places=places, row=row) -> float:
            return float(np.interp((row[name] - traffic.begin).total_seconds(), times, places))

        assert place("passed_at") == pytest.approx(mount.s, abs=0.5)
        assert place("entered_at") == pytest.approx(low if south else high, abs=0.5)
        assert place("left_at") == pytest.approx(high if south else low, abs=0.5)
        took = (row["left_at"] - row["entered_at"]).total_seconds()
        assert row["speed_kmh"] == pytest.approx(3.6 * (high - low) / took, rel=1e-3)


def test_passages_are_of_what_is_collected_and_nobody_passes_twice(passages, network):
    passed = passages["passed_at"].to_pylist()
    assert all(network.begin <= moment < network.end for moment in passed)
    assert passed == sorted(passed)
    assert len(passages["vehicle_id"].unique()) == passages.num_rows
    assert pc.all(pc.less(passages["entered_at"], passages["left_at"])).as_py()
    assert 20 < np.median(passages["speed_kmh"].to_numpy()) < 90


def test_a_camera_sees_one_side_of_its_pole(passages, camera, network):
    """Who drives the way that the camera looks is seen after it passed the pole, who comes towards it before."""
    mount = network.mount(camera)
    away = "S" if mount.ahead > 0 else "N"
    passed, entered, left = (seconds(passages[name]) for name in ("passed_at", "entered_at", "left_at"))
    goes_away = np.array(passages["carriageway"].to_pylist()) == away
    assert (entered[goes_away] > passed[goes_away]).all()
    assert (left[~goes_away] < passed[~goes_away]).all()


def test_counted_boxes_lie_between_entering_and_leaving(boxes, passages, camera, network):
    """A vehicle of a passage is counted in most frames from entered_at to left_at, and a car hardly ever outside of them.

    What is higher than a car is large enough farther away.
    """
    counted = boxes.filter(pa.array(counts(corners(boxes), boxes["visible_fraction"].to_numpy())))
    shots = np.array([shot.captured_at.timestamp() for shot in network.shots(camera, START)])
    begin, end = network.begin.timestamp() + 30, network.end.timestamp() - 30
    spans = {
        vehicle: (entered, left)
        for vehicle, entered, left in zip(
            passages["vehicle_id"].to_pylist(), seconds(passages["entered_at"]), seconds(passages["left_at"]), strict=True
        )
        if entered > begin and left < end
    }
    assert len(spans) > 200
    rows = zip(*(counted[name].to_pylist() for name in ("vehicle_id", "kind")), seconds(counted["captured_at"]), strict=True)
    seen = [(vehicle, kind in ("car", "suv"), time) for vehicle, kind, time in rows if vehicle in spans]
    outside = [(not spans[vehicle][0] - 3 <= time <= spans[vehicle][1] + 3, car) for vehicle, car, time in seen]
    assert np.mean([out for out, _ in outside]) < 0.12
    assert np.mean([out for out, car in outside if car]) < 0.01
    inside = sum(spans[vehicle][0] <= time <= spans[vehicle][1] for vehicle, _, time in seen)
    expected = sum(np.count_nonzero((shots >= entered) & (shots <= left)) for entered, left in spans.values())
    assert inside / expected > 0.5
    assert len({vehicle for vehicle, *_ in seen}) > 0.9 * len(spans), "hardly anybody passes unseen"


def test_boxes_move_with_their_vehicles(boxes):
    """A box's middle moves less than a third of the picture while its vehicle drives for two seconds, and never not at all."""
    vehicle, time, box = boxes["vehicle_id"].to_numpy(), seconds(boxes["captured_at"]), corners(boxes)
    order = np.lexsort((time, vehicle))
    a, b = order[:-1], order[1:]
    gap = time[b] - time[a]
    whole = boxes["visible_fraction"].to_numpy() > 0.9
    near = (vehicle[a] == vehicle[b]) & (gap < 2) & whole[a] & whole[b]
    middle = (box[:, :2] + box[:, 2:]) / 2
    moved = np.linalg.norm(middle[b] - middle[a], axis=1)[near]
    assert len(moved) > 300
    assert moved.max() < 200
    assert np.mean(moved > 0.5) > 0.95


def test_an_hour_that_is_not_collected_has_no_truth(network):
    assert network.truth_boxes("city-2", START + timedelta(hours=1)).num_rows == 0


def test_truth_is_in_pixels_of_the_frames_as_they_were_stored(boxes):
    names = boxes["frame_id"].unique().to_pylist()
    first = names[0]

    def frames(of_first: tuple[int, int]) -> pa.Table:
        sizes = [of_first if name == first else (WIDTH, HEIGHT) for name in names]
        return pa.table({"frame_id": names, "width": [w for w, _ in sizes], "height": [h for _, h in sizes]})

    assert in_stored_frames(boxes, frames((WIDTH, HEIGHT))) is boxes
    small = in_stored_frames(boxes, frames((WIDTH // 2, HEIGHT // 3)))
    mine = np.array([name == first for name in boxes["frame_id"].to_pylist()])
    assert small.schema.equals(boxes.schema)
    np.testing.assert_allclose(corners(small)[mine], corners(boxes)[mine] * [1 / 2, 1 / 3, 1 / 2, 1 / 3], rtol=1e-6)
    assert (corners(small)[~mine] == corners(boxes)[~mine]).all()
