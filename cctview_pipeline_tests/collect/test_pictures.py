"""What comes back from cameras: pictures, and everything that only says it is one."""

import io
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from cctview_pipeline.city import CityNetwork, CitySettings
from cctview_pipeline.collect.pictures import background, examine, is_elsewhere, is_same, thumbnail
from cctview_pipeline.images import BadPicture
from cctview_pipeline.images.jpeg import capture_time, strip_metadata
from cctview_pipeline_tests.factories.archive import MAC_COMMENT, add_comments, clock_comment, draw_frame, traffic
from cctview_pipeline_tests.factories.cities import RUSH

TAKEN = datetime(2020, 5, 5, 17, 3, 4, 560_000, tzinfo=UTC)
PLAIN = draw_frame(3.0, traffic(60))
AXIS = add_comments(PLAIN, MAC_COMMENT, clock_comment(TAKEN))


def encoded(kind: str, **how) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 48), (90, 90, 90)).save(buffer, kind, **how)
    return buffer.getvalue()


@pytest.mark.parametrize("content", [PLAIN, AXIS, encoded("JPEG", progressive=True), encoded("JPEG", comment=b"hello")])
def test_the_same_as_reading_every_segment(content: bytes):
    picture = examine(content)
    assert picture.jpeg == strip_metadata(content)
    taken = capture_time(content)
    assert picture.captured_us == (round(taken.timestamp() * 1e6) if taken else None)


def test_hardware_address_and_clock_are_gone():
    assert b"\x0a\x00\x00\x40\x8c" in AXIS
    assert examine(AXIS).jpeg == PLAIN
    assert examine(AXIS).captured_us == round(TAKEN.timestamp() * 1e6)


def test_what_hangs_on_behind_is_cut_off():
    assert examine(PLAIN + b"\r\n--boundary").jpeg == PLAIN


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (encoded("PNG"), "placeholder"),
        (encoded("GIF"), "placeholder"),
        (encoded("WEBP"), "placeholder"),
        (b"<html>No image</html>", "no_picture"),
        (b'  {"detail": "gone"}', "no_picture"),
        (b"whatever", "no_picture"),
        (PLAIN[:5000], "truncated"),
        (PLAIN[:100], "truncated"),
        (b"\xff\xd8\xff", "truncated"),
        (b"\xff\xd8\xff\xd9\xff\xd9", "undecodable"),
        (b"\xff\xd8nothing here", "truncated"),
    ],
)
def test_what_is_no_picture_says_why(content: bytes, reason: str):
    with pytest.raises(BadPicture) as told:
        examine(content)
    assert told.value.reason == reason


def test_exif_times_with_and_without_a_zone():
    image, exif = Image.new("RGB", (16, 16)), Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = "2020:05:05 13:03:04"
    assert examine(saved(image, exif)).captured_us == datetime(2020, 5, 5, 13, 3, 4, tzinfo=UTC).timestamp() * 1e6
    exif.get_ifd(0x8769)[0x9011] = "-04:00"
    told = examine(saved(image, exif))
    assert told.captured_us == datetime(2020, 5, 5, 17, 3, 4, tzinfo=UTC).timestamp() * 1e6
    assert b"2020:05:05" not in told.jpeg


def saved(image: Image.Image, exif: Image.Exif) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def views() -> dict[str, list[np.ndarray]]:
    """Fourteen frames of three of the city's cameras, 8 s apart."""
    network = CityNetwork(CitySettings(seed=1000, start=RUSH, minutes=3))
    found = {}
    for camera in ("city-1", "city-2", "city-4"):
        shots = network.shots(camera, network.begin)
        found[camera] = [thumbnail(network.picture(camera, shots[i]).jpeg) for i in range(0, 70, 5)]
    return found


def test_a_live_camera_never_shows_the_very_same(views: dict[str, list[np.ndarray]]):
    for seen in views.values():
        assert not any(is_same(first, second) for first, second in pairwise(seen))


def test_a_frozen_picture_is_known_again_below_its_clock():
    """The same picture with another time in its banner, encoded anew."""
    image = Image.open(io.BytesIO(PLAIN)).convert("RGB")
    again = image.copy()
    again.paste((255, 255, 255), (0, 0, 352, 14))
    buffer = io.BytesIO()
    again.save(buffer, "JPEG", quality=90)
    assert buffer.getvalue() != PLAIN
    assert is_same(thumbnail(PLAIN), thumbnail(buffer.getvalue()))


def test_a_turned_camera_looks_elsewhere_and_traffic_does_not(views: dict[str, list[np.ndarray]]):
    earlier, later = ({camera: background(seen[half]) for camera, seen in views.items()} for half in (slice(7), slice(7, 14)))
    for camera, view in earlier.items():
        assert [name for name, other in later.items() if not is_elsewhere(view, other)] == [camera]


def test_another_size_is_another_view(views: dict[str, list[np.ndarray]]):
    view = background(views["city-1"])
    assert is_elsewhere(view, view[:-2])
    assert not is_same(view, view[:-2])


def test_what_cannot_be_decoded_or_is_tiny_has_no_thumbnail():
    assert thumbnail(b"\xff\xd8\xff\xd9") is None
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16)).save(buffer, "JPEG")
    assert thumbnail(buffer.getvalue()) is None
