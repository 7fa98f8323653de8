"""A camera's pictures: how large they are, what their noise and clock do, and that only the moment decides them."""

import io
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from PIL import Image

from cctview_pipeline.city import CAMERAS
from cctview_pipeline.city.faults import Faults
from cctview_pipeline.city.mounts import HEIGHT, WIDTH, mounts
from cctview_pipeline.city.network import START
from cctview_pipeline.city.sensor import Sensor
from cctview_pipeline.city.studio import Studio, notice

IDS = [camera.id for camera in CAMERAS]


@pytest.mark.parametrize("camera", IDS)
def test_pictures_are_as_large_as_those_of_real_cameras(network, camera):
    """Medians of 14 to 23 KB a camera were measured on public cameras of this size."""
    jpegs = [network.picture(camera, shot).jpeg for shot in network.shots(camera, START)[5::100]]
    assert 12_000 < np.median([len(jpeg) for jpeg in jpegs]) < 24_000
    with Image.open(io.BytesIO(jpegs[0])) as image:
        assert (image.format, image.size, image.mode) == ("JPEG", (WIDTH, HEIGHT), "RGB")
        grey = np.asarray(image.convert("L"), np.float64)
    assert 50 < grey.mean() < 200, "neither black nor burned out at noon"
    assert grey.std() > 15


def test_a_picture_does_not_depend_on_the_pictures_before(network):
    mount, traffic = network.mount("city-5"), network.traffic(START)
    shots = network.shots("city-5", START)
    fresh = Studio(1000, mount, Faults([]))
    for shot in (shots[200], shots[3]):
        assert fresh.take(shot, traffic) == network.picture("city-5", shot).jpeg


def test_noise_differs_from_frame_to_frame_and_only_it_where_nothing_moves(network):
    """Two shots of the same moment but for a millisecond, seen through another frame's noise."""
    shot = network.shots("city-1", START)[20]
    later = replace(shot, shows=shot.shows + timedelta(milliseconds=1))
    studio = Studio(1000, network.mount("city-1"), Faults([]))
    a, b = (
        np.asarray(Image.open(io.BytesIO(studio.take(each, network.traffic(START)))).convert("RGB"), np.float64)
        for each in (shot, later)
    )
    assert 0.3 < np.abs(a - b).mean() < 6
    assert np.corrcoef(a.ravel(), b.ravel())[0, 1] > 0.97


@pytest.mark.parametrize("clock", ["banner", "outline", "date", ""])
def test_the_clock_tells_new_york_s_time_and_the_date_where_the_camera_has_one(clock):
    sensor = Sensor(1000, replace(mounts(1000)[0], clock=clock))
    grey = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)

    def written(seconds: float) -> np.ndarray:
        return np.asarray(Image.open(io.BytesIO(sensor.write(grey, START + timedelta(seconds=seconds)))).convert("L"), int)

    first, same, second = written(0), written(0.4), written(1)
    np.testing.assert_array_equal(first, same)
    changed = np.argwhere(np.abs(second - first) > 40)
    if not clock:
        assert len(changed) == 0
        assert np.abs(first - 90).max() <= 2
        return
    assert 0 < len(changed) < 200, "one digit"
    rows = changed[:, 0]
    assert rows.max() < 20 if clock != "date" else rows.min() > HEIGHT - 20


def test_the_notice_is_a_small_picture_with_text():
    with Image.open(io.BytesIO(notice())) as image:
        assert image.size == (WIDTH, HEIGHT)
        grey = np.asarray(image.convert("L"), int)
    assert len(notice()) < 12_000
    assert grey.max() - grey.min() > 120


def test_every_camera_of_every_city_is_another_one():
    seeds = range(1000, 1006)
    drawn = [mount for seed in seeds for mount in mounts(seed)]
    assert mounts(1000) == mounts(1000)
    for name in ("d", "height", "yaw", "horizon", "focal", "noise", "cadence_s"):
        assert len({getattr(mount, name) for mount in drawn}) == len(drawn)
    assert {mount.clock for mount in drawn} == {"", "banner", "outline", "date"}
