"""Training the default detector on a folder of the published layout and on frames of the synthetic city.

Recorded frames are split by time: minutes up to 42 of an hour train, 43 and 44 calibrate the scores and choose the
operating point, 45 and later are never seen. They may be split by camera too: one that is left out of training is measured
as a camera that the network never saw. The city is split by seed: some train, some calibrate, and those kept for
development are measured.
"""

import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from rich.progress import Progress
from torch import Tensor

from cctview_pipeline.checkpoints import resume, save
from cctview_pipeline.detect import training_version
from cctview_pipeline.detect.assessment import assess, consensus, find, published, scored
from cctview_pipeline.detect.augmentation import augment
from cctview_pipeline.detect.backends import Backend, OpenVinoBackend
from cctview_pipeline.detect.calibration import Calibration
from cctview_pipeline.detect.city_frames import draw_city_frames
from cctview_pipeline.detect.default import DefaultDetector
from cctview_pipeline.detect.detections import LABELS
from cctview_pipeline.detect.evaluation import match
from cctview_pipeline.detect.labels import FrameLabels, load_labels
from cctview_pipeline.detect.network import WIDTHS, DetectorNetwork
from cctview_pipeline.detect.padding import padded
from cctview_pipeline.detect.quantization import quantize
from cctview_pipeline.detect.targets import detection_loss, render_targets
from cctview_pipeline.detect.torch_backend import TorchBackend
from cctview_pipeline.device import quick_autocast, torch_device
from cctview_pipeline.drift.pictures import by_camera
from cctview_pipeline.drift.reference import NoReference, make_detector_reference
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.images import decode
from cctview_pipeline.state_dicts import read_weights, register_weights
from cctview_pipeline.weights import ModelEntry, find_model

TUNING_CITIES, DEVELOPMENT_CITIES = range(996, 1000), range(1000, 1004)
WATCHED_FRAMES = 100
"""Of the tuning frames, how many the curve's AP50 is measured on after every epoch."""
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DetectorRecipe:
    """What the weights follow from, beside the data and the code. cities: how many of the synthetic ones are in the mixture;
    without: cameras that are left out and measured as unseen; start: a detector to go on from, or none; narrowed: what the
    network's channels are divided by, without a start."""

    epochs: int = 12
    batch: int = 16
    learning_rate: float = 2e-3
    seed: int = 7
    cities: int = 40
    without: tuple[str, ...] = ()
    start: str = ""
    narrowed: int = 1


@dataclass(frozen=True)
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


@dataclass
class History:
    """The curve of a training: one figure an epoch."""

    loss: list[float] = field(default_factory=list)
    ap50: list[float] = field(default_factory=list)

    def state_dict(self) -> dict[str, list[float]]:
        return {"loss": self.loss, "ap50": self.ap50}

    def load_state_dict(self, state: dict[str, list[float]]) -> None:
        self.loss, self.ap50 = state["loss"], state["ap50"]


def train_detector(data: Path, workspace: Path, recipe: DetectorRecipe = DetectorRecipe(), device: str = "auto") -> ModelEntry:
    """Train, quantize, calibrate, measure and register ``default-detector``.

    workspace: a folder for the city's frames and for the checkpoint, which is written after every epoch, found again by the
    same recipe on the same data with the same code, and removed at the end.
    """
    split, history = load_split(data, workspace / "cities", recipe), History()
    origin = hashlib.sha256(f"{recipe} {split.version()} {training_version()}".encode()).hexdigest()[:12]
    checkpoint = workspace / f"detector-{origin}.checkpoint"
    state, detector = make_detector(split, recipe, checkpoint, device, history)
    measured = measure(detector, split)
    log.info("at threshold %.3f: %s", detector.threshold, measured)
    facts = {"data_version": split.version(), "code_version": training_version()}
    facts |= {"recipe": vars(recipe) | {"without": list(recipe.without)}, "measured": measured, "curve": history.state_dict()}
    entry = register_detector("default-detector", state, detector, split, facts)
    checkpoint.unlink(missing_ok=True)
    return entry


def make_detector(
    split: Split, recipe: DetectorRecipe, checkpoint: Path, device: str, history: History
) -> tuple[dict[str, Tensor], DefaultDetector]:
    """Train, quantize and calibrate. Returns what a model's file holds, and the detector that it gives."""
    network = _fit(split, recipe, checkpoint, torch_device(device), history)
    parts = quantize(network, [padded(decode(frame.path.read_bytes())) for frame in _some(split.tune, 300)])
    detector = calibrate(OpenVinoBackend(parts), split.tune)
    return network.state_dict() | parts, detector


def register_detector(
    name: str, state: dict[str, Tensor], detector: DefaultDetector, split: Split, facts: dict[str, object]
) -> ModelEntry:
    """Store a detector's file with its threshold and calibration, and beside it what it gives on its training cameras, for
    drift to be told. facts: what it follows from, for the manifest."""
    entry = register_weights(
        name,
        "detector",
        state,
        {"threshold": f"{detector.threshold:.3f}", "calibration": str(detector.calibration)},
        {"licence": "MIT", "classes": list(LABELS), "input": "RGB, any size; made for 352x240"} | facts,
    )
    try:
        make_detector_reference(detector, by_camera((frame.path, frame.frame_id) for frame in split.train)).write(entry)
    except NoReference as error:
        log.warning("%s", error)
    return entry


def load_split(data: Path, drawn: Path, recipe: DetectorRecipe) -> Split:
    """data: a folder of the published layout; drawn: where the city's frames are kept."""
    frames = load_labels(data)
    cameras = {frame.frame_id.camera_id for frame in frames}
    if unknown := set(recipe.without) - cameras:
        raise CctviewError(f"{data} has no camera {' or '.join(sorted(unknown))}: it has {', '.join(sorted(cameras))}.")
    known = [frame for frame in frames if frame.frame_id.camera_id not in recipe.without]
    train, tune, test = (
        [frame for frame in known if first <= frame.frame_id.time.minute <= last] for first, last in ((0, 42), (43, 44), (45, 59))
    )
    if not (train and tune and test):
        raise CctviewError(f"{data} must hold frames of minutes 0-42, 43-44 and 45-59 of an hour to train, tune and test on.")
    cities = [range(recipe.cities), TUNING_CITIES, DEVELOPMENT_CITIES] if recipe.cities else [range(0)] * 3
    city_train, city_tune, development = (draw_city_frames(seeds, drawn) for seeds in cities)
    unseen = [frame for frame in frames if frame.frame_id.camera_id in recipe.without]
    return Split(train + city_train, tune + city_tune, test, development, unseen)


def calibrate(backend: Backend, frames: Sequence[FrameLabels]) -> DefaultDetector:
    """A detector whose scores are probabilities on these frames, with a threshold of nearly the best F1 on them.

    Nearly, since F1 is flat around its best, while cameras that were never seen have more false alarms than these: on one that
    was left out, the highest threshold within half a point was better than the best.
    """
    truths = consensus(frames)
    raw = match(scored(find(DefaultDetector(backend, "in training"), frames), truths))
    calibration = Calibration.fit(raw.scores, raw.boxes, raw.hits)
    calibrated = find(DefaultDetector(backend, "in training", calibration=calibration), frames)
    threshold = assess(calibrated, truths).whole.best_threshold(slack=0.005)
    return DefaultDetector(backend, "in training", threshold, calibration)


def measure(detector: DefaultDetector, split: Split) -> dict[str, float | int]:
    """The figures that a manifest keeps."""
    measured: dict[str, float | int] = {}
    for name, frames in (("", split.test), ("_unseen", split.unseen)):
        if frames:
            found = find(detector, frames)
            agreed = assess(found, consensus(frames))
            measured[f"ap50_published{name}"] = assess(found, published(frames)).whole.average_precision
            measured[f"ap50_consensus{name}"] = agreed.whole.average_precision
            measured[f"precision{name}"], measured[f"recall{name}"] = agreed.whole.at(detector.threshold)
            measured[f"test_frames{name}"] = len(frames)
    if split.development:
        measured["ap50_city"] = assess(find(detector, split.development), consensus(split.development)).whole.average_precision
    return {name: round(value, 4) for name, value in measured.items()}


def _fit(split: Split, recipe: DetectorRecipe, checkpoint: Path, device: torch.device, history: History) -> DetectorNetwork:
    """Returns the exponential moving average of the weights, which is steadier than their last state."""
    torch.manual_seed(recipe.seed)
    if recipe.start:
        network = DetectorNetwork.of(read_weights(find_model(recipe.start, "detector"))[0])
    else:
        network = DetectorNetwork(len(LABELS), tuple(width // recipe.narrowed for width in WIDTHS))
    network = network.to(device, memory_format=torch.channels_last)
    average = torch.optim.swa_utils.AveragedModel(network, avg_fn=_moving_average, use_buffers=True)
    steps = len(split.train) // recipe.batch
    optimizer = torch.optim.AdamW(network.parameters(), lr=recipe.learning_rate, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.learning_rate, total_steps=steps * recipe.epochs, pct_start=0.15
    )
    parts = {"network": network, "average": average, "optimizer": optimizer, "schedule": schedule, "history": history}
    first = resume(checkpoint, parts)
    images = [decode(frame.path.read_bytes()) for frame in split.train]
    watch = _watch(_some(split.tune, WATCHED_FRAMES), device)
    with Progress() as progress:
        task = progress.add_task("training the detector", total=steps * recipe.epochs, completed=first * steps)
        for epoch in range(first, recipe.epochs):
            network.train()
            losses = []
            for inputs, targets in _batches(images, split.train, recipe, epoch):
                inputs = inputs.to(device, memory_format=torch.channels_last)
                with quick_autocast(device):
                    logits, sides = network(inputs)
                loss = detection_loss(logits, sides, [t.to(device) for t in targets])
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
                optimizer.step()
                schedule.step()
                average.update_parameters(network)
                losses.append(loss.item())
                progress.advance(task)
            history.loss.append(round(float(np.mean(losses)), 4))
            history.ap50.append(round(watch(average.module), 4))
            log.info("epoch %d of %d: loss %.3f, AP50 %.3f", epoch + 1, recipe.epochs, history.loss[-1], history.ap50[-1])
            save(checkpoint, parts, epoch + 1)
    return average.module


def _moving_average(average: Tensor, current: Tensor, updates: Tensor | int) -> Tensor:
    """Exponential, over the last five hundred steps; over fewer at the beginning, which a short training has little but."""
    decay = min(0.998, (1 + float(updates)) / (10 + float(updates)))
    return decay * average + (1 - decay) * current


def _watch(frames: list[FrameLabels], device: torch.device) -> Callable[[DetectorNetwork], float]:
    """AP50 of a network in training on a few frames."""
    truths = consensus(frames)

    def ap50(network: DetectorNetwork) -> float:
        detector = DefaultDetector(TorchBackend(network, device), "in training")
        return assess(find(detector, frames), truths).whole.average_precision

    return ap50


def _some(values: list, count: int) -> list:
    """Up to count of them, evenly spaced."""
    return [values[i] for i in np.unique(np.linspace(0, len(values) - 1, count).astype(int))]


def _batches(
    images: list[np.ndarray], frames: list[FrameLabels], recipe: DetectorRecipe, epoch: int
) -> Iterator[tuple[Tensor, list[Tensor]]]:
    rng = np.random.default_rng([recipe.seed, epoch])
    order = rng.permutation(len(frames))
    for begin in range(0, len(order) - recipe.batch + 1, recipe.batch):
        chosen = zip(order[begin : begin + recipe.batch], rng.integers(len(frames), size=recipe.batch), strict=True)
        examples = [augment((images[i], frames[i]), (images[j], frames[j]), rng) for i, j in chosen]
        targets = [render_targets(example) for example in examples]
        yield torch.stack([example.pixels for example in examples]), [torch.stack(parts) for parts in zip(*targets, strict=True)]
