"""Frame and detection ids: what is formatted is parsed back, and what is no id is refused."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cctview_pipeline.ids import NEW_YORK, DetectionId, FrameId, is_camera_id

PUBLISHED_FRAME = "735-683-N--2020-05-05--13.34.46"
PUBLISHED_DETECTION = f"{PUBLISHED_FRAME}--detections--7--car--85.4--38x38--169.120v207.158"

camera_ids = st.from_regex(r"[A-Za-z0-9]+([-_][A-Za-z0-9]+){0,3}", fullmatch=True)
times = st.datetimes(datetime(2015, 1, 1), datetime(2035, 1, 1)).map(lambda time: time.replace(tzinfo=UTC))
corners = st.integers(-50, 5000)


@given(camera_ids, times)
def test_utc_frame_id_round_trip(camera, time):
    frame_id = FrameId(camera, time.replace(microsecond=time.microsecond // 1000 * 1000))
    assert FrameId.parse(str(frame_id)) == frame_id


@given(camera_ids, times)
def test_published_frame_id_round_trip(camera, time):
    local = time.replace(microsecond=0).astimezone(NEW_YORK)
    assume(local.fold == 0)
    frame_id = FrameId(camera, local, published=True)
    parsed = FrameId.parse(str(frame_id))
    assert parsed == frame_id
    assert parsed.time.astimezone(UTC) == local.astimezone(UTC)


@given(camera_ids, times, st.booleans(), st.integers(0, 999), st.sampled_from(["car", "bus", "traffic light"]), st.data())
def test_detection_id_round_trip(camera, time, published, number, label, data):
    percent = data.draw(st.integers(0, 1000)) / 10
    box = tuple(data.draw(st.tuples(corners, corners, corners, corners)))
    detection_id = DetectionId(
        frame_id=str(FrameId(camera, time, published)), number=number, label=label, percent=percent, box=box
    )
    assert DetectionId.parse(str(detection_id)) == detection_id


def test_published_frame_id_is_new_york_time():
    frame_id = FrameId.parse(PUBLISHED_FRAME)
    assert (frame_id.camera_id, frame_id.published) == ("735-683-N", True)
    assert frame_id.time.astimezone(UTC) == datetime(2020, 5, 5, 17, 34, 46, tzinfo=UTC)
    assert str(frame_id) == PUBLISHED_FRAME


def test_published_detection_id_has_its_parts():
    detection_id = DetectionId.parse(PUBLISHED_DETECTION)
    assert detection_id == DetectionId(frame_id=PUBLISHED_FRAME, number=7, label="car", percent=85.4, box=(169, 120, 207, 158))
    assert str(detection_id) == PUBLISHED_DETECTION


def test_every_other_frame_id_is_utc_to_the_millisecond():
    time = datetime(2020, 5, 5, 13, 34, 46, 250_999, tzinfo=NEW_YORK)
    assert str(FrameId("city-1", time)) == "city-1--2020-05-05--17.34.46.250Z"


@pytest.mark.parametrize("clock", ["02.00.00", "02.30.00", "02.59.59"])
def test_time_that_springs_clock_change_skips_is_refused(clock):
    with pytest.raises(ValueError, match="skipped"):
        FrameId.parse(f"735-683-N--2020-03-08--{clock}")


@pytest.mark.parametrize(("clock", "hour"), [("01.59.59", 6), ("03.00.00", 7)])
def test_times_around_springs_clock_change_exist(clock, hour):
    assert FrameId.parse(f"735-683-N--2020-03-08--{clock}").time.astimezone(UTC).hour == hour


def test_repeated_hour_means_its_first_pass():
    time = FrameId.parse("735-683-N--2020-11-01--01.30.00").time
    assert time.fold == 0
    assert time.astimezone(UTC) == datetime(2020, 11, 1, 5, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "735-683-N",
        "735-683-N--2020-13-05--13.34.46",
        "735-683-N--2020-02-30--13.34.46",
        "735-683-N--2020-05-05--24.00.00",
        "735-683-N--2020-05-05--13.34.46.250",
        "735-683-N--2020-05-05--13.34.46Z",
        "735-683-N--2020-05-05--13.34.46--original.jpeg",
        "735--683--2020-05-05--13.34.46",
        "../N--2020-05-05--13.34.46",
        PUBLISHED_FRAME + "\n",
    ],
)
def test_anything_else_is_no_frame_id(text):
    with pytest.raises(ValueError, match="no frame id"):
        FrameId.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        PUBLISHED_FRAME,
        PUBLISHED_DETECTION + "--crop",
        PUBLISHED_DETECTION.replace("--car--", "--Car--"),
        PUBLISHED_DETECTION.replace("85.4", "85"),
        PUBLISHED_DETECTION.replace("v207.158", ""),
    ],
)
def test_anything_else_is_no_detection_id(text):
    with pytest.raises(ValueError, match="no detection id"):
        DetectionId.parse(text)


@pytest.mark.parametrize("text", ["735-683-N", "city-1", "a", "A_b-3"])
def test_camera_ids(text):
    assert is_camera_id(text)


@pytest.mark.parametrize("text", ["", "a--b", "-a", "a-", "a b", "a/b", "..", "Straße", "a\n"])
def test_no_camera_ids(text):
    assert not is_camera_id(text)


@given(camera_ids, times)
def test_frame_ids_of_one_camera_sort_by_time(camera, time):
    later = time + timedelta(milliseconds=1)
    assert str(FrameId(camera, time)) < str(FrameId(camera, later))
