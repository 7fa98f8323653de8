"""What names of video files tell."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cctview_pipeline.cameras.footage.names import in_utc, read_name
from cctview_pipeline.ids import FrameId

NOON = datetime(2025, 6, 3, 16, tzinfo=UTC)
NAIVE = NOON.replace(tzinfo=None)
LONDON = ZoneInfo("Europe/London")


@pytest.mark.parametrize(
    ("stem", "camera", "time"),
    [
        ("735-683-N--2020-05-05--13--original", "735-683-N", datetime(2020, 5, 5, 17, tzinfo=UTC)),
        ("253-134-5--2020-05-05--23--original", "253-134-S", datetime(2020, 5, 6, 3, tzinfo=UTC)),  # as it was published
        ("city-1--2025-06-03--16.00.00.250Z", "city-1", NOON + timedelta(milliseconds=250)),
        ("gate_2025-06-03T16-00-00Z", "gate", NOON),
        ("gate 2025-06-03 18.00.00+0200", "gate", NOON),
        ("gate-20250603T120000-04:00", "gate", NOON),
        ("2025-06-03T16:00:00.25Z", "", NOON + timedelta(milliseconds=250)),
        ("1748966400", "", NOON),
        ("16_1748966400250", "16", NOON + timedelta(milliseconds=250)),
        ("cam.2_1748966400000001", "cam.2", NOON + timedelta(microseconds=1)),
    ],
)
def test_forms_with_a_zone(stem: str, camera: str, time: datetime):
    named = read_name(stem)
    assert named.time is not None
    assert (named.camera, in_utc(named.time, None)) == (camera, time)


@pytest.mark.parametrize(
    "stem",
    ["20250603_160000", "gate_20250603160000", "2025-06-03--16.00.00", "x-2025_06_03-16_00_00_1", "2025.06.03 16.00.00"],
)
def test_forms_without_a_zone(stem: str):
    named = read_name(stem)
    assert named.time == NAIVE
    assert in_utc(named.time, None) is None
    assert in_utc(named.time, LONDON) == NOON - timedelta(hours=1)


@pytest.mark.parametrize(
    "stem", ["00001.01234", "clip", "gate_2025-06-03", "2025-13-03T16-00-00Z", "720p_1080", "2025-06-03_16", "0000000001"]
)
def test_what_is_no_time(stem: str):
    assert read_name(stem).time is None


def test_a_double_hyphen_says_the_camera():
    assert read_name("gate--20250603T160000Z").says_camera
    assert not read_name("clip_20250603T160000Z").says_camera
    assert read_name("no camera--20250603T160000Z").camera == ""


def test_a_time_that_clocks_skip_and_one_that_they_repeat():
    with pytest.raises(ValueError, match="skipped"):
        in_utc(datetime(2025, 3, 30, 1, 30), LONDON)
    assert in_utc(datetime(2025, 10, 26, 1, 30), LONDON) == datetime(2025, 10, 26, 0, 30, tzinfo=UTC)
    with pytest.raises(ValueError, match="no camera"):
        in_utc(datetime(1970, 1, 1, tzinfo=UTC), None)


MOMENTS = st.integers(0, 750_000_000_000).map(lambda ms: datetime(2002, 1, 1) + timedelta(milliseconds=ms))


@given(
    time=MOMENTS,
    hours=st.integers(-11, 12),
)
def test_what_is_written_is_read(time: datetime, hours: int):
    utc, zone = time.replace(tzinfo=UTC), timezone(timedelta(hours=hours))
    local = utc.astimezone(zone)
    assert read_name(str(FrameId("cam-1", utc))).time == utc
    assert read_name(f"cam-1_{local:%Y%m%dT%H%M%S}.{local.microsecond:06d}{local:%z}").time == utc
    assert read_name(f"{local.isoformat(timespec='milliseconds')}").time == utc
    assert read_name(f"cam-1_{round(1000 * utc.timestamp())}").time == utc
