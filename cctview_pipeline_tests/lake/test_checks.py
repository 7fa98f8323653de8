"""Every check of every table, once on rows that hold it and once on rows that don't."""

from datetime import timedelta

import pyarrow as pa
import pytest

from cctview_pipeline.lake.checks import CHECKS, failures
from cctview_pipeline.lake.marts import BY_DAY
from cctview_pipeline.lake.schemas import TABLES, schema_of
from cctview_pipeline_tests.factories.archive import HOUR_17
from cctview_pipeline_tests.factories.tables import DETECTION, EARLIER, FRAME, SOUTH, TRACK, partition_of, rows

NEXT_HOUR = HOUR_17 + timedelta(hours=1)
OTHER = DETECTION.replace("--1--", "--2--")
OTHER_MODEL = {"detection_id": OTHER, "model": "extractor@2"}

HALF_PAST = HOUR_17 + timedelta(minutes=30)
INPUTS = {
    "raw_frames": {},
    "rejected_frames": {},
    "camera_status": {},
    "gaps": {},
    "detections": {"raw_frames": rows("raw_frames", {})},
    "labels": {"raw_frames": rows("raw_frames", {})},
    "crops": {"vehicles": rows("detections", {}, {"detection_id": OTHER})},
    "features": {"crops": rows("crops", {}, {"detection_id": OTHER})},
    "tracks": {"features": rows("features", {}, {"detection_id": OTHER})},
    "passages": {"tracks": rows("tracks", {}, {"track_id": EARLIER})},
    "vehicles_in_view": {},
    "camera_flows": {},
    "movements_seen": {},
    "queues_seen": {},
    "matches": {"tracks": rows("tracks", {})},
    "match_evidence": {},
    "verdicts": {},
    "journeys": {"tracks": rows("tracks", {})},
    "coverage": {},
    **{spec.name: {} for spec in BY_DAY},
    "truth_boxes": {"raw_frames": rows("raw_frames", {})},
    "truth_passages": {},
    "truth_movements": {},
    "evaluation": {},
}
UNSEEN = {"status": "no_data", "vehicles": None}
GOOD = {
    "raw_frames": rows("raw_frames", {}, {"frame_id": "f2", "captured_at": NEXT_HOUR - timedelta(microseconds=1)}),
    "rejected_frames": rows("rejected_frames", {}, {"reason": "duplicate"}),
    "camera_status": rows("camera_status", {"ended_at": HALF_PAST}, {"began_at": HALF_PAST, "state": "offline"}),
    "gaps": rows("gaps", {}, {"began_at": HALF_PAST, "ended_at": NEXT_HOUR}),
    "detections": rows("detections", {}, {"detection_id": OTHER, "x1": 0.0, "y1": 0.0, "x2": 352.0, "y2": 240.0}),
    "labels": rows("labels", {}, {"role": "object", "label": "car", "x1": 10.0}, {"role": "ignored", "x2": 9.0}),
    "crops": rows("crops", {}, {"detection_id": OTHER}),
    "features": rows("features", {}, {"detection_id": OTHER}),
    "tracks": rows("tracks", {"first_seen": HOUR_17}),
    "passages": rows("passages", {}, {"track_id": EARLIER, "track_ids": [EARLIER], "passed_at": HOUR_17}),
    "vehicles_in_view": rows("vehicles_in_view", {}, {"carriageway": "S", "dwell_s": None}),
    "camera_flows": rows("camera_flows", {}, {"exit": "W"}),
    "movements_seen": rows("movements_seen", {}, {"label": "bus", "followed": 0.0, "shared": 0.0}),
    "queues_seen": rows("queues_seen", {}, {"approach": "S"}),
    "matches": rows("matches", {}, {"gallery_track_id": "another", "implied_speed_kmh": 200.0}),
    "match_evidence": rows("match_evidence", {}, {"gallery_track_id": "other"}),
    "verdicts": rows("verdicts", {}, {"said_by": "ben"}, {"gallery_track_id": None, "verdict": "none"}),
    "journeys": rows("journeys", {}),
    "coverage": rows("coverage", {}, {"began_at": HALF_PAST}),
    "bins": rows("bins", {}, {"began_at": HALF_PAST}),
    "anomalies": rows("anomalies", {}, {}),
    "vehicle_counts": rows("vehicle_counts", {}, {"carriageway": "S"}, {"label": "bus"}),
    "flows": rows("flows", {}, {"began_at": HALF_PAST} | UNSEEN),
    "turning_movements": rows("turning_movements", {}, {"exit": "W"}, {"label": "bus"} | UNSEEN),
    "approach_queues": rows("approach_queues", {}, {"approach": "S"}),
    "speeds": rows("speeds", {}, {"carriageway": "S"} | UNSEEN),
    "travel_times": rows("travel_times", {}, {"began_at": NEXT_HOUR} | UNSEEN),
    "corridor_speeds": rows("corridor_speeds", {}, {"began_at": NEXT_HOUR} | UNSEEN),
    "reliability": rows("reliability", {}, {"period": "pm"}),
    "corridor_od": rows("corridor_od", {}, {"origin": "cam-9"}),
    "segment_performance": rows("segment_performance", {}, {"began_at": NEXT_HOUR}),
    "data_quality": rows("data_quality", {}, {"camera_id": SOUTH.id}),
    "throughput": rows("throughput", {}, {"began_at": NEXT_HOUR}),
    "truth_boxes": rows("truth_boxes", {}, {"vehicle_id": "v2", "x1": 0.0, "y1": 0.0, "x2": 352.0, "y2": 240.0}),
    "truth_passages": rows("truth_passages", {}, {"vehicle_id": "v2"}),
    "truth_movements": rows("truth_movements", {}, {"exit": "S", "turn": "through", "queue_m": None}),
    "evaluation": rows("evaluation", {}, {"scope": "cam-1"}),
}
BAD = [
    ("raw_frames", "unique_ids", rows("raw_frames", {}, {}), f"{FRAME} stands 2 times."),
    ("raw_frames", "masked", rows("raw_frames", {"masked_by": ""}), f"1 were not masked, such as {FRAME}."),
    ("raw_frames", "times_inside_partition", rows("raw_frames", {"captured_at": NEXT_HOUR}), "1 rows lie outside, the first at "),
    ("camera_status", "unique_ids", rows("camera_status", {}, {}), "2020-05-05 17:00:00"),
    ("camera_status", "whole_hour", rows("camera_status", {"ended_at": HALF_PAST}), "Nothing is told from 17:30:00 on."),
    ("camera_status", "whole_hour", rows("camera_status", {"began_at": HALF_PAST}), "Nothing is told from 17:00:00 on."),
    ("camera_status", "whole_hour", rows("camera_status"), "Nothing is told from 17:00:00 on."),
    ("gaps", "unique_ids", rows("gaps", {}, {}), "2020-05-05 17:00:02"),
    ("gaps", "some_time", rows("gaps", {"ended_at": HOUR_17}), "One at 2020-05-05 17:00:02"),
    ("detections", "unique_ids", rows("detections", {}, {}), f"{DETECTION} stands 2 times."),
    (
        "detections",
        "times_inside_partition",
        rows("detections", {"captured_at": HOUR_17 - timedelta(microseconds=1)}),
        "1 rows lie outside, the first at ",
    ),
    ("detections", "frames_exist", rows("detections", {"frame_id": "f9"}), "1 are unknown, such as f9."),
    ("detections", "boxes_inside_frame", rows("detections", {"x1": -0.5}), f"1 leave their frame, such as {DETECTION}."),
    ("detections", "boxes_inside_frame", rows("detections", {"x2": 352.5}), "1 leave their frame"),
    ("detections", "boxes_inside_frame", rows("detections", {"y2": 240.5}), "1 leave their frame"),
    ("detections", "boxes_inside_frame", rows("detections", {"x2": 100.0}), "1 leave their frame"),
    (
        "detections",
        "boxes_inside_frame",
        rows("detections", {}, {"detection_id": OTHER, "y1": float("nan")}),
        f"such as {OTHER}.",
    ),
    ("labels", "times_inside_partition", rows("labels", {"captured_at": NEXT_HOUR}), "1 rows lie outside"),
    ("labels", "frames_exist", rows("labels", {"frame_id": "f9"}), "1 are unknown, such as f9."),
    (
        "labels",
        "boxes_inside_frame",
        rows("labels", {}, {"role": "object", "x2": 352.5}),
        f"1 leave their frame, such as {FRAME}.",
    ),
    ("labels", "one_frame_row_each", rows("labels", {"role": "object"}), "0 rows say so of 1 frames."),
    ("labels", "one_frame_row_each", rows("labels", {}, {}), "2 rows say so of 1 frames."),
    ("crops", "unique_ids", rows("crops", {}, {}), f"{DETECTION} stands 2 times."),
    ("crops", "one_crop_each", rows("crops", {}), "2 were due, 1 came, 1 are missing."),
    ("crops", "one_crop_each", rows("crops", {}, {"detection_id": "x"}), "2 were due, 2 came, 1 are missing."),
    ("crops", "one_crop_each", rows("crops", *({"detection_id": d} for d in (DETECTION, OTHER, "x"))), "2 were due, 3 came"),
    ("features", "unique_ids", rows("features", {}, {}), f"{DETECTION} stands 2 times."),
    ("features", "one_embedding_each", rows("features", {}), "2 were due, 1 came, 1 are missing."),
    (
        "features",
        "finite_embeddings",
        rows("features", {"embedding": [float("inf"), float("nan"), 0, 1]}),
        "2 numbers are not finite",
    ),
    ("features", "one_model", rows("features", {}, OTHER_MODEL), "It mixes extractor@1, extractor@2."),
    ("passages", "unique_ids", rows("passages", {}, {"track_ids": [EARLIER]}), f"{TRACK} stands 2 times."),
    ("passages", "times_inside_partition", rows("passages", {"passed_at": NEXT_HOUR}), "1 rows lie outside"),
    ("passages", "tracks_exist", rows("passages", {"track_ids": [TRACK, "x"]}), "1 are unknown, such as x."),
    (
        "passages",
        "one_vehicle_a_track",
        rows("passages", {"track_ids": [TRACK, EARLIER]}, {"track_id": EARLIER}),
        "a piece of 2.",
    ),
    ("vehicles_in_view", "unique_ids", rows("vehicles_in_view", {}, {}), "N stands 2 times."),
    ("vehicles_in_view", "possible", rows("vehicles_in_view", {"dwell_s": 0.0}), "N at "),
    ("camera_flows", "unique_ids", rows("camera_flows", {}, {}), "352x240 stands 2 times."),
    ("camera_flows", "ways", rows("camera_flows", {"path_x": [1.0]}), "That from N to S has none."),
    ("movements_seen", "unique_ids", rows("movements_seen", {}, {}), "352x240 stands 2 times."),
    ("movements_seen", "not_fewer", rows("movements_seen", {"shared": 2.0}), "From N to S are 2.0 of 3.0."),
    ("queues_seen", "unique_ids", rows("queues_seen", {}, {}), "352x240 stands 2 times."),
    ("tracks", "unique_ids", rows("tracks", {}, {}), f"{TRACK} stands 2 times."),
    ("tracks", "times_inside_partition", rows("tracks", {"first_seen": NEXT_HOUR}), "1 rows lie outside"),
    ("tracks", "detections_exist", rows("tracks", {"detection_ids": [DETECTION, "x"]}), "1 are unknown, such as x."),
    (
        "tracks",
        "one_detection_a_frame",
        rows("tracks", {"detection_ids": [DETECTION, OTHER]}),
        f"{TRACK} has two detections in one frame.",
    ),
    ("matches", "unique_ids", rows("matches", {}, {}), f"{TRACK} stands 2 times."),
    ("matches", "tracks_exist", rows("matches", {"query_track_id": "x"}), "1 are unknown, such as x."),
    ("matches", "plausible_speed", rows("matches", {"implied_speed_kmh": 201.0}), "One implies 201 km/h."),
    ("matches", "plausible_speed", rows("matches", {"implied_speed_kmh": float("inf")}), "One implies inf km/h."),
    ("match_evidence", "unique_ids", rows("match_evidence", {}, {}), f"{TRACK} stands 2 times."),
    ("verdicts", "unique_ids", rows("verdicts", {}, {"why": "after all"}), f"{TRACK} stands 2 times."),
    ("journeys", "unique_ids", rows("journeys", {}, {}), f"{TRACK} stands 2 times."),
    ("journeys", "tracks_exist", rows("journeys", {"track_id": "x"}), "1 are unknown, such as x."),
    (
        "journeys",
        "one_place_at_a_time",
        rows("journeys", {}, {"leg": 1, "track_id": "t2", "entered_at": HOUR_17 + timedelta(seconds=7)}),
        "is at two cameras at once.",
    ),
    ("coverage", "unique_ids", rows("coverage", {}, {}), "stands 2 times."),
    ("coverage", "times_inside_partition", rows("coverage", {"began_at": NEXT_HOUR}), "1 rows lie outside"),
    ("coverage", "whole_quarters", rows("coverage", {"missed_s": 1.0}), "add up to 901.0."),
    *(
        (spec.name, "unique_ids", rows(spec.name, {}, {}), "stands 2 times.")
        for spec in BY_DAY
        if any(check.name == "unique_ids" for check in CHECKS[spec.name])
    ),
    *(
        (name, "zero_is_no_null", rows(name, wrong), "1 rows are wrong, such as that of 2020-05-05")
        for name in ("vehicle_counts", "flows", "turning_movements", "speeds", "travel_times", "corridor_speeds")
        for wrong in ({"vehicles": None}, {"status": "no_data"})
    ),
    ("truth_boxes", "unique_ids", rows("truth_boxes", {}, {}), f"{FRAME} stands 2 times."),
    ("truth_boxes", "times_inside_partition", rows("truth_boxes", {"captured_at": NEXT_HOUR}), "1 rows lie outside"),
    ("truth_boxes", "frames_exist", rows("truth_boxes", {"frame_id": "f9"}), "1 are unknown, such as f9."),
    ("truth_boxes", "boxes_inside_frame", rows("truth_boxes", {"x2": 352.5}), "1 leave their frame, such as v20200505-00001."),
    ("truth_passages", "unique_ids", rows("truth_passages", {}, {}), "v20200505-00001 stands 2 times."),
    ("truth_passages", "times_inside_partition", rows("truth_passages", {"passed_at": NEXT_HOUR}), "1 rows lie outside"),
    ("truth_movements", "times_inside_partition", rows("truth_movements", {"crossed_at": NEXT_HOUR}), "1 rows lie outside"),
    ("evaluation", "unique_ids", rows("evaluation", {}, {}), "detection stands 2 times."),
]


@pytest.mark.parametrize("table", CHECKS)
def test_good_rows_pass_every_check(table):
    assert failures(table, GOOD[table], INPUTS[table], partition_of(table)) == {}


BAD += [
    (t, "schema", rows(t, {}).drop_columns(TABLES[t].schema.names[:1]), f"missing ['{TABLES[t].schema.names[0]}']")
    for t in CHECKS
]


@pytest.mark.parametrize(("table", "check", "found", "sentence"), BAD)
def test_bad_rows_fail_their_check_with_a_sentence(table, check, found, sentence):
    failed = failures(table, found, INPUTS[table], partition_of(table))
    assert check in failed
    assert sentence in failed[check]


def test_every_check_has_a_bad_example():
    assert {(table, check) for table, check, *_ in BAD} == {(t, check.name) for t, checks in CHECKS.items() for check in checks}


@pytest.mark.parametrize("table", sorted(set(CHECKS) - {"camera_status"}))
def test_tables_without_rows_pass(table):
    inputs: dict[str, pa.Table] = {name: given.slice(0, 0) for name, given in INPUTS[table].items()}
    assert failures(table, schema_of(table).empty_table(), inputs, partition_of(table)) == {}


@pytest.mark.parametrize("table", CHECKS)
def test_every_check_says_what_must_hold(table):
    for check in CHECKS[table]:
        assert check.description.endswith(".")
    names = [check.name for check in CHECKS[table]]
    assert len(set(names)) == len(names)
