"""Pictures as the world sends them: what every viewer shows is kept, the rest is refused in our own words."""

import io
import re
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from cctview_pipeline.cameras.archive import ArchiveNetwork
from cctview_pipeline.collect.pictures import examine
from cctview_pipeline.images import REASONS, BadPicture, decode
from cctview_pipeline.images.exif import taken_at
from cctview_pipeline.images.jpeg import read, read_whole
from cctview_pipeline.redaction.masking import Masked, Masker, Refused
from cctview_pipeline_tests.factories.archive import HOUR_17, write_frame
from cctview_pipeline_tests.factories.magenta_people import MagentaFinder
from cctview_pipeline_tests.factories.odd_pictures import exif_segment, mutated, odd_pictures, shown

CAMERA = "735-683-N"
ODD = odd_pictures()
SHOWN, REFUSED = ({name for name, odd in ODD.items() if bool(odd.reason) == refused} for refused in (False, True))
changes = st.lists(
    st.tuples(st.sampled_from(["flip", "put", "drop", "cut"]), st.integers(0, 20_000), st.binary(min_size=1, max_size=12)),
    min_size=1,
    max_size=6,
)
small = [name for name in sorted(ODD) if len(ODD[name].data) < 20_000]


@pytest.mark.parametrize("name", sorted(SHOWN))
def test_what_every_viewer_shows_is_kept_as_it_is_shown(name: str):
    kept = read_whole(ODD[name].data)
    assert (kept.height, kept.width) == ODD[name].pixels.shape[:2]
    difference = np.abs(decode(kept.data).astype(int) - ODD[name].pixels)
    if "turned" in name:
        assert difference.mean() < 0.3, "coded once more"
    else:
        assert difference.max() <= ("cmyk" in name)


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_is_none_is_refused_with_its_reason(name: str):
    with pytest.raises(BadPicture) as told:
        read_whole(ODD[name].data)
    assert told.value.reason == ODD[name].reason
    assert told.value.reason in REASONS


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_the_words_are_ours_and_the_same_again(name: str):
    sentences = set()
    for data in (ODD[name].data, bytes(bytearray(ODD[name].data))):
        with pytest.raises(BadPicture) as told:
            read_whole(data)
        sentences.add(str(told.value))
    (sentence,) = sentences
    assert sentence.endswith(".")
    assert not re.search(r"0x|libjpeg|tjDecompress|Corrupt|Pillow|object at", sentence)


@pytest.mark.parametrize("name", sorted(SHOWN))
def test_nothing_of_the_camera_is_kept(name: str):
    kept = read(ODD[name].data).data
    assert not any(told in kept for told in (b"Dahua", b"Exif", b"ICC_PROFILE", b"boundary", b"garbage", b"late", b"AVI1"))
    assert read(kept).data == kept


def reason_of(data: bytes) -> str:
    """Why a picture is refused; nothing where it is kept."""
    try:
        read_whole(data)
    except BadPicture as told:
        return told.reason
    return ""


@pytest.mark.parametrize(
    ("data", "shown"),
    [(b"HTTP/1.1 200 OK", "'HTTP/1.1 200'"), (b"\r\n\x1b[31m", "0d 0a 1b 5b 33 31 6d"), (b"Caf\xe9", "43 61 66 e9")],
)
def test_what_came_instead_is_shown_as_text_or_in_hexadecimal(data: bytes, shown: str):
    with pytest.raises(BadPicture, match=f"but with {re.escape(shown)}\\.$"):
        read(data)


def test_an_archive_of_odd_pictures_is_read_to_its_end(tmp_path: Path):
    """Each is a frame or a row of its own, and a second reading tells the same, byte for byte."""
    times = {name: HOUR_17 + timedelta(seconds=10 * i) for i, name in enumerate(ODD)}
    paths = {write_frame(tmp_path, CAMERA, times[name], ODD[name].data).name: name for name in ODD if name != "axis comments"}
    first, second = (ArchiveNetwork(tmp_path).read_hour(CAMERA, HOUR_17) for _ in range(2))
    assert first == second
    frames = {paths[f"{frame.frame_id}--original.jpeg"]: frame for frame in first.frames}
    refused = {paths[row.name]: row.reason for row in first.rejected}
    assert frames.keys() | refused.keys() == set(paths.values())
    assert refused == {name: odd.reason for name, odd in ODD.items() if odd.reason}
    assert (frames["turned 6"].width, frames["turned 6"].height) == (240, 352)


def test_masking_takes_what_is_whole_and_nothing_else():
    masked = Masker(MagentaFinder(), 640).mask(["camera"] * len(ODD), [odd.data for odd in ODD.values()])
    for (name, odd), found in zip(ODD.items(), masked, strict=True):
        assert isinstance(found, Refused) == bool(odd.reason), name
        if isinstance(found, Masked):
            assert decode(found.jpeg, whole=True).shape == odd.pixels.shape == (found.height, found.width, 3), name


def test_a_camera_that_sends_only_odd_pictures_says_why():
    """What a collector looks at without decoding is the same reading: no other error leaves it."""
    for name, odd in ODD.items():
        try:
            examined = examine(odd.data)
        except BadPicture:
            assert reason_of(odd.data) == odd.reason, name
        else:
            assert reason_of(examined.jpeg) == odd.reason, name


def test_a_bomb_is_refused_before_it_is_decoded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("cctview_pipeline.images.simplejpeg.decode_jpeg", lambda *_, **__: pytest.fail("it was decoded"))
    for name in ("bomb", "hundred megapixels", "a side too long", "too many bytes"):
        for reader in (read, decode):
            with pytest.raises(BadPicture) as told:
                reader(ODD[name].data)
            assert told.value.reason == "too_large"


def test_a_picture_of_a_thousand_scans_is_refused_before_it_is_decoded():
    progressive = ODD["progressive"].data
    begin = progressive.rindex(b"\xff\xc4")
    for reader in (read, decode):
        with pytest.raises(BadPicture, match="scans is refused: 24 are allowed"):
            reader(progressive[:begin] + progressive[begin:-2] * 1000 + b"\xff\xd9")


def test_a_large_png_is_refused_before_it_is_decoded():
    buffer = io.BytesIO()
    Image.new("1", (9000, 9000)).save(buffer, "PNG")
    with pytest.raises(BadPicture, match="81,000,000 pixels is refused: 36,000,000 are allowed"):
        decode(buffer.getvalue())


@pytest.mark.parametrize(
    "failure", [MemoryError("0x7f00"), RecursionError("deep"), SystemError("null"), TypeError("x"), OSError(5)]
)
def test_whatever_a_decoder_raises_is_our_error(failure: Exception, monkeypatch: pytest.MonkeyPatch):
    def failing(*_, **__):
        raise failure

    monkeypatch.setattr("cctview_pipeline.images.simplejpeg.decode_jpeg", failing)
    monkeypatch.setattr("cctview_pipeline.images.Image.open", failing)
    for name in ("plain", "png"):
        with pytest.raises(BadPicture, match=r"^An image cannot be decoded: it is damaged, or of a kind that is not known\.$"):
            decode(ODD[name].data)


def test_what_was_stored_by_an_earlier_version_is_shown_as_well_as_it_can_be():
    """Half a scan that lies in a lake stops nobody who reads it."""
    assert decode(ODD["half a scan"].data).shape == (240, 352, 3)
    with pytest.raises(BadPicture):
        decode(ODD["half a scan"].data, whole=True)


def test_who_stops_the_program_is_not_stopped(monkeypatch: pytest.MonkeyPatch):
    def stopped(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("cctview_pipeline.images.simplejpeg.decode_jpeg", stopped)
    with pytest.raises(KeyboardInterrupt):
        decode(ODD["plain"].data)


@pytest.mark.parametrize("taken", ["", "soon", "0001:01:01 00:00:00", "2020:02:30 00:00:00", "2020:05:05 17:03:04\0\0"])
def test_times_that_are_none(taken: str):
    exif = exif_segment(taken=taken)[4:]
    assert (taken_at(exif) is not None) == (taken.startswith(("0001", "2020:05")))


@given(st.binary(max_size=300))
def test_any_exif_is_read_or_tells_nothing(tail: bytes):
    taken_at(b"Exif\0\0" + tail)
    taken_at(exif_segment()[4:40] + tail)


@settings(max_examples=400, deadline=2000)
@given(st.sampled_from(small), changes)
def test_any_change_leaves_a_picture_or_our_error(name: str, made: list[tuple[str, int, bytes]]):
    """What is kept shows what it showed, and is kept as it is a second time."""
    data = mutated(ODD[name].data, made)
    try:
        kept = read_whole(data)
    except BadPicture:
        assert reason_of(data) in REASONS
        return
    pixels = decode(kept.data)
    assert pixels.shape == (kept.height, kept.width, 3)
    assert read_whole(kept.data).data == kept.data
    if not kept.exif:
        np.testing.assert_array_equal(pixels, shown_or(data, pixels))


def shown_or(data: bytes, otherwise: np.ndarray) -> np.ndarray:
    """What Pillow shows, which warns of nothing; otherwise what is refused by it."""
    try:
        return shown(data)
    except Exception:
        return otherwise
