"""Training the people finder: recall first, then as little of the road as possible."""

import logging
import pickle
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from cctview_pipeline.checkpoints import resume, save
from cctview_pipeline.detect.city_frames import city_version
from cctview_pipeline.device import quick_autocast, torch_device
from cctview_pipeline.openvino_network import OpenVinoNetwork
from cctview_pipeline.privacy.people import CELL, MODEL, Backend, PeopleFinder, grown, rectangles
from cctview_pipeline.privacy.people_frames import CutOut, PeopleFrame, city_frames, pasted, recorded_frames, scaled, targets
from cctview_pipeline.privacy.people_network import PeopleNetwork, openvino_form
from cctview_pipeline.state_dicts import register_weights
from cctview_pipeline.weights import ModelEntry

DEVELOPMENT, DEVELOPMENT_FRAMES = (1000, 1001, 1002, 1003, 1004, 1005), 8
"""Cities on which the threshold and the margin are chosen, and how many frames of each of their cameras."""
GOAL = 0.008
"""Of the pixels of people in those cities, what may be left: not all of what is promised, since other cities are harder."""
THRESHOLDS, MARGINS_PX = (0.02, 0.03, 0.05, 0.08, 0.13, 0.2, 0.35, 0.5), (2, 4, 6)
_ACROSS, _DOWN = 224, 160
"""Of the piece of a frame that a step learns from, px."""
_SOMEBODY = 4.0
"""What a cell with somebody in it weighs against one without."""
_RESIZED = 0.35
"""Share of frames that are taken larger or smaller than they are."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PeopleRecipe:
    """steps of ``batch`` pieces of frames; cities: seeds 0, 1, ... so many, ``frames`` of each camera; every: one recorded frame
    in so many; width: of the network; without: cameras whose recorded frames are left out."""

    steps: int = 12000
    batch: int = 16
    learning_rate: float = 4e-3
    cities: int = 32
    frames: int = 8
    every: int = 4
    width: int = 16
    without: tuple[str, ...] = ("689-640-S",)
    seed: int = 7


@dataclass(frozen=True)
class Left:
    """people: share of the pixels in people's boxes that stay visible; vehicles: share of those in vehicles' that are filled."""

    people: float
    vehicles: float


def train_people(data: Path, work: Path, recipe: PeopleRecipe = PeopleRecipe(), device: str = "auto") -> ModelEntry:
    """Train, choose the threshold on cities of development, and register the weights. An interrupted training goes on.

    data: a folder of the published layout; work: where drawn frames and checkpoints are kept.
    """
    where = torch_device(device)
    torch.manual_seed(recipe.seed)
    city, recorded, pieces = _drawn(data, work, recipe)
    network = PeopleNetwork(recipe.width).to(where, memory_format=torch.channels_last)
    average = torch.optim.swa_utils.AveragedModel(
        network, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.998), use_buffers=True
    )
    optimizer = torch.optim.AdamW(network.parameters(), lr=recipe.learning_rate, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.learning_rate, total_steps=recipe.steps, pct_start=0.1)
    parts = {"network": network, "average": average, "optimizer": optimizer, "schedule": schedule}
    checkpoint = work / "people.ck"
    begun = resume(checkpoint, parts)
    network.train()
    losses = []
    for step in range(begun, recipe.steps):
        images, inside, weight = (each.to(where) for each in _batch(city, recorded, pieces, recipe, step))
        with quick_autocast(where):
            logits = network(images.contiguous(memory_format=torch.channels_last))[:, 0]
        loss = F.binary_cross_entropy_with_logits(logits.float(), inside, weight * (1 + (_SOMEBODY - 1) * inside))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        average.update_parameters(network)
        losses.append(loss.item())
        if (step + 1) % 100 == 0:
            log.info("step %d of %d, loss %.4f", step + 1, recipe.steps, np.mean(losses[-100:]))
            save(checkpoint, parts, step + 1)
    return _register(average.module.cpu().eval(), recipe)


def left(finder: PeopleFinder, frames: Sequence[PeopleFrame]) -> Left:
    """What a finder leaves of people and takes of vehicles."""
    found = [finder.probabilities(frame.image) for frame in frames]
    return _left([grown(each, finder.threshold, finder.sure) for each in found], frames, finder.margin)


def _left(cells: Sequence[np.ndarray], frames: Sequence[PeopleFrame], margin: int) -> Left:
    people, people_left, vehicles, vehicles_filled = 0, 0, 0, 0
    for each, frame in zip(cells, frames, strict=True):
        size = frame.image.shape[:2]
        filled = _painted(rectangles(each, margin, *size), size)
        person, vehicle = _painted(frame.people, size), _painted(frame.vehicles, size)
        # Who walks in front of a car is a person, and so is what the car's box holds of them.
        vehicle &= ~person & ~_painted(frame.unsure, size)
        people, people_left = people + person.sum(), people_left + (person & ~filled).sum()
        vehicles, vehicles_filled = vehicles + vehicle.sum(), vehicles_filled + (vehicle & filled).sum()
    return Left(float(people_left / max(people, 1)), float(vehicles_filled / max(vehicles, 1)))


def _painted(boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(H, W) bool: the whole pixels that boxes touch."""
    canvas = np.zeros(size, bool)
    for x1, y1, x2, y2 in np.column_stack([np.floor(boxes[:, :2]), np.ceil(boxes[:, 2:])]).astype(int):
        canvas[max(y1, 0) : max(y2, 0), max(x1, 0) : max(x2, 0)] = True
    return canvas


@dataclass(frozen=True)
class OperatingPoint:
    """threshold, sure: probabilities; margin: px; reached: on the cities of development."""

    threshold: float
    sure: float
    margin: int
    reached: Left


def operating_point(backend: Backend, frames: Sequence[PeopleFrame]) -> OperatingPoint:
    """Of those that leave no more of people than the goal, what takes the least of vehicles."""
    finder = PeopleFinder(backend, "", 0.5, 0.5, 0)
    found = [finder.probabilities(frame.image) for frame in frames]
    tried = []
    for threshold in THRESHOLDS:
        for sure in (each for each in THRESHOLDS if each >= threshold):
            cells = [grown(each, threshold, sure) for each in found]
            tried += [OperatingPoint(threshold, sure, margin, _left(cells, frames, margin)) for margin in MARGINS_PX]
    return min(tried, key=lambda each: (max(each.reached.people, GOAL), each.reached.vehicles))


def _register(network: PeopleNetwork, recipe: PeopleRecipe) -> ModelEntry:
    frames = [frame for seed in DEVELOPMENT for frame in city_frames(seed, DEVELOPMENT_FRAMES)[0]]
    form = openvino_form(network)
    chosen = operating_point(OpenVinoNetwork(form), frames)
    log.info("%s", chosen)
    facts = {
        "licence": "MIT",
        "classes": ["people"],
        "input": "RGB, any size; made for 352x240",
        "recipe": {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(recipe).items()},
        "data_version": city_version(),
        "measured": {
            "people_left_development": round(chosen.reached.people, 5),
            "vehicles_filled_development": round(chosen.reached.vehicles, 5),
        },
    }
    metadata = {"threshold": str(chosen.threshold), "sure": str(chosen.sure), "margin": str(chosen.margin)}
    return register_weights(MODEL, "masker", network.state_dict() | form, metadata, facts)


def _drawn(data: Path, work: Path, recipe: PeopleRecipe) -> tuple[list[PeopleFrame], list[PeopleFrame], list[CutOut]]:
    """Frames to learn from; cities are drawn once, and kept in ``work``."""
    work.mkdir(parents=True, exist_ok=True)
    city: list[PeopleFrame] = []
    pieces: list[CutOut] = []
    for seed in range(recipe.cities):
        kept = work / f"people-{city_version()}-{seed:03d}-{recipe.frames}.pickle"
        if not kept.exists():
            partial = kept.with_suffix(".partial")
            partial.write_bytes(pickle.dumps(city_frames(seed, recipe.frames, cut=True)))
            partial.replace(kept)
            log.info("drew city %d of %d", seed + 1, recipe.cities)
        frames, cut = pickle.loads(kept.read_bytes())
        city, pieces = city + frames, pieces + cut
    cameras = sorted(path.name for path in data.iterdir() if path.is_dir() and path.name not in recipe.without)
    return city, recorded_frames(data, cameras, recipe.every), pieces


def _batch(
    city: Sequence[PeopleFrame], recorded: Sequence[PeopleFrame], pieces: Sequence[CutOut], recipe: PeopleRecipe, step: int
) -> tuple[Tensor, Tensor, Tensor]:
    """images (B, 3, H, W) of 0..1, inside and weight (B, H/4, W/4); the same for the same step."""
    rng = np.random.default_rng((recipe.seed, step))
    made = list(_examples(city, recorded, pieces, recipe.batch, rng))
    images, inside, weight = (np.stack(each) for each in zip(*made, strict=True))
    return torch.from_numpy(images).permute(0, 3, 1, 2).contiguous(), torch.from_numpy(inside), torch.from_numpy(weight)


def _examples(
    city: Sequence[PeopleFrame], recorded: Sequence[PeopleFrame], pieces: Sequence[CutOut], count: int, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    for number in range(count):
        if recorded and number % 2:
            frame = pasted(recorded[rng.integers(len(recorded))], pieces, rng)
        else:
            frame = city[rng.integers(len(city))]
        if rng.random() < _RESIZED:
            frame = scaled(frame, float(np.exp(rng.uniform(np.log(0.75), np.log(1.7)))))
        inside, weight = targets(frame)
        rows, columns = (side // CELL for side in frame.image.shape[:2])  # whole ones
        top, first = (int(rng.integers(0, side - piece // CELL + 1)) for side, piece in ((rows, _DOWN), (columns, _ACROSS)))
        cells = np.s_[top : top + _DOWN // CELL, first : first + _ACROSS // CELL]
        image = frame.image[top * CELL : top * CELL + _DOWN, first * CELL : first * CELL + _ACROSS].astype(np.float32) / 255
        image = np.clip((image - 0.5) * rng.uniform(0.7, 1.3) + 0.5 + rng.uniform(-0.15, 0.15), 0, 1)
        image *= rng.uniform(0.92, 1.08, 3).astype(np.float32)
        turned = np.s_[:, ::-1] if rng.random() < 0.5 else np.s_[:, :]
        yield tuple(
            np.ascontiguousarray(each[turned], np.float32) for each in (np.clip(image, 0, 1), inside[cells], weight[cells])
        )
