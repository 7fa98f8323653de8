"""What was seen of a camera's time, and why not the rest."""

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest

from cctview_pipeline.collect.coverage import Shown, coverage, look_at
from cctview_pipeline.images import encode_jpeg
from cctview_pipeline.lake.marts import STATES
from cctview_pipeline.lake.schemas import schema_of
from cctview_pipeline_tests.factories.archive import HOUR_17

NOTHING = {table: schema_of(table).empty_table() for table in ("camera_status", "gaps", "rejected_frames")}


def frames_at(seconds) -> pa.Table:
    times = [HOUR_17 + timedelta(seconds=float(each)) for each in seconds]
    kind = pa.timestamp("us", tz="UTC")
    return pa.table(
        {"captured_at": pa.array(times, kind), "fetched_at": pa.array([t + timedelta(seconds=1) for t in times], kind)}
    )


def quarters(seconds, same=None, views=None, **told) -> list[dict]:
    seconds = np.asarray(seconds, float)
    shown = Shown(np.zeros(len(seconds), int) if views is None else views, np.zeros(len(seconds), bool) if same is None else same)
    rows = coverage("cam-1", HOUR_17, frames_at(seconds), shown, NOTHING | told).to_pylist()
    for row in rows:
        assert sum(row[f"{state}_s"] for state in STATES) == pytest.approx(900, abs=0.01)
    return rows


def stretch(table: str, column: str, what: str, begin: float, end: float) -> pa.Table:
    times = {"began_at": HOUR_17 + timedelta(seconds=begin), "ended_at": HOUR_17 + timedelta(seconds=end)}
    return pa.Table.from_pylist([{"camera_id": "cam-1", column: what, "detail": "", **times}], schema_of(table))


def files(reason: str, seconds) -> pa.Table:
    rows = [
        {"name": "x", "reason": reason, "detail": "", "sha256": "", "fetched_at": HOUR_17 + timedelta(seconds=float(s))}
        for s in seconds
    ]
    return pa.Table.from_pylist(rows, schema_of("rejected_frames"))


EVERY_TWO = np.arange(1, 3600, 2)


def test_a_camera_that_sends_all_the_time_is_covered():
    rows = quarters(EVERY_TWO)
    assert [row["coverage"] for row in rows] == [1, 1, 1, 1]
    assert [row["frames"] for row in rows] == [450, 450, 450, 450]
    assert rows[0]["frames_per_s"] == pytest.approx(0.5)
    assert (rows[0]["lag_p50_s"], rows[0]["longest_gap_s"]) == (pytest.approx(1), 0)


def test_one_missing_frame_is_no_gap_and_ten_seconds_are():
    rows = quarters([at for at in EVERY_TWO if at != 101 and not 200 < at < 210])
    assert rows[0]["no_frames_s"] == pytest.approx(12, abs=0.2)
    assert rows[0]["longest_gap_s"] == pytest.approx(12, abs=0.2)
    assert rows[1]["coverage"] == 1


def test_without_frames_nothing_is_covered():
    assert [row["no_frames_s"] for row in quarters([])] == [900] * 4
    assert quarters([])[0]["frames_per_s"] is None


def test_a_camera_that_starts_within_a_quarter_is_covered_from_then():
    rows = quarters(EVERY_TWO[EVERY_TWO >= 1350])
    assert [row["coverage"] for row in rows] == [0, pytest.approx(0.5, abs=0.002), 1, 1]


def test_the_reason_of_a_gap_is_the_collectors():
    rows = quarters([at for at in EVERY_TWO if not 900 <= at < 1500], gaps=stretch("gaps", "reason", "offline", 899, 1501))
    assert rows[1]["offline_s"] == pytest.approx(600, abs=2)
    assert rows[1]["no_frames_s"] == 0


@pytest.mark.parametrize(("state", "column"), [("frozen", "frozen_s"), ("moved", "moved_s")])
def test_frames_of_a_frozen_or_turning_camera_cover_nothing(state, column):
    rows = quarters(EVERY_TWO, camera_status=stretch("camera_status", "state", state, 900, 1350))
    assert rows[1][column] == pytest.approx(450, abs=1)
    assert rows[1]["coverage"] == pytest.approx(0.5, abs=0.01)


def test_an_archives_files_that_are_the_same_again_are_a_frozen_camera():
    """They were set aside, and nobody else says so."""
    rows = quarters(EVERY_TWO[EVERY_TWO < 900], rejected_frames=files("duplicate", EVERY_TWO[EVERY_TWO > 900]))
    assert rows[0]["coverage"] == pytest.approx(1, abs=0.005)
    assert [row["frozen_s"] for row in rows[1:]] == [pytest.approx(900, abs=3)] * 3


def test_one_picture_encoded_anew_for_half_a_minute_is_frozen_and_for_ten_seconds_is_not():
    same = ((EVERY_TWO > 100) & (EVERY_TWO <= 140)) | ((EVERY_TWO > 1000) & (EVERY_TWO <= 1010))
    rows = quarters(EVERY_TWO, same=same)
    assert rows[0]["frozen_s"] == pytest.approx(40, abs=3)
    assert rows[1]["frozen_s"] == 0


def test_a_turned_camera_shows_two_views():
    views = (EVERY_TWO > 1000).astype(int)
    assert [row["views"] for row in quarters(EVERY_TWO, views=views)] == [1, 2, 1, 1]


def test_a_slow_camera_is_covered_by_its_own_period():
    assert [row["coverage"] for row in quarters(np.arange(30, 3600, 60))] == [1, 1, 1, 1]


def test_looking_at_frames_finds_the_same_picture_encoded_anew():
    """Noise of a living picture first, then one picture at two qualities."""
    random = np.random.default_rng(0)
    still = random.integers(0, 255, (240, 352, 3), np.uint8)
    alive = [encode_jpeg(random.integers(0, 255, (240, 352, 3), np.uint8)) for _ in range(4)]
    pictures = [*alive, *(encode_jpeg(still, quality=quality) for quality in (90, 91, 90, 91))]
    frames = frames_at(np.arange(len(pictures)) * 6.0)
    frames = frames.append_column("jpeg", pa.array(pictures, pa.binary()))
    for name, value in (("width", 352), ("height", 240)):
        frames = frames.append_column(name, pa.array([value] * len(pictures), pa.int16()))
    frames = frames.append_column("frame_id", pa.array([str(number) for number in range(len(pictures))]))
    assert look_at(frames).same.tolist() == [False] * 5 + [True] * 3
