"""Tracks that an hour's turn cut in two are one track of the evaluation."""

from datetime import timedelta

import numpy as np

from cctview_pipeline.evaluate.reading import _tracks
from cctview_pipeline_tests.factories.archive import HOUR_17
from cctview_pipeline_tests.factories.tables import rows


def part(name: str, seconds: float, ids: list[str], **changes) -> dict:
    at = HOUR_17 + timedelta(seconds=seconds)
    return {"track_id": name, "detection_ids": ids, "first_seen": at, "last_seen": at} | changes


def test_parts_are_joined_through_every_hour():
    """The last part is the first row; a vehicle passed when its passage says so, or else in the middle of its first part."""
    table = rows(
        "tracks",
        part("c", 7200, ["5"], continues="b"),
        part("a", 3590, ["1", "2"]),
        part("b", 3601, ["3", "4"], continues="a"),
        part("x", 5, ["6"]),
    )
    passed_at = HOUR_17 + timedelta(seconds=3602)
    tracks, members = _tracks(table, rows("passages", {"track_ids": ["b"], "passed_at": passed_at, "beyond_m": 80.0}))
    assert tracks.ids == ["x", "a"]
    assert tracks.index == {"x": 0, "a": 1, "b": 1, "c": 1}
    assert members == dict.fromkeys("12345", 1) | {"6": 0}
    assert [int(us) // 1_000_000 for us in tracks.passed] == [HOUR_17.timestamp() + 5, passed_at.timestamp()]
    assert np.isnan(tracks.beyond_m[0])
    assert tracks.beyond_m[1] == 80
