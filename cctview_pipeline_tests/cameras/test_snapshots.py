"""A network's list of cameras over time: kept by date, compared, and not believed when it suddenly shrinks."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cctview_pipeline.cameras.listed import LiveCamera
from cctview_pipeline.cameras.snapshots import Difference, compare, keep, latest
from cctview_pipeline.errors import CctviewError

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
CAMERAS = [
    LiveCamera(id=f"cam-{i}", network_id=f"net-{i}", name=f"Street {i}", latitude=40 + i / 100, longitude=-73, online=True)
    for i in range(20)
]


def test_the_newest_snapshot_is_read_back(tmp_path: Path):
    assert latest(tmp_path) is None
    assert len(keep(tmp_path, CAMERAS, NOW).added) == 20
    keep(tmp_path, CAMERAS[1:], NOW + timedelta(days=1))
    assert {camera.id for camera in latest(tmp_path)} == {f"cam-{i}" for i in range(1, 20)}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["20261122T120000Z.json", "20261123T120000Z.json"]


def test_a_list_that_says_the_same_is_not_kept_twice(tmp_path: Path):
    keep(tmp_path, CAMERAS, NOW)
    assert str(keep(tmp_path, CAMERAS[::-1], NOW + timedelta(hours=1))) == "nothing changed"
    assert len(list(tmp_path.iterdir())) == 1


def test_every_kind_of_change_is_told():
    after = [
        replace(CAMERAS[0], latitude=41.0),
        replace(CAMERAS[1], name="Avenue"),
        replace(CAMERAS[2], online=False),
        replace(CAMERAS[3], latitude=CAMERAS[3].latitude + 0.0001),  # eleven metres: the same pole
        *CAMERAS[5:],
        LiveCamera(id="cam-99", network_id="net-99", name="New", latitude=40, longitude=-73, online=True),
    ]
    found = compare(CAMERAS, after)
    assert found == Difference(added=("cam-99",), removed=("cam-4",), moved=("cam-0",), renamed=("cam-1",), switched=("cam-2",))
    assert str(found) == "1 added, 1 removed, 1 moved, 1 renamed, 1 switched"


@pytest.mark.parametrize(("left", "believed"), [(18, True), (17, False), (1, False)])
def test_a_list_that_lost_more_than_a_tenth_is_refused(tmp_path: Path, left: int, believed: bool):
    keep(tmp_path, CAMERAS, NOW)
    later = NOW + timedelta(days=1)
    if believed:
        assert len(keep(tmp_path, CAMERAS[:left], later).removed) == 20 - left
        return
    with pytest.raises(CctviewError, match=rf"has {left} of the 20 cameras .* add --force\."):
        keep(tmp_path, CAMERAS[:left], later)
    assert len(latest(tmp_path)) == 20
    keep(tmp_path, CAMERAS[:left], later, force=True)
    assert len(latest(tmp_path)) == left


def test_other_cameras_in_their_place_are_no_old_ones(tmp_path: Path):
    """As many as before, but none of them known."""
    keep(tmp_path, CAMERAS, NOW)
    strangers = [replace(camera, network_id=f"x{camera.network_id}") for camera in CAMERAS]
    with pytest.raises(CctviewError, match="has 0 of the 20 cameras"):
        keep(tmp_path, strangers, NOW + timedelta(days=1))


def test_a_damaged_snapshot_is_told(tmp_path: Path):
    (tmp_path / "20261122T120000Z.json").write_text('[{"id": 1}]')
    with pytest.raises(CctviewError, match=r"is no list of a network's cameras"):
        latest(tmp_path)


def test_an_empty_list_is_kept_only_where_somebody_believes_it(tmp_path: Path):
    with pytest.raises(CctviewError, match=r"The new list is empty: it was not kept"):
        keep(tmp_path, [], NOW)
    assert latest(tmp_path) is None
    keep(tmp_path, [], NOW, force=True)
    assert latest(tmp_path) == []
