"""Training the people finder on the detector's frames: the same recordings, the same city, the same way to see them anew."""

import hashlib
import itertools
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from cctview_pipeline.detect.padding import padded
from cctview_pipeline.redaction.people import MODEL, Backend, PeopleDetector, grown, rectangles
from cctview_pipeline.redaction.people_network import PeopleNetwork, TorchBackend, openvino_form
from cctview_pipeline.registry.manifest import ModelEntry, find_model
from cctview_pipeline.registry.state_dicts import read_weights, register_weights, without_openvino
from cctview_pipeline.runtime.device import torch_device
from cctview_pipeline.runtime.openvino_network import OpenVinoNetwork
from cctview_pipeline.training.detector.augmentation import Example, Labelled, seen_anew
from cctview_pipeline.training.detector.city_frames import CITY_CAMERAS, city_version
from cctview_pipeline.training.detector.recipe import DetectorRecipe, Split, load_split, some
from cctview_pipeline.training.fitting import History, Lesson, Pace, fit
from cctview_pipeline.training.people.frames import CutOut, PeopleFrame, cut_outs, pasted
from cctview_pipeline.training.people.targets import people_loss, render_people

THRESHOLDS, MARGIN_PX = (0.08, 0.13, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6), 2
MAX_OF_VEHICLES, MAX_OF_PICTURE = 0.005, 0.01
"""Of recorded frames that were not trained on, what may be filled."""
PASTED = 0.6
"""Share of recorded frames that get people of the city."""
SCALES = (0.7, 1.9)
"""As the detector's frames are scaled, but not so small: of somebody whom a camera shows 8 px high little would be left."""
WATCHED_FRAMES = 100

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class PeopleRecipe:
    """As :class:`DetectorRecipe`; start: a people finder to go on from, or none."""

    epochs: int = 8
    batch: int = 16
    learning_rate: float = 3e-3
    seed: int = 7
    cities: int = 48
    without: tuple[str, ...] = ()
    start: str = ""


@dataclass(frozen=True)
class Left:
    """people: share of the pixels in people's boxes that stay visible; vehicles: share of those in vehicles' that are filled;
    picture: share of all that are filled."""

    people: float
    vehicles: float
    picture: float


def train_people(
    data: Sequence[Path], workspace: Path, recipe: PeopleRecipe = PeopleRecipe(), device: str = "auto", name: str = MODEL
) -> ModelEntry:
    """Train, quantize, choose the threshold and register the weights. An interrupted training goes on.

    data, workspace: as for the detector's training.
    """
    where = torch_device(device)
    split = load_split(data, workspace / "cities", DetectorRecipe(cities=recipe.cities, without=recipe.without))
    pieces = cut_outs(frame for frame in split.train if frame.frame_id.camera_id in CITY_CAMERAS)
    torch.manual_seed(recipe.seed)
    network = PeopleNetwork()
    if recipe.start:
        network = PeopleNetwork.of(without_openvino(read_weights(find_model(recipe.start, "masker"))[0]))
    lesson = Lesson("the people finder", _with_people(pieces), render_people, people_loss)
    pace, history = Pace(recipe.epochs, recipe.batch, recipe.learning_rate, recipe.seed), History()
    origin = hashlib.sha256(f"{recipe} {split.version()} {city_version()}".encode()).hexdigest()[:12]
    checkpoint = workspace / f"people-{origin}.checkpoint"
    watch = _watch(some(split.tune, WATCHED_FRAMES), where)
    trained = fit(network.to(where), lesson, split.train, pace, checkpoint, history, watch)
    entry = _register(trained, split, recipe, history, name)
    checkpoint.unlink(missing_ok=True)
    return entry


def _with_people(pieces: Sequence[CutOut]) -> Callable[[Labelled, Labelled, np.random.Generator], Example]:
    def make(frame: Labelled, other: Labelled, rng: np.random.Generator) -> Example:
        recorded = frame[1].frame_id.camera_id not in CITY_CAMERAS
        return seen_anew(
            pasted(frame, pieces, rng) if recorded and pieces and rng.random() < PASTED else frame, other, rng, SCALES
        )

    return make


def _watch(frames: Sequence, where: torch.device) -> Callable[[PeopleNetwork], float]:
    """How much of people is covered on a few frames when one pixel in a hundred of the vehicles' may be filled."""
    known = [PeopleFrame.of(frame) for frame in frames]

    def covered(network: PeopleNetwork) -> float:
        backend = TorchBackend(network, where)
        found = [PeopleDetector(backend, "", 0.5, 0.5, 0).probabilities(frame.image) for frame in known]
        network.train()
        tried = [_left([each >= threshold for each in found], known, MARGIN_PX) for threshold in np.arange(0.05, 0.9, 0.05)]
        return 1 - min((each.people for each in tried if each.vehicles <= 0.01), default=1.0)

    return covered


def left(finder: PeopleDetector, frames: Sequence[PeopleFrame]) -> Left:
    """What a finder leaves of people and takes of vehicles."""
    found = [finder.probabilities(frame.image) for frame in frames]
    return _left([grown(each, finder.threshold, finder.sure) for each in found], frames, finder.margin)


def _left(cells: Sequence[np.ndarray], frames: Sequence[PeopleFrame], margin: int) -> Left:
    people, people_left, vehicles, vehicles_filled, pixels, painted = 0, 0, 0, 0, 0, 0
    for each, frame in zip(cells, frames, strict=True):
        size = frame.image.shape[:2]
        filled = _painted(rectangles(each, margin, *size), size)
        person, vehicle = _painted(frame.people, size), _painted(frame.vehicles, size)
        # Who walks in front of a car is a person, and so is what the car's box holds of them.
        vehicle &= ~person & ~_painted(frame.unsure, size)
        people, people_left = people + person.sum(), people_left + (person & ~filled).sum()
        vehicles, vehicles_filled = vehicles + vehicle.sum(), vehicles_filled + (vehicle & filled).sum()
        pixels, painted = pixels + filled.size, painted + filled.sum()
    return Left(float(people_left / max(people, 1)), float(vehicles_filled / max(vehicles, 1)), float(painted / max(pixels, 1)))


def _painted(boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(H, W) bool: the whole pixels that boxes touch."""
    canvas = np.zeros(size, bool)
    for x1, y1, x2, y2 in np.column_stack([np.floor(boxes[:, :2]), np.ceil(boxes[:, 2:])]).astype(int):
        canvas[max(y1, 0) : max(y2, 0), max(x1, 0) : max(x2, 0)] = True
    return canvas


@dataclass(frozen=True)
class OperatingPoint:
    """threshold, sure: probabilities; recorded, city: what is reached on frames that were not trained on."""

    threshold: float
    sure: float
    recorded: Left
    city: Left


def operating_points(backend: Backend, recorded: Sequence[PeopleFrame], city: Sequence[PeopleFrame]) -> Iterator[OperatingPoint]:
    """All that are worth trying."""
    finder = PeopleDetector(backend, "in training", 0.5, 0.5, MARGIN_PX)
    both = recorded, city
    seen = [[finder.probabilities(frame.image) for frame in frames] for frames in both]
    for threshold, sure in itertools.combinations_with_replacement(THRESHOLDS, 2):
        cells = ([grown(each, threshold, sure) for each in found] for found in seen)
        reached = [_left(found, frames, MARGIN_PX) for found, frames in zip(cells, both, strict=True)]
        yield OperatingPoint(threshold, sure, *reached)


def choose(points: Iterable[OperatingPoint]) -> OperatingPoint:
    """What leaves the least of people, recorded and drawn, where it takes no more of vehicles and pictures than it may."""

    def too_much(each: OperatingPoint) -> float:
        return max(each.recorded.vehicles / MAX_OF_VEHICLES, each.recorded.picture / MAX_OF_PICTURE, 1)

    return min(points, key=lambda each: (too_much(each), each.recorded.people + each.city.people))


def _register(network: PeopleNetwork, split: Split, recipe: PeopleRecipe, history: History, name: str) -> ModelEntry:
    recorded, city = (
        [PeopleFrame.of(f) for f in split.tune if (f.frame_id.camera_id in CITY_CAMERAS) == drawn] for drawn in (False, True)
    )
    city += [PeopleFrame.of(f) for f in split.development]
    form = openvino_form(network, [padded(PeopleFrame.of(f).image) for f in some(split.tune, 300)])
    chosen = choose(operating_points(OpenVinoNetwork(form), recorded, city))
    log.info("%s", chosen)
    facts = {
        "licence": "MIT",
        "classes": ["people"],
        "input": "RGB, any size; made for 352x240",
        "data_version": split.version(),
        "recipe": {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(recipe).items()},
        "measured": {
            "people_left_tuning": round(chosen.recorded.people, 5),
            "vehicles_filled_tuning": round(chosen.recorded.vehicles, 5),
            "picture_filled_tuning": round(chosen.recorded.picture, 5),
            "people_left_city": round(chosen.city.people, 5),
            "vehicles_filled_city": round(chosen.city.vehicles, 5),
        },
        "curve": history.as_curve("covered"),
    }
    metadata = {"threshold": str(chosen.threshold), "sure": str(chosen.sure), "margin": str(MARGIN_PX)}
    return register_weights(name, "masker", network.state_dict() | form, metadata, facts)
