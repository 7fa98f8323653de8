"""Training the default extractor by distillation from published DenseNet201-VeRI features.

The teacher's 1920 numbers are given as 256 principal components around their mean. The student's embedding is taught
to point where the teacher's does, and to keep the similarities between the crops of a batch. Split by time: minutes
up to 44 of an hour train, 45 and later are only measured.
"""

import logging
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch
from rich.progress import Progress
from torch import Tensor
from torch.nn import functional as F

from cctview_pipeline.boxes import clip
from cctview_pipeline.checkpoints import resume, save
from cctview_pipeline.detect.detections import VEHICLES
from cctview_pipeline.device import pick_device
from cctview_pipeline.embed.default import DefaultExtractor, letterbox
from cctview_pipeline.embed.network import ExtractorNetwork
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.ids import NEW_YORK, DetectionId, FrameId
from cctview_pipeline.images import decode
from cctview_pipeline.weights import ModelEntry, register_weights

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ExtractorRecipe:
    """What the weights follow from, beside the data and the code."""

    epochs: int = 12
    batch: int = 256
    learning_rate: float = 3e-3
    seed: int = 7


@dataclass(frozen=True)
class Lesson:
    """Crops (N, 64, 64, 3) uint8, the teacher's directions (N, 256) float32 of length 1, and minutes (N,)."""

    crops: np.ndarray
    targets: np.ndarray
    minutes: np.ndarray

    def select(self, keep: np.ndarray) -> "Lesson":
        return Lesson(self.crops[keep], self.targets[keep], self.minutes[keep])


def train_extractor(
    data: Path, checkpoint: Path, recipe: ExtractorRecipe = ExtractorRecipe(), device: str = "auto"
) -> ModelEntry:
    """Train, measure and register ``default-extractor``.

    checkpoint: written after every epoch and resumed from when it is there; removed at the end.
    """
    lesson = load_lesson(data)
    train, test = lesson.select(lesson.minutes < 45), lesson.select(lesson.minutes >= 45)
    if not (len(train.crops) and len(test.crops)):
        raise CctviewError(f"{data} must hold crops of minutes 0-44 and of 45-59 of an hour, to train and to measure on.")
    network = _fit(train, recipe, checkpoint, pick_device(device))
    extractor = DefaultExtractor(network, "in training", pick_device(device))
    cosine, shared = agreement(extractor.embed(list(test.crops)), test.targets)
    measured = {"centred_cosine": round(cosine, 4), "teacher_nearest_in_top5": round(shared, 4), "test_crops": len(test.crops)}
    log.info("minutes 45 and later: %s", measured)
    entry = register_weights(
        "default-extractor",
        "extractor",
        network.state_dict(),
        {"dimension": str(extractor.dimension)},
        {"licence": "MIT", "classes": list(VEHICLES), "input": "RGB crops of any size, letterboxed to 64x64"}
        | {"dimension": extractor.dimension, "recipe": vars(recipe).copy(), "measured": measured},
    )
    checkpoint.unlink(missing_ok=True)
    return entry


def load_lesson(data: Path) -> Lesson:
    """Cut every vehicle with a published feature out of its frame."""
    by_frame: dict[str, list[tuple[DetectionId, np.ndarray]]] = defaultdict(list)
    for path in sorted(data.glob("*/*--features-pca256.parquet")):
        table = pq.read_table(path)
        features = np.stack(table["pca"].to_numpy(zero_copy_only=False)).astype(np.float32)
        for text, feature in zip(table["detection_id"].to_pylist(), features, strict=True):
            detection = DetectionId.parse(text)
            if detection.label in VEHICLES:
                by_frame[detection.frame_id].append((detection, feature))
    if not by_frame:
        raise CctviewError(f"There is nothing to learn from: no *--features-pca256.parquet below {data}.")
    crops, targets, minutes = [], [], []
    for text, detections in sorted(by_frame.items()):
        frame_id = FrameId.parse(text)
        image = decode(_frame_path(data, frame_id).read_bytes())
        boxes = clip(np.array([d.box for d, _ in detections]), image.shape[1], image.shape[0])
        for (x1, y1, x2, y2), (_, feature) in zip(boxes, detections, strict=True):
            if x2 - x1 >= 4 and y2 - y1 >= 4:
                crops.append(letterbox(image[y1:y2, x1:x2]))
                targets.append(feature / np.linalg.norm(feature))
                minutes.append(frame_id.time.minute)
    return Lesson(np.stack(crops), np.stack(targets), np.array(minutes))


def _frame_path(data: Path, frame_id: FrameId) -> Path:
    folder = f"{frame_id.time.astimezone(NEW_YORK):%Y/%m/%d/%H/%M/%S}"
    return data / frame_id.camera_id / folder / f"{frame_id}--original.jpeg"


def agreement(embeddings: np.ndarray, targets: np.ndarray, block: int = 1000) -> tuple[float, float]:
    """How far a student (N, D) sees as its teacher (N, D) does, both of length 1.

    Returns the mean cosine between the two, and the share of crops whose nearest other crop, by the teacher, is among
    the student's five nearest.
    """
    hits = 0
    for begin in range(0, len(targets), block):
        rows = np.arange(begin, min(begin + block, len(targets)))
        wanted, found = targets[rows] @ targets.T, embeddings[rows] @ embeddings.T
        for similarity in (wanted, found):
            similarity[np.arange(len(rows)), rows] = -np.inf
        top = np.argsort(-found, axis=1)[:, :5]
        hits += int((top == wanted.argmax(1)[:, None]).any(1).sum())
    return float((embeddings * targets).sum(1).mean()), hits / len(targets)


def _fit(lesson: Lesson, recipe: ExtractorRecipe, checkpoint: Path, device: torch.device) -> ExtractorNetwork:
    torch.manual_seed(recipe.seed)
    network = ExtractorNetwork(lesson.targets.shape[1]).to(device, memory_format=torch.channels_last)
    steps = len(lesson.crops) // recipe.batch
    optimizer = torch.optim.AdamW(network.parameters(), lr=recipe.learning_rate, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.learning_rate, total_steps=steps * recipe.epochs, pct_start=0.15
    )
    parts = {"network": network, "optimizer": optimizer, "schedule": schedule}
    first = resume(checkpoint, parts)
    with Progress() as progress:
        task = progress.add_task("training the extractor", total=steps * recipe.epochs, completed=first * steps)
        for epoch in range(first, recipe.epochs):
            network.train()
            rng = np.random.default_rng([recipe.seed, epoch])
            torch.manual_seed(recipe.seed * 1000 + epoch)
            losses = []
            for batch in np.split(rng.permutation(len(lesson.crops))[: steps * recipe.batch], steps):
                crops = torch.from_numpy(lesson.crops[batch]).to(device).permute(0, 3, 1, 2).float().div_(255)
                targets = torch.from_numpy(lesson.targets[batch]).to(device)
                with torch.autocast(device.type, torch.bfloat16):
                    embeddings = network(augment(crops).contiguous(memory_format=torch.channels_last))
                loss = distillation_loss(embeddings, targets)
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                optimizer.step()
                schedule.step()
                losses.append(loss.item())
                progress.advance(task)
            log.info("epoch %d of %d: loss %.4f", epoch + 1, recipe.epochs, np.mean(losses))
            save(checkpoint, parts, epoch + 1)
    return network


def augment(crops: Tensor) -> Tensor:
    """(B, 3, 64, 64) in 0..1, each a little shifted, scaled and mirrored, in another light."""
    count = len(crops)
    uniform = lambda low, high: torch.empty(count, device=crops.device).uniform_(low, high)  # noqa: E731
    mirror = torch.where(uniform(0, 1) < 0.5, -1.0, 1.0)
    scale = uniform(0.88, 1.12)
    zero = torch.zeros_like(scale)
    theta = torch.stack(
        (torch.stack((scale * mirror, zero, uniform(-0.12, 0.12)), 1), torch.stack((zero, scale, uniform(-0.12, 0.12)), 1)), 1
    )
    moved = F.grid_sample(crops, F.affine_grid(theta, crops.shape, False), padding_mode="border", align_corners=False)
    gain, shift = uniform(0.85, 1.15), uniform(-0.06, 0.06)
    return (moved * gain[:, None, None, None] + shift[:, None, None, None]).clamp(0, 1)


def distillation_loss(embeddings: Tensor, targets: Tensor) -> Tensor:
    """One minus the cosine to the teacher's direction, plus the error of the batch's similarities (both of length 1)."""
    direction = 1 - (embeddings * targets).sum(1).mean()
    similarity = F.mse_loss(embeddings @ embeddings.T, targets @ targets.T)
    return direction + 4 * similarity
