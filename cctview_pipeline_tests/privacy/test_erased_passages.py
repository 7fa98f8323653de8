"""A vehicle goes from the passages with any of its tracks, and a list of ids leaves as pseudonyms."""

import pyarrow as pa

from cctview_pipeline.analytics.warehouse import connect_confined
from cctview_pipeline.lake import Lake
from cctview_pipeline.privacy.erasures import Erasure, apply
from cctview_pipeline_tests.factories.archive import HOUR_17
from cctview_pipeline_tests.factories.tables import DETECTION, EARLIER, TRACK, partition_of, rows

TWO = rows("passages", {"track_ids": [TRACK, "piece"]}, {"track_id": EARLIER, "track_ids": [EARLIER]})


def test_passage_goes_with_any_of_its_pieces():
    erasure = Erasure(id="e1", why="asked", asked_at=HOUR_17, detections=(DETECTION,), tracks=("piece",))
    assert apply(erasure, "passages", partition_of("passages"), TWO)["track_id"].to_pylist() == [EARLIER]


def test_passages_of_others_stay_the_very_same():
    erasure = Erasure(id="e1", why="asked", asked_at=HOUR_17, detections=(DETECTION,), tracks=("another",))
    assert apply(erasure, "passages", partition_of("passages"), TWO) is TWO


def test_lists_of_ids_are_shown_as_pseudonyms(tmp_path):
    lake = Lake(str(tmp_path / "lake"))
    lake.write("passages", partition_of("passages"), TWO)
    named = lambda column: pa.array([each and f"p{len(each)}" for each in column.to_pylist()], pa.string())  # noqa: E731
    with connect_confined(lake, ["passages"], named) as database:
        found = database.sql("SELECT track_id, track_ids FROM passages ORDER BY len(track_ids)").fetchall()
    assert found == [(f"p{len(EARLIER)}", [f"p{len(EARLIER)}"]), (f"p{len(TRACK)}", [f"p{len(TRACK)}", "p5"])]
