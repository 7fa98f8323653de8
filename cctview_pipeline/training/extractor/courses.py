"""The extractor's two courses: one tower learns to see as the teacher sees, the other to tell vehicles apart."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cctview_pipeline.embed.network import ExtractorNetwork
from cctview_pipeline.embed.views import SIDE, letterbox, middle
from cctview_pipeline.runtime.device import quick_autocast
from cctview_pipeline.training.extractor.lessons import RealVehicles, SyntheticVehicles, city_groups, frame_pairs
from cctview_pipeline.training.extractor.losses import distillation_loss, identity_loss

TAUGHT = 0.65, 0.1
"""Correlation and margin from which two crops are taught to be one vehicle: three times as many as are certain."""
FAR_S = 60.0
"""Between two crops of one camera, from which on they show two vehicles, but for parked ones."""


@dataclass(frozen=True)
class Objective:
    """tower: what learns; losses: of an epoch's batches, one after the other; steps: how many of them, about."""

    tower: nn.Module
    losses: Callable[[int], Iterator[Tensor]]
    steps: int


def likeness_course(
    network: ExtractorNetwork, cameras: Sequence[RealVehicles], batch: int, seed: int, device: torch.device
) -> Objective:
    """Distillation: crops of all cameras and times in random order, beside the teacher's directions.

    Varied less than for identity, and not mirrored: the teacher would see something else.
    """
    crops = np.stack([middle(crop) for camera in cameras for crop in camera.crops])
    targets = np.concatenate([camera.targets() for camera in cameras])
    steps = max(1, len(crops) // batch)

    def losses(epoch: int) -> Iterator[Tensor]:
        order = np.random.default_rng([seed, epoch, 0]).permutation(len(crops))
        for rows in np.array_split(order[: steps * batch], steps):
            wanted = torch.from_numpy(targets[rows]).float().to(device)
            varied = vary(_to_tensor(crops[rows], device), light=0.1, shift=0.03, mirrored=False)
            yield distillation_loss(_see(network.see_likeness, varied), wanted)

    return Objective(network.likeness, losses, steps)


@dataclass(frozen=True)
class _Pairs:
    """Recorded crops of several pairs of frames: whose vehicles they are, and which two may be compared (N, N)."""

    crops: np.ndarray
    vehicles: np.ndarray
    possible: np.ndarray


@dataclass(frozen=True)
class StepSize:
    """What one step of contrast looks at. recorded: crops of cameras, about; vehicles, crops: of the city, each so often."""

    recorded: int
    vehicles: int
    crops: int


def identity_course(
    network: ExtractorNetwork,
    cameras: Sequence[RealVehicles],
    city: SyntheticVehicles | None,
    step: StepSize,
    seed: int,
    device: torch.device,
) -> Objective:
    """Contrast: recorded crops of successive frames, unless cameras is empty, and the city's over its cameras, if there is
    one."""
    cameras = [replace(camera, crops=_letterboxed(camera.crops)) for camera in cameras]
    successors = [camera.successors(*TAUGHT) for camera in cameras]
    in_city = _letterboxed(city.crops) if city else np.zeros((0, SIDE, SIDE, 3), np.uint8)
    whose = city.vehicles if city else np.zeros(0, np.int64)

    def shown(rng: np.random.Generator) -> list[np.ndarray]:
        return city_groups(city, step.vehicles, step.crops, rng) if city else []

    def losses(epoch: int) -> Iterator[Tensor]:
        rng = np.random.default_rng([seed, epoch, 1])
        groups = shown(rng)
        pairs = _gathered(cameras, step.recorded, rng) if cameras else [None] * len(groups)
        for number, gathered in enumerate(pairs):
            recorded = _pairs(cameras, successors, gathered) if gathered else None
            group = groups[number % len(groups)] if groups else None
            parts = [_to_tensor(recorded.crops, device)] if recorded else []
            parts = [vary(part, light=0.1) for part in parts]
            if group is not None:
                parts.append(vary(_to_tensor(in_city[group], device), light=0.25))
            seen = _see(network.see_identity, torch.cat(parts))
            loss = seen.new_zeros(())
            if recorded:
                known, seen = seen[: len(recorded.crops)], seen[len(recorded.crops) :]
                which, possible = (torch.from_numpy(each).to(device) for each in (recorded.vehicles, recorded.possible))
                loss = loss + identity_loss(known, which, possible)
            if group is not None:
                which = torch.from_numpy(whose[group]).to(device)
                loss = loss + identity_loss(seen, which, torch.ones(len(group), len(group), dtype=torch.bool, device=device))
            yield loss

    rng = np.random.default_rng(seed)
    steps = len(_gathered(cameras, step.recorded, rng)) if cameras else len(shown(rng))
    return Objective(network.identity, losses, max(1, steps))


def _gathered(cameras: Sequence[RealVehicles], batch: int, rng: np.random.Generator) -> list[list[tuple[int, np.ndarray]]]:
    """Pairs of successive frames, so many together that they hold a batch of crops."""
    batches, waiting = [], []
    for pair in frame_pairs(cameras, rng):
        waiting.append(pair)
        if sum(len(rows) for _, rows in waiting) >= batch:
            batches.append(waiting)
            waiting = []
    return batches


def _pairs(cameras: Sequence[RealVehicles], successors: Sequence[np.ndarray], pairs: list[tuple[int, np.ndarray]]) -> _Pairs:
    """Crops of one frame are different vehicles. Of two successive frames' crops that is known only where one of them has
    found its like, and of other frames where they are minutes apart."""
    taken = lambda of: np.concatenate([of(number)[rows] for number, rows in pairs])  # noqa: E731
    pair = np.concatenate([np.full(len(rows), n) for n, (_, rows) in enumerate(pairs)])
    camera = np.array([number for number, _ in pairs])[pair]
    times = taken(lambda number: cameras[number].seen.times)
    row, following = np.concatenate([rows for _, rows in pairs]), taken(lambda number: successors[number])
    together, one_frame = pair[:, None] == pair[None, :], times[:, None] == times[None, :]
    joined = together & (following[:, None] == row[None, :])
    vehicles = np.arange(len(row))
    earlier, later = np.nonzero(joined)
    vehicles[later] = earlier
    found = joined.any(0) | joined.any(1)
    far = (camera[:, None] == camera[None, :]) & (np.abs(times[:, None] - times[None, :]) > FAR_S)
    possible = (together & (one_frame | found[:, None] | found[None, :])) | far
    return _Pairs(taken(lambda number: cameras[number].crops), vehicles, possible)


def _letterboxed(crops: np.ndarray) -> np.ndarray:
    return np.stack([letterbox(crop) for crop in crops])


def _see(tower: Callable[[Tensor], Tensor], crops: Tensor) -> Tensor:
    with quick_autocast(crops.device):
        return tower(crops.contiguous(memory_format=torch.channels_last))


def _to_tensor(crops: np.ndarray, device: torch.device) -> Tensor:
    """(B, 64, 64, 3) uint8 -> (B, 3, 64, 64) in 0..1."""
    return torch.from_numpy(crops).to(device).permute(0, 3, 1, 2).float().div_(255)


def vary(crops: Tensor, light: float, shift: float = 0.06, mirrored: bool = True) -> Tensor:
    """(B, 3, 64, 64) in 0..1, each shifted and scaled by up to so much, every other one mirrored, and in another light."""
    count = len(crops)
    uniform = lambda low, high, *shape: torch.empty(count, *shape, device=crops.device).uniform_(low, high)  # noqa: E731
    mirror = torch.where(uniform(0, 1) < (0.5 if mirrored else 0.0), -1.0, 1.0)
    scale = uniform(1 - shift, 1 + shift)
    zero = torch.zeros_like(scale)
    theta = torch.stack(
        (torch.stack((scale * mirror, zero, uniform(-shift, shift)), 1), torch.stack((zero, scale, uniform(-shift, shift)), 1)), 1
    )
    moved = F.grid_sample(crops, F.affine_grid(theta, list(crops.shape), False), padding_mode="border", align_corners=False)
    gain, tint = uniform(1 - light, 1 + light, 1, 1, 1), uniform(-0.4 * light, 0.4 * light, 3, 1, 1)
    return (moved * gain + tint).clamp(0, 1)
