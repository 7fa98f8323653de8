"""Every fault does what its sentence says, and nothing else does."""

from datetime import datetime, timedelta

import numpy as np
import pytest
from PIL import Image

from cctview_pipeline.city import CityNetwork, CitySettings
from cctview_pipeline.city.corridor import SOUTHBOUND
from cctview_pipeline.city.faults import KINDS, Fault, Faults
from cctview_pipeline.city.mounts import HEIGHT
from cctview_pipeline.city.network import START
from cctview_pipeline.city.studio import Exposure, notice
from cctview_pipeline.images import decode
from cctview_pipeline_tests.factories.cities import DAWN

CLOCK_ROWS = 20


def minutes(value: float) -> datetime:
    return START + timedelta(minutes=value)


def between(network: CityNetwork, camera: str, begin: float, end: float) -> list[Exposure]:
    """The shots of these minutes."""
    return [shot for shot in network.shots(camera, START) if minutes(begin) <= shot.captured_at < minutes(end)]


def pixels(network: CityNetwork, camera: str, shot: Exposure) -> np.ndarray:
    return decode(network.picture(camera, shot).jpeg).astype(np.float64)


def boxes(network: CityNetwork, camera: str, shot: Exposure) -> dict:
    return network.picture_and_truth(camera, shot)[1].drop_columns(["frame_id", "captured_at"]).to_pydict()


def with_clock(network: CityNetwork, wanted: bool) -> str:
    """A camera that has a clock (at the top), or that has none."""
    clocks = {camera: network.mount(camera).clock for camera in network.cameras()}
    return next(camera for camera, clock in clocks.items() if (clock in ("banner", "outline") if wanted else not clock))


def test_the_settings_document_all_of_them():
    assert set(KINDS) == {"jam", "rain", "night", "lost_frames", "serviced", "frozen", "turned", "offline", "resized"}
    assert all(sentence for sentence in KINDS.values())


def test_a_fault_of_one_camera_leaves_the_others_alone(network, city):
    broken = city("offline:city-3", "turned:city-3", "serviced:city-3")
    assert broken.shots("city-2", START) == network.shots("city-2", START)
    assert broken.shots("city-3", START) != network.shots("city-3", START)
    faults = Faults([Fault("frozen", "city-2"), Fault("rain")])
    assert faults.has("frozen", "city-2")
    assert not faults.has("frozen", "city-1")
    assert faults.has("rain", "city-1")
    assert not faults.has("night")


def test_serviced_shows_the_same_notice_everywhere_and_nobody_is_seen(city):
    network = city("serviced")
    pictures = set()
    for camera in network.cameras():
        shots = between(network, camera, 3, 5)
        assert len(shots) > 50, "the notice is a picture like any other"
        for shot in shots[:: len(shots) - 1]:
            frame, truth = network.picture_and_truth(camera, shot)
            pictures.add(frame.jpeg)
            assert truth.num_rows == 0
    assert pictures == {notice()}
    around = between(network, "city-1", 2, 3)[-1], between(network, "city-1", 5, 6)[0]
    assert all(network.picture_and_truth("city-1", shot)[1].num_rows > 0 for shot in around)
    assert all(network.picture("city-1", shot).jpeg != notice() for shot in around)
    assert decode(notice()).shape == (HEIGHT, 352, 3)


def test_the_truth_of_an_hour_has_no_rows_of_the_notice(city):
    network = CityNetwork(CitySettings(minutes=4, faults=("serviced:city-6",)))
    network.traffic = city().traffic
    times = set(network.truth_boxes("city-6", START)["captured_at"].to_pylist())
    assert max(times) < minutes(3)
    assert len(times) > 80


@pytest.mark.parametrize("clock", [True, False])
def test_frozen_stands_still_and_only_its_clock_goes_on(city, clock):
    network = city("frozen")
    camera = with_clock(network, clock)
    shots = between(network, camera, 6, 8)
    first, last = pixels(network, camera, shots[0]), pixels(network, camera, shots[-1])
    # JPEG works in blocks of 16 x 16 px, so the clock reaches a little below itself.
    np.testing.assert_array_equal(first[2 * 16 :], last[2 * 16 :])
    assert np.array_equal(first[:CLOCK_ROWS], last[:CLOCK_ROWS]) != clock
    still = boxes(network, camera, shots[0])
    assert len(still["vehicle_id"]) > 5
    assert still == boxes(network, camera, shots[-1])
    assert {shot.captured_at for shot in shots} == {shot.captured_at for shot in between(city(), camera, 6, 8)}


def test_frozen_thaws(city):
    network, usual = city("frozen"), city()
    for begin, end in ((5, 6), (8, 9)):
        shot = between(network, "city-1", begin, end)[-1 if begin == 5 else 0]
        assert shot.shows == shot.captured_at
        assert network.picture("city-1", shot) == usual.picture("city-1", shot)
        assert boxes(network, "city-1", shot) != boxes(network, "city-1", between(network, "city-1", 6, 8)[3])


def test_lost_frames_loses_one_in_seven_and_a_minute_and_a_half(network, city):
    """Over all cameras, since a seventh of one camera's minutes is a matter of luck."""
    broken, usual, lost = city("lost_frames"), 0, 0
    for camera in network.cameras():
        assert between(broken, camera, 11, 12.5) == []
        assert len(between(network, camera, 11, 12.5)) > 40
        here = between(broken, camera, 0, 11) + between(broken, camera, 12.5, 14)
        numbers = np.array([shot.number for shot in here])
        usual += len(network.shots(camera, START)) - len(between(network, camera, 11, 12.5))
        lost += usual and len(network.shots(camera, START)) - len(between(network, camera, 11, 12.5)) - len(here)
        assert np.diff(numbers).min() == 1
        assert len(set(numbers.tolist())) == len(numbers)
    assert lost / usual == pytest.approx(1 / 7 - 0.015, abs=0.03)


def test_offline_has_no_frames_at_all(network, city):
    broken = city("offline:city-4")
    assert between(broken, "city-4", 9, 10) == []
    assert len(between(network, "city-4", 9, 10)) > 25
    assert [s for s in network.shots("city-4", START) if not minutes(9) <= s.captured_at < minutes(10)] == broken.shots(
        "city-4", START
    )


def coarse(pixels: np.ndarray) -> np.ndarray:
    """(30, 44) grey levels: without noise, streaks of rain and the sharpening's edges."""
    return np.asarray(Image.fromarray(pixels.astype(np.uint8)).convert("L").resize((44, 30), Image.Resampling.BOX), np.float64)


def alike(a: np.ndarray, b: np.ndarray) -> float:
    """Correlation of what is large in two pictures."""
    return float(np.corrcoef(coarse(a).ravel(), coarse(b).ravel())[0, 1])


@pytest.mark.parametrize("camera", ["city-2", "city-5"])
def test_turned_shows_another_view_from_half_time_on(network, city, camera):
    turned = city(f"turned:{camera}")
    first, last = between(turned, camera, 0, 7), between(turned, camera, 7, 14)
    assert not any(shot.turned for shot in first)
    assert all(shot.turned for shot in last)
    before, after = first[-1], last[0]
    assert turned.picture(camera, before) == network.picture(camera, before), "nothing is known of it yet"
    unturned = between(network, camera, 7, 14)[0]
    assert unturned.captured_at == after.captured_at
    assert alike(pixels(turned, camera, after), pixels(network, camera, unturned)) < 0.5
    assert boxes(turned, camera, after) != boxes(network, camera, unturned)
    assert sum(len(boxes(turned, camera, shot)["x1"]) for shot in last[:40:8]) > 0, "the road is still in the picture"


@pytest.mark.parametrize("camera", ["city-1", "city-4"])
def test_night_is_darker_and_rain_is_flatter(network, city, camera):
    shot = network.shots(camera, START)[10]
    usual, night, rain = (pixels(of, camera, shot) for of in (network, city("night"), city("rain")))
    assert night[CLOCK_ROWS:].mean() < 0.6 * usual[CLOCK_ROWS:].mean()
    assert coarse(rain)[4:].std() < coarse(usual)[4:].std()
    for changed in ("night", "rain"):
        assert boxes(city(changed), camera, shot) == boxes(network, camera, shot), "weather hides nobody"


def test_a_jam_fills_the_fourth_camera_southbound():
    jammed, usual = (CityNetwork(CitySettings(start=DAWN, minutes=14, faults=faults)) for faults in (("jam",), ()))

    def present(network: CityNetwork, minute: float) -> np.ndarray:
        """Speeds of who is southbound at the camera's part of the road."""
        now, s = network.traffic(DAWN).at(DAWN + timedelta(minutes=minute)), network.mount("city-4").s
        return now.speed[(now.side == SOUTHBOUND) & (now.s > s - 60) & (now.s < s + 75)]

    assert len(present(jammed, 13)) > 2 * len(present(usual, 13))
    assert np.median(present(jammed, 13)) < 4
    assert np.array_equal(present(jammed, 4), present(usual, 4)), "it begins with minute 5"
    shots = [shot for shot in jammed.shots("city-4", DAWN) if shot.captured_at > DAWN + timedelta(minutes=12)][::20]
    southbound = [
        [network.picture_and_truth("city-4", shot)[1]["carriageway"].to_pylist().count("S") for shot in shots]
        for network in (jammed, usual)
    ]
    assert sum(southbound[0]) > 1.5 * sum(southbound[1])
