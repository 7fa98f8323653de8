"""One picture that cannot be masked costs no other, and nothing is stored unmasked."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cctview_pipeline.errors import CctviewError
from cctview_pipeline.images import decode, encode_jpeg
from cctview_pipeline.images.jpeg import with_camera_comments
from cctview_pipeline.redaction.masking import Masked, Masker, mask_of
from cctview_pipeline_tests.factories.magenta_people import MagentaFinder, magenta, road_with_people
from cctview_pipeline_tests.factories.spool import NINE

GOOD = encode_jpeg(road_with_people((100, 100, 120, 140)))


class Touchy(MagentaFinder):
    """Fails on pictures that are 32 px high, and on batches that hold one; broken: on all."""

    broken = False

    def find(self, images):
        if self.broken or any(image.shape[0] == 32 for image in images):
            raise RuntimeError("CUDA out of memory at 0x7f00dead")
        return super().find(images)


ODD = encode_jpeg(np.zeros((32, 32, 3), np.uint8))


def test_one_bad_picture_of_sixteen_costs_no_other():
    batch = [ODD if place == 6 else GOOD for place in range(16)]
    found = Masker(Touchy(), 640).mask(["cam"] * 16, batch)
    assert [isinstance(each, Masked) for each in found] == [place != 6 for place in range(16)]
    assert not any(magenta(decode(each.jpeg)).any() for each in found if isinstance(each, Masked))


def test_a_finder_that_fails_on_one_picture_alone_still_works():
    assert not isinstance(Masker(Touchy(), 640).mask(["cam"], [ODD])[0], Masked)


def test_a_finder_that_fails_on_everything_ends_it_in_our_words():
    finder = Touchy()
    finder.broken = True
    with pytest.raises(CctviewError, match=r"fails on every picture \(RuntimeError\), and nothing is stored unmasked") as told:
        Masker(finder, 640).mask(["cam"] * 2, [GOOD, ODD])
    assert "0x" not in str(told.value)


@settings(max_examples=60, deadline=None)
@given(
    place=st.integers(0, len(GOOD) - 1), byte=st.binary(min_size=1, max_size=4), kind=st.sampled_from(["any", "changed", "cut"])
)
def test_whatever_comes_is_masked_or_not_stored(place: int, byte: bytes, kind: str):
    """Any bytes, a good picture with some of its bytes changed, half of one: its neighbour is masked all the same."""
    odd = {"any": byte * 40, "changed": GOOD[:place] + byte + GOOD[place + 1 :], "cut": GOOD[:place]}[kind]
    first, second = Masker(MagentaFinder(), 640).mask(["cam", "cam"], [odd, GOOD])
    assert not magenta(decode(second.jpeg)).any()
    assert not isinstance(first, Masked) or mask_of(first.jpeg) == (first.by, first.filled)


@pytest.mark.parametrize("comment", [b"cctview {oops", b"cctview []", b'cctview {"mask": 1}', b"cctview \xff"])
def test_a_comment_that_is_not_ours_says_nothing_of_a_mask(comment: bytes):
    assert mask_of(with_camera_comments(GOOD, comment, NINE)) is None
