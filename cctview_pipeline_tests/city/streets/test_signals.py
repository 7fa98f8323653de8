"""The lights: no two phases of a crossing at once, and time enough to walk across."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cctview_pipeline.city.streets.plan import ARMS, CROSSINGS_Y, KERB_X, SIDE_KERB
from cctview_pipeline.city.streets.signals import CYCLE_S, GREEN, GREENS_S, RED, SLOWEST_MS, YELLOW, signals, walks

moments = st.floats(0, 2e9)
crossings = st.integers(0, len(CROSSINGS_Y) - 1)


@given(seed=st.integers(0, 9_999), crossing=crossings, moment=moments)
def test_at_most_one_phase_has_the_crossing(seed, crossing, moment):
    lights = [int(signals(seed).light(crossing, phase, moment)) for phase in range(len(GREENS_S))]
    assert sum(light != RED for light in lights) <= 1


@given(seed=st.integers(0, 9_999), crossing=crossings)
def test_a_cycle_has_every_phase_once_and_is_cleared_in_between(seed, crossing):
    seconds = np.arange(0, CYCLE_S, 0.25)
    lights = np.stack([signals(seed).light(crossing, phase, seconds) for phase in range(len(GREENS_S))])
    assert (lights == GREEN).sum(axis=1).tolist() == [4 * green for green in GREENS_S]
    assert ((lights == YELLOW).sum(axis=1) == 14).all()
    assert (lights == RED).all(axis=0).sum() == 4 * 4 * 2, "two seconds of red for all after each"


@given(crossing=crossings, moment=moments, arm=st.sampled_from(ARMS), seed=st.integers(0, 9_999))
def test_people_set_out_while_their_light_says_so(crossing, moment, arm, seed):
    phase, walk, _ = walks(arm)
    lights = signals(seed)
    start = float(lights.next_start(crossing, phase, walk, moment))
    assert moment <= start < moment + CYCLE_S
    assert (start - lights.begins[crossing, phase] + 1e-6) % CYCLE_S < walk + 1e-5


def test_who_sets_out_last_and_slowest_arrives_in_time():
    for arm, kerb in (("N", KERB_X), ("W", SIDE_KERB)):
        _, walk, over = walks(arm)
        assert walk + (2 * kerb + 1.2) / SLOWEST_MS <= over
