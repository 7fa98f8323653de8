"""Training frames as other cameras would have taken them: nearer or farther, elsewhere, in another light and worse.

Thirty cameras are few, and a network learns their backgrounds by heart unless it never sees one twice. So every frame is scaled,
cut, mirrored and relit, sometimes turned into a night with lamps, sometimes joined with another along a line, strewn with
pieces of another and with things drawn at random (what was taken for vehicles on cameras that were left out;
:mod:`drawn_things`), and then treated as a cheap camera would: blurred, noisy and compressed once more. Half of them are masked
as pictures are before they are stored: what is stored is what the detector sees.
"""

from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.io import decode_jpeg, encode_jpeg
from torchvision.transforms.v2 import functional as T

from cctview_pipeline.detect.detections import VEHICLES
from cctview_pipeline.training.detector.drawn_things import lit, overlaid, thing
from cctview_pipeline.training.detector.labels import FrameLabels

HEIGHT, WIDTH = 240, 352
SCALES = (0.5, 2.0)
"""By how much frames are scaled, at least and at most."""
MIN_SIDE_PX = 5.0
"""Objects that the scaling makes smaller (shorter side) are left out of the loss: nobody could tell what they are."""
GREY = 114
"""Of 255: what people are painted over with."""
MIN_INSIDE = 0.4
"""Of an object's area, what must remain after cutting for it to count; objects with less are left out of the loss."""

NO_OBJECTS = np.zeros((0, 4), np.float32), np.zeros(0, np.int64)


@dataclass(frozen=True, kw_only=True)
class Example:
    """pixels: (3, HEIGHT, WIDTH) in 0..1; objects (N, 4) with labels (N,); ignored (M, 4), what the loss leaves out; people (P,
    4): who is painted over before a picture is stored; unsure (Q, 4): where nobody knows whether somebody is."""

    pixels: Tensor
    objects: np.ndarray
    labels: np.ndarray
    ignored: np.ndarray
    people: np.ndarray = field(default_factory=lambda: NO_OBJECTS[0])
    unsure: np.ndarray = field(default_factory=lambda: NO_OBJECTS[0])


_BOXES = ("objects", "ignored", "people", "unsure")
Labelled = tuple[np.ndarray, FrameLabels]
"""A frame's pixels (H, W, 3), uint8, and what they show."""


def augment(frame: Labelled, other: Labelled, rng: np.random.Generator) -> Example:
    """A frame as a detector sees it, half of the time masked; other: where pieces come from that are put into it."""
    example = seen_anew(frame, other, rng)
    return masked(example, rng) if rng.random() < 0.5 else example


def seen_anew(frame: Labelled, other: Labelled, rng: np.random.Generator, scales: tuple[float, float] = SCALES) -> Example:
    """A frame as another camera would have sent it, with everybody in it, scaled by between so much and so much."""
    example, joined, strewn = place(frame, rng, scales), rng.random() < 0.4, rng.random() < 0.5
    second = place(other, rng, scales) if joined or strewn else example
    if joined:
        example = join(example, second, rng)
    if strewn:
        example = strew(example, second, rng)
    pixels = night(example, rng) if rng.random() < 0.2 else relight(example.pixels, rng)
    if rng.random() < 0.4:
        pixels = overlaid(pixels, rng)
    return replace(example, pixels=degrade(pixels, rng).contiguous())


def place(frame: Labelled, rng: np.random.Generator, scales: tuple[float, float] = SCALES) -> Example:
    """Scale (each side a little differently), cut or pad to HEIGHT x WIDTH somewhere, mirror half of them."""
    image, labels, boxes = frame[0], frame[1].labels, [getattr(frame[1], name) for name in _BOXES]
    pixels = torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float().div_(255)
    if rng.random() < 0.8:
        scale = np.exp(rng.uniform(*np.log(scales)) + rng.uniform(-0.12, 0.12, 2))
        size = [max(1, round(side * factor)) for side, factor in zip(image.shape[:2], scale, strict=True)]
        pixels = F.interpolate(pixels, size=size, mode="bilinear", antialias=scale.min() < 1)
        factors = np.array([size[1] / image.shape[1], size[0] / image.shape[0]] * 2, np.float32)
        boxes = [each * factors for each in boxes]
    height, width = pixels.shape[2:]
    top, left = (
        int(rng.integers(min(0, height - HEIGHT), max(0, height - HEIGHT) + 1)),
        int(rng.integers(min(0, width - WIDTH), max(0, width - WIDTH) + 1)),
    )
    pixels = F.pad(pixels[0], (-left, WIDTH - width + left, -top, HEIGHT - height + top), value=0.45)
    offset = np.array([left, top, left, top], np.float32)
    boxes = [each - offset for each in boxes]
    if rng.random() < 0.5:
        pixels = pixels.flip(2)
        boxes = [np.stack([WIDTH - b[:, 2], b[:, 1], WIDTH - b[:, 0], b[:, 3]], 1) for b in boxes]
    objects, ignored, people, unsure = boxes
    moved = Example(pixels=pixels, objects=objects, labels=labels, ignored=ignored, people=people, unsure=unsure)
    return cut(moved, (0, 0, WIDTH, HEIGHT))


def cut(example: Example, window: tuple[int, int, int, int]) -> Example:
    """What lies in the window (x1, y1, x2, y2): its objects and regions are clipped to it; its pixels stay whole."""
    low, high = np.array(window[:2] * 2, np.float32), np.array(window[2:] * 2, np.float32)
    objects, ignored, people, unsure = (np.clip(getattr(example, name), low, high).astype(np.float32) for name in _BOXES)
    full, left = (_sides(boxes).prod(1) for boxes in (example.objects, objects))
    inside, shorter = left / np.maximum(full, 1e-9), _sides(objects).min(1, initial=np.inf)
    counts = (inside > MIN_INSIDE) & (shorter >= MIN_SIDE_PX)
    doubtful = objects[~counts & (left > 0)]
    ignored = np.concatenate([ignored[_sides(ignored).prod(1) > 0], doubtful])
    people, unsure = (boxes[_sides(boxes).prod(1) > 0] for boxes in (people, unsure))
    return Example(
        pixels=example.pixels,
        objects=objects[counts],
        labels=example.labels[counts],
        ignored=ignored,
        people=people,
        unsure=unsure,
    )


def join(first: Example, second: Example, rng: np.random.Generator) -> Example:
    """The first on one side of an upright or level line, the second on the other."""
    upright, at = rng.random() < 0.5, rng.uniform(0.3, 0.7)
    x, y = (round(WIDTH * at), HEIGHT) if upright else (WIDTH, round(HEIGHT * at))
    pixels = second.pixels.clone()
    pixels[:, :y, :x] = first.pixels[:, :y, :x]
    parts = cut(first, (0, 0, x, y)), cut(second, (x, 0, WIDTH, HEIGHT) if upright else (0, y, WIDTH, HEIGHT))
    return Example(pixels=pixels, **{name: np.concatenate([getattr(p, name) for p in parts]) for name in ("labels", *_BOXES)})


def strew(example: Example, source: Example, rng: np.random.Generator) -> Example:
    """Up to eight pieces put where no object is: vehicles of the source with their boxes, its background, drawn things.

    Background and vehicles are pasted alike, so that the seams tell nothing.
    """
    pixels, objects, labels = example.pixels.clone(), example.objects, example.labels
    makers = np.array([_vehicle, _background, _drawn], object)
    for make in rng.choice(makers, size=rng.integers(1, 9), p=[0.3, 0.45, 0.25]):
        piece, boxes, names = make(source, rng)
        height, width = piece.shape[1:]
        x, y = int(rng.integers(WIDTH - width + 1)), int(rng.integers(HEIGHT - height + 1))
        if _cover(np.concatenate([objects, example.people]), (x, y, x + width, y + height)) == 0:
            pixels[:, y : y + height, x : x + width] = piece
            objects = np.concatenate([objects, boxes + np.array([x, y, x, y], np.float32)])
            labels = np.concatenate([labels, names])
    return replace(example, pixels=pixels, objects=objects, labels=labels)


Piece = tuple[Tensor, np.ndarray, np.ndarray]
"""Pixels (3, h, w), and the objects (N, 4) in them with their labels (N,)."""


def _vehicle(source: Example, rng: np.random.Generator) -> Piece:
    """A vehicle and a little around it; nothing where there is none, or something else is in the way, or somebody rides it."""
    if not len(source.objects):
        return source.pixels[:, :0, :0], *NO_OBJECTS
    chosen = int(rng.integers(len(source.objects)))
    margin = rng.uniform(0, 0.25) * _sides(source.objects[[chosen]])[0]
    window = np.clip(source.objects[chosen] + np.concatenate([-margin, margin]), 0, [WIDTH, HEIGHT] * 2)
    x1, y1, x2, y2 = np.round(window).astype(int)
    others = [np.delete(source.objects, chosen, 0), source.ignored, source.people, source.unsure]
    if source.labels[chosen] >= len(VEHICLES) or _cover(np.concatenate(others), (x1, y1, x2, y2)):
        return source.pixels[:, :0, :0], *NO_OBJECTS
    box = source.objects[[chosen]] - np.array([x1, y1, x1, y1], np.float32)
    return source.pixels[:, y1:y2, x1:x2], box, source.labels[[chosen]]


def _background(source: Example, rng: np.random.Generator) -> Piece:
    """A rectangle in which nothing is, shrunk or enlarged and turned; nothing where it met something."""
    size, zoom = _piece_size(rng), np.exp(rng.uniform(np.log(0.6), np.log(4)))
    width, height = (int(np.clip(side / zoom, 4, 120)) for side in size)
    x, y = int(rng.integers(WIDTH - width)), int(rng.integers(HEIGHT - height))
    if _cover(np.concatenate([source.objects, source.ignored, source.people, source.unsure]), (x, y, x + width, y + height)):
        return source.pixels[:, :0, :0], *NO_OBJECTS
    piece = source.pixels[None, :, y : y + height, x : x + width]
    piece = F.interpolate(piece, size=size[::-1], mode="bilinear", antialias=zoom < 1)[0]
    return piece.rot90(int(rng.integers(4)), (1, 2)), *NO_OBJECTS


def _drawn(source: Example, rng: np.random.Generator) -> Piece:
    """Something that is no vehicle."""
    return thing(_piece_size(rng), rng), *NO_OBJECTS


def _piece_size(rng: np.random.Generator) -> tuple[int, int]:
    width, height = np.exp(rng.uniform(np.log(8), np.log(80), 2))
    return int(width), int(height)


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


def night(example: Example, rng: np.random.Generator) -> Tensor:
    """The same place in the dark: little light, of one colour, and lamps. They are on vehicles, white in front and red behind,
    dazzle, and are mirrored where the road is wet; and they are where no vehicle is."""
    grey = example.pixels.mean(0, keepdim=True)
    pixels = grey + (example.pixels - grey) * float(rng.uniform(0.2, 0.8))
    tint = torch.tensor(rng.uniform([0.7, 0.6, 0.4], [1.2, 1.05, 1.2]), dtype=torch.float32)[:, None, None]
    pixels = pixels ** float(rng.uniform(1.4, 3.0)) * float(rng.uniform(0.25, 0.8)) * tint
    wet = rng.random() < 0.4
    vehicles = example.objects[(example.labels < len(VEHICLES))]
    return lit(pixels.clamp(0, 1), vehicles[rng.random(len(vehicles)) < 0.85], wet, rng)


def masked(example: Example, rng: np.random.Generator) -> Example:
    """As it would be stored: everybody painted over with a margin, and a few places where nobody is. Vehicles stay what they are,
    behind the grey; a person who is painted over is nobody that a detector could find."""
    false_alarms = rng.integers(0, 4)
    sides = np.exp(rng.uniform(np.log(4), np.log(30), (false_alarms, 2)))
    corners = rng.uniform(0, 1, (false_alarms, 2)) * (np.array([WIDTH, HEIGHT]) - sides)
    everybody = np.concatenate([example.people, example.unsure, np.column_stack([corners, corners + sides])])
    margin = rng.uniform(0, 3)
    pixels = example.pixels.clone()
    for x1, y1, x2, y2 in np.round(everybody + np.array([-1, -1, 1, 1]) * margin).astype(int):
        pixels[:, max(y1, 0) : y2, max(x1, 0) : x2] = GREY / 255
    gone = np.array(
        [
            label >= len(VEHICLES) and _cover(everybody, tuple(box)) > 0
            for box, label in zip(example.objects, example.labels, strict=True)
        ],
        bool,
    )
    ignored = np.concatenate([example.ignored, example.objects[gone]])
    return replace(example, pixels=pixels, objects=example.objects[~gone], labels=example.labels[~gone], ignored=ignored)


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
