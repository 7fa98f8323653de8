"""Training the default detector on a folder of the published layout and on frames of the synthetic city.

Recorded frames are split by time: minutes up to 42 of an hour train, 43 and 44 choose the operating point, 45 and later
are never seen. The city is split by seed: some train, some choose the operating point, and one of those that are kept
for development is measured.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from rich.progress import Progress
from torch import Tensor
from torch.nn import functional as F
from torchvision.ops import generalized_box_iou_loss

from cctview_pipeline.checkpoints import resume, save
from cctview_pipeline.detect.city_frames import draw_city_frames
from cctview_pipeline.detect.default import DefaultDetector
from cctview_pipeline.detect.detections import LABELS, VEHICLES
from cctview_pipeline.detect.evaluation import Curve, Scored, precision_recall
from cctview_pipeline.detect.labels import FrameLabels, load_labels, published_truth
from cctview_pipeline.detect.network import STRIDE, DetectorNetwork, boxes_from_sides
from cctview_pipeline.device import pick_device
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.images import decode
from cctview_pipeline.weights import ModelEntry, find_model, read_weights, register_weights

HEIGHT, WIDTH = 240, 352
TUNING_CITIES, DEVELOPMENT_CITIES = range(996, 1000), range(1000, 1004)
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DetectorRecipe:
    """What the weights follow from, beside the data and the code. start: a detector to go on from, or none;
    cities: how many of the synthetic ones are in the mixture."""

    epochs: int = 10
    batch: int = 16
    learning_rate: float = 2e-3
    seed: int = 7
    cities: int = 30
    start: str = ""


def train_detector(data: Path, checkpoint: Path, recipe: DetectorRecipe = DetectorRecipe(), device: str = "auto") -> ModelEntry:
    """Train, evaluate and register ``default-detector``.

    checkpoint: written after every epoch and resumed from when it is there; removed at the end.
    """
    frames = load_labels(data)
    train, tune, test = (_minutes(frames, *span) for span in ((0, 42), (43, 44), (45, 59)))
    if not (train and tune and test):
        raise CctviewError(f"{data} must hold frames of minutes 0-42, 43-44 and 45-59 of an hour to train, tune and test on.")
    drawn = checkpoint.with_suffix(".cities")
    cities, tuning = range(recipe.cities), TUNING_CITIES if recipe.cities else range(0)
    network = _fit(train + draw_city_frames(cities, drawn), recipe, checkpoint, pick_device(device))
    detector = DefaultDetector(network, threshold=0.5, version="in training", device=pick_device(device))
    threshold = evaluate_on_labels(detector, tune + draw_city_frames(tuning, drawn)).best_threshold()
    published, consensus = evaluate_on_published(detector, test), evaluate_on_labels(detector, test)
    city = evaluate_on_labels(detector, draw_city_frames(DEVELOPMENT_CITIES, drawn)) if recipe.cities else None
    precision, recall = consensus.at(threshold)
    measured = {
        "ap50_published": round(published.average_precision, 4),
        "ap50_consensus": round(consensus.average_precision, 4),
        "ap50_city": round(city.average_precision, 4) if city else "not measured",
        "precision": round(precision, 4),
        "recall": round(recall, 4),
        "test_frames": len(test),
    }
    log.info("minutes 45 and later: %s at threshold %.3f", measured, threshold)
    entry = register_weights(
        "default-detector",
        "detector",
        network.state_dict(),
        {"threshold": f"{threshold:.3f}"},
        {"licence": "MIT", "classes": list(LABELS), "input": "RGB, any size; made for 352x240"}
        | {"recipe": vars(recipe).copy(), "measured": measured},
    )
    checkpoint.unlink(missing_ok=True)
    return entry


def evaluate_on_published(detector: DefaultDetector, frames: list[FrameLabels]) -> Curve:
    """Vehicles against the published boxes of 0.40 and more; those below count neither way."""
    return _evaluate(detector, frames, [published_truth(frame.path) for frame in frames])


def evaluate_on_labels(detector: DefaultDetector, frames: list[FrameLabels]) -> Curve:
    """Vehicles against the sources' consensus."""
    return _evaluate(detector, frames, [(f.objects[f.labels < len(VEHICLES)], f.ignored) for f in frames])


def _evaluate(detector: DefaultDetector, frames: list[FrameLabels], truths: list[tuple[np.ndarray, np.ndarray]]) -> Curve:
    found = detector.detect([frame.path.read_bytes() for frame in frames])
    images = []
    for detections, (truth, ignored) in zip(found, truths, strict=True):
        vehicles = detections.select(np.array([label in VEHICLES for label in detections.labels], bool))
        images.append(Scored(vehicles.boxes, vehicles.scores, truth, ignored))
    return precision_recall(images)


def _minutes(frames: list[FrameLabels], first: int, last: int) -> list[FrameLabels]:
    return [frame for frame in frames if first <= frame.frame_id.time.minute <= last]


def _fit(frames: list[FrameLabels], recipe: DetectorRecipe, checkpoint: Path, device: torch.device) -> DetectorNetwork:
    """Returns the exponential moving average of the weights, which is steadier than their last state."""
    torch.manual_seed(recipe.seed)
    network = DetectorNetwork(len(LABELS))
    if recipe.start:
        network.load_state_dict(read_weights(find_model(recipe.start, "detector"))[0])
    network = network.to(device, memory_format=torch.channels_last)
    average = torch.optim.swa_utils.AveragedModel(
        network, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.998), use_buffers=True
    )
    steps = len(frames) // recipe.batch
    optimizer = torch.optim.AdamW(network.parameters(), lr=recipe.learning_rate, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.learning_rate, total_steps=steps * recipe.epochs, pct_start=0.15
    )
    parts = {"network": network, "average": average, "optimizer": optimizer, "schedule": schedule}
    first = resume(checkpoint, parts)
    images = [decode(frame.path.read_bytes()) for frame in frames]
    with Progress() as progress:
        task = progress.add_task("training the detector", total=steps * recipe.epochs, completed=first * steps)
        for epoch in range(first, recipe.epochs):
            network.train()
            losses = []
            for inputs, targets in _batches(images, frames, recipe, epoch):
                inputs = inputs.to(device, memory_format=torch.channels_last)
                with torch.autocast(device.type, torch.bfloat16):
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
            log.info("epoch %d of %d: loss %.3f", epoch + 1, recipe.epochs, np.mean(losses))
            save(checkpoint, parts, epoch + 1)
    return average.module


def _batches(
    images: list[np.ndarray], frames: list[FrameLabels], recipe: DetectorRecipe, epoch: int
) -> Iterator[tuple[Tensor, list[Tensor]]]:
    rng = np.random.default_rng([recipe.seed, epoch])
    order = rng.permutation(len(frames))
    for begin in range(0, len(order) - recipe.batch + 1, recipe.batch):
        examples = [augment(images[i], frames[i], rng) for i in order[begin : begin + recipe.batch]]
        targets = [render_targets(*example[1:]) for example in examples]
        yield torch.stack([example[0] for example in examples]), [torch.stack(parts) for parts in zip(*targets, strict=True)]


def augment(image: np.ndarray, frame: FrameLabels, rng: np.random.Generator) -> tuple[Tensor, np.ndarray, np.ndarray, np.ndarray]:
    """A frame seen from nearer or farther, elsewhere, mirrored, in another light.

    Returns the image (3, H, W) in 0..1, the objects (N, 4) inside it, their labels (N,) and the ignored boxes.
    """
    pixels = torch.from_numpy(image.copy()).permute(2, 0, 1).float().div_(255)
    scale = float(np.exp(rng.uniform(np.log(0.6), np.log(1.6)))) if rng.random() < 0.7 else 1.0
    boxes, ignored = frame.objects * scale, frame.ignored * scale
    if scale != 1.0:
        size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[2] * scale)))
        pixels = F.interpolate(pixels[None], size=size, mode="bilinear", antialias=scale < 1)[0]
    height, width = pixels.shape[1:]
    top, left = (
        int(rng.integers(min(0, height - HEIGHT), max(0, height - HEIGHT) + 1)),
        int(rng.integers(min(0, width - WIDTH), max(0, width - WIDTH) + 1)),
    )
    pixels = F.pad(pixels, (-left, WIDTH - width + left, -top, HEIGHT - height + top), value=0.45)
    offset = np.array([left, top, left, top], np.float32)
    boxes, ignored = boxes - offset, ignored - offset
    if rng.random() < 0.5:
        pixels = pixels.flip(2)
        boxes, ignored = (np.stack([WIDTH - b[:, 2], b[:, 1], WIDTH - b[:, 0], b[:, 3]], 1) for b in (boxes, ignored))
    labels, full = frame.labels, np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    boxes, ignored = (np.clip(b, 0, [WIDTH, HEIGHT, WIDTH, HEIGHT]).astype(np.float32) for b in (boxes, ignored))
    visible = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) > 0.4 * full
    return _relight(pixels, rng).contiguous(), boxes[visible], labels[visible], ignored


def _relight(pixels: Tensor, rng: np.random.Generator) -> Tensor:
    gain = torch.tensor(rng.uniform(0.85, 1.15, 3) * rng.uniform(0.6, 1.3), dtype=torch.float32)[:, None, None]
    grey = pixels.mean(0, keepdim=True)
    pixels = grey + (pixels - grey) * float(rng.uniform(0.3, 1.3))
    pixels = ((pixels - 0.5) * float(rng.uniform(0.7, 1.3)) + 0.5) * gain
    if rng.random() < 0.3:
        noise = torch.from_numpy(rng.standard_normal(pixels.shape, dtype=np.float32))
        pixels = pixels + noise * float(rng.uniform(0, 0.05))
    return pixels.clamp_(0, 1)


def render_targets(boxes: np.ndarray, labels: np.ndarray, ignored: np.ndarray) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """What the network should say about one image, on the stride-4 grid (h, w).

    Returns the heatmap (labels, h, w): a Gaussian a box, 1 at its centre cell; the mask (h, w): 0 where the loss looks
    away; the boxes (4, h, w) and their weight (h, w), above 0 around centres only.
    """
    rows, columns = HEIGHT // STRIDE, WIDTH // STRIDE
    heatmap, mask = np.zeros((len(LABELS), rows, columns), np.float32), np.ones((rows, columns), np.float32)
    sides, weight = np.zeros((4, rows, columns), np.float32), np.zeros((rows, columns), np.float32)
    for x1, y1, x2, y2 in ignored / STRIDE:
        mask[int(y1) : int(np.ceil(y2)), int(x1) : int(np.ceil(x2))] = 0
    y, x = np.mgrid[:rows, :columns]
    size = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    for index in np.argsort(-size):  # small boxes last: where two meet, the nearer centre is usually the small one's
        x1, y1, x2, y2 = boxes[index] / STRIDE
        column, row = min(int((x1 + x2) / 2), columns - 1), min(int((y1 + y2) / 2), rows - 1)
        spread_x, spread_y = max((x2 - x1) / 6, 0.4), max((y2 - y1) / 6, 0.4)
        gaussian = np.exp(-(((x - column) / spread_x) ** 2 + ((y - row) / spread_y) ** 2) / 2).astype(np.float32)
        heatmap[labels[index]] = np.maximum(heatmap[labels[index]], gaussian)
        near = gaussian > 0.5
        sides[:, near], weight[near] = boxes[index][:, None], gaussian[near]
        mask[gaussian > 0.1] = 1
    return torch.from_numpy(heatmap), torch.from_numpy(mask), torch.from_numpy(sides), torch.from_numpy(weight)


def detection_loss(logits: Tensor, sides: Tensor, targets: list[Tensor]) -> Tensor:
    """CenterNet's penalty-reduced focal loss on the heatmap plus generalised IoU on the boxes around centres."""
    heatmap, mask, boxes, weight = targets
    centre = heatmap == 1
    log_p, log_q = F.logsigmoid(logits), F.logsigmoid(-logits)
    p = logits.sigmoid()
    hit = -((1 - p) ** 2) * log_p * centre
    miss = -(p**2) * log_q * (1 - heatmap) ** 4 * ~centre
    focal = ((hit + miss) * mask[:, None]).sum() / centre.sum().clamp(min=1)
    near = weight > 0
    predicted, wanted = (b.permute(0, 2, 3, 1)[near] for b in (boxes_from_sides(sides), boxes))
    overlap = (generalized_box_iou_loss(predicted, wanted) * weight[near]).sum() / weight[near].sum().clamp(min=1)
    return focal + 2 * overlap
