"""One camera's answers, in a row: what is kept, and what state the camera is in."""

import io
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from cctview_pipeline.collect.newest import Seen
from cctview_pipeline.collect.pictures import Rules
from cctview_pipeline.collect.watch import FROZEN_AFTER, LOOK_EVERY, MANY, OFFLINE_AFTER, CameraWatch, NewFrame, Placeholders
from cctview_pipeline_tests.factories.archive import add_comments, clock_comment
from cctview_pipeline_tests.factories.live_cameras import png
from cctview_pipeline_tests.factories.odd_pictures import behind_header, exif_segment

START = 1_700_000_000_000_000


@lru_cache(maxsize=1000)
def picture(second: float, view: int = 0) -> bytes:
    """A street of its own for each view, with a few things that are elsewhere every second."""
    street = np.random.default_rng(view).integers(40, 200, (30, 44)).repeat(8, 0).repeat(8, 1)
    rng = np.random.default_rng((view, round(second * 10)))
    for x, y in zip(rng.integers(0, 300, 12), rng.integers(40, 180, 12), strict=True):
        street[y : y + 24, x : x + 40] = rng.integers(0, 255)
    buffer = io.BytesIO()
    Image.fromarray(street.astype(np.uint8)).convert("RGB").save(buffer, "JPEG", quality=80)
    return buffer.getvalue()


def with_clock(jpeg: bytes, at_us: int) -> bytes:
    return add_comments(jpeg, clock_comment(datetime.fromtimestamp(at_us / 1e6, UTC)))


def encoded_anew(jpeg: bytes, quality: int) -> bytes:
    buffer = io.BytesIO()
    Image.open(io.BytesIO(jpeg)).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


class Camera:
    """A watch with a clock: every answer comes a second after the one before."""

    def __init__(
        self, placeholders: Placeholders | None = None, name: str = "cam-1", seen: Seen | None = None, second: float = 0.0
    ) -> None:
        self.watch, self.second = CameraWatch(name, placeholders or Placeholders(), seen=seen), second

    @property
    def now_us(self) -> int:
        return START + round(self.second * 1e6)

    def answer(self, content: bytes, after_s: float = 1.0) -> NewFrame | None:
        self.second += after_s
        return self.watch.received(content, self.now_us, self.second)

    def states(self) -> list[str]:
        return [change.state for change in self.watch.changes]


@pytest.fixture
def camera() -> Camera:
    return Camera()


def test_new_pictures_are_taken_and_the_camera_is_live(camera: Camera):
    taken = [camera.answer(picture(s)) for s in range(5)]
    assert [t.captured_us for t in taken] == [t.fetched_us for t in taken] == [START + s * 1_000_000 for s in range(1, 6)]
    assert camera.states() == ["live"]


def test_the_same_bytes_are_taken_once(camera: Camera):
    first = camera.answer(picture(1))
    assert first is not None
    assert camera.answer(picture(1)) is None
    assert camera.answer(picture(2)) is not None


def test_the_camera_s_clock_is_believed_within_reason(camera: Camera):
    taken = camera.answer(with_clock(picture(1), START + 400_000))
    assert taken.captured_us == START + 400_000
    assert camera.watch.skew_us == 600_000
    assert b"\x0a\x01" not in taken.jpeg[:40]
    wrong = camera.answer(with_clock(picture(2), START - 10**12))
    assert wrong.captured_us == wrong.fetched_us


@pytest.mark.parametrize(
    "taken", ["0001:01:01 00:00:00", "1970:01:01 00:00:00", "2000:01:01 00:00:00", "2038:01:19 03:14:08", "9999:12:31 23:59:59"]
)
def test_a_clock_of_another_year_is_not_believed(camera: Camera, taken: str):
    """Neither in EXIF: the frame has the time at which it was fetched."""
    found = camera.answer(behind_header(picture(1), exif_segment(taken=taken)))
    assert found.captured_us == found.fetched_us == camera.now_us
    assert abs(camera.watch.skew_us) > 10**14


def test_a_clock_that_stands_or_goes_back_gives_unique_times(camera: Camera):
    times = [camera.answer(with_clock(picture(s), START + 500_000 - s * 100_000)).captured_us for s in range(4)]
    assert len({t // 1000 for t in times}) == 4
    assert times == sorted(times)


def test_our_own_clock_is_set(camera: Camera):
    """By an hour, forwards and back: the new time counts at once, and every frame is kept."""
    taken = [camera.answer(picture(0)), camera.answer(picture(1))]
    for hour in (1, 0):
        now_us = START + hour * 3_600_000_000
        taken += [camera.watch.received(picture(10 * hour + s), now_us + s * 1_000_000, camera.second + s) for s in (2, 3)]
    seconds = [(each.captured_us - START) / 1e6 for each in taken]
    assert seconds == [1, 2, 3602, 3603, 2, 3]


def test_a_camera_that_repeats_itself_is_stale_and_comes_back(camera: Camera):
    for second in range(4):
        camera.answer(picture(second))
    for _ in range(15):
        camera.answer(picture(3))
    assert camera.states() == ["live", "stale"]
    stale = camera.watch.changes[-1]
    assert (stale.since_us - START) / 1e6 == pytest.approx(15, abs=1)
    camera.answer(picture(50))
    assert camera.states() == ["live", "stale", "live"]


def test_a_slow_camera_is_not_stale():
    camera = Camera()
    for minute in range(4):
        camera.answer(picture(minute), after_s=60)
    for _ in range(20):
        camera.answer(picture(3), after_s=2)
    assert camera.states() == ["live"]


def test_a_frozen_picture_with_a_running_clock_is_kept_once(camera: Camera):
    frozen = picture(1)
    taken = [camera.answer(with_clock(frozen, START + s * 1_000_000)) for s in range(10)]
    assert taken[0] is not None
    assert taken[1:] == [None] * 9
    assert camera.states() == ["live", "frozen"]
    assert camera.watch.changes[1].since_us == START + (1 + FROZEN_AFTER) * 1_000_000
    assert camera.answer(picture(60)) is not None
    assert camera.states() == ["live", "frozen", "live"]


def test_a_frozen_picture_that_is_encoded_anew_is_found_out_within_forty(camera: Camera):
    taken = [camera.answer(encoded_anew(picture(1), 80 + n % 16)) for n in range(2 * LOOK_EVERY)]
    assert all(taken)  # new bytes, so they are kept
    assert camera.states() == ["live", "frozen"]
    for second in range(LOOK_EVERY + 1):
        camera.answer(picture(60 + second))
    assert camera.states() == ["live", "frozen", "live"]


def test_a_picture_that_comes_twice_is_no_frozen_camera(camera: Camera):
    taken = [camera.answer(with_clock(picture(s // 2), START + s * 1_000_000)) for s in range(12)]
    assert [each is not None for each in taken] == [True, False] * 6
    assert camera.states() == ["live"]


def test_a_png_is_a_placeholder_and_not_kept(camera: Camera):
    camera.answer(picture(1))
    assert camera.answer(png()) is None
    assert camera.answer(png()) is None
    assert camera.states() == ["live", "placeholder"]
    assert camera.answer(picture(2)) is not None
    assert camera.states() == ["live", "placeholder", "live"]


def test_what_many_cameras_send_is_a_placeholder():
    shared = Placeholders()
    cameras = [Camera(shared, f"cam-{n}") for n in range(MANY + 2)]
    for camera in cameras:
        camera.answer(picture(1 + cameras.index(camera)))
    kept = [camera.answer(picture(99)) for camera in cameras]
    assert [frame is None for frame in kept] == [False] * (MANY - 1) + [True] * 3
    assert cameras[-1].watch.state == "placeholder"
    assert cameras[-1].answer(picture(100)) is not None
    assert CameraWatch("cam-x", Placeholders(shared.known)).received(picture(99), START, 0.0) is None


def test_failures_in_a_row_are_offline_and_waited_for(camera: Camera):
    camera.answer(picture(1))
    waits = [camera.watch.failed(camera.now_us + n, "503 Service Unavailable") for n in range(OFFLINE_AFTER)]
    assert camera.states() == ["live", "offline"]
    assert camera.watch.changes[-1].detail == "503 Service Unavailable"
    assert waits[0] <= 1.0 < waits[-1]
    camera.answer(picture(2))
    assert camera.states() == ["live", "offline", "live"]
    assert camera.watch.backoff.failures == 0


def test_half_a_picture_is_a_failure(camera: Camera):
    camera.answer(picture(1))
    for second in range(2, 2 + OFFLINE_AFTER):
        assert camera.answer(picture(second)[:3000]) is None
    assert camera.states() == ["live", "offline"]
    assert camera.watch.changes[-1].detail == "truncated"


def test_a_turned_camera_has_moved_until_its_new_view_is_known(camera: Camera):
    count = LOOK_EVERY * 7
    for second in range(count):
        camera.answer(picture(second))
    for second in range(2 * count):
        camera.answer(picture(count + second, view=1))
    assert camera.states() == ["live", "moved", "live"]


def test_polling_goes_by_the_rhythm(camera: Camera):
    for step in range(20):
        camera.answer(with_clock(picture(step), START + step * 2_000_000), after_s=2.0)
    due = camera.watch.next_poll(camera.second)
    assert due - camera.second == pytest.approx(2.0, abs=0.15)


def test_nothing_at_all_is_a_failure_from_the_first_answer_on(camera: Camera):
    for _ in range(OFFLINE_AFTER):
        assert camera.answer(b"") is None
    assert camera.states() == ["offline"]
    assert camera.watch.changes[-1].detail == "empty"


def test_the_newest_frame_of_a_collector_before_is_stale_and_not_new():
    """Known by its picture, whatever clock comes with it; the camera is live again with its next one."""
    before = Camera()
    before.answer(picture(1))
    later = Camera(seen=before.watch.seen, second=3600.0)
    assert later.answer(with_clock(picture(1), START)) is None
    assert later.answer(with_clock(picture(1), START)) is None
    assert later.answer(picture(2)) is not None
    assert later.states() == ["stale", "live"]


def test_a_collector_that_begins_again_at_once_calls_nobody_stale():
    before = Camera()
    before.answer(picture(1))
    again = Camera(seen=before.watch.seen, second=1.5)
    assert again.answer(picture(1)) is None
    assert again.answer(picture(2)) is not None
    assert again.states() == ["live"]


def test_what_cannot_be_read_leaves_the_camera_s_memory_as_it_was(camera: Camera, monkeypatch: pytest.MonkeyPatch):
    """The same bytes fail again, until the camera is offline; its next good picture is taken."""

    def thumbnail(jpeg: bytes) -> None:
        raise ZeroDivisionError("integer division or modulo by zero")

    with monkeypatch.context() as broken:
        broken.setattr("cctview_pipeline.collect.watch.thumbnail", thumbnail)
        assert [camera.answer(picture(1)) for _ in range(OFFLINE_AFTER)] == [None] * OFFLINE_AFTER
    assert camera.states() == ["offline"]
    assert camera.watch.reason == "unreadable"
    assert camera.answer(picture(1)) is not None
    assert camera.states() == ["offline", "live"]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.binary(max_size=120) | st.integers(0, 2000).map(lambda at: picture(3)[:at] + picture(5)[at:]), max_size=12))
def test_whatever_came_before_the_next_good_picture_is_taken(contents: list[bytes]):
    """Any bytes, and halves of two pictures: nothing is raised."""
    camera = Camera()
    for content in contents:
        camera.answer(content)
    assert camera.answer(picture(60)) is not None
    assert camera.watch.state == "live"


def with_bar(second: float, clock: int) -> bytes:
    """A picture above a bar in which a clock runs."""
    pixels = np.asarray(Image.open(io.BytesIO(picture(second))).convert("RGB"))
    bar = np.zeros((18, pixels.shape[1], 3), np.uint8)
    bar[4:14, 10 * clock : 10 * clock + 20] = 255
    buffer = io.BytesIO()
    Image.fromarray(np.concatenate([pixels, bar])).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def ruled(rules: Rules) -> Camera:
    camera = Camera()
    camera.watch = CameraWatch("cam-1", Placeholders(), rules=rules)
    return camera


def test_a_picture_above_a_bar_is_the_same_whatever_the_bar_says():
    camera = ruled(Rules(bar_px=18))
    assert camera.answer(with_bar(1, 0)) is not None
    assert [camera.answer(with_bar(1, clock)) for clock in range(1, FROZEN_AFTER + 1)] == [None] * FROZEN_AFTER
    assert camera.states()[-1] == "frozen"
    assert camera.answer(with_bar(2, 9)) is not None


def test_a_picture_that_is_known_for_a_notice_is_none():
    camera = ruled(Rules(notice=lambda content: "It says so." if content == picture(7) else ""))
    assert camera.answer(picture(7)) is None
    assert camera.watch.changes[-1].detail == "It says so."
    assert camera.states() == ["placeholder"]


def test_png_and_gif_become_jpeg_where_a_network_s_cameras_send_them(camera: Camera):
    for kind in ("PNG", "GIF"):
        buffer = io.BytesIO()
        Image.open(io.BytesIO(picture(3))).convert("RGB").save(buffer, kind)
        assert camera.answer(buffer.getvalue()) is None, "elsewhere it is a notice"
        taken = ruled(Rules(formats=frozenset({kind}))).answer(buffer.getvalue())
        assert taken.jpeg.startswith(b"\xff\xd8")
    assert camera.states() == ["placeholder"]


def test_a_gif_that_moves_is_a_notice():
    frames = [Image.new("RGB", (64, 48), (shade, 0, 0)) for shade in (0, 90)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    camera = ruled(Rules(formats=frozenset({"GIF"})))
    assert camera.answer(buffer.getvalue()) is None
    assert camera.states() == ["placeholder"]


def test_a_damaged_png_is_a_failure():
    buffer = io.BytesIO()
    Image.open(io.BytesIO(picture(3))).save(buffer, "PNG")
    camera = ruled(Rules(formats=frozenset({"PNG"})))
    assert camera.answer(buffer.getvalue()[:-2000]) is None
    assert camera.watch.reason == "truncated"


def test_the_network_s_time_counts_within_what_it_is_believed():
    camera = ruled(Rules(believed_us=3_000_000_000))
    old = START - 2_500_000_000
    assert camera.watch.received(picture(1), START, 0.0, old).captured_us == old
    assert camera.watch.received(picture(2), START + 60_000_000, 60.0, START - 10**10).captured_us == START + 60_000_000


@pytest.mark.parametrize(("written", "hours"), [("2023:11:14 22:13:20", 0), ("2023:11:14 17:13:20", -5)])
def test_exif_without_a_zone_is_utc_or_the_network_s(written: str, hours: int):
    """Toronto is five hours behind in November, and whichever of the two is near to now is meant."""
    camera = ruled(Rules(zone=ZoneInfo("America/Toronto")))
    taken = camera.watch.received(behind_header(picture(1), exif_segment(taken=written)), START + 2_000_000, 0.0)
    assert taken.captured_us == START


def test_a_camera_whose_newest_picture_is_old_is_stale(camera: Camera):
    camera.watch.outdated(START, "The network's newest picture is old.")
    camera.watch.outdated(START + 1, "The network's newest picture is old.")
    assert camera.states() == ["stale"]
