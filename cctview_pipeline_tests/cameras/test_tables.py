"""Merging a camera-hour with what the lake has: a run adds frames and never takes one away."""

import hashlib
from datetime import timedelta

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from cctview_pipeline.cameras.tables import frames_table, merge_frames, merge_rejected, rejected_table
from cctview_pipeline.frames import CameraHour, Frame, Rejected
from cctview_pipeline.lake.schemas import schema_of
from cctview_pipeline_tests.factories.archive import HOUR_17
from cctview_pipeline_tests.factories.tables import EXAMPLES, rows

NO_FRAMES, NO_REJECTED = (schema_of(name).empty_table() for name in ("raw_frames", "rejected_frames"))
numbers = st.sets(st.integers(0, 9))


def frames(found: set[int], jpeg: bytes = b"old") -> pa.Table:
    times = [HOUR_17 + timedelta(seconds=second) for second in sorted(found)]
    return rows("raw_frames", *({"frame_id": f"f-{t:%S}", "captured_at": t, "jpeg": jpeg} for t in times))


def rejected(found: set[int], reason: str = "truncated") -> pa.Table:
    return rows("rejected_frames", *({"name": f"f-{n:02d}--original.jpeg", "reason": reason} for n in sorted(found)))


def test_frames_and_rejected_frames_become_tables():
    example = {name: value for name, value in EXAMPLES["raw_frames"].items() if name not in ("sha256", "network")}
    frame = Frame(**example)
    refused = Rejected(name="x.jpeg", reason="wrong_name", detail="It has no time.", sha256="22" * 32, fetched_at=None)
    table, aside = frames_table(CameraHour([frame], [refused]), "archive"), rejected_table(CameraHour([frame], [refused]))
    digest = hashlib.sha256(frame.jpeg).hexdigest()
    assert table.to_pylist() == [EXAMPLES["raw_frames"] | {"sha256": digest, "network": "archive"}]
    assert aside.to_pylist() == [vars(refused)]


def test_empty_hour_becomes_empty_tables():
    nothing = CameraHour([], [])
    assert frames_table(nothing, "archive").equals(NO_FRAMES)
    assert rejected_table(nothing).equals(NO_REJECTED)


@given(numbers, numbers)
def test_merging_never_loses_a_frame(stored, found):
    merged = merge_frames(frames(stored), frames(found, b"new"))
    assert merged["captured_at"].to_pylist() == frames(stored | found)["captured_at"].to_pylist()
    now = {row["frame_id"] for row in merged.to_pylist() if row["jpeg"] == b"new"}
    assert now == {f"f-{number:02d}" for number in found}


@given(numbers)
def test_merging_again_changes_nothing(found):
    assert merge_frames(frames(found), frames(found)).equals(frames(found))


@given(numbers, numbers, numbers)
def test_rejected_frames_stay_until_they_come_whole(stored, found, whole):
    found -= whole
    merged = merge_rejected(rejected(stored), rejected(found, "undecodable"), frames(whole))
    assert merged["name"].to_pylist() == rejected((stored | found) - (whole - found))["name"].to_pylist()


def test_rejected_frame_that_later_comes_whole_leaves_rejected():
    assert merge_rejected(rejected({1, 2}), NO_REJECTED, frames({2})).equals(rejected({1}))


def test_rejected_frame_takes_its_newest_reason():
    assert merge_rejected(rejected({1}), rejected({1}, "capture_time"), NO_FRAMES)["reason"].to_pylist() == ["capture_time"]


def test_rejected_frames_of_a_source_that_has_gone_stay():
    assert merge_rejected(rejected({1, 2}), NO_REJECTED, NO_FRAMES).equals(rejected({1, 2}))
