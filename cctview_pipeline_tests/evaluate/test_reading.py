"""Tracks that an hour's turn cut in two are one track of the evaluation."""

from datetime import timedelta

from cctview_pipeline.evaluate.reading import _tracks
from cctview_pipeline_tests.factories.archive import HOUR_17
from cctview_pipeline_tests.factories.tables import rows


def part(name: str, seconds: float, ids: list[str], **changes) -> dict:
    at = HOUR_17 + timedelta(seconds=seconds)
    return {"track_id": name, "detection_ids": ids, "first_seen": at, "last_seen": at} | changes


def test_parts_are_joined_through_every_hour():
    """The last part is the first row; the first part did not move, so the second tells the carriageway."""
    table = rows(
        "tracks",
        part("c", 7200, ["5"], continues="b"),
        part("a", 3590, ["1", "2"], carriageway=None),
        part("b", 3601, ["3", "4"], continues="a", carriageway="S"),
    )
    tracks, members = _tracks(table)
    assert (tracks.ids, tracks.carriageway, tracks.began.tolist()) == (["a"], ["S"], [True])
    assert tracks.index == {"a": 0, "b": 0, "c": 0}
    assert members == dict.fromkeys("12345", 0)


def test_track_that_goes_on_from_an_hour_that_is_not_evaluated_did_not_begin():
    tracks, _ = _tracks(rows("tracks", part("b", 1, ["1"], continues="unknown"), part("x", 5, ["2"])))
    assert (tracks.ids, tracks.began.tolist()) == (["b", "x"], [False, True])
