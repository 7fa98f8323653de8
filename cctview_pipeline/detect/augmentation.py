"""Training frames as other cameras would have taken them: nearer or farther, elsewhere, in another light and worse.

Four cameras are few, and a network learns their backgrounds by heart unless it never sees one twice. So every frame is
scaled, cut, mirrored and relit, sometimes joined with another along a line, and then treated as a cheap camera would:
blurred, noisy and compressed once more.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.io import decode_jpeg, encode_jpeg
from torchvision.transforms.v2 import functional as T

from cctview_pipeline.detect.labels import FrameLabels

HEIGHT, WIDTH = 240, 352
SMALLEST_PX = 5.0
"""Objects that the scaling makes smaller (shorter side) are left out of the loss: nobody could tell what they are."""
LEAST_INSIDE = 0.4
"""Of an object's area, what must remain after cutting for it to count; objects with less are left out of the loss."""


@dataclass(frozen=True)
class Example:
    """pixels: (3, HEIGHT, WIDTH) in 0..1; objects (N, 4) with labels (N,); ignored (M, 4), what the loss leaves out."""

    pixels: Tensor
    objects: np.ndarray
    labels: np.ndarray
    ignored: np.ndarray


Labelled = tuple[np.ndarray, FrameLabels]
"""A frame's pixels (H, W, 3), uint8, and what they show."""


def augment(frame: Labelled, other: Labelled, rng: np.random.Generator) -> Example:
    """frame, seen anew; other: what may fill a part of it."""
    example = place(frame, rng)
    if rng.random() < 0.4:
        example = join(example, place(other, rng), rng)
    return Example(degrade(relight(example.pixels, rng), rng).contiguous(), example.objects, example.labels, example.ignored)


def place(frame: Labelled, rng: np.random.Generator) -> Example:
    """Scale by 0.5 to 2 (each side a little differently), cut or pad to HEIGHT x WIDTH somewhere, mirror half of them."""
    image, (objects, labels, ignored) = frame[0], (frame[1].objects, frame[1].labels, frame[1].ignored)
    pixels = torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float().div_(255)
    if rng.random() < 0.8:
        scale = np.exp(rng.uniform(np.log(0.5), np.log(2)) + rng.uniform(-0.12, 0.12, 2))
        size = [max(1, round(side * factor)) for side, factor in zip(image.shape[:2], scale, strict=True)]
        pixels = F.interpolate(pixels, size=size, mode="bilinear", antialias=scale.min() < 1)
        factors = np.array([size[1] / image.shape[1], size[0] / image.shape[0]] * 2, np.float32)
        objects, ignored = objects * factors, ignored * factors
    height, width = pixels.shape[2:]
    top, left = (
        int(rng.integers(min(0, height - HEIGHT), max(0, height - HEIGHT) + 1)),
        int(rng.integers(min(0, width - WIDTH), max(0, width - WIDTH) + 1)),
    )
    pixels = F.pad(pixels[0], (-left, WIDTH - width + left, -top, HEIGHT - height + top), value=0.45)
    offset = np.array([left, top, left, top], np.float32)
    objects, ignored = objects - offset, ignored - offset
    if rng.random() < 0.5:
        pixels = pixels.flip(2)
        objects, ignored = (np.stack([WIDTH - b[:, 2], b[:, 1], WIDTH - b[:, 0], b[:, 3]], 1) for b in (objects, ignored))
    return cut(Example(pixels, objects, labels, ignored), (0, 0, WIDTH, HEIGHT))


def cut(example: Example, window: tuple[int, int, int, int]) -> Example:
    """What lies in the window (x1, y1, x2, y2): its objects and regions are clipped to it; its pixels stay whole."""
    low, high = np.array(window[:2] * 2, np.float32), np.array(window[2:] * 2, np.float32)
    objects, ignored = (np.clip(boxes, low, high).astype(np.float32) for boxes in (example.objects, example.ignored))
    full, left = (_sides(boxes).prod(1) for boxes in (example.objects, objects))
    inside, shorter = left / np.maximum(full, 1e-9), _sides(objects).min(1, initial=np.inf)
    counts = (inside > LEAST_INSIDE) & (shorter >= SMALLEST_PX)
    doubtful = objects[~counts & (left > 0)]
    ignored = np.concatenate([ignored[_sides(ignored).prod(1) > 0], doubtful])
    return Example(example.pixels, objects[counts], example.labels[counts], ignored)


def join(first: Example, second: Example, rng: np.random.Generator) -> Example:
    """The first on one side of an upright or level line, the second on the other."""
    upright, at = rng.random() < 0.5, rng.uniform(0.3, 0.7)
    x, y = (round(WIDTH * at), HEIGHT) if upright else (WIDTH, round(HEIGHT * at))
    pixels = second.pixels.clone()
    pixels[:, :y, :x] = first.pixels[:, :y, :x]
    parts = cut(first, (0, 0, x, y)), cut(second, (x, 0, WIDTH, HEIGHT) if upright else (0, y, WIDTH, HEIGHT))
    return Example(pixels, *(np.concatenate([getattr(p, name) for p in parts]) for name in ("objects", "labels", "ignored")))


def relight(pixels: Tensor, rng: np.random.Generator) -> Tensor:
    """Other weather, white balance and exposure; one in six as dark as dusk or night, with less colour."""
    grey = pixels.mean(0, keepdim=True)
    pixels = grey + (pixels - grey) * float(rng.uniform(0.2, 1.4))
    gain = torch.tensor(rng.uniform(0.85, 1.15, 3) * rng.uniform(0.6, 1.3), dtype=torch.float32)[:, None, None]
    pixels = (((pixels - 0.5) * float(rng.uniform(0.6, 1.4)) + 0.5) * gain).clamp(0, 1)
    if rng.random() < 1 / 6:
        pixels = pixels ** float(rng.uniform(1.3, 2.6)) * float(rng.uniform(0.5, 1.0))
    return pixels


def degrade(pixels: Tensor, rng: np.random.Generator) -> Tensor:
    """Out of focus, noisy, compressed: each sometimes."""
    if rng.random() < 0.3:
        pixels = T.gaussian_blur(pixels, [5, 5], [float(rng.uniform(0.3, 1.2))])
    if rng.random() < 0.3:
        noise = torch.from_numpy(rng.standard_normal(pixels.shape, dtype=np.float32))
        pixels = pixels + noise * float(rng.uniform(0, 0.06))
    pixels = pixels.clamp(0, 1)
    if rng.random() < 0.4:
        stored = encode_jpeg((pixels * 255).byte(), quality=int(rng.integers(20, 85)))
        pixels = decode_jpeg(stored).float().div_(255)
    return pixels


def _sides(boxes: np.ndarray) -> np.ndarray:
    return np.clip(boxes[:, 2:] - boxes[:, :2], 0, None)
