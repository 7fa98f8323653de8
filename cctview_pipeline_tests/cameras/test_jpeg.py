"""Segments of JPEGs: the capture time is read, what tells about the camera goes, damage is told apart."""

import io
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from cctview_pipeline.cameras.jpeg import COM, EOI, SOI, DamagedJpeg, capture_time, damage, segments, strip_metadata
from cctview_pipeline.images import decode
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
    made[0x010F], made[0x0112] = "Maker of the camera", 6
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


@pytest.mark.parametrize("name", ["progressive", "restarts", "comments"])
def test_cut_anywhere_is_truncated(name):
    whole = KINDS[name]
    for length in range(len(whole)):
        with pytest.raises(DamagedJpeg) as damaged:
            strip_metadata(whole[:length])
        assert damaged.value.truncated, f"cut to {length} of {len(whole)} bytes"


@pytest.mark.parametrize("data", [b"\x89PNG\r\n\x1a\n" + b"0" * 50, b"GIF89a", b"<html>", ROAD[1:]])
def test_other_bytes_are_damaged_but_not_truncated(data):
    with pytest.raises(DamagedJpeg, match="does not begin as a JPEG") as damaged:
        strip_metadata(data)
    assert not damaged.value.truncated


def test_nonsense_between_segments_is_damaged_but_not_truncated():
    with pytest.raises(DamagedJpeg, match="no marker at byte 2") as damaged:
        strip_metadata(ROAD[:2] + b"??" + ROAD[2:])
    assert not damaged.value.truncated


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (ROAD[:-2], "truncated"),
        (ROAD[:100], "truncated"),
        (b"", "truncated"),
        (ROAD[:2] + b"??" + ROAD[2:], "undecodable"),
        (b"GIF89a", "undecodable"),
        (ROAD.replace(b"\xff\xdb", b"\xff\xfe"), "undecodable"),
    ],
)
def test_damage_is_told_by_the_bytes_alone(data, reason):
    assert damage(data) == reason


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_damaged(tail):
    try:
        found = b"".join(piece for _, piece in segments(b"\xff\xd8" + tail))
    except DamagedJpeg:
        return
    assert found.endswith(b"\xff\xd9")
