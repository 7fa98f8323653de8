"""Cameras are spread over machines, each on one, and few move when a machine comes."""

import pytest

from cctview_pipeline.collect.sharding import Shard, shard_of
from cctview_pipeline.errors import CctviewError

CAMERAS = [f"camera-{number}" for number in range(1000)]


def test_every_camera_is_one_shard_s():
    shards = [Shard.parse(f"{number}/8").own(CAMERAS) for number in range(1, 9)]
    assert sorted(camera for shard in shards for camera in shard) == sorted(CAMERAS)
    assert all(95 <= len(shard) <= 160 for shard in shards)


def test_a_machine_more_moves_only_what_becomes_its_own():
    moved = [camera for camera in CAMERAS if shard_of(camera, 8) != shard_of(camera, 9)]
    assert {shard_of(camera, 9) for camera in moved} == {9}
    assert 80 <= len(moved) <= 145


def test_one_machine_has_them_all():
    assert Shard().own(CAMERAS) == CAMERAS


@pytest.mark.parametrize("text", ["0/8", "9/8", "2", "2/", "a/b", "-1/3", "1/0", "\u00b2/\u00b3", f"1/{'9' * 5000}"])
def test_what_is_no_shard_is_told(text: str):
    with pytest.raises(CctviewError, match=f"such as 2/8, not '{text}'"):
        Shard.parse(text)


def test_so_many_shards_that_reckoning_them_would_never_end_are_refused():
    with pytest.raises(CctviewError, match="999,999,999 shards are refused: 1,000 are allowed"):
        Shard.parse("1/999999999")
