"""What a frame list tells, and when a camera is asked because of it."""

import asyncio
import time
from collections.abc import Callable

from cctview_pipeline.cameras.live import open_live
from cctview_pipeline.cameras.protocol import Request, Told
from cctview_pipeline.collect.fetching import Answer, Known, NoAnswer
from cctview_pipeline.collect.told import NO_LIST, NOT_IN_LIST, TRIES, FrameList, Wanted

LIST = b'{"stations": [{"id": "C01500", "presets": [{"id": "C0150001", "measuredTime": "2026-01-01T10:00:00Z"}]}]}'


def frame_list(*answers: bytes | Exception) -> FrameList:
    """One whose readings are these, and the last of them again and again."""
    left = list(answers)

    async def ask(request: Request) -> Answer:
        found = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(found, Exception):
            raise found
        return Answer(found, Known())

    network = open_live("digitraffic")
    network.frames_every_s = 0.05
    return FrameList(network, ask)


def after(frames: FrameList, readings: int, look: Callable[[], object]) -> object:
    async def run() -> object:
        reading = asyncio.create_task(frames.run())
        async with asyncio.timeout(10):
            number = 0
            while number < readings:
                number = await frames.after(number)
        found = look()
        reading.cancel()
        return found

    return asyncio.run(run())


def test_a_camera_of_the_list_and_one_that_it_lacks():
    frames = frame_list(LIST)
    told, absent = after(frames, 1, lambda: (frames.of("C0150001"), frames.of("C0150099")))
    assert isinstance(told, Told)
    assert told.captured_us == 1_767_261_600_000_000
    assert absent == NOT_IN_LIST


def test_a_list_that_does_not_come_is_told_and_comes_back():
    frames = frame_list(NoAnswer("503 Service Unavailable"), b"<html>", ZeroDivisionError(), LIST)
    assert after(frames, 1, lambda: frames.of("C0150001")) == "503 Service Unavailable"
    frames = frame_list(NoAnswer("503 Service Unavailable"), b"<html>", ZeroDivisionError(), LIST)
    assert after(frames, 3, lambda: frames.of("C0150001")) == NO_LIST
    frames = frame_list(NoAnswer("503 Service Unavailable"), b"<html>", ZeroDivisionError(), LIST)
    assert isinstance(after(frames, 4, lambda: frames.of("C0150001")), Told)
    assert frames.readings.said() == (
        "The list of frames was read 4 times, 3 of them in vain (2 no frame list, 1 503 Service Unavailable)."
    )


def test_a_frame_is_wanted_once_and_asked_for_a_few_times_where_the_one_before_still_comes():
    wanted, first, second = Wanted(), Told(captured_us=1), Told(captured_us=2)
    assert wanted.is_new(first)
    wanted.done(first)
    assert not wanted.is_new(first)
    for _ in range(TRIES):
        assert wanted.is_new(second)
        wanted.tries += 1
    assert not wanted.is_new(second)
    assert wanted.is_new(Told(captured_us=3))


def test_an_old_picture_belongs_to_no_hour_that_is_collected_now():
    frames, now = frame_list(LIST), time.time_ns() // 1000
    assert frames.too_old(Told(captured_us=now - 3_100_000_000))
    assert not frames.too_old(Told(captured_us=now - 2_900_000_000))
    assert not frames.too_old(Told())
