"""What of a lake is read to propose links, and what is kept."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cctview_pipeline.lake import Lake
from cctview_pipeline.match.propose import Proposals, propose
from cctview_pipeline.match.propose.stored import hours_of_tracks, keep, kept, metres_apart, read_passers
from cctview_pipeline_tests.factories.archive import HOUR_17
from cctview_pipeline_tests.factories.linked_roads import Route, driven, write_tracks
from cctview_pipeline_tests.factories.tables import NORTH, SOUTH, partition_of, rows

ALONG = Route(((NORTH.id, "away", 0), (SOUTH.id, "towards", 80)), 60)


def test_tracks_are_read_as_they_passed(tmp_path: Path):
    lake, groups = Lake(str(tmp_path)), driven([ALONG])
    write_tracks(lake, groups)
    read = {each.camera: each for each in read_passers(lake, [NORTH.id, SOUTH.id], [HOUR_17]) if len(each)}
    for group in groups:
        assert read[group.camera].direction == group.direction
        assert read[group.camera].passed - HOUR_17.timestamp() == pytest.approx(group.passed, abs=1e-3)
        assert np.abs(read[group.camera].looks - group.looks).max() < 0.01


def test_what_stands_goes_on_or_is_a_mere_sighting_is_no_passer(tmp_path: Path):
    lake = Lake(str(tmp_path))
    odd = {"parked": True}, {"continues": "before"}, {"quality": None}, {"direction": None}
    lake.write("tracks", partition_of("tracks"), rows("tracks", {}, *odd))
    lake.write("features", partition_of("features"), rows("features", {}))
    assert sorted(len(each) for each in read_passers(lake, [NORTH.id], [HOUR_17])) == [0, 1]


def test_tracks_whose_features_were_deleted_are_none(tmp_path: Path):
    lake = Lake(str(tmp_path))
    lake.write("tracks", partition_of("tracks"), rows("tracks", {}))
    assert hours_of_tracks(lake, [NORTH.id], [HOUR_17]) == []
    assert read_passers(lake, [NORTH.id], [HOUR_17]) == []


def test_how_far_beyond_the_pole_vehicles_pass_is_the_median_of_their_passages(tmp_path: Path):
    lake = Lake(str(tmp_path))
    names = [f"track-{number}" for number in range(3)]
    lake.write("tracks", partition_of("tracks"), rows("tracks", *({"track_id": name} for name in names)))
    lake.write("features", partition_of("features"), rows("features", {}))
    passed = [{"track_id": name, "beyond_m": beyond} for name, beyond in zip(names, (30.0, None, 50.0), strict=True)]
    lake.write("passages", partition_of("passages"), rows("passages", *passed))
    _, away = read_passers(lake, [NORTH.id], [HOUR_17])
    assert away.beyond_m == 40.0


def test_from_pole_to_pole_it_takes_as_much_less_as_the_way_is_shorter():
    groups = [replace(each, beyond_m=100.0 if each.camera == SOUTH.id else -100.0) for each in driven([ALONG])]
    (found,) = propose(groups, {(NORTH.id, SOUTH.id): 800.0}).links()
    assert found.at_poles == pytest.approx(0.8 * found.seconds)
    assert propose(groups).links()[0].at_poles is None


def test_a_camera_at_zero_has_no_place_and_two_on_one_mast_no_distance():
    lost, mast = replace(SOUTH, id="lost", latitude=0.0, longitude=0.0), replace(NORTH, id="mast")
    assert set(metres_apart([NORTH, SOUTH, lost, mast])) == {(NORTH.id, SOUTH.id), (SOUTH.id, "mast")}


def test_what_was_proposed_is_kept_until_the_next_proposal(tmp_path: Path):
    lake, found = Lake(str(tmp_path)), propose(driven([ALONG]))
    keep(lake, found, [HOUR_17])
    assert kept(lake).links == tuple(found.links(at_most=1.0))
    assert kept(lake).hours == ("2020-05-05T17Z",)
    keep(lake, Proposals(ways=(), hypotheses=0, decoys=0, too_few=()), [HOUR_17])
    assert kept(lake).links == ()
