"""The city as a camera network: the same settings make the same bytes, frames lie where they should, bad settings are refused."""

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cctview_pipeline.campaign import HOUR
from cctview_pipeline.city import CAMERAS, CityNetwork, CitySettings
from cctview_pipeline.city.faults import KINDS, Fault
from cctview_pipeline.city.mounts import HEIGHT, WIDTH
from cctview_pipeline.city.network import START
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.ids import FrameId
from cctview_pipeline.images import decode
from cctview_pipeline.images.jpeg import capture_time, strip_metadata
from cctview_pipeline_tests.factories.cities import DAWN

IDS = [camera.id for camera in CAMERAS]


@pytest.fixture(scope="module")
def dawn() -> CityNetwork:
    return CityNetwork(CitySettings(seed=1000, start=DAWN, minutes=1))


@pytest.fixture(scope="module")
def frames(dawn) -> list:
    return dawn.read_hour("city-2", DAWN).frames


def test_the_same_settings_make_the_same_bytes(dawn, frames):
    again = CityNetwork(CitySettings(seed=1000, start=DAWN, minutes=1))
    shot = again.shots("city-2", DAWN)[-1]
    assert again.picture("city-2", shot) == frames[-1], "whatever was drawn before"
    assert again.truth_boxes("city-2", DAWN).equals(dawn.truth_boxes("city-2", DAWN))
    assert again.truth_passages("city-2", DAWN).equals(dawn.truth_passages("city-2", DAWN))
    assert again.read_hour("city-2", DAWN).frames == frames


def test_another_seed_makes_other_bytes(dawn, frames):
    other = CityNetwork(CitySettings(seed=1001, start=DAWN, minutes=1))
    assert other.mount("city-2") != dawn.mount("city-2")
    theirs = other.shots("city-2", DAWN)
    assert {frame.captured_at for frame in frames}.isdisjoint(shot.captured_at for shot in theirs[5:])
    assert other.picture("city-2", theirs[0]).jpeg not in {frame.jpeg for frame in frames}
    assert not other.truth_boxes("city-2", DAWN).equals(dawn.truth_boxes("city-2", DAWN))


def test_frames_are_of_their_camera_and_minute(dawn, frames):
    assert 25 < len(frames) < 50
    assert [frame.captured_at for frame in frames] == sorted(frame.captured_at for frame in frames)
    assert len({frame.frame_id for frame in frames}) == len(frames)
    for frame in frames:
        assert FrameId.parse(frame.frame_id) == FrameId("city-2", frame.captured_at)
        assert dawn.begin <= frame.captured_at < dawn.end
        assert timedelta(0) < frame.fetched_at - frame.captured_at < timedelta(seconds=1)
        assert (frame.width, frame.height) == (WIDTH, HEIGHT)
    assert len({frame.jpeg for frame in frames}) == len(frames)


def test_jpegs_are_as_the_archive_stores_them(frames):
    jpeg = frames[0].jpeg
    assert decode(jpeg).shape == (HEIGHT, WIDTH, 3)
    assert capture_time(jpeg) is None
    assert strip_metadata(jpeg) == jpeg


@pytest.mark.parametrize("camera", IDS)
def test_two_frames_are_1_2_to_2_seconds_apart_unless_one_was_lost(network, camera):
    shots = network.shots(camera, START)
    numbers = np.diff([shot.number for shot in shots])
    gaps = np.diff([shot.captured_at.timestamp() for shot in shots])
    assert numbers.min() == 1
    assert np.mean(numbers > 1) < 0.05
    assert gaps.min() > 1.199
    assert (gaps / numbers).max() < 2.001
    assert np.ptp(gaps[numbers == 1]) > 0.2, "no metronome"


@settings(max_examples=10, deadline=None)
@given(minutes=st.integers(1, 200), camera=st.sampled_from(IDS), seed=st.integers(1000, 1999))
def test_every_hour_holds_what_is_collected_of_it(minutes, camera, seed):
    network = CityNetwork(CitySettings(seed=seed, minutes=minutes))
    hours = network.hours(camera)
    assert hours == [START + i * HOUR for i in range(-(-minutes // 60))]
    times = [shot.captured_at for hour in hours for shot in network.shots(camera, hour)]
    assert times == sorted(set(times))
    assert all(START <= time < START + timedelta(minutes=minutes) for time in times)
    assert len(times) == pytest.approx(minutes * 60 / network.mount(camera).cadence_s, rel=0.05, abs=4)
    for hour in hours:
        assert all(hour <= shot.captured_at < hour + HOUR for shot in network.shots(camera, hour))
    assert network.shots(camera, START - HOUR) == network.shots(camera, hours[-1] + HOUR) == []


def test_an_hour_is_the_same_however_much_is_collected():
    short, long = (CityNetwork(CitySettings(minutes=minutes)).shots("city-3", START) for minutes in (7, 60))
    assert short == long[: len(short)]


def test_an_hour_that_is_not_collected_is_empty_and_costs_nothing(network):
    later = START + 5 * HOUR
    assert network.read_hour("city-1", later).frames == []
    assert network.hours("city-7") == []


@pytest.mark.parametrize("call", ["read_hour", "truth_boxes", "truth_passages", "shots"])
def test_a_camera_that_there_is_not_is_refused(network, call):
    with pytest.raises(CctviewError, match=r"^The city has no camera named 'city-7': known are city-1, .*\.$"):
        getattr(network, call)("city-7", START)


def test_cameras_hang_along_one_road():
    network = CityNetwork()
    assert network.cameras() == IDS == [f"city-{i}" for i in range(1, 7)]
    places = [network.mount(camera).s for camera in IDS]
    assert places == sorted(places)
    assert network.name == "city"
    assert {network.mount(camera).ahead for camera in IDS} == {1, -1}


full_hours = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)).map(
    lambda moment: moment.replace(minute=0, second=0, microsecond=0, tzinfo=UTC)
)
some_faults = st.lists(
    st.one_of(st.sampled_from(list(KINDS)), st.sampled_from(["frozen:city-2", "turned:city-6", "offline:city-1"])), max_size=3
)


@given(seed=st.integers(0, 999_999), start=full_hours, minutes=st.integers(1, 527_040), faults=some_faults)
def test_settings_are_read_as_they_were_written(seed, start, minutes, faults):
    made = CitySettings(seed=seed, start=start, minutes=minutes, faults=tuple(faults))
    assert CitySettings.read(made.as_dict()) == made
    assert isinstance(made.as_dict()["faults"], list), "as TOML has it"


def test_what_is_not_said_is_as_usual():
    assert CitySettings.read({}) == CitySettings()
    assert CitySettings.read({"minutes": 5}) == CitySettings(minutes=5)


REFUSED = [
    ({"seed": -1}, r"seed = -1 .* is out of range \(from 0 to 999999\)"),
    ({"seed": 1_000_000}, r"seed = 1000000 .* \(from 0 to 999999\)"),
    ({"seed": "7"}, 'seed = "7" .* is no whole number: write seed = 1000'),
    ({"minutes": 0}, r"minutes = 0 .* \(from 1 to 527040\)"),
    ({"minutes": 366 * 24 * 60 + 1}, r"\(from 1 to 527040\)"),
    ({"minutes": 2.5}, "is no whole number"),
    ({"start": datetime(2025, 6, 3, 16, 30, tzinfo=UTC)}, "starts at a full hour"),
    ({"start": datetime(2025, 6, 3, 16)}, "has no offset, and so is another hour in every time zone"),
    ({"start": datetime(2025, 6, 3, 16, tzinfo=timezone(timedelta(hours=5, minutes=30)))}, "starts at a full hour"),
    ({"start": "2025-06-03T16:00:00Z"}, "is a text and no time: write start = 2025-06-03T16:00:00Z"),
    ({"faults": ["earthquake"]}, "no fault named 'earthquake': known are jam, rain"),
    ({"faults": ["frozen:city-9"]}, "no camera named 'city-9': known are city-1"),
    ({"faults": ["rain:city-1"]}, "'rain' is of the whole city: write it without a camera"),
    ({"faults": [""]}, r'faults = \[""\] .* is no list of texts: write faults = \["jam"'),
    ({"speed": 3}, "unknown key 'speed' stands under .*: it may mean seed; known are seed, start, minutes, faults"),
]


@pytest.mark.parametrize(("values", "sentence"), REFUSED, ids=[str(values) for values, _ in REFUSED])
def test_bad_settings_are_refused_with_a_sentence(values, sentence):
    with pytest.raises(CctviewError, match=sentence) as refused:
        CitySettings.read(values)
    text = str(refused.value)
    assert text.endswith(".")
    assert "\n" not in text
    assert text.count(". ") == 0, "one sentence"


@pytest.mark.parametrize("values", [{"faults": "jam"}, {"faults": 3}, {"faults": [3]}, {"seed": True}, {"seed": None}])
def test_settings_of_the_wrong_type_are_refused_with_a_sentence(values):
    with pytest.raises(CctviewError):
        CitySettings.read(values)


@given(kind=st.sampled_from(list(KINDS)), camera=st.sampled_from([None, *IDS]))
def test_faults_are_read_as_they_are_written(kind, camera):
    text = f"{kind}:{camera}" if camera else kind
    if camera and kind in ("jam", "rain", "night"):
        with pytest.raises(CctviewError, match="whole city"):
            Fault.parse(text, IDS)
    else:
        assert Fault.parse(text, IDS) == Fault(kind, camera)
