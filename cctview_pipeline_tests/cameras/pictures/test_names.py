"""What names and folders of pictures tell together."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cctview_pipeline.cameras.pictures.names import Day, day_of, read_picture

LOCAL = datetime(2026, 11, 29, 10, 15, 30)


def read(path: str) -> tuple[str, datetime | None]:
    *folders, name = path.split("/")
    named = read_picture(name, day_of(folders))
    return named.camera, named.time


@pytest.mark.parametrize(
    "path",
    [
        "2026-11-29_10-15-30",
        "cam1/20261129_101530",
        "cam1/2026/11/29/10/15/30",
        "cam1/2026/11/29/10/15/30/frame",
        "cam1/2026/11/29/10/15-30",
        "cam1/2026/11/29/10/1530",
        "cam1/2026/11/29/10/10-15-30",
        "cam1/2026/11/29/101530",
        "cam1/2026/11/29/10/15/10.15.30",
        "2026-11-29/10.15.30",
        "20261129/10-15-30",
        "2026-11/29/10_15_30",
        "2026-11-29_10/15-30",
        "2026/2026-11-29/10:15:30",
    ],
)
def test_forms_that_tell_a_time_and_leave_the_camera_to_the_folder(path: str):
    assert read(path) == ("", LOCAL)


@pytest.mark.parametrize(
    ("path", "camera"),
    [
        ("cam1--2026-11-29--10.15.30", "cam1"),
        ("2026-11-29/cam1_10-15-30", "cam1"),
        ("2026/11/29/cam-1 10.15.30", "cam-1"),
        ("2026/11/29/10/cam1_15-30", "cam1"),
        ("2026/11/29/10/15/cam1-30", "cam1"),
    ],
)
def test_forms_that_tell_a_camera_too(path: str, camera: str):
    assert read(path) == (camera, LOCAL)


@pytest.mark.parametrize(
    ("path", "time"),
    [
        ("2026-11-29/10-15-30.250", LOCAL + timedelta(milliseconds=250)),
        ("2026-11-29/10-15-30.250Z", (LOCAL + timedelta(milliseconds=250)).replace(tzinfo=UTC)),
        ("2026/11/29/10/15/30.5Z", (LOCAL + timedelta(milliseconds=500)).replace(tzinfo=UTC)),
        ("2026-11-29/12-15-30+0200", LOCAL.replace(tzinfo=UTC)),
        ("2026-11-29/1795947330250", (LOCAL + timedelta(milliseconds=250)).replace(tzinfo=UTC)),
    ],
)
def test_fractions_and_zones(path: str, time: datetime):
    assert read(path)[1] == time


@pytest.mark.parametrize(
    "path",
    [
        "cam1/IMG_0001",  # counted
        "cam1/2026/11/29/frame",
        "cam1/2026/11/29/10-15",  # to the minute only: or a number of two parts
        "cam1/2026/11/29/11/10-15-30",  # its folder says eleven
        "cam1/2026/11/29/10/151",
        "cam1/2026/13/45/10/15/30",
        "cam1/11/29/10/15/30",
        "cam1/2026/11/29/10/15/30x",
    ],
)
def test_what_tells_no_time_says_no_camera_either(path: str):
    assert read(path) == ("", None)


def test_the_date_nearest_to_the_file_counts():
    assert day_of(["2025-01-01", "cam1", "2026", "11", "29", "10"]) == Day("20261129", ("10",))
    assert day_of(["cam1", "10", "15"]) is None


@given(st.integers(0, 750_000_000_000).map(lambda ms: datetime(2002, 1, 1) + timedelta(milliseconds=ms)))
def test_every_form_reads_what_it_was_written_with(time: datetime):
    milli = f"{time.microsecond // 1000:03d}"
    for form in (f"{time:%Y/%m/%d/%H/%M/%S}.{milli}", f"{time:%Y-%m-%d/%H-%M-%S}.{milli}", f"c/{time:%Y/%m/%d/%H/%M%S},{milli}"):
        assert read(form) == ("", time)
