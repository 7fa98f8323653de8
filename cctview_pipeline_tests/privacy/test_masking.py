"""What is stored of a picture: no people, no private places, no more pixels than allowed, and a word about it."""

import hashlib
import io
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cctview_pipeline.cameras.jpeg import COM, segments, strip_metadata, with_camera_comments
from cctview_pipeline.cameras.network import CameraHour, Frame
from cctview_pipeline.cli_collect import masker_of
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.images import decode, encode_jpeg
from cctview_pipeline.lake import Lake
from cctview_pipeline.privacy.masking import GREY, Masker, Nobody, mask_hour, mask_of
from cctview_pipeline.privacy.policy import Policy
from cctview_pipeline_tests.factories.magenta_people import MagentaFinder, magenta, road_with_people
from cctview_pipeline_tests.factories.tables import campaign

NOON = datetime(2025, 6, 3, 16, tzinfo=UTC)
MAC = b"\x0a\x00\x00\x40\x8c\x01\x02\x03"


def masker(largest_side: int = 640, **zones) -> Masker:
    return Masker(MagentaFinder(), largest_side, zones)


def jpeg(image: np.ndarray, quality: int = 60) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def frame(content: bytes, name: str = "cam--1") -> Frame:
    height, width = decode(content).shape[:2]
    return Frame(name, "cam", NOON, NOON, content, width, height)


def test_people_are_painted_over_with_a_margin():
    [found] = masker().mask(["cam"], [jpeg(road_with_people((100, 100, 108, 124), (300, 200, 306, 216)))])
    stored = decode(found.jpeg)
    assert found.filled == 2
    assert not magenta(stored).any()
    assert np.abs(stored[102:122, 101:107].astype(int) - GREY).max() < 12


def test_the_rest_of_the_picture_stays_as_it_was():
    before = jpeg(road_with_people((100, 100, 108, 124)), quality=40)
    [found] = masker().mask(["cam"], [before])
    away = np.ones((240, 352), bool)
    away[80:144, 80:128] = False
    assert np.abs(decode(found.jpeg).astype(int) - decode(before))[away].mean() < 1.0
    assert len(found.jpeg) < 1.1 * len(before)


def test_a_picture_without_people_keeps_its_bytes():
    before = jpeg(road_with_people())
    [found] = masker().mask(["cam"], [before])
    assert (found.filled, strip_metadata(found.jpeg)) == (0, strip_metadata(before))


def test_the_picture_says_by_what_it_was_masked():
    [found] = masker(cam=[((0, 0), (10, 0), (10, 10))]).mask(["cam"], [jpeg(road_with_people((50, 50, 60, 70)))])
    by, filled = mask_of(found.jpeg)
    assert by.startswith("magenta-finder@000000000000 side 640 zones ")
    assert filled == 2
    assert mask_of(jpeg(road_with_people())) is None


def test_a_camera_s_address_is_gone():
    content = with_camera_comments(jpeg(road_with_people((50, 50, 60, 70))), MAC, NOON)
    [found] = masker().mask(["cam"], [content])
    assert MAC in content
    assert MAC not in found.jpeg
    assert [marker for marker, _ in segments(found.jpeg)].count(COM) == 1


def test_private_places_are_painted_over_at_their_camera_only():
    zone = [((0, 0), (40, 0), (40, 40), (0, 40))]
    road = road_with_people()
    here, elsewhere = masker(cam=zone).mask(["cam", "other"], [jpeg(road), jpeg(road)])
    assert np.abs(decode(here.jpeg)[4:36, 4:36].astype(int) - GREY).max() < 12
    assert elsewhere.filled == 0
    assert np.abs(decode(elsewhere.jpeg)[4:36, 4:36].astype(int) - GREY).max() > 20


def test_more_pixels_than_allowed_are_not_stored():
    [found] = masker(largest_side=320).mask(["cam"], [jpeg(road_with_people((600, 500, 700, 800), width=1280, height=960))])
    assert (found.width, found.height) == (320, 240)
    assert decode(found.jpeg).shape == (240, 320, 3)
    assert not magenta(decode(found.jpeg)).any()


def test_black_and_white_pictures_are_masked_as_well():
    grey = np.asarray(Image.fromarray(road_with_people()).convert("L"))
    buffer = io.BytesIO()
    Image.fromarray(grey).save(buffer, "JPEG")
    [found] = masker(cam=[((0, 0), (40, 0), (40, 40), (0, 40))]).mask(["cam"], [buffer.getvalue()])
    assert np.abs(decode(found.jpeg)[4:36, 4:36].astype(int) - GREY).max() < 12


def test_what_cannot_be_decoded_is_not_stored():
    whole = jpeg(road_with_people())
    assert masker().mask(["cam"] * 3, [whole[: len(whole) // 2], b"", b"<html>"]) == [None] * 3


def test_an_hour_of_frames():
    good = [frame(jpeg(road_with_people((50 + i, 50, 60 + i, 70))), f"cam--{i}") for i in range(70)]
    broken = Frame("cam--broken", "cam", NOON, NOON, good[0].jpeg[:500], 352, 240)
    found = mask_hour(CameraHour([*good, broken], []), masker())
    assert [f.frame_id for f in found.frames] == [f.frame_id for f in good]
    assert min(f.filled for f in found.frames) == 1
    assert all(not magenta(decode(f.jpeg)).any() for f in found.frames)
    assert [(r.name, r.reason, r.sha256) for r in found.rejected] == [
        ("cam--broken", "truncated", hashlib.sha256(broken.jpeg).hexdigest())
    ]


def test_what_a_collector_masked_is_not_masked_again():
    [once] = masker().mask(["cam"], [jpeg(road_with_people((50, 50, 60, 70)))])
    [again] = mask_hour(CameraHour([frame(once.jpeg)], []), Masker(MagentaFinder(), 100)).frames
    assert (again.jpeg, again.masked_by, again.filled) == (once.jpeg, once.by, 1)


def test_who_keeps_people_visible_says_for_what_and_masks_the_rest():
    zone = {"cam": [((0, 0), (40, 0), (40, 40), (0, 40))]}
    before = frame(encode_jpeg(road_with_people((300, 200, 340, 230), width=704, height=480)))
    [found] = mask_hour(CameraHour([before], []), Masker(Nobody("road safety"), 352, zone)).frames
    assert found.masked_by.startswith("nobody: road safety; side 352 zones ")
    assert (found.width, found.height, found.filled) == (352, 240, 1)
    assert magenta(decode(found.jpeg)).any()
    assert np.abs(decode(found.jpeg)[4:36, 4:36].astype(int) - GREY).max() < 12


def test_who_does_not_any_more_masks_what_a_collector_let_through():
    [visible] = mask_hour(CameraHour([frame(jpeg(road_with_people((50, 50, 60, 70))))], []), Masker(Nobody("x"), 640)).frames
    [found] = mask_hour(CameraHour([visible], []), masker()).frames
    assert not magenta(decode(found.jpeg)).any()
    assert found.masked_by.startswith("magenta-finder")


def test_without_the_model_nothing_can_be_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CCTVIEW_MODELS", str(tmp_path))
    with pytest.raises(CctviewError, match="no masker named 'people-finder'"):
        Masker.of(Policy())
    assert Masker.of(Policy(purposes=("x",), unmasked_for="x")).by("cam") == "nobody: x; side 640"


@pytest.mark.parametrize(
    ("network", "said", "masker"),
    [
        ("city", {}, "people-finder@"),
        ("nyc-dot", {}, "people-finder@"),
        ("archive", {"purposes": ["x"], "unmasked_for": "x"}, "people-finder@"),
        ("nyc-dot", {"purposes": ["x"], "unmasked_for": "x"}, "nobody: x"),
    ],
)
def test_a_collector_lets_people_through_only_where_its_own_campaign_says_so(
    network: str, said: dict, masker: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    Lake(str(tmp_path)).write_campaign(campaign(network=network, privacy=said))
    monkeypatch.setenv("CCTVIEW_LAKE", str(tmp_path))
    assert masker_of("nyc-dot", "").by("cam").startswith(masker)
