"""Training the default detector on recorded frames and on frames of the synthetic city.

Published frames are split by time: minutes up to 42 of an hour train, 43 and 44 calibrate the scores and choose the
operating point, 45 and later are never seen. Of other recordings one minute in twelve calibrates. They may be split by camera
too: one that is left out of training is measured as a camera that the network never saw. The city is split by seed: some
train, some calibrate, and those kept for development are measured.
"""

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from cctview_pipeline.city.worlds import WORLDS
from cctview_pipeline.detect.backends import Backend, OpenVinoBackend
from cctview_pipeline.detect.calibration import Calibration
from cctview_pipeline.detect.default import DefaultDetector
from cctview_pipeline.detect.detections import LABELS
from cctview_pipeline.detect.evaluation import match
from cctview_pipeline.detect.network import WIDTHS, DetectorNetwork
from cctview_pipeline.detect.padding import padded
from cctview_pipeline.detect.torch_backend import TorchBackend
from cctview_pipeline.drift.reference import NoReference, make_detector_reference
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.images import decode
from cctview_pipeline.registry.manifest import ModelEntry, find_model
from cctview_pipeline.registry.state_dicts import read_weights, register_weights
from cctview_pipeline.runtime.device import torch_device
from cctview_pipeline.training.detector.assessment import assess, consensus, find, published, scored
from cctview_pipeline.training.detector.augmentation import augment
from cctview_pipeline.training.detector.city_frames import draw_worlds
from cctview_pipeline.training.detector.labels import FrameLabels, load_labels
from cctview_pipeline.training.detector.quantization import quantize
from cctview_pipeline.training.detector.recordings import FUSED, load_recordings
from cctview_pipeline.training.detector.targets import detection_loss, render_targets
from cctview_pipeline.training.fitting import History, Lesson, Pace, fit
from cctview_pipeline.training.references.pictures import by_camera
from cctview_pipeline.training.versions import detector_version

WATCHED_FRAMES = 100
"""Of the tuning frames, how many the curve's AP50 is measured on after every epoch."""
FITTED_FROM = 0.05
"""Scores of the network that its calibration is fitted on."""
log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class DetectorRecipe:
    """What the weights follow from, beside the data and the code. cities: how many of the synthetic ones are in the mixture, and
    half as many of streets; without: cameras that are left out and measured as unseen; start: a detector to go on from, or none;
    narrowed: what the network's channels are divided by, without a start."""

    epochs: int = 12
    batch: int = 16
    learning_rate: float = 2e-3
    seed: int = 7
    cities: int = 40
    without: tuple[str, ...] = ()
    start: str = ""
    narrowed: int = 1


@dataclass(frozen=True, kw_only=True)
class Split:
    """Frames by what they are for. development: of the city; unseen: of cameras that are left out, all their minutes."""

    train: list[FrameLabels]
    tune: list[FrameLabels]
    test: list[FrameLabels]
    development: list[FrameLabels]
    unseen: list[FrameLabels]

    def version(self) -> str:
        """A hash of every training and tuning frame's name and labels."""
        digest = hashlib.sha256()
        for frame in self.train + self.tune:
            digest.update(str(frame.frame_id).encode())
            for array in (frame.objects, frame.labels, frame.ignored):
                digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:12]


def train_detector(
    data: Sequence[Path], workspace: Path, recipe: DetectorRecipe = DetectorRecipe(), device: str = "auto"
) -> ModelEntry:
    """Train, quantize, calibrate, measure and register ``default-detector``.

    data: folders of recorded frames, of which one at least has the published layout; workspace: a folder for the city's frames
    and for the checkpoint, which is written after every epoch, found again by the same recipe on the same data with the same
    code, and removed at the end.
    """
    split, history = load_split(data, workspace / "cities", recipe), History()
    origin = hashlib.sha256(f"{recipe} {split.version()} {detector_version()}".encode()).hexdigest()[:12]
    checkpoint = workspace / f"detector-{origin}.checkpoint"
    state, detector = make_detector(split, recipe, checkpoint, device, history)
    measured = measure(detector, split)
    log.info("at threshold %.3f: %s", detector.threshold, measured)
    facts = {
        "data_version": split.version(),
        "code_version": detector_version(),
        "recipe": vars(recipe) | {"without": list(recipe.without)},
        "measured": measured,
        "curve": history.as_curve("ap50"),
    }
    entry = register_detector("default-detector", state, detector, split, facts)
    checkpoint.unlink(missing_ok=True)
    return entry


def make_detector(
    split: Split, recipe: DetectorRecipe, checkpoint: Path, device: str, history: History
) -> tuple[dict[str, Tensor], DefaultDetector]:
    """Train, quantize and calibrate. Returns what a model's file holds, and the detector that it gives."""
    network = _fit(split, recipe, checkpoint, torch_device(device), history)
    parts = quantize(network, [padded(decode(frame.path.read_bytes())) for frame in some(split.tune, 300)])
    detector = calibrate(OpenVinoBackend(parts), split.tune)
    return network.state_dict() | parts, detector


def register_detector(
    name: str, state: dict[str, Tensor], detector: DefaultDetector, split: Split, facts: Mapping[str, object]
) -> ModelEntry:
    """Store a detector's file with its threshold and calibration, and beside it what it gives on its training cameras, for
    drift to be told. facts: what it follows from, for the manifest."""
    entry = register_weights(
        name,
        "detector",
        state,
        {"threshold": f"{detector.threshold:.3f}", "calibration": str(detector.calibration)},
        {"licence": "MIT", "classes": list(LABELS), "input": "RGB, any size; made for 352x240", **facts},
    )
    try:
        make_detector_reference(detector, by_camera((frame.path, frame.frame_id) for frame in split.train)).write(entry)
    except NoReference as error:
        log.warning("%s", error)
    return entry


def load_split(data: Sequence[Path], drawn: Path, recipe: DetectorRecipe) -> Split:
    """data: folders of recorded frames, of which one at least has the published layout; drawn: where the city's frames are
    kept."""
    frames = [frame for folder in data for frame in load_frames(folder)]
    cameras = {frame.frame_id.camera_id for frame in frames}
    if unknown := set(recipe.without) - cameras:
        raise CctviewError(
            f"{' and '.join(map(str, data))} has no camera {' or '.join(sorted(unknown))}: it has {', '.join(sorted(cameras))}."
        )
    known = [frame for frame in frames if frame.frame_id.camera_id not in recipe.without]
    train, tune, test = (
        [frame for frame in known if frame.published and first <= frame.frame_id.time.minute <= last]
        for first, last in ((0, 42), (43, 44), (45, 59))
    )
    if not (train and tune and test):
        folders = " and ".join(map(str, data))
        raise CctviewError(
            f"{folders} must hold published frames of minutes 0-42, 43-44 and 45-59 of an hour to train, tune and test on."
        )
    others = [frame for frame in known if not frame.published]
    tuning = _every_twelfth_minute(others)
    train += [frame for frame in others if id(frame) not in tuning]
    tune += [frame for frame in others if id(frame) in tuning]
    city = draw_worlds(recipe.cities, drawn)
    unseen = [frame for frame in frames if frame.frame_id.camera_id in recipe.without]
    return Split(train=train + city.train, tune=tune + city.tune, test=test, development=city.development, unseen=unseen)


def load_frames(folder: Path) -> list[FrameLabels]:
    """A folder's frames with what its detectors say of them: the fused boxes of many, or the boxes of two and the published
    ones."""
    return load_recordings(folder) if (folder / FUSED).exists() else load_labels(folder)


def _every_twelfth_minute(frames: Sequence[FrameLabels]) -> set[int]:
    """The ids, as Python has them, of the frames of one minute in twelve of each camera."""
    minutes = sorted({(frame.frame_id.camera_id, f"{frame.frame_id.time:%Y%m%d%H%M}") for frame in frames})
    chosen = set(minutes[6::12])
    return {id(f) for f in frames if (f.frame_id.camera_id, f"{f.frame_id.time:%Y%m%d%H%M}") in chosen}


def calibrate(backend: Backend, frames: Sequence[FrameLabels]) -> DefaultDetector:
    """A detector whose scores are probabilities on these frames, with a threshold of nearly the best F1 on them.

    Nearly, since F1 is flat around its best, while cameras that were never seen have more false alarms than these: on one that
    was left out, the highest threshold within half a point was better than the best.
    """
    truths = consensus(frames)
    found = find(DefaultDetector(backend, "in training"), frames)
    # Below are so many that are nothing that the fit would be theirs.
    raw = match(scored([each.select(each.scores >= FITTED_FROM) for each in found], truths))
    calibration = Calibration.fit(raw.scores, raw.boxes, raw.hits)
    calibrated = find(DefaultDetector(backend, "in training", calibration=calibration), frames)
    threshold = assess(calibrated, truths).whole.best_threshold(slack=0.005)
    return DefaultDetector(backend, "in training", threshold, calibration)


def measure(detector: DefaultDetector, split: Split) -> dict[str, float | int]:
    """The figures that a manifest keeps."""
    measured: dict[str, float | int] = {}
    for name, frames in (("", split.test), ("_unseen", split.unseen)):
        if frames:
            agreed = assess(find(detector, frames), consensus(frames))
            if of_archive := [frame for frame in frames if frame.published]:
                by_archive = assess(find(detector, of_archive), published(of_archive))
                measured[f"ap50_published{name}"] = by_archive.whole.average_precision
            measured[f"ap50_consensus{name}"] = agreed.whole.average_precision
            measured[f"precision{name}"], measured[f"recall{name}"] = agreed.whole.at(detector.threshold)
            measured[f"test_frames{name}"] = len(frames)
    for name, cameras in (("city", WORLDS["expressway"].cameras), ("streets", WORLDS["streets"].cameras)):
        if drawn := [frame for frame in split.development if frame.frame_id.camera_id in {camera.id for camera in cameras}]:
            measured[f"ap50_{name}"] = assess(find(detector, drawn), consensus(drawn)).whole.average_precision
    return {name: round(value, 4) for name, value in measured.items()}


def _fit(split: Split, recipe: DetectorRecipe, checkpoint: Path, device: torch.device, history: History) -> DetectorNetwork:
    torch.manual_seed(recipe.seed)
    if recipe.start:
        network = DetectorNetwork.of(read_weights(find_model(recipe.start, "detector"))[0])
    else:
        half, fine, middle, coarse = (width // recipe.narrowed for width in WIDTHS)
        network = DetectorNetwork(len(LABELS), (half, fine, middle, coarse))
    lesson = Lesson("the detector", augment, render_targets, _loss)
    pace = Pace(recipe.epochs, recipe.batch, recipe.learning_rate, recipe.seed)
    watch = _watch(some(split.tune, WATCHED_FRAMES), device)
    return fit(network.to(device), lesson, split.train, pace, checkpoint, history, watch)


def _loss(outputs: tuple[Tensor, Tensor], targets: list[Tensor]) -> Tensor:
    logits, sides = outputs
    return detection_loss(logits, sides, targets)


def _watch(frames: list[FrameLabels], device: torch.device) -> Callable[[DetectorNetwork], float]:
    """AP50 of a network in training on a few frames."""
    truths = consensus(frames)

    def ap50(network: DetectorNetwork) -> float:
        detector = DefaultDetector(TorchBackend(network, device), "in training")
        return assess(find(detector, frames), truths).whole.average_precision

    return ap50


def some(values: list, count: int) -> list:
    """Up to count of them, evenly spaced."""
    return [values[i] for i in np.unique(np.linspace(0, len(values) - 1, count).astype(int))]
