"""What a model gave in training, in a file that belongs to its weights and to no others."""

import json

import numpy as np
import pytest

from cctview_pipeline.drift import NoReference, divergence, find_reference, make_detector_reference, make_extractor_reference
from cctview_pipeline.drift.profile import LIKENESS, SCORES
from cctview_pipeline.drift.reference import reference_path
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.registry.manifest import find_model
from cctview_pipeline_tests.factories.drifting_hours import DETECTOR, DIGEST, EXTRACTOR, MadeDetector, MadeExtractor, entry_of

PICTURES = [np.zeros((8, 8, 3), np.uint8)] * 150


def test_a_detectors_reference_has_every_training_camera_and_only_vehicles(references):
    made = make_detector_reference(MadeDetector(), {"cam-1": iter(PICTURES), "cam-2": PICTURES[:100]})
    assert {name: profile.count for name, profile in made.cameras.items()} == {"cam-1": 900, "cam-2": 600}
    made.write(entry_of(DETECTOR))
    read = find_reference(DETECTOR)
    assert read.threshold == made.threshold
    for name, profile in made.cameras.items():
        assert divergence(profile, read.cameras[name]) < 1e-4
        assert profile.shares.keys() == {SCORES}


def test_an_extractors_reference_tells_a_strange_camera_from_those_it_knows(references):
    made = make_extractor_reference(MadeExtractor(), {"cam-1": iter(PICTURES), "cam-2": PICTURES})
    made.write(entry_of(EXTRACTOR))
    assert find_reference(EXTRACTOR).nearest(made.cameras["cam-2"]) == ("cam-2", pytest.approx(0, abs=1e-4))


def test_a_reference_of_other_weights_is_not_used(references):
    with pytest.raises(
        NoReference, match=r"made-detector\.reference\.json belongs to other weights than made-detector@ffffffffffff"
    ):
        find_reference("made-detector@ffffffffffff")
    with pytest.raises(NoReference, match=r"other@0123 has no other\.reference\.json beside its weights"):
        find_reference("other@0123")


@pytest.mark.parametrize("text", ["", "[]", "{}", json.dumps({"sha256": DIGEST, "threshold": 0.5, "cameras": {"a": {}}})])
def test_a_damaged_reference_is_no_reference(references, text: str):
    reference_path("made-detector").write_text(text)
    with pytest.raises(NoReference, match=r"cannot be read|belongs to other weights"):
        find_reference(DETECTOR)


@pytest.mark.parametrize(
    ("name", "value"),
    [("count", "7"), ("shares", []), ("shares", {"x": []}), ("figures", {"expected_f1": None}), ("figures", None)],
)
def test_a_profile_of_other_kinds_is_no_reference(references, name: str, value: object):
    path = reference_path("made-detector")
    known = json.loads(path.read_text())
    known["cameras"]["training-0"][name] = value
    path.write_text(json.dumps(known))
    with pytest.raises(NoReference, match="cannot be read, or its bins are others"):
        find_reference(DETECTOR)


def test_a_reference_of_other_bins_is_no_reference(references):
    path = reference_path("made-detector")
    known = json.loads(path.read_text())
    known["cameras"]["training-0"]["shares"][SCORES].pop()
    path.write_text(json.dumps(known))
    with pytest.raises(NoReference, match="its bins are others"):
        find_reference(DETECTOR)


def test_pictures_without_vehicles_make_no_reference(references):
    with pytest.raises(CctviewError, match="no vehicle on any of the training pictures"):
        make_detector_reference(MadeDetector(), {"cam-1": []})


@pytest.mark.parametrize(("task", "shares"), [("detector", {SCORES}), ("extractor", {LIKENESS})])
def test_the_shipped_weights_have_theirs(task: str, shares: set[str]):
    """Aggregates of cameras, and nothing of any vehicle."""
    known = find_reference(find_model("default", task).version)
    recorded = {name for name in known.cameras if not name.startswith("city")}
    assert {"689-640-S", "731-679-N", "733-681-N", "735-683-N", "04254", "opendatacam"} < recorded
    assert all(profile.shares.keys() == shares and profile.count >= 100 for profile in known.cameras.values())
    assert reference_path(f"default-{task}").stat().st_size < 50_000
    assert sum(name.startswith("city") for name in known.cameras) == 7
