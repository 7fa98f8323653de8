"""Segments of JPEGs: the capture time is read, what tells about the camera goes, damage is told apart."""

import io
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from cctview_pipeline.images import REASONS, BadPicture, decode
from cctview_pipeline.images.jpeg import COM, EOI, SOI, capture_time, read, read_whole, segments, strip_metadata
from cctview_pipeline.lake.schemas import REJECTED_REASONS
from cctview_pipeline_tests.factories.archive import HOUR_17, MAC_COMMENT, add_comments, clock_comment, draw_frame

CENTISECOND = timedelta(milliseconds=10)


def picture(mode: str = "RGB", size: int = 24, **options) -> bytes:
    """A small JPEG with something in every corner."""
    image = Image.effect_noise((size, size), 60).convert(mode)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", **options)
    return buffer.getvalue()


def exif() -> Image.Exif:
    made = Image.Exif()
    made[0x010F] = "Maker of the camera"
    return made


ROAD = draw_frame(3.0, [])
KINDS = {
    "baseline": ROAD,
    "progressive": picture(progressive=True),
    "restarts": picture(restart_marker_blocks=1),
    "grey": picture("L"),
    "cmyk": picture("CMYK"),
    "exif": picture(exif=exif()),
    "fill bytes": ROAD[:2] + b"\xff\xff" + ROAD[2:],
    "comments": add_comments(ROAD, clock_comment(HOUR_17), MAC_COMMENT, b"\xff\xfe\x00\x02"),
}
times = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)).map(lambda t: t.replace(tzinfo=UTC))


@given(times)
def test_capture_time_is_read_to_the_centisecond(time):
    found = capture_time(add_comments(ROAD, MAC_COMMENT, clock_comment(time)))
    assert found.tzinfo is UTC
    assert timedelta(0) <= time - found < CENTISECOND


def test_no_capture_time():
    assert capture_time(ROAD) is None
    assert capture_time(add_comments(ROAD, MAC_COMMENT)) is None


@pytest.mark.parametrize("payload", [b"\x0a\x01", b"\x0a\x01\x5e\xb1", b"\x0a\x01\x5e\xb1\xa2\x00\x64", b"hello"])
def test_comment_of_another_kind_is_no_capture_time(payload):
    comment = b"\xff\xfe" + (len(payload) + 2).to_bytes(2, "big") + payload
    assert capture_time(add_comments(ROAD, comment)) is None


@pytest.mark.parametrize("name", KINDS)
def test_stripping_keeps_every_pixel(name):
    np.testing.assert_array_equal(decode(strip_metadata(KINDS[name])), decode(KINDS[name]))


@pytest.mark.parametrize("name", KINDS)
def test_stripping_leaves_no_comment_and_no_exif(name):
    stripped = strip_metadata(KINDS[name])
    left = {marker for marker, _ in segments(stripped)}
    assert COM not in left
    assert not left & set(range(0xE1, 0xEE))
    assert MAC_COMMENT[6:] not in stripped
    assert b"Maker" not in stripped


@pytest.mark.parametrize("name", KINDS)
def test_stripping_twice_changes_nothing_more(name):
    once = strip_metadata(KINDS[name])
    assert strip_metadata(once) == once


def test_what_follows_the_end_is_left_out():
    assert strip_metadata(ROAD + b"serial number 1234") == strip_metadata(ROAD)


def test_segments_are_the_whole_file():
    found = list(segments(ROAD))
    assert b"".join(piece for _, piece in found) == ROAD
    assert (found[0][0], found[-1][0]) == (SOI, EOI)


def test_a_thumbnail_in_a_header_is_left_out():
    header = b"\xff\xe0\x00\x16JFIF\0\1\1\0\0\1\0\1\1\2" + b"secret"
    assert strip_metadata(ROAD[:2] + header + ROAD[20:]) == ROAD
    adobe = b"\xff\xee\x00\x14Adobe\0\x64\0\0\0\0\1" + b"secret"
    assert b"secret" not in strip_metadata(ROAD[:20] + adobe + ROAD[20:])


@pytest.mark.parametrize("name", ["progressive", "restarts", "comments"])
def test_cut_anywhere_is_truncated_unless_nothing_is_missing(name):
    whole, accepted, reasons = KINDS[name], 0, set()
    for length in {*range(1, len(whole), 1 + len(whole) // 500), *range(len(whole) - 9, len(whole))}:
        try:
            found = read_whole(whole[:length])
        except BadPicture as told:
            reasons.add(told.reason)
        else:
            np.testing.assert_array_equal(decode(found.data), decode(whole))
            accepted += 1
    assert reasons == {"truncated"}
    assert 2 <= accepted <= 3, "the two bytes of the end marker, and one that only fills the last byte up"


def test_the_end_marker_tells_nothing():
    """Half a scan is half a picture, whatever stands behind it."""
    half = ROAD[: len(ROAD) // 2] + b"\xff\xd9"
    assert read(half).data == half, "its segments are sound"
    with pytest.raises(BadPicture) as told:
        read_whole(half)
    assert told.value.reason == "truncated"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (ROAD[:-20], "truncated"),
        (ROAD[:100], "truncated"),
        (b"", "empty"),
        (b"GIF89a", "placeholder"),
        (b"<html>", "no_picture"),
        (ROAD[1:], "no_picture"),
        (ROAD.replace(b"\xff\xdb", b"\xff\xfe"), "undecodable"),
    ],
)
def test_damage_is_named_as_the_tables_name_it(data, reason):
    with pytest.raises(BadPicture) as told:
        read_whole(data)
    assert told.value.reason == reason
    assert reason in REASONS


def test_every_reason_stands_in_the_table():
    assert all(reason in REJECTED_REASONS.split(", ") for reason in REASONS)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_damaged(tail):
    try:
        found = b"".join(piece for _, piece in segments(b"\xff\xd8" + tail))
    except BadPicture:
        return
    assert found.endswith(b"\xff\xd9")
