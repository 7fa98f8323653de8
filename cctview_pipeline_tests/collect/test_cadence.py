"""The rhythm is learned, nothing is lost to it, and little is asked in vain."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cctview_pipeline.collect.cadence import MAX_DURATION_S, Backoff, Cadence


def watch(frames: np.ndarray, until: float, guess: float = 1.0) -> tuple[int, int]:
    """Poll a camera whose newest frame is the last that appeared; returns frames seen and polls made, warm-up excluded."""
    cadence, now, last, seen, polls = Cadence(guess), float(frames[0]), -1, [], 0
    while now < until:
        newest = int(np.searchsorted(frames, now, side="right")) - 1
        polls += now > until / 4
        if newest != last:
            seen.append(newest)
            cadence.new_frame(float(frames[newest]))
            last = newest
        else:
            cadence.unchanged()
        now = max(cadence.next_poll(now), now + 0.001)
    first = int(np.searchsorted(frames, until / 4))
    return sum(n >= first for n in seen), polls


@pytest.mark.parametrize("period", [0.5, 0.9, 1.0, 1.7, 2.3, 60.0])
def test_a_steady_camera_is_asked_once_a_frame_and_never_misses(period: float):
    frames = np.arange(0, 400 * period, period)
    until = 399 * period
    seen, polls = watch(frames, until)
    due = int((frames < until).sum() - np.searchsorted(frames, until / 4))
    assert seen >= due - 1
    assert polls <= 1.15 * due


@pytest.mark.parametrize("jitter", [0.05, 0.15])
def test_a_camera_with_jitter_misses_nothing_either(jitter: float):
    rng = np.random.default_rng(1)
    frames = np.cumsum(1.7 + rng.normal(0, jitter, 600).clip(-0.4, 0.4))
    seen, polls = watch(frames, float(frames[-2]))
    due = 600 - int(np.searchsorted(frames, frames[-2] / 4))
    assert seen >= due - 3
    assert polls <= 2.5 * due


@pytest.mark.parametrize("noise", [0.01, 0.05])
def test_times_that_are_known_badly_are_allowed_for(noise: float):
    """A clock that tells centiseconds, a network that is now slow and now fast: when a frame appeared is known to so much."""
    rng, cadence, now, last, seen, polls = np.random.default_rng(4), Cadence(), 0.0, -1, 0, 0
    while now < 400:
        polls += 1
        if int(now) != last:
            seen, last = seen + 1, int(now)
            cadence.new_frame(last + rng.uniform(-noise, noise))
        else:
            cadence.unchanged()
        now = max(cadence.next_poll(now), now + 0.001) + rng.uniform(0, noise)
    assert seen == 400
    assert polls <= 1.3 * seen


def test_a_camera_that_loses_frames_keeps_its_rhythm():
    rng = np.random.default_rng(2)
    frames = np.arange(0, 600, 1.0)[rng.random(600) < 0.7]
    cadence = Cadence()
    for frame in frames:
        cadence.new_frame(frame)
    assert cadence.period == pytest.approx(1.0)


def test_a_fixed_second_would_lose_frames():
    """What the rhythm is for: a picture every 0.9 s, asked every second, loses one in ten."""
    frames = np.arange(0, 900, 0.9)
    fixed = {int(np.searchsorted(frames, t, side="right")) for t in np.arange(0, 890, 1.0)}
    assert len(fixed) / (890 / 0.9) < 0.91
    seen, _ = watch(frames, 890)
    assert seen / (890 * 0.75 / 0.9) > 0.995


def test_a_stopped_camera_is_asked_less_and_less():
    cadence, now, waits = Cadence(), 100.0, []
    for second in range(90, 100):
        cadence.new_frame(float(second))
    for _ in range(40):
        cadence.unchanged()
        due = cadence.next_poll(now)
        waits.append(due - now)
        now = due
    assert waits[0] <= 0.2
    assert (np.diff(waits) >= -1e-9).all()
    assert waits[-1] == pytest.approx(10.0)


@given(st.lists(st.floats(-1e4, 1e4), min_size=1, max_size=30), st.floats(-1e4, 1e4))
def test_never_before_now_and_never_for_ever(appeared: list[float], now: float):
    cadence = Cadence()
    for time in appeared:
        cadence.new_frame(time)
    assert cadence.next_poll(now) >= now
    cadence.unchanged()
    assert now < cadence.next_poll(now) <= now + 4 * MAX_DURATION_S


def test_a_clock_that_is_set_back_changes_the_phase_only():
    cadence = Cadence()
    for time in (0.0, 2.0, 4.0, 6.0, -50.0, -48.0):
        cadence.new_frame(time)
    assert cadence.period == pytest.approx(2.0)
    assert cadence.next_poll(-47.9) == pytest.approx(-46.0, abs=0.1)


def test_failures_wait_longer_each_time_and_success_forgets():
    backoff = Backoff(base=0.5, longest=60, uniform=lambda low, high: high)
    assert [backoff.failure() for _ in range(9)] == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    backoff.success()
    assert backoff.failure() == 1


def test_waits_differ():
    waits = {Backoff().failure() for _ in range(50)}
    assert len(waits) > 40
    assert 0.5 <= min(waits) <= max(waits) <= 1.0


def test_what_the_server_asks_for_is_the_least():
    backoff = Backoff(uniform=lambda low, high: high)
    assert backoff.failure(retry_after=120) == 120
    assert backoff.failure(retry_after=0.1) == 2
    assert backoff.failure(retry_after=1e9) == MAX_DURATION_S


def test_a_camera_that_never_had_a_frame_may_be_asked_for_ever():
    """A notice instead of a picture, for a day: 2.0 to the 1,024th is no number."""
    cadence = Cadence(1.5)
    for _ in range(5000):
        cadence.unchanged()
    assert cadence.next_poll(100.0) == 100.0 + 16 * 1.5
