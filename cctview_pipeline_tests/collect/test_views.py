"""Which frames show another view of the camera, told from the pictures: the city's, whose cameras can be turned."""

import numpy as np
import pyarrow as pa
import pytest

from cctview_pipeline.cameras.tables import frames_table
from cctview_pipeline.city import CityNetwork, CitySettings
from cctview_pipeline.collect.views import view_numbers, with_views
from cctview_pipeline.track.views import VIEW
from cctview_pipeline_tests.factories.cities import DAWN

ROOM = np.random.default_rng(0).normal(0, 50, (3, 22, 44))
"""Three views."""


def numbers(shown: list[int | None], every_s: float = 2.0, noise: float = 15.0) -> list[int]:
    """Of frames that show such a view; None for something before the lens."""
    rng = np.random.default_rng(1)

    def look(place: int) -> np.ndarray:
        view = shown[place]
        return (rng.normal(0, 50, (22, 44)) if view is None else ROOM[view]) + rng.normal(0, noise, (22, 44))

    return view_numbers(np.arange(len(shown)) * every_s, look).tolist()


@pytest.mark.parametrize(
    "shown",
    [
        [0] * 60,
        [0] * 30 + [1] * 30,
        [0] * 17 + [1] * 23 + [0] * 20,
        [0] * 12 + [1] * 12 + [2] * 12 + [0] * 12 + [2] * 12,
        [0] * 2,
        [],
    ],
    ids=["one", "turned", "there and back", "a round", "two frames", "none"],
)
def test_every_frame_has_its_view(shown):
    assert numbers(shown) == shown


def test_a_lorry_before_the_lens_is_no_view():
    assert numbers([0] * 20 + [None] * 6 + [0] * 20 + [1] * 20 + [None] * 4 + [1] * 10) == [0] * 46 + [1] * 34


def test_light_that_changes_is_no_view():
    rng = np.random.default_rng(1)
    dusk = np.linspace(1, 0, 300)[:, None, None] * ROOM[0] + np.linspace(0, 1, 300)[:, None, None] * ROOM[1]
    assert set(view_numbers(np.arange(300) * 2.0, lambda place: dusk[place] + rng.normal(0, 5, (22, 44))).tolist()) == {0}


@pytest.mark.parametrize("faults", [("turned",), ("rain",)])
def test_a_camera_of_the_city_that_is_turned(faults):
    """Half-way through what is collected. At dawn, when little is to be seen, it is noticed within 20 s; rain is no turn."""
    city = CityNetwork(CitySettings(seed=7, minutes=3, faults=faults, start=DAWN))
    frames = frames_table(city.read_hour("city-2", city.begin), "city")
    found = with_views(frames)
    assert found.column_names == [*(name for name in frames.column_names if name != "jpeg"), VIEW]
    seconds = (frames["captured_at"].cast(pa.int64()).to_numpy() - int(city.begin.timestamp() * 1e6)) / 1e6
    numbers = found[VIEW].to_numpy()
    assert not numbers[seconds < 90].any()
    assert (numbers[seconds > 110] == ("turned" in faults)).all()
