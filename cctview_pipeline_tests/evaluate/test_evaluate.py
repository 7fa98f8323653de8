"""The whole yardstick on a made road: perfect results are perfect, and each damage moves what it should."""

from datetime import timedelta

import pytest

from cctview_pipeline.errors import CctviewError
from cctview_pipeline.evaluate import evaluate
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline_tests.factories.archive import HOUR_17
from cctview_pipeline_tests.factories.known_road import (
    CAMERAS,
    FRAMES,
    GAP_S,
    STEP_S,
    THRESHOLD,
    Driver,
    MadeRoad,
    damaged,
    make_road,
    measure,
)
from cctview_pipeline_tests.factories.tables import campaign, rows

PERFECT = {
    "detection": {"AP50": 1, "precision": 1, "recall": 1},
    "tracking": {"HOTA": 1, "DetA": 1, "AssA": 1, "IDF1": 1, "IDP": 1, "IDR": 1, "ID_switches": 0},
    "reidentification": {"rank-1": 1, "rank-5": 1, "mAP": 1, "queries_without_match": 0},
    "journeys": {"IDF1": 1, "IDP": 1, "IDR": 1, "MTMC_IDF1": 1, "MTMC_IDP": 1, "MTMC_IDR": 1, "match_precision": 1}
    | {"match_recall": 1, "mean_probability": 1, "Brier": 0},
    "counts": {"true_vehicles": 8, "counted_vehicles": 8, "relative_error_percent": 0},
    "labels": {"right": 1, "mean_probability": 0.9},
    "speeds": {"mean_error_kmh": 0, "bias_kmh": 0, "within_error": 1},
    "travel_times": {"median_error_s": 0, "median_error_percent": 0, "cell_error_s": 0},
}
FROM_POLE_TO_POLE_S = GAP_S + (FRAMES - 1) * STEP_S
MTMC = {("journeys", f"MTMC_{name}") for name in ("IDF1", "IDP", "IDR")}
IDENTITY = {(subject, name) for subject in ("tracking", "journeys") for name in ("IDF1", "IDP", "IDR")} | MTMC
HOTA = {("tracking", name) for name in ("HOTA", "DetA", "AssA")}


@pytest.fixture
def lake(tmp_path) -> Lake:
    return Lake(str(tmp_path / "lake"))


@pytest.fixture
def road() -> MadeRoad:
    """Four vehicles, two each way: 32 true boxes, 8 tracks, 4 transitions."""
    return make_road(Driver(1), Driver(2, 20, label="bus"), Driver(3, 0, south=False), Driver(4, 40, south=False))


def test_perfect_results_are_perfect(lake, road):
    found = measure(lake, road)
    for subject, metrics in PERFECT.items():
        for metric, value in metrics.items():
            assert (metric, found.value(subject, metric)) == (metric, pytest.approx(value, abs=1e-6))
    assert found.value("detection", "AP50", "12-24 px") == 1
    assert found.value("travel_times", "median_true_s", "cam-1 to cam-2") == FROM_POLE_TO_POLE_S
    assert found.value("counts", "counted_vehicles", "cam-1 S") == 2


def test_what_is_not_there_is_none_and_not_nought(lake, road):
    rows = {(row.subject, row.metric, row.scope): row for row in measure(lake, road).rows}
    for scope in ("truck", "over 24 px"):
        assert (rows["detection", "AP50", scope].value, rows["detection", "AP50", scope].support) == (None, 0)
    assert (rows["detection", "AP50", "bus"].value, rows["detection", "AP50", "bus"].support) == (1, 8)


def test_missed_box(lake, road):
    """The first of vehicle 1's four boxes at cam-2, whose track becomes shorter: 31 of 32 hits."""

    def miss(road: MadeRoad) -> None:
        gone = road.detections.pop(("v1", "cam-2", 0))["detection_id"]
        road.tracks["v1", "cam-2"]["detection_ids"].remove(gone)

    moved = damaged(lake, road, miss)
    precise = {key for key in IDENTITY if key[1].endswith("IDP")}
    assert set(moved) == (IDENTITY - precise) | HOTA | {("detection", "AP50"), ("detection", "recall")}
    assert moved["detection", "recall"][1] == pytest.approx(31 / 32)
    assert moved["detection", "AP50"][1] == pytest.approx(31 / 32)
    assert moved["tracking", "DetA"][1] == pytest.approx(31 / 32)
    assert moved["tracking", "AssA"][1] == pytest.approx((28 * 1 + 3 * 3 / 4) / 31)
    assert moved["tracking", "IDF1"][1] == pytest.approx(2 * 31 / 63)
    assert moved["journeys", "IDR"][1] == pytest.approx(31 / 32)


def test_false_box_in_no_track(lake, road):
    """At the best score, so that it stands first on the curve: precision 32 of 33, and all of the way down to it."""

    def invent(road: MadeRoad) -> None:
        at = road.truth["v1", "cam-1", 0]["captured_at"]
        road.detect("false", "cam-1", at, (300.0, 200.0, 340.0, 230.0), score=0.95)

    moved = damaged(lake, road, invent)
    assert set(moved) == {("detection", "AP50"), ("detection", "precision")}
    assert moved["detection", "AP50"][1] == pytest.approx(32 / 33)
    assert moved["detection", "precision"][1] == pytest.approx(32 / 33)


def test_false_box_below_the_threshold_is_seen_by_ap_alone(lake, road):
    def invent(road: MadeRoad) -> None:
        for row in road.detections.values():
            row["score"] = 0.4 if row["label"] == "bus" else 0.9
        at = road.truth["v1", "cam-1", 0]["captured_at"]
        road.detect("false", "cam-1", at, (300.0, 200.0, 340.0, 230.0), score=0.45)

    moved = damaged(lake, road, invent)
    assert set(moved) == {("detection", "AP50"), ("detection", "recall")}
    assert moved["detection", "AP50"][1] == pytest.approx(24 / 32 + 8 / 32 * 32 / 33)
    assert moved["detection", "recall"][1] == pytest.approx(24 / 32)


def test_false_track_is_counted(lake, road):
    def invent(road: MadeRoad) -> None:
        at = road.truth["v1", "cam-1", 0]["captured_at"]
        false = road.detect("false", "cam-1", at, (300.0, 200.0, 340.0, 230.0), score=0.6)
        road.tracks["false", "cam-1"] = {"track_id": "false", "camera_id": "cam-1", "detection_ids": [false], "first_seen": at}
        road.looks[false] = [0.0] * 16
        road.passed["false", "cam-1"] = {"track_id": "false", "track_ids": ["false"], "camera_id": "cam-1", "passed_at": at}

    moved = damaged(lake, road, invent)
    assert moved["counts", "counted_vehicles"] == (8, 9)
    assert moved["counts", "relative_error_percent"][1] == pytest.approx(100 / 8)
    assert moved["tracking", "IDP"][1] == pytest.approx(32 / 33)
    assert moved["journeys", "IDP"][1] == pytest.approx(32 / 33)
    assert not MTMC & set(moved)  # in no journey over two cameras
    assert {subject for subject, _ in moved} == {"detection", "tracking", "journeys", "counts"}


def test_ids_swapped_half_way(lake):
    """Two vehicles side by side at cam-1: 2 + 2 boxes are on the wrong track, which no longer is anyone's majority."""
    road = make_road(Driver(1), Driver(2))

    def swap(road: MadeRoad) -> None:
        first, second = road.tracks["v1", "cam-1"], road.tracks["v2", "cam-1"]
        a, b = first["detection_ids"], second["detection_ids"]
        first["detection_ids"], second["detection_ids"] = a[:2] + b[2:], b[:2] + a[2:]

    moved = damaged(lake, road, swap)
    assert moved["tracking", "ID_switches"] == (0, 2)
    assert moved["tracking", "IDF1"][1] == pytest.approx(12 / 16)
    assert moved["tracking", "AssA"][1] == pytest.approx((8 * 1 + 8 * 2 / 6) / 16)
    assert moved["tracking", "HOTA"][1] == pytest.approx(((8 + 8 / 3) / 16) ** 0.5)
    assert moved["journeys", "IDF1"][1] == pytest.approx(12 / 16)
    assert not {("tracking", "DetA"), ("detection", "AP50")} & set(moved)
    assert not [key for key in moved if key[0] in ("counts", "travel_times")]


def test_wrong_match(lake):
    """Two vehicles whose matches are exchanged; their journeys are left as they are."""
    road = make_road(Driver(1), Driver(2, 20), Driver(3, 40), Driver(4, 60))

    def exchange(road: MadeRoad) -> None:
        first, second = road.matches["v1", "cam-2"], road.matches["v2", "cam-2"]
        first["gallery_track_id"], second["gallery_track_id"] = second["gallery_track_id"], first["gallery_track_id"]
        for row in road.matches.values():
            row["probability"] = 0.8

    moved = damaged(lake, road, exchange)
    names = {("journeys", name) for name in ("match_precision", "match_recall", "mean_probability", "Brier")}
    assert set(moved) == names | {("calibration", "ECE")}
    assert moved["calibration", "ECE"][1] == pytest.approx(0.3)
    assert moved["journeys", "match_precision"][1] == moved["journeys", "match_recall"][1] == 0.5
    assert moved["journeys", "mean_probability"][1] == pytest.approx(0.8)
    assert moved["journeys", "Brier"][1] == pytest.approx((2 * 0.04 + 2 * 0.64) / 4)


def test_broken_journey(lake, road):
    """Vehicle 1's second leg stands in a journey of its own: of its 8 boxes 4 go with the one, 4 with the other."""

    def cut(road: MadeRoad) -> None:
        road.journeys["v1", "cam-2"]["journey_id"] = "another"

    moved = damaged(lake, road, cut)
    assert set(moved) == {("journeys", name) for name in ("IDF1", "IDP", "IDR")} | MTMC - {("journeys", "MTMC_IDP")}
    assert moved["journeys", "IDF1"][1] == pytest.approx(28 / 32)
    assert moved["journeys", "MTMC_IDR"][1] == pytest.approx(24 / 32)  # both parts are in one camera only: not asked


def test_vehicle_at_one_camera_is_no_part_of_mtmc(lake):
    road = make_road(Driver(1), Driver(2, 20, cameras=1))
    rows = {(row.metric, row.scope): row.support for row in measure(lake, road).rows if row.subject == "journeys"}
    assert (rows["IDF1", "all"], rows["MTMC_IDF1", "all"]) == (12, 8)


def test_shifted_times(lake, road):
    """Everybody passes the second camera ten seconds late."""

    def shift(road: MadeRoad) -> None:
        for key in road.matches:
            road.passed[key]["passed_at"] += timedelta(seconds=10)

    moved = damaged(lake, road, shift)
    assert set(moved) == {("travel_times", name) for name in ("median_error_s", "median_error_percent", "cell_error_s")}
    assert moved["travel_times", "median_error_s"][1] == moved["travel_times", "cell_error_s"][1] == pytest.approx(10)
    assert moved["travel_times", "median_error_percent"][1] == pytest.approx(100 * 10 / FROM_POLE_TO_POLE_S)


def test_way_from_line_to_line_is_brought_to_the_poles(lake):
    """The second camera looks as far ahead as the poles are apart, and tells so: the way is twice as long, and takes so long."""
    road = make_road(Driver(1), Driver(2, 20))
    metres = campaign().camera("cam-1").distance_m(campaign().camera("cam-2"))
    for row in road.passed.values():
        far = row["camera_id"] == "cam-2"
        row["beyond_m"] = metres if far else 0.0
        row["passed_at"] += timedelta(seconds=FROM_POLE_TO_POLE_S * far)
    assert measure(lake, road).value("travel_times", "median_error_s") == pytest.approx(0, abs=1e-3)


def test_count_in_the_wrong_quarter(lake):
    """Of twenty vehicles in a quarter that was seen to its end, five are counted a quarter later."""
    road = make_road(*(Driver(number, 30 * number, cameras=1) for number in range(20)))
    road.frames |= {HOUR_17 + timedelta(seconds=5 * i) for i in range(360)}

    def late(road: MadeRoad) -> None:
        for number in range(5):
            road.passed[f"v{number}", "cam-1"]["passed_at"] += timedelta(minutes=15)

    moved = damaged(lake, road, late)
    assert moved["counts", "median_error_percent"][1] == pytest.approx(25)
    flows = [(4 * 20, 4 * 15), (0, 4 * 5)]
    wanted = sum((2 * (m - c) ** 2 / (m + c)) ** 0.5 for c, m in flows) / 2
    assert moved["counts", "GEH_quarter"][1] == pytest.approx(wanted, rel=0.02)
    assert ("counts", "relative_error_percent") not in moved


def test_bus_that_is_called_a_truck(lake, road):
    def mistake(road: MadeRoad) -> None:
        road.passed["v2", "cam-1"]["label"] = "truck"

    moved = damaged(lake, road, mistake)
    assert set(moved) == {("labels", "right")}
    found = measure(lake, road)
    assert [found.value("labels", name, "bus") for name in ("true_share", "counted_share", "said_truck")] == [0.25, 0.125, 0.5]


def test_second_counter_is_measured_beside(lake, road):
    """Eight vehicle-seconds, of two seconds each, are four vehicles; two passed."""
    road.write(lake)
    view = {"camera_id": "cam-1", "carriageway": "S", "began_at": HOUR_17, "vehicle_s": 8.0, "dwell_s": 2.0}
    lake.write("vehicles_in_view", Partition.camera_hour("cam-1", HOUR_17), rows("vehicles_in_view", view))
    assert evaluate(lake, CAMERAS, [HOUR_17], THRESHOLD).value("in_view", "relative_error_percent") == 100


def test_embedding_of_another_vehicle(lake, road):
    """Vehicle 1 looks like vehicle 2 at cam-2: each of them comes second, after a tie that the id decides."""

    def disguise(road: MadeRoad) -> None:
        for frame in range(4):
            road.looks[road.detections["v1", "cam-2", frame]["detection_id"]] = road.looks[
                road.detections["v2", "cam-2", frame]["detection_id"]
            ]

    moved = damaged(lake, road, disguise)
    assert {subject for subject, _ in moved} == {"reidentification"}
    assert moved["reidentification", "rank-1"][1] < 1


def test_queries_without_a_match_are_counted_apart(lake):
    road = make_road(Driver(1), Driver(2, 20, cameras=1), Driver(3, 40, cameras=1))
    found = measure(lake, road)
    assert found.value("reidentification", "rank-1") == 1
    assert found.value("reidentification", "queries_without_match", "cam-1 against cam-2") == 2
    assert found.value("reidentification", "queries_without_match", "cam-2 against cam-1") == 0


@pytest.mark.parametrize("ghost", [Driver(9, size=(20, 7)), Driver(9, visible=0.29)], ids=["small", "hidden"])
def test_ignored_vehicle_makes_no_difference(lake, road, ghost):
    """Neither that it is there, nor that it is detected and tracked; but it has passed, and that is to be counted."""
    figures = lambda road: [row for row in measure(lake, road).rows if row.subject not in ("counts", "labels")]  # noqa: E731
    before = figures(road)
    other = make_road(Driver(1), Driver(2, 20, label="bus"), Driver(3, 0, south=False), Driver(4, 40, south=False), ghost)
    assert figures(other) == before
    assert measure(lake, other).value("counts", "relative_error_percent") == pytest.approx(-20)
    at = other.truth["v9", "cam-1", 0]
    box = tuple(at[name] for name in ("x1", "y1", "x2", "y2"))
    found = other.detect("ghost", "cam-1", at["captured_at"], box)
    other.looks[found] = [0.0] * 16
    other.tracks["v9", "cam-1"] = {
        "track_id": "g",
        "camera_id": "cam-1",
        "detection_ids": [found],
        "first_seen": at["captured_at"],
    }
    assert figures(other) == before


def test_nothing_found_at_all(lake, road):
    for table in (road.detections, road.tracks, road.passed, road.matches, road.journeys, road.looks):
        table.clear()
    found = measure(lake, road)
    assert [found.value("detection", name) for name in ("AP50", "recall", "precision")] == [0, 0, None]
    assert [found.value("tracking", name) for name in ("HOTA", "IDF1", "IDP")] == [0, 0, None]
    assert [found.value("journeys", name) for name in ("IDF1", "match_recall", "match_precision")] == [0, None, None]
    assert found.value("counts", "relative_error_percent") == -100
    assert found.value("reidentification", "rank-1") is None
    assert found.value("travel_times", "median_error_s") is None


def test_nothing_there_at_all(lake):
    road = MadeRoad(frames={HOUR_17, HOUR_17 + timedelta(seconds=2)})
    assert {(row.value, row.support) for row in measure(lake, road).rows} == {(None, 0)}


def test_no_frame_at_all(lake):
    assert {row.value for row in measure(lake, MadeRoad()).rows} == {None}


def test_truth_of_frames_that_never_arrived_is_not_asked_for(lake):
    road = make_road(Driver(1), Driver(2, 100, cameras=1))
    lost = {road.truth["v2", "cam-1", frame]["captured_at"] for frame in range(4)}
    for key in [key for key, row in road.detections.items() if row["captured_at"] in lost]:
        del road.detections[key]
    del road.tracks["v2", "cam-1"], road.passed["v2", "cam-1"]
    road.frames -= lost
    found = measure(lake, road)
    assert (found.value("detection", "recall"), found.value("counts", "true_vehicles")) == (1, 2)


def test_people_in_the_truth_are_nobody_to_be_found(lake):
    road = make_road(Driver(1), Driver(2, 100))
    plain = measure(lake, road)
    for frame in range(4):
        seen = road.truth["v1", "cam-1", frame]
        road.truth["person-1", "cam-1", frame] = seen | {"vehicle_id": "person-1", "label": "person", "kind": "person"}
    assert measure(lake, road).as_dict() == plain.as_dict()


@pytest.mark.parametrize("table", ["truth_boxes", "truth_passages"])
def test_missing_truth_is_refused(lake, road, table):
    road.write(lake, leave_out=(table,))
    with pytest.raises(CctviewError, match=rf"no {table} of cam-1 2020-05-05T17\. Only the synthetic city"):
        evaluate(lake, CAMERAS, [HOUR_17], THRESHOLD)


@pytest.mark.parametrize("table", ["raw_frames", "detections", "features", "tracks", "passages", "matches", "journeys"])
def test_missing_results_are_refused(lake, road, table):
    road.write(lake, leave_out=(table,))
    with pytest.raises(CctviewError, match=rf"no {table} of .*backfill that hour"):
        evaluate(lake, CAMERAS, [HOUR_17], THRESHOLD)


def test_empty_lake_and_unknown_camera_are_refused(lake):
    with pytest.raises(CctviewError, match="is empty"):
        evaluate(lake, CAMERAS, [HOUR_17], THRESHOLD)
    lake.write_campaign(campaign())
    with pytest.raises(CctviewError, match="not in this campaign"):
        evaluate(lake, ["cam-9"], [HOUR_17], THRESHOLD)
    with pytest.raises(CctviewError, match="nothing to evaluate"):
        evaluate(lake, CAMERAS, [], THRESHOLD)
