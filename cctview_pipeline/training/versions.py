"""Which code weights follow from: a hash of the source that makes them, without loading any of it."""

import hashlib
from pathlib import Path

_PACKAGE = Path(__file__).parent.parent
_DETECTOR = (
    "detect/backends.py",
    "detect/calibration.py",
    "detect/evaluation.py",
    "detect/network.py",
    "detect/padding.py",
    "runtime/openvino_form.py",
    "training/fitting.py",
    "training/detector/augmentation.py",
    "training/detector/city_frames.py",
    "training/detector/drawn_things.py",
    "training/detector/labels.py",
    "training/detector/quantization.py",
    "training/detector/recipe.py",
    "training/detector/recordings.py",
    "training/detector/recordings.toml",
    "training/detector/targets.py",
)
_DETECTOR_ADAPTED = ("training/detector/adaptation.py", "training/detector/lake_labels.py", "training/detector/teachers.py")
_EXTRACTOR = (
    "embed/network.py",
    "embed/torch_backend.py",
    "embed/views.py",
    "runtime/openvino_form.py",
    "training/extractor/assessment.py",
    "training/extractor/city_crops.py",
    "training/extractor/courses.py",
    "training/extractor/lessons.py",
    "training/extractor/losses.py",
    "training/extractor/quantization.py",
    "training/extractor/recipe.py",
)
_EXTRACTOR_ADAPTED = (
    "training/extractor/adaptation.py",
    "training/extractor/adaptation_recipe.py",
    "training/extractor/lake_course.py",
    "training/extractor/lake_lessons.py",
    "training/extractor/published_map.py",
    "training/extractor/retrieval.py",
)


def detector_version() -> str:
    """Of the source that makes the default detector's weights out of data: 12 hexadecimal digits."""
    return _version(_DETECTOR)


def adapted_detector_version() -> str:
    """Of the source that makes adapted weights out of labels."""
    return _version(_DETECTOR + _DETECTOR_ADAPTED)


def extractor_version() -> str:
    """Of the source that makes the default extractor's weights out of data."""
    return _version(_EXTRACTOR)


def adapted_extractor_version() -> str:
    """Of the source that makes adapted weights out of a start and a lake."""
    return _version(_EXTRACTOR + _EXTRACTOR_ADAPTED)


def _version(paths: tuple[str, ...]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update((_PACKAGE / path).read_bytes())
    return digest.hexdigest()[:12]
