"""What is stored of a picture: no people, no private places, no more pixels than allowed, and a word about it."""

import hashlib
import io
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cctview_pipeline.cli.collect import masker_of
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.frames import CameraHour, Frame
from cctview_pipeline.images import decode, encode_jpeg
from cctview_pipeline.images.jpeg import COM, segments, strip_metadata, with_camera_comments
from cctview_pipeline.lake import Lake
from cctview_pipeline.policy import Policy
from cctview_pipeline.redaction.masking import GREY, Masker, NoPeopleDetector, Refused, mask_hour, mask_of
from cctview_pipeline.zones import Zones
from cctview_pipeline_tests.factories.magenta_people import MagentaFinder, magenta, road_with_people
from cctview_pipeline_tests.factories.tables import campaign

NOON = datetime(2025, 6, 3, 16, tzinfo=UTC)
MAC = b"\x0a\x00\x00\x40\x8c\x01\x02\x03"


CORNER = ((0, 0), (40, 0), (40, 40), (0, 40))


def zoned(*polygons, size: tuple[int, int] | None = (352, 240), camera: str = "cam") -> dict[str, Zones]:
    """Of one camera."""
    return {camera: Zones(privacy_zones=polygons, size=size, camera_id=camera)}


def masker(largest_side: int = 640, zones: dict[str, Zones] | None = None) -> Masker:
    return Masker(MagentaFinder(), largest_side, zones)


def jpeg(image: np.ndarray, quality: int = 60) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def frame(content: bytes, name: str = "cam--1") -> Frame:
    height, width = decode(content).shape[:2]
    return Frame(frame_id=name, camera_id="cam", captured_at=NOON, fetched_at=NOON, jpeg=content, width=width, height=height)


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
    [found] = masker(zones=zoned(((0, 0), (10, 0), (10, 10)))).mask(["cam"], [jpeg(road_with_people((50, 50, 60, 70)))])
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
    road = road_with_people()
    here, elsewhere = masker(zones=zoned(CORNER)).mask(["cam", "other"], [jpeg(road), jpeg(road)])
    assert np.abs(decode(here.jpeg)[4:36, 4:36].astype(int) - GREY).max() < 12
    assert elsewhere.filled == 0
    assert np.abs(decode(elsewhere.jpeg)[4:36, 4:36].astype(int) - GREY).max() > 20


@pytest.mark.parametrize("times", [1, 2, 4, 0.5])
def test_a_house_stays_hidden_when_its_camera_sends_another_size(times: float):
    """Drawn on 352 x 240: at 704 x 480 three quarters of it would come to light again, were pixels taken for pixels."""
    house = np.full((240, 352, 3), 60, np.uint8)
    house[100:200, 200:340] = 250
    sent = Image.fromarray(house).resize((round(352 * times), round(240 * times)), Image.Resampling.BICUBIC)
    zones = zoned(((198, 98), (341, 98), (341, 201), (198, 201)))
    [found] = masker(largest_side=2000, zones=zones).mask(["cam"], [jpeg(np.asarray(sent), quality=90)])
    assert decode(found.jpeg).max() < GREY + 20
    assert " zones " in found.by


def test_a_frame_of_another_shape_is_set_aside_and_the_others_are_stored():
    frames = [frame(jpeg(road_with_people(width=w, height=h)), f"cam--{w}") for w, h in ((352, 240), (720, 480), (704, 480))]
    other = replace(frames[1], camera_id="other", frame_id="other--720")
    found = mask_hour(CameraHour([*frames, other], []), masker(largest_side=800, zones=zoned(CORNER)))
    assert [each.frame_id for each in found.frames] == ["cam--352", "cam--704", "other--720"]
    [rejected] = found.rejected
    assert (rejected.name, rejected.reason) == ("cam--720", "zones")
    assert rejected.sha256 == hashlib.sha256(frames[1].jpeg).hexdigest()
    assert rejected.detail.startswith("It is 720 x 480 pixels, of another shape than the 352 x 240")


def test_where_nobody_said_what_size_a_zone_was_drawn_on_nothing_is_stored():
    hidden = masker(zones=zoned(CORNER, size=None))
    [refused] = hidden.mask(["cam"], [jpeg(road_with_people())])
    assert (refused.reason, refused.detail) == ("zones", hidden.unsized("cam"))
    assert hidden.unsized("cam").endswith("such as zones_size = [352, 240].")
    assert hidden.unsized("other") == ""


def test_what_masked_a_picture_tells_one_drawing_from_another():
    drawings = zoned(CORNER), zoned(CORNER, size=(704, 480)), zoned(((0, 0), (41, 0), (41, 40)))
    assert len({masker(zones=each).by("cam") for each in drawings}) == 3


def test_a_refusal_can_be_kept_in_a_pictures_place():
    refused = Refused.because("zones", "Its zones are elsewhere.", b"picture")
    assert Refused.from_json(refused.to_json()) == refused
    for other in (b"", b"{}", b"[1]", b"7", jpeg(road_with_people())):
        assert Refused.from_json(other) is None


def test_more_pixels_than_allowed_are_not_stored():
    [found] = masker(largest_side=320).mask(["cam"], [jpeg(road_with_people((600, 500, 700, 800), width=1280, height=960))])
    assert (found.width, found.height) == (320, 240)
    assert decode(found.jpeg).shape == (240, 320, 3)
    assert not magenta(decode(found.jpeg)).any()


def test_black_and_white_pictures_are_masked_as_well():
    grey = np.asarray(Image.fromarray(road_with_people()).convert("L"))
    buffer = io.BytesIO()
    Image.fromarray(grey).save(buffer, "JPEG")
    [found] = masker(zones=zoned(CORNER)).mask(["cam"], [buffer.getvalue()])
    assert np.abs(decode(found.jpeg)[4:36, 4:36].astype(int) - GREY).max() < 12


def test_what_cannot_be_decoded_is_not_stored():
    whole = jpeg(road_with_people())
    refused = masker().mask(["cam"] * 3, [whole[: len(whole) // 2], b"", b"<html>"])
    assert all(isinstance(each, Refused) for each in refused)
    assert (refused[0].reason, refused[2].reason) == ("truncated", "no_picture")


def test_an_hour_of_frames():
    good = [frame(jpeg(road_with_people((50 + i, 50, 60 + i, 70))), f"cam--{i}") for i in range(70)]
    broken = Frame(
        frame_id="cam--broken", camera_id="cam", captured_at=NOON, fetched_at=NOON, jpeg=good[0].jpeg[:500], width=352, height=240
    )
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


DOOR = ((200, 100), (240, 100), (240, 140), (200, 140))


def in_the_lake(collected_by: Masker, now: Masker, **size: int) -> CameraHour:
    """A frame that a collector masked, as a run stores it."""
    [once] = collected_by.mask(["cam"], [jpeg(road_with_people((50, 50, 60, 70), **size))])
    return mask_hour(CameraHour([frame(once.jpeg)], []), now)


@pytest.mark.parametrize("times", [1, 2])
def test_a_zone_that_was_drawn_while_the_frame_lay_in_the_spool_is_painted(times: int):
    now = masker(zones=zoned(DOOR))
    [found] = in_the_lake(masker(largest_side=2000), now, width=352 * times, height=240 * times).frames
    inside = decode(found.jpeg)[104 * times : 136 * times, 204 * times : 236 * times]
    assert np.abs(inside.astype(int) - GREY).max() < 12
    assert found.masked_by == f"magenta-finder@000000000000 side 2000 zones {now.by('cam')[-8:]}"
    assert mask_of(found.jpeg) == (found.masked_by, found.filled) == (found.masked_by, 2)
    assert (found.width, found.height) == (352 * times, 240 * times)
    assert not magenta(decode(found.jpeg)).any()


def test_of_zones_that_were_drawn_anew_the_old_and_the_new_are_painted():
    old, new = masker(zones=zoned(CORNER)), masker(zones=zoned(DOOR))
    [found] = in_the_lake(old, new).frames
    for place in (np.s_[4:36, 4:36], np.s_[104:136, 204:236]):
        assert np.abs(decode(found.jpeg)[place].astype(int) - GREY).max() < 12
    assert found.masked_by == f"{old.by('cam')} zones {new.by('cam')[-8:]}"


@pytest.mark.parametrize("now", [masker(zones=zoned(CORNER)), masker()], ids=["the same", "taken out"])
def test_where_no_zone_is_new_the_picture_keeps_its_bytes(now: Masker):
    once = masker(zones=zoned(CORNER)).mask(["cam"], [jpeg(road_with_people((50, 50, 60, 70)))])[0]
    assert mask_hour(CameraHour([frame(once.jpeg)], []), now).frames[0].jpeg == once.jpeg


def test_a_frame_from_the_spool_in_which_a_new_zone_has_no_place_is_set_aside():
    found = in_the_lake(masker(), masker(zones=zoned(CORNER)), width=352, height=200)
    assert [each.reason for each in found.rejected] == ["zones"]
    assert not found.frames


def test_who_keeps_people_visible_says_for_what_and_masks_the_rest():
    before = frame(encode_jpeg(road_with_people((300, 200, 340, 230), width=704, height=480)))
    [found] = mask_hour(CameraHour([before], []), Masker(NoPeopleDetector("road safety"), 352, zoned(CORNER))).frames
    assert found.masked_by.startswith("nobody: road safety; side 352 zones ")
    assert (found.width, found.height, found.filled) == (352, 240, 1)
    assert magenta(decode(found.jpeg)).any()
    assert np.abs(decode(found.jpeg)[4:36, 4:36].astype(int) - GREY).max() < 12


def test_who_does_not_any_more_masks_what_a_collector_let_through():
    [visible] = mask_hour(
        CameraHour([frame(jpeg(road_with_people((50, 50, 60, 70))))], []), Masker(NoPeopleDetector("x"), 640)
    ).frames
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
