"""Tracks and features of a camera and its neighbour to matches."""

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest

from cctview_pipeline.lake.schemas import schema_of
from cctview_pipeline.match.tables import EVIDENCE, match_tracks, track_set
from cctview_pipeline_tests.factories.archive import HOUR_17
from cctview_pipeline_tests.factories.corridor import EDGE
from cctview_pipeline_tests.factories.tables import rows

USUAL_S = 83.0
Tables = tuple[pa.Table, pa.Table]


def passed(name: str, seconds: list[float], looks: list[int], **changes) -> Tables:
    """Tracks that begin at these seconds and last 4, each with two images of such looks; and their features."""
    tracks, features = [], []
    for i, (second, look) in enumerate(zip(seconds, looks, strict=True)):
        ids = [f"{name}{i}-{n}" for n in (0, 1)]
        begin = HOUR_17 + timedelta(seconds=second)
        times = {"first_seen": begin, "last_seen": begin + timedelta(seconds=4)}
        tracks.append(
            {"track_id": f"{name}{i}", "detection_ids": ids, "sizes": [30.0, 10.0], "carriageway": "S"} | times | changes
        )
        vectors = [np.eye(8)[look] * 0.99 + 0.01 * n for n in (0, 1)]
        features += [{"detection_id": d, "embedding": v} for d, v in zip(ids, vectors, strict=True)]
    return rows("tracks", *tracks), rows("features", *features, dimension=8)


SECONDS, APPEARANCE = [0.0, 40, 80, 120, 160], [0, 1, 2, 3, 4]
SOURCE = passed("g", SECONDS, APPEARANCE)
TARGET = passed("q", [second + 4 + USUAL_S for second in SECONDS], APPEARANCE)


def assigned(matches: pa.Table) -> dict[str, str]:
    return {row["query_track_id"]: row["gallery_track_id"] for row in matches.to_pylist() if row["assigned"]}


def test_each_vehicle_is_matched_to_itself():
    matches = match_tracks([(EDGE, *SOURCE)], *TARGET).matches
    assert matches.schema == schema_of("matches")
    assert assigned(matches) == {f"q{i}": f"g{i}" for i in range(5)}
    row = next(row for row in matches.to_pylist() if row["query_track_id"] == "q0" and row["assigned"])
    assert row["gallery_camera_id"] == EDGE.source.id
    assert row["gap_s"] == pytest.approx(USUAL_S)
    assert row["metric"] == "euclidean-mean"
    assert row["rank"] == 1


def test_other_carriageway_is_never_compared():
    north = passed("g", SECONDS, APPEARANCE, carriageway="N")
    standing = passed("g", SECONDS, APPEARANCE, carriageway=None)
    for source in (north, standing):
        assert match_tracks([(EDGE, *source)], *TARGET).matches.num_rows == 0
    assert match_tracks([(EDGE, *SOURCE)], *passed("q", [87.0], [0], carriageway="N")).matches.num_rows == 0


def test_track_that_goes_on_from_the_hour_before_is_no_query():
    continued = passed("q", [second + 4 + USUAL_S for second in SECONDS], APPEARANCE, continues="before")
    assert match_tracks([(EDGE, *SOURCE)], *continued).matches.num_rows == 0


def test_sources_track_that_goes_on_is_no_candidate_but_its_continuation_is():
    tracks, features = SOURCE
    place = tracks.schema.get_field_index("continues")
    renamed = tracks.set_column(place, tracks.schema.field(place), [["g1", None, None, None, None]])
    matches = match_tracks([(EDGE, renamed, features)], *TARGET).matches
    assert "g1" not in matches["gallery_track_id"].to_pylist()
    assert "g0" in matches["gallery_track_id"].to_pylist()


def test_rows_are_sorted_by_query_camera_and_rank():
    found = match_tracks([(EDGE, *SOURCE)], *TARGET).matches.to_pylist()
    order = [(row["query_track_id"], row["gallery_camera_id"], row["rank"]) for row in found]
    assert len(order) > 5
    assert order == sorted(order)


def test_no_neighbours_and_no_tracks():
    nothing = rows("tracks"), rows("features", dimension=8)
    assert match_tracks([], *TARGET).matches.equals(schema_of("matches").empty_table())
    assert match_tracks([(EDGE, *nothing)], *TARGET).matches.num_rows == 0
    assert match_tracks([(EDGE, *SOURCE)], *nothing).matches.num_rows == 0


def test_edge_says_what_was_learned_of_it_and_from_how_much():
    [(edge, belief)] = match_tracks([(EDGE, *SOURCE)], *TARGET).learned
    assert edge is EDGE
    assert 4 < belief.support <= 5
    assert belief.seconds() == pytest.approx(USUAL_S + 4, rel=0.02)
    assert match_tracks([(EDGE, *SOURCE)], rows("tracks"), rows("features", dimension=8)).learned == []


def test_large_images_tell_more_about_a_track_s_looks():
    chosen = track_set(*SOURCE, "S")
    assert chosen.ids == [f"g{i}" for i in range(5)]
    expected = [0.75 * np.eye(8)[look] * 0.99 + 0.25 * (np.eye(8)[look] * 0.99 + 0.01) for look in APPEARANCE]
    np.testing.assert_allclose(chosen.looks, expected, atol=1e-3)
    np.testing.assert_allclose(chosen.last - chosen.first, 4)
    assert chosen.first[0] == HOUR_17.timestamp()
    assert track_set(*SOURCE, "N").ids == []


def test_what_is_unknown_of_a_track_is_nan_and_it_passed_in_the_middle_of_its_time():
    chosen = track_set(*SOURCE, "S")
    np.testing.assert_allclose(chosen.passed - chosen.first, 2)
    assert np.isnan([chosen.pace, chosen.pace_error, chosen.lane, chosen.size]).all()
    known = track_set(*passed("g", [0.0], [0], passed_at=HOUR_17, pace=1.5, pace_error=0.1, lane=0.5, relative_size=0.2), "S")
    assert known.passed[0] == HOUR_17.timestamp()
    np.testing.assert_allclose(
        [known.pace[0], known.pace_error[0], known.lane[0], known.size[0]], [np.log(1.5), 0.1, 0.5, 0.2], 1e-6
    )


def test_detection_without_an_embedding_is_refused():
    with pytest.raises(KeyError, match="g4-1"):
        track_set(SOURCE[0], SOURCE[1].slice(0, 9), "S")


def test_every_candidate_has_its_reasons_and_they_add_up():
    """One pair and no other: its probability follows from the sum of what speaks for it."""
    found = match_tracks([(EDGE, *SOURCE)], *TARGET)
    key = ["query_track_id", "gallery_track_id"]
    assert sorted(found.evidence.select(key).to_pylist(), key=str) == sorted(found.matches.select(key).to_pylist(), key=str)
    alone = match_tracks([(EDGE, *passed("g", [0.0], [0]))], *passed("q", [60.0], [0]))
    odds = np.exp(sum(alone.evidence[name][0].as_py() for name in EVIDENCE))
    assert alone.matches["probability"][0].as_py() == pytest.approx(odds / (1 + odds), rel=1e-4)
