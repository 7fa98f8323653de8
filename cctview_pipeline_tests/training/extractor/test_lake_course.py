"""The batches of an adaptation."""

import numpy as np
import pytest
import torch

from cctview_pipeline.embed.network import ExtractorNetwork
from cctview_pipeline.match.verdicts import Judged
from cctview_pipeline.training.extractor.lake_course import LakeCourse, Sizes, batches
from cctview_pipeline.training.extractor.lake_lessons import LakeTrack, different, load_lessons, with_verdicts
from cctview_pipeline.training.extractor.lessons import SyntheticVehicles
from cctview_pipeline_tests.factories.tracked_lake import passages, write_lake

SIZES = Sizes(tracks=24, vehicles=3, views=2)


@pytest.fixture(scope="module")
def tracks(tmp_path_factory: pytest.TempPathFactory) -> list[LakeTrack]:
    lake, hours = write_lake(tmp_path_factory.mktemp("lake"), passages(40))
    return load_lessons(lake, hours, crops=400, of_a_track=3, held_out=0.1, seed=0).train


def test_a_pass_shows_every_track_once_and_masks_the_pairs_that_nobody_knows(tracks: list[LakeTrack]):
    begins = np.arange(0, 3 * len(tracks) + 1, 3)
    shown = list(batches(tracks, begins, SIZES, np.random.default_rng(0)))
    assert sorted(np.concatenate([batch.vehicles for batch in shown])) == sorted(2 * list(range(len(tracks))))
    for batch in shown:
        np.testing.assert_array_equal(batch.rows // 3, batch.vehicles)
        same = batch.vehicles[:, None] == batch.vehicles[None, :]
        known = different([tracks[row] for row in batch.vehicles])
        np.testing.assert_array_equal(batch.possible, same | known)
        assert not batch.possible.all()  # some passed seconds after each other


def test_tracks_that_people_compared_stand_in_one_batch_and_a_vehicle_of_two_cameras_has_one_number(tmp_path_factory):
    lake, hours = write_lake(tmp_path_factory.mktemp("judged"), passages(40) + passages(40, camera="cam-2"))
    train = load_lessons(lake, hours, crops=800, of_a_track=3, held_out=0.1, seed=0).train
    here, there = ([track.id for track in train if track.camera == camera] for camera in ("cam-1", "cam-2"))
    same, other = (there[5], here[5]), (there[20], here[21])
    told = with_verdicts(train, Judged(same=frozenset({same}), different=frozenset({other})))
    place = {track.id: row for row, track in enumerate(told)}
    shown = list(batches(told, np.arange(0, 3 * len(told) + 1, 3), SIZES, np.random.default_rng(0)))
    for one, two in (same, other):
        rows = place[one], place[two]
        both = [batch for batch in shown if {*rows} <= set(batch.rows // 3)]
        assert both
        for batch in both:
            first, second = (np.flatnonzero(batch.rows // 3 == row)[0] for row in rows)
            assert batch.possible[first, second]
            assert (batch.vehicles[first] == batch.vehicles[second]) == ((one, two) == same)
    assert {int(row) for batch in shown for row in batch.rows // 3} == set(range(len(told)))


def test_a_pair_that_nobody_knows_has_no_say(tracks: list[LakeTrack]):
    """Two tracks seconds apart, and nothing else: no crop has a rival, so there is nothing to learn."""
    torch.manual_seed(0)
    pair = [tracks[0], next(track for track in tracks if track.first > tracks[0].last)]
    course = LakeCourse(ExtractorNetwork(), pair, None, SIZES)
    ((of_lake, of_city),) = course.losses(seed=0, epoch=0)
    assert of_lake.item() == pytest.approx(0, abs=1e-5)
    assert of_city.item() == 0


def test_only_identity_learns_from_the_lake_and_from_the_city(tracks: list[LakeTrack]):
    torch.manual_seed(0)
    which = np.repeat(np.arange(6), 4)
    looks = np.random.default_rng(0).integers(0, 255, (6, 8, 8, 3), np.uint8).repeat(8, 1).repeat(8, 2)
    city = SyntheticVehicles(
        crops=looks[which], vehicles=which, cameras=np.tile(["city-1", "city-2"], 12), seeds=np.zeros(24), times=which * 10.0
    )
    network = ExtractorNetwork()
    course = LakeCourse(network, tracks[:12], city, SIZES)
    for of_lake, of_city in course.losses(seed=0, epoch=0):
        assert min(of_lake.item(), of_city.item()) > 0
        (of_lake + of_city).backward()
    assert all(parameter.grad is not None for parameter in network.identity.parameters())
    assert all(parameter.grad is None for parameter in network.likeness.parameters())
