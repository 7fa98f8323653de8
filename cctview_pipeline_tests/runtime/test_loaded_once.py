"""What is loaded once a process."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from cctview_pipeline.detect import load_detector, threshold_of
from cctview_pipeline.embed import load_extractor
from cctview_pipeline.redaction.people import PeopleDetector
from cctview_pipeline.runtime import device
from cctview_pipeline.runtime.device import set_threads
from cctview_pipeline.runtime.loaded_once import loaded_once


@pytest.mark.parametrize("load", [load_detector, load_extractor, lambda name, device: PeopleDetector.load(device)])
def test_a_model_is_loaded_once_for_a_device_and_a_number_of_threads(load, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(device, "_threads", 1)
    first = load("default", "cpu")
    assert load("default", "cpu") is first
    set_threads(2)
    assert load("default", "cpu") is not first


def test_the_threshold_is_known_without_loading(monkeypatch: pytest.MonkeyPatch):
    detector = load_detector("default", "cpu")
    monkeypatch.setattr("cctview_pipeline.detect.default.DefaultDetector.load", None)
    assert threshold_of("default") == detector.threshold


def test_threads_that_ask_at_a_time_wait_for_one_load():
    loads, all_here = [], threading.Barrier(4)

    @loaded_once(2)
    def load(name: str) -> object:
        loads.append(name)
        time.sleep(0.05)
        return object()

    def ask(name: str) -> object:
        all_here.wait()
        return load(name)

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(ask, ["a", "b", "a", "b"]))
    assert sorted(loads) == ["a", "b"]
    assert found[0] is found[2]
    assert found[1] is found[3]


def test_a_load_that_fails_is_tried_again():
    answers = iter([ValueError("once"), None])

    @loaded_once(1)
    def load() -> str:
        if error := next(answers):
            raise error
        return "loaded"

    with pytest.raises(ValueError, match="once"):
        load()
    assert load() == "loaded"
