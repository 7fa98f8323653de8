"""Adapting the small detector to the user's own cameras, as CCTView's author names as the next step.

It goes on from weights that are there, on frames of the lake that teachers have labelled, mixed with frames of the synthetic
city, so that what it knew is not lost. Each camera's frames are split by time: the last fifth is held out, and decides
whether the new weights are kept at all.
"""

import hashlib
import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from cctview_pipeline.detect.default import DefaultDetector
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.lake.layout import format_hour
from cctview_pipeline.registry.manifest import ModelEntry, find_model, read_facts
from cctview_pipeline.training.detector.assessment import assess, consensus, find
from cctview_pipeline.training.detector.city_frames import draw_worlds
from cctview_pipeline.training.detector.labels import FrameLabels
from cctview_pipeline.training.detector.lake_labels import read_labels
from cctview_pipeline.training.detector.recipe import (
    DetectorRecipe,
    History,
    Split,
    make_detector,
    register_detector,
)
from cctview_pipeline.training.versions import adapted_detector_version

HELD_OUT, TUNING = 0.2, 0.08
"""Of a camera's labelled frames, the last so many measure, and so many before them calibrate."""
MIN_FRAMES, MIN_VEHICLES = 50, 50
"""Fewer labelled frames, or vehicles held out, can't tell better weights from worse."""
log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class AdaptationRecipe:
    """frames: of the lake that are used at most, those held out among them, evenly taken; cities: synthetic ones in the
    mixture, 0 for none; the rest is as in :class:`DetectorRecipe`."""

    epochs: int = 4
    batch: int = 16
    learning_rate: float = 5e-4
    seed: int = 7
    cities: int = 8
    frames: int = 8000

    def training(self, start: str) -> DetectorRecipe:
        return DetectorRecipe(
            epochs=self.epochs,
            batch=self.batch,
            learning_rate=self.learning_rate,
            seed=self.seed,
            cities=self.cities,
            start=start,
        )


@dataclass(frozen=True)
class Adapted:
    """before, after: AP50 on the held-out frames of the weights it went on from, and of the outcome; entry: what was registered,
    or None; refused: why nothing was, else empty."""

    before: float
    after: float
    entry: ModelEntry | None
    refused: str


def adapt_detector(
    lake: Lake,
    partitions: Sequence[Partition],
    name: str,
    workspace: Path,
    recipe: AdaptationRecipe = AdaptationRecipe(),
    device: str = "auto",
    start: str = "default",
) -> Adapted:
    """Fine-tune a detector on the labels of camera-hours, measure it on what was held out, and register it if it is better.

    workspace: as for :func:`train_detector`; start: a detector of this project's network to go on from. Raises CctviewError for
    too few labels, and for a start that is no network of this kind.
    """
    begun = find_model(start, "detector")
    if "loader" in read_facts(begun):
        raise CctviewError(f"'{begun.name}' can be a teacher, but only this project's own network can learn: start from default.")
    split = split_lake(read_labels(lake, partitions, recipe.frames), recipe, workspace / "cities")
    version = adapted_detector_version()
    origin = hashlib.sha256(f"{recipe} {begun.version} {split.version()} {version}".encode()).hexdigest()[:12]
    checkpoint, history = workspace / f"detector-{origin}.checkpoint", History()
    state, detector = make_detector(split, recipe.training(begun.name), checkpoint, device, history)
    old = DefaultDetector.load(begun, device)
    measured = _measure("before", old, split) | _measure("after", detector, split)
    log.info("%s", measured)
    before, after = measured["ap50_before"], measured["ap50_after"]
    if after <= before:
        checkpoint.unlink(missing_ok=True)
        why = (
            f"The adapted weights are not kept: on {measured['test_frames']} held-out frames their AP50 is {after:.3f}, and "
            f"{begun.version} has {before:.3f}. Label more frames, or other hours."
        )
        return Adapted(before, after, None, why)
    facts = {
        "data_version": split.version(),
        "code_version": version,
        "recipe": asdict(recipe),
        "measured": measured,
        "curve": history.as_curve("ap50"),
        "lineage": lineage(lake, partitions, begun),
    }
    entry = register_detector(name, state, detector, split, facts)
    checkpoint.unlink(missing_ok=True)
    return Adapted(before, after, entry, "")


def lineage(lake: Lake, partitions: Sequence[Partition], start: ModelEntry) -> dict[str, object]:
    """What adapted weights were made from, as the manifest keeps it."""
    teachers = {model for p in partitions for model in lake.read("labels", p, ["model"])["model"].unique().to_pylist()}
    campaign = lake.campaign()
    return {
        "start": start.version,
        "campaign": campaign.name if campaign else "",
        "cameras": sorted({p.camera for p in partitions}),
        "hours": sorted({format_hour(p.begin) for p in partitions}),
        "teachers": sorted(teachers),
    }


def split_lake(frames: Sequence[FrameLabels], recipe: AdaptationRecipe, drawn: Path) -> Split:
    """Labelled frames by what they are for, camera by camera in order of time; drawn: where the city's frames are kept.

    Raises CctviewError where there is too little to learn from or to measure on.
    """
    by_camera: dict[str, list[FrameLabels]] = defaultdict(list)
    for frame in sorted(frames, key=lambda each: each.frame_id.time):
        by_camera[frame.frame_id.camera_id].append(frame)
    train, tune, test = [], [], []
    for of_camera in by_camera.values():
        first, second = (round(len(of_camera) * (1 - share)) for share in (HELD_OUT + TUNING, HELD_OUT))
        train += of_camera[:first]
        tune += of_camera[first:second]
        test += of_camera[second:]
    vehicles = sum(len(truth) for truth, _ in consensus(test))
    if len(frames) < MIN_FRAMES or vehicles < MIN_VEHICLES:
        raise CctviewError(
            f"There is too little to learn from: {len(frames)} labelled frames with {vehicles} vehicles in those held out; "
            f"{MIN_FRAMES} and {MIN_VEHICLES} are the least. Label more hours, or more of their frames."
        )
    city = draw_worlds(recipe.cities, drawn)
    return Split(train=train + city.train, tune=tune + city.tune, test=test, development=city.development, unseen=[])


def _measure(when: str, detector: DefaultDetector, split: Split) -> dict[str, float | int]:
    curve = assess(find(detector, split.test), consensus(split.test)).whole
    precision, recall = curve.at(detector.threshold)
    figures = {"ap50": curve.average_precision, "precision": precision, "recall": recall}
    if split.development:
        in_city = assess(find(detector, split.development), consensus(split.development))
        figures["ap50_city"] = in_city.whole.average_precision
    return {f"{name}_{when}": round(value, 4) for name, value in figures.items()} | {"test_frames": len(split.test)}
