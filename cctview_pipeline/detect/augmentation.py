"""Training frames as other cameras would have taken them: nearer or farther, elsewhere, in another light and worse.

Four cameras are few, and a network learns their backgrounds by heart unless it never sees one twice. So every frame is
scaled, cut, mirrored and relit, sometimes joined with another along a line, strewn with pieces of another and with things
drawn at random (lettering, stripes, windows: what was taken for vehicles on cameras that were left out), and then treated as a
cheap camera would: blurred, noisy and compressed once more.
"""

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
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
    """frame, seen anew; other: where pieces come from that are put into it."""
    example, joined, strewn = place(frame, rng), rng.random() < 0.4, rng.random() < 0.5
    second = place(other, rng) if joined or strewn else example
    if joined:
        example = join(example, second, rng)
    if strewn:
        example = strew(example, second, rng)
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


def strew(example: Example, source: Example, rng: np.random.Generator) -> Example:
    """Up to eight pieces put where no object is: vehicles of the source with their boxes, its background, drawn things.

    Background and vehicles are pasted alike, so that the seams tell nothing.
    """
    pixels, objects, labels = example.pixels.clone(), example.objects, example.labels
    for make in rng.choice([_vehicle, _background, _drawn], size=rng.integers(1, 9), p=[0.3, 0.45, 0.25]):
        piece, boxes, names = make(source, rng)
        height, width = piece.shape[1:]
        x, y = int(rng.integers(WIDTH - width + 1)), int(rng.integers(HEIGHT - height + 1))
        if _cover(objects, (x, y, x + width, y + height)) == 0:
            pixels[:, y : y + height, x : x + width] = piece
            objects = np.concatenate([objects, boxes + np.array([x, y, x, y], np.float32)])
            labels = np.concatenate([labels, names])
    return Example(pixels, objects, labels, example.ignored)


Piece = tuple[Tensor, np.ndarray, np.ndarray]
"""Pixels (3, h, w), and the objects (N, 4) in them with their labels (N,)."""
NO_OBJECTS = np.zeros((0, 4), np.float32), np.zeros(0, np.int64)


def _vehicle(source: Example, rng: np.random.Generator) -> Piece:
    """An object and a little around it; nothing where there is none, or something else is in the way."""
    if not len(source.objects):
        return source.pixels[:, :0, :0], *NO_OBJECTS
    chosen = int(rng.integers(len(source.objects)))
    margin = rng.uniform(0, 0.25) * _sides(source.objects[[chosen]])[0]
    window = np.clip(source.objects[chosen] + np.concatenate([-margin, margin]), 0, [WIDTH, HEIGHT] * 2)
    x1, y1, x2, y2 = np.round(window).astype(int)
    if _cover(np.concatenate([np.delete(source.objects, chosen, 0), source.ignored]), (x1, y1, x2, y2)):
        return source.pixels[:, :0, :0], *NO_OBJECTS
    box = source.objects[[chosen]] - np.array([x1, y1, x1, y1], np.float32)
    return source.pixels[:, y1:y2, x1:x2], box, source.labels[[chosen]]


def _background(source: Example, rng: np.random.Generator) -> Piece:
    """A rectangle in which nothing is, shrunk or enlarged and turned; nothing where it met something."""
    size, zoom = _piece_size(rng), np.exp(rng.uniform(np.log(0.6), np.log(4)))
    width, height = (int(np.clip(side / zoom, 4, 120)) for side in size)
    x, y = int(rng.integers(WIDTH - width)), int(rng.integers(HEIGHT - height))
    if _cover(np.concatenate([source.objects, source.ignored]), (x, y, x + width, y + height)):
        return source.pixels[:, :0, :0], *NO_OBJECTS
    piece = source.pixels[None, :, y : y + height, x : x + width]
    piece = F.interpolate(piece, size=size[::-1], mode="bilinear", antialias=zoom < 1)[0]
    return piece.rot90(int(rng.integers(4)), (1, 2)), *NO_OBJECTS


def _drawn(source: Example, rng: np.random.Generator) -> Piece:
    """Lettering, a lattice, stripes or a blob in two colours, mostly greyish as streets are."""
    width, height = _piece_size(rng)
    ground, ink = (tuple(np.clip(rng.integers(256) + rng.normal(0, 30, 3), 0, 255).astype(int).tolist()) for _ in range(2))
    image = Image.new("RGB", (width, height), ground)
    pen, kind = ImageDraw.Draw(image), rng.integers(4)
    if kind == 0:
        size = int(rng.integers(5, 15))
        for row in range(0, height, size + 2):
            word = "".join(chr(c) for c in rng.integers(65, 91, size=rng.integers(2, 12)))
            pen.text((int(rng.integers(0, 6)), row), word, fill=ink, font=ImageFont.load_default(size))
    elif kind == 1:
        step = int(rng.integers(3, 12))
        for x in range(0, width, step):
            for y in range(0, height, step):
                pen.rectangle([x, y, x + step // 2, y + step // 2], fill=ink)
    elif kind == 2:
        step, slant = int(rng.integers(3, 14)), int(rng.integers(-20, 21))
        for x in range(-20, width + 20, step):
            pen.line([x, 0, x + slant, height], fill=ink, width=max(1, step // 3))
    else:
        pen.polygon([(int(rng.integers(width)), int(rng.integers(height))) for _ in range(int(rng.integers(3, 8)))], fill=ink)
    return torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1).float().div_(255), *NO_OBJECTS


def _piece_size(rng: np.random.Generator) -> tuple[int, int]:
    return tuple(int(side) for side in np.exp(rng.uniform(np.log(8), np.log(80), 2)))


def _cover(boxes: np.ndarray, window: tuple[int, int, int, int]) -> float:
    """The area in px that boxes share with a window."""
    low, high = np.array(window[:2], np.float32), np.array(window[2:], np.float32)
    shared = np.minimum(boxes[:, 2:], high) - np.maximum(boxes[:, :2], low)
    return float(np.clip(shared, 0, None).prod(1).sum())


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
