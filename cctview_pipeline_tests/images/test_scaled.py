"""Pictures scaled while they are decoded."""

import io

import numpy as np
import pytest
from PIL import Image

from cctview_pipeline.images import BadPicture, decode, decode_scaled, encode_jpeg, encode_png

SLOPE = np.linspace(0, 255, 640).astype(np.uint8)
PICTURE = np.stack(np.broadcast_arrays(SLOPE[None, :], SLOPE[:480, None], np.uint8(90)), axis=2)


@pytest.mark.parametrize("size", [(640, 480), (320, 240), (449, 337), (226, 170), (80, 60), (900, 675)])
@pytest.mark.parametrize("encode", [encode_jpeg, encode_png, lambda image: image])
def test_a_picture_of_any_size_shows_the_same(size, encode):
    image = np.ascontiguousarray(PICTURE)
    found = decode_scaled(encode(image), size)
    assert found.shape == (size[1], size[0], 3)
    assert found.dtype == np.uint8
    expected = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BOX)).astype(int)
    assert np.abs(found.astype(int) - expected).mean() < 3


def test_a_jpeg_of_its_own_size_is_decoded_as_ever():
    jpeg = encode_jpeg(np.ascontiguousarray(PICTURE))
    assert np.array_equal(decode_scaled(jpeg, (640, 480)), decode(jpeg))


def test_fine_stripes_become_grey_and_no_coarse_ones():
    stripes = np.zeros((480, 640, 3), np.uint8)
    stripes[:, ::2] = 255
    for encode in (encode_jpeg, lambda image: image):
        found = decode_scaled(encode(stripes), (226, 170)).astype(int)
        assert abs(found.mean() - 127) < 8
        assert found.std() < 30


def test_of_another_kind_of_jpeg_is_taken_what_a_viewer_shows():
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(PICTURE)).convert("CMYK").save(buffer, "JPEG")
    assert decode_scaled(buffer.getvalue(), (320, 240)).shape == (240, 320, 3)


def test_what_is_no_picture_is_refused_as_ever():
    with pytest.raises(BadPicture, match="cannot be decoded"):
        decode_scaled(b"\xff\xd8 no picture", (320, 240))
