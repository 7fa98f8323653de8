"""The loop in which a network learns from labelled frames: the detector and the people finder alike."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
import torch
from rich.progress import Progress
from torch import Tensor, nn

from cctview_pipeline.images import decode
from cctview_pipeline.runtime.device import quick_autocast
from cctview_pipeline.training.checkpoints import resume, save
from cctview_pipeline.training.detector.augmentation import Example, Labelled
from cctview_pipeline.training.detector.city_frames import CITY_CAMERAS
from cctview_pipeline.training.detector.labels import FrameLabels

Network = TypeVar("Network", bound=nn.Module)
Outputs = TypeVar("Outputs")
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Lesson(Generic[Outputs]):
    """What a network learns. make: (frame, another frame, random numbers) -> example; render: example -> targets; loss: (the
    network's outputs, targets stacked over the batch) -> a number."""

    name: str
    make: Callable[[Labelled, Labelled, np.random.Generator], Example]
    render: Callable[[Example], tuple[Tensor, ...]]
    loss: Callable[[Outputs, list[Tensor]], Tensor]


@dataclass(frozen=True)
class Pace:
    """How long and how fast it learns."""

    epochs: int
    batch: int
    learning_rate: float
    seed: int


@dataclass
class History:
    """The curve of a training: one figure an epoch. reached: what was watched, AP50 of a detector."""

    loss: list[float] = field(default_factory=list)
    reached: list[float] = field(default_factory=list)

    def as_curve(self, reached: str) -> dict[str, list[float]]:
        """For the manifest. reached: the name of what was watched."""
        return {"loss": self.loss, reached: self.reached}

    def state_dict(self) -> dict[str, list[float]]:
        return {"loss": self.loss, "reached": self.reached}

    def load_state_dict(self, state: dict[str, list[float]]) -> None:
        self.loss, self.reached = state["loss"], state["reached"]


def fit(
    network: Network,
    lesson: Lesson[Outputs],
    frames: Sequence[FrameLabels],
    pace: Pace,
    checkpoint: Path,
    history: History,
    watch: Callable[[Network], float],
) -> Network:
    """Learn where the network lies, with a checkpoint after every epoch from which an interrupted training goes on.

    watch: says how good the network is; it is asked after every epoch. Returns the exponential moving average of the weights,
    which is steadier than their last state.
    """
    network, device = network.to(memory_format=torch.channels_last), next(network.parameters()).device
    average = torch.optim.swa_utils.AveragedModel(network, avg_fn=_moving_average, use_buffers=True)
    averaged = average.module
    assert isinstance(averaged, type(network))  # a copy of it
    steps = len(frames) // pace.batch
    optimizer = torch.optim.AdamW(network.parameters(), lr=pace.learning_rate, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, pace.learning_rate, total_steps=steps * pace.epochs, pct_start=0.15)
    parts = {"network": network, "average": average, "optimizer": optimizer, "schedule": schedule, "history": history}
    first = resume(checkpoint, parts)
    images = [decode(frame.path.read_bytes()) for frame in frames]
    with Progress() as progress:
        task = progress.add_task(f"training {lesson.name}", total=steps * pace.epochs, completed=first * steps)
        for epoch in range(first, pace.epochs):
            network.train()
            losses = []
            for inputs, targets in _batches(images, frames, lesson, pace, epoch):
                inputs = inputs.to(device, memory_format=torch.channels_last)
                with quick_autocast(device):
                    outputs = network(inputs)
                loss = lesson.loss(outputs, [t.to(device) for t in targets])
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
                optimizer.step()
                schedule.step()
                average.update_parameters(network)
                losses.append(loss.item())
                progress.advance(task)
            history.loss.append(round(float(np.mean(losses)), 4))
            history.reached.append(round(watch(averaged), 4))
            log.info("epoch %d of %d: loss %.3f, reached %.3f", epoch + 1, pace.epochs, history.loss[-1], history.reached[-1])
            save(checkpoint, parts, epoch + 1)
    return averaged


def _moving_average(average: Tensor, current: Tensor, updates: Tensor | int) -> Tensor:
    """Exponential, over the last five hundred steps; over fewer at the beginning, which a short training has little but."""
    decay = min(0.998, (1 + float(updates)) / (10 + float(updates)))
    return decay * average + (1 - decay) * current


def _batches(
    images: Sequence[np.ndarray], frames: Sequence[FrameLabels], lesson: Lesson, pace: Pace, epoch: int
) -> Iterator[tuple[Tensor, list[Tensor]]]:
    rng, share = np.random.default_rng([pace.seed, epoch]), _shares(frames)
    for _ in range(len(frames) // pace.batch):
        chosen = rng.choice(len(frames), (pace.batch, 2), p=share)
        examples = [lesson.make((images[i], frames[i]), (images[j], frames[j]), rng) for i, j in chosen]
        targets = [lesson.render(example) for example in examples]
        yield torch.stack([example.pixels for example in examples]), [torch.stack(parts) for parts in zip(*targets, strict=True)]


def _shares(frames: Sequence[FrameLabels]) -> np.ndarray:
    """(N,) how often each is taken: a camera by the square root of the number of its frames, so that few cameras with many
    frames do not drown many with few. Of the city's frames, which are all drawn alike, half as many."""
    cameras = [frame.frame_id.camera_id for frame in frames]
    counts = Counter(cameras)
    share = np.array([counts[camera] ** -0.5 * (0.5 if camera in CITY_CAMERAS else 1) for camera in cameras])
    return share / share.sum()
