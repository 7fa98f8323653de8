"""An archive played back: the pictures at their times, with the clock of now, round and round, and collected as if live."""

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from cctview_pipeline.cameras.archive import ArchiveNetwork
from cctview_pipeline.cameras.networks.nyc_dot import LocalServer
from cctview_pipeline.cameras.replay import Replay, running
from cctview_pipeline.campaign import HOUR
from cctview_pipeline.collect.engine import EngineSettings
from cctview_pipeline.collect.session import Sitting, collect, list_cameras
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.frames import CameraHour
from cctview_pipeline.images.jpeg import capture_time, strip_metadata
from cctview_pipeline.redaction.masking import Masker, NoPeopleDetector
from cctview_pipeline.spool.folder import SpoolFolder
from cctview_pipeline.spool.records import Kind
from cctview_pipeline_tests.factories.archive import HOUR_17, add_comments, clock_comment, draw_frame, make_archive, write_frame

KNOWN, LATE = "735-683-N", "made-1"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
STEP_S = 2.0


class Hand:
    seconds = NOW.timestamp()

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> ArchiveNetwork:
    """Two cameras; one of them begins ten seconds later."""
    root = tmp_path_factory.mktemp("archive")
    make_archive(root, (KNOWN,), HOUR_17, frames=20, step_s=STEP_S)
    make_archive(root, (LATE,), HOUR_17 + timedelta(seconds=10), frames=5, step_s=STEP_S)
    return ArchiveNetwork(root)


def at(replay: Replay, hand: Hand, camera: str, seconds: float) -> bytes | None:
    hand.seconds = NOW.timestamp() + seconds
    return replay.newest(camera)


def test_a_picture_is_there_from_its_time_on_with_the_clock_of_now(archive: ArchiveNetwork):
    replay, frames = Replay(archive, now=(hand := Hand())), archive.read_hour(KNOWN, HOUR_17).frames
    for seconds, number in ((0, 0), (1.9, 0), (2.0, 1), (2.1, 1), (37.9, 18), (3000, 19)):
        shown = at(replay, hand, KNOWN, seconds)
        assert strip_metadata(shown) == frames[number].jpeg
        assert capture_time(shown) == NOW + timedelta(seconds=STEP_S * number)
    assert at(replay, hand, KNOWN, 2.0) == at(replay, hand, KNOWN, 3.99), "the same bytes for as long as it is the newest"


def test_a_camera_that_begins_later_has_nothing_until_then(archive: ArchiveNetwork):
    replay = Replay(archive, now=(hand := Hand()))
    assert at(replay, hand, LATE, 9.9) is None
    assert capture_time(at(replay, hand, LATE, 10.1)) == NOW + timedelta(seconds=10)


def test_faster_and_round_again(archive: ArchiveNetwork):
    replay, frames = Replay(archive, speed=4, now=(hand := Hand())), archive.read_hour(KNOWN, HOUR_17).frames
    assert strip_metadata(at(replay, hand, KNOWN, 1.1)) == frames[2].jpeg
    length = (HOUR_17 + HOUR - replay.begin).total_seconds() / 4
    again = at(replay, hand, KNOWN, length + 1.1)
    assert strip_metadata(again) == frames[2].jpeg
    assert abs((capture_time(again) - NOW).total_seconds() - length - 1.0) < 0.02


def test_a_camera_whose_hour_cannot_be_read_shows_nothing_and_the_others_go_on(archive: ArchiveNetwork):
    class Damaged(ArchiveNetwork):
        def read_hour(self, camera_id: str, hour: datetime):
            if camera_id == LATE:
                raise OSError("Bad CRC-32 for file at 0x7f")
            return super().read_hour(camera_id, hour)

    replay = Replay(Damaged(archive.path), now=(hand := Hand()))
    assert at(replay, hand, LATE, 12) is None
    assert at(replay, hand, KNOWN, 2.1) is not None


def test_an_archive_without_a_picture_that_can_be_played_is_told(archive: ArchiveNetwork):
    class Empty(ArchiveNetwork):
        def read_hour(self, camera_id: str, hour: datetime):
            return CameraHour([], [])

    with pytest.raises(CctviewError, match="nothing to play back"):
        Replay(Empty(archive.path))


def test_over_the_hour_s_turn_and_over_a_gap(tmp_path: Path):
    turn = HOUR_17 + HOUR
    times = [turn - timedelta(seconds=s) for s in (4, 2)] + [turn + 3 * HOUR]
    for number, time in enumerate(times):
        write_frame(tmp_path, "cam-1", time, add_comments(draw_frame(number, []), clock_comment(time)))
    replay = Replay(ArchiveNetwork(tmp_path), now=(hand := Hand()))
    assert capture_time(at(replay, hand, "cam-1", 600)) == NOW + timedelta(seconds=2), "the last one stands"
    assert at(replay, hand, "cam-1", 2 * 3600) is None
    assert capture_time(at(replay, hand, "cam-1", 3 * 3600 + 5)) == NOW + 3 * HOUR + timedelta(seconds=4)


def test_the_first_hour_with_a_picture_that_can_be_used_begins(tmp_path: Path):
    write_frame(tmp_path, KNOWN, HOUR_17 - 2 * HOUR, b"?")
    with pytest.raises(CctviewError, match="There is nothing to play back: no picture of the archive can be used"):
        Replay(ArchiveNetwork(tmp_path))
    make_archive(tmp_path, (KNOWN,), HOUR_17, frames=2)
    assert Replay(ArchiveNetwork(tmp_path)).begin == HOUR_17 + timedelta(milliseconds=340)


@pytest.mark.parametrize("speed", [0, -1, 1e6, float("nan")])
def test_speeds_that_cannot_be(archive: ArchiveNetwork, speed: float):
    with pytest.raises(CctviewError, match="played back at a speed above 0 and of at most 1000"):
        Replay(archive, speed)


def test_collected_as_if_live(archive: ArchiveNetwork, tmp_path: Path):
    """Every picture of ten seconds at four times the speed, each once and as it is in the archive."""
    settings = EngineSettings(contact="test@example.org")
    with running(archive, speed=4) as url:
        network = LocalServer(url)
        cameras = asyncio.run(list_cameras(network, settings)).cameras
        assert [camera.id for camera in cameras] == [KNOWN, LATE]
        with pytest.raises(HTTPError) as told:
            urlopen(f"{url}/api/cameras/nobody/image")
        assert told.value.code == 404
        network.cadence_s = 0.5
        sitting, masker = Sitting(spool=tmp_path, budget=1 << 30, seconds=10), Masker(NoPeopleDetector("tests"), 640)
        asyncio.run(collect(network, cameras[:1], sitting, settings, masker))
    found = [record for record in SpoolFolder(tmp_path).records() if record.kind == Kind.FRAME]
    pictures = [frame.jpeg for frame in archive.read_hour(KNOWN, HOUR_17).frames]
    numbers = [pictures.index(strip_metadata(record.payload)) for record in found]
    assert numbers == list(range(numbers[0], 20))
    assert numbers[0] < 6
    steps = {round((b.captured_us - a.captured_us) / 1e4) for a, b in pairwise(found)}
    assert steps <= {49, 50, 51}, "the clock runs as fast as the archive is played back"
    assert not any(b"\xff\xfe" in strip_metadata(record.payload)[:64] for record in found), "no comment is kept"
