"""Things that are no vehicles, drawn at random: what detectors took for some on cameras that they did not know.

Lettering on walls, logos and numbers that operators lay over the picture, road signs, lit signs, poles, lattices, lamps. No
network's own logo is among them: they are rings, bars and words of any colour and size.
"""

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

Colour = tuple[int, int, int]


def thing(size: tuple[int, int], rng: np.random.Generator) -> Tensor:
    """(3, height, width) in 0..1: one thing on a ground of one colour. size: width, height, px."""
    image = Image.new("RGB", size, _colour(rng))
    draw = _THINGS[int(rng.integers(len(_THINGS)))]
    draw(ImageDraw.Draw(image), size, rng)
    return _tensor(image)


def overlaid(pixels: Tensor, rng: np.random.Generator) -> Tensor:
    """The picture with what an operator writes over it: a clock or a name on a bar, a number, a logo, an arrow."""
    height, width = pixels.shape[1:]
    image = Image.fromarray((pixels.clamp(0, 1) * 255).byte().permute(1, 2, 0).numpy())
    pen = ImageDraw.Draw(image, "RGBA")
    for put in rng.permutation(np.array([_bar, _number, _logo, _arrow], object))[: int(rng.integers(1, 4))]:
        put(pen, (width, height), rng)
    return _tensor(image)


def lit(pixels: Tensor, vehicles: np.ndarray, wet: bool, rng: np.random.Generator) -> Tensor:
    """Lamps in the dark: a pair on each vehicle (N, 4), and a few where none is; on a wet road each has a streak below."""
    pixels = pixels.clone()
    height, width = pixels.shape[1:]
    for x1, y1, x2, y2 in vehicles:
        across, down = x2 - x1, y2 - y1
        front = rng.random() < 0.6
        colour = rng.uniform([0.9, 0.85, 0.6], [1, 1, 1]) if front else rng.uniform([0.8, 0.05, 0.0], [1, 0.25, 0.2])
        y, reach = (
            y1 + down * rng.uniform(0.55, 0.8),
            max(1.0, across * (rng.uniform(0.06, 0.22) if front else rng.uniform(0.04, 0.1))),
        )
        inset = rng.uniform(0.08, 0.25)
        for x in (x1 + across * inset, x2 - across * inset):
            _glow(pixels, x, y, reach, reach, colour * rng.uniform(0.7, 1.6))
            if wet:
                _glow(pixels, x, y2 + down * 0.5, reach * 0.8, down * rng.uniform(0.4, 1.2), colour * rng.uniform(0.15, 0.5))
    for _ in range(int(rng.integers(0, 8))):
        colour = rng.uniform([0.3, 0.2, 0.1], [1, 1, 1])
        reach = float(np.exp(rng.uniform(0, 2.2)))
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        _glow(pixels, x, y, reach, reach, colour * rng.uniform(0.3, 1.4))
        if wet and rng.random() < 0.5:
            _glow(pixels, x, y + 20, reach, reach * 5, colour * rng.uniform(0.1, 0.4))
    return pixels.clamp(0, 1)


def _glow(pixels: Tensor, x: float, y: float, across: float, down: float, colour: np.ndarray) -> None:
    """Add a spot of light, spread so far (px, a standard deviation) from x, y."""
    height, width = pixels.shape[1:]
    left, right = int(max(0, x - 3 * across)), int(min(width, x + 3 * across + 1))
    top, bottom = int(max(0, y - 3 * down)), int(min(height, y + 3 * down + 1))
    if left >= right or top >= bottom:
        return
    level = np.exp(-(((np.arange(left, right) - x) / across) ** 2) / 2)
    upright = np.exp(-(((np.arange(top, bottom) - y) / down) ** 2) / 2)
    spot = colour[:, None, None] * upright[None, :, None] * level[None, None, :]
    pixels[:, top:bottom, left:right] += torch.from_numpy(spot.astype(np.float32))


def _words(pen: ImageDraw.ImageDraw, size: tuple[int, int], rng: np.random.Generator) -> None:
    ink, high = _colour(rng), int(rng.integers(5, 15))
    for row in range(0, size[1], high + 2):
        pen.text((int(rng.integers(0, 6)), row), _word(rng), fill=ink, font=ImageFont.load_default(high))


def _lattice(pen: ImageDraw.ImageDraw, size: tuple[int, int], rng: np.random.Generator) -> None:
    ink, step = _colour(rng), int(rng.integers(3, 12))
    for x in range(0, size[0], step):
        for y in range(0, size[1], step):
            pen.rectangle([x, y, x + step // 2, y + step // 2], fill=ink)


def _stripes(pen: ImageDraw.ImageDraw, size: tuple[int, int], rng: np.random.Generator) -> None:
    ink, step, slant = _colour(rng), int(rng.integers(3, 14)), int(rng.integers(-20, 21))
    for x in range(-20, size[0] + 20, step):
        pen.line([x, 0, x + slant, size[1]], fill=ink, width=max(1, step // 3))


def _patch(pen: ImageDraw.ImageDraw, size: tuple[int, int], rng: np.random.Generator) -> None:
    corners = [(int(rng.integers(size[0])), int(rng.integers(size[1]))) for _ in range(int(rng.integers(3, 8)))]
    pen.polygon(corners, fill=_colour(rng))


def _ring(pen: ImageDraw.ImageDraw, size: tuple[int, int], rng: np.random.Generator) -> None:
    """A round sign or logo: a ring or a disc, often with a bar or a figure across."""
    side = min(size)
    x, y = ((whole - side) // 2 for whole in size)
    ink = _bright(rng)
    pen.ellipse(
        [x, y, x + side - 1, y + side - 1],
        fill=_colour(rng) if rng.random() < 0.5 else (255, 255, 255),
        outline=ink,
        width=max(1, side // 6),
    )
    if rng.random() < 0.6:
        pen.rectangle([0, y + side * 0.42, size[0], y + side * 0.6], fill=ink)
    if rng.random() < 0.5:
        pen.text(
            (x + side // 3, y + side // 4), str(rng.integers(100)), fill=(0, 0, 0), font=ImageFont.load_default(max(5, side // 2))
        )


def _road_sign(pen: ImageDraw.ImageDraw, size: tuple[int, int], rng: np.random.Generator) -> None:
    """A board of blue, green, yellow or white with words and an arrow, or a lit one on black."""
    grounds = [(20, 60, 150), (10, 100, 60), (230, 200, 40), (240, 240, 240), (10, 10, 10)]
    ground = grounds[int(rng.integers(len(grounds)))]
    ink = (250, 250, 250) if sum(ground) < 400 else (10, 10, 10)
    if sum(ground) < 60:
        ink = (255, int(rng.integers(120, 255)), 20)
    pen.rectangle([1, 1, size[0] - 2, size[1] - 2], fill=ground, outline=ink)
    high = int(np.clip(size[1] // 3, 5, 16))
    for row in range(2, size[1] - high, high + 2):
        pen.text((3, row), _word(rng), fill=ink, font=ImageFont.load_default(high))
    pen.line([size[0] * 0.8, size[1] * 0.8, size[0] * 0.8, size[1] * 0.3], fill=ink, width=2)


def _poles(pen: ImageDraw.ImageDraw, size: tuple[int, int], rng: np.random.Generator) -> None:
    """Posts, bollards or a lamp on its mast, thicker at one end."""
    ink = _colour(rng)
    for _ in range(int(rng.integers(1, 4))):
        x, thick = int(rng.integers(size[0])), int(rng.integers(1, 5))
        pen.rectangle([x, 0, x + thick, size[1]], fill=ink)
        head = thick * int(rng.integers(1, 4))
        if rng.random() < 0.5:
            pen.rectangle([x - head // 2, 0, x + thick + head // 2, head], fill=_bright(rng))


_THINGS = (_words, _lattice, _stripes, _patch, _ring, _road_sign, _poles)


def _bar(pen: ImageDraw.ImageDraw, size: tuple[int, int], rng: np.random.Generator) -> None:
    high = int(rng.integers(9, 20))
    y = int(rng.choice([0, size[1] - high - 1]))
    text = f"{_word(rng)} {rng.integers(32):02d} {rng.integers(24):02d}:{rng.integers(60):02d} {_word(rng)}"
    if rng.random() < 0.7:
        dark = bool(rng.random() < 0.6)
        x2 = int(size[0] * rng.uniform(0.3, 1))
        pen.rectangle([0, y, x2, y + high], fill=(*((0, 0, 0) if dark else (255, 255, 255)), int(rng.integers(120, 256))))
        ink = (255, 255, 255) if dark else (0, 0, 0)
    else:
        ink = _bright(rng)
    pen.text((int(rng.integers(0, 40)), y), text, fill=ink, font=ImageFont.load_default(max(6, high - 3)))


def _number(pen: ImageDraw.ImageDraw, size: tuple[int, int], rng: np.random.Generator) -> None:
    """A camera's number, white with a dark edge, anywhere."""
    x, y = int(rng.integers(0, size[0] - 30)), int(rng.integers(0, size[1] - 20))
    digits = str(rng.integers(10 ** int(rng.integers(1, 6))))
    pen.text(
        (x, y),
        digits,
        fill=(255, 255, 255),
        font=ImageFont.load_default(int(rng.integers(9, 26))),
        stroke_width=1,
        stroke_fill=(0, 0, 0),
    )


def _logo(pen: ImageDraw.ImageDraw, size: tuple[int, int], rng: np.random.Generator) -> None:
    """A panel in a corner, often one that lets the picture through, with a ring and bar or a word."""
    width, height = int(rng.integers(20, 110)), int(rng.integers(14, 40))
    x, y = (
        int(rng.choice([0, side - own])) if rng.random() < 0.8 else int(rng.integers(0, side - own))
        for side, own in zip(size, (width, height), strict=True)
    )
    pen.rectangle([x, y, x + width, y + height], fill=(*_bright(rng), int(rng.integers(0, 256))))
    ink, side = (*_colour(rng), 255), min(height - 4, 30)
    if rng.random() < 0.7:
        pen.ellipse([x + 3, y + 2, x + 3 + side, y + 2 + side], outline=ink, width=max(2, side // 5))
        pen.rectangle([x, y + 2 + side * 0.4, x + 6 + side, y + 2 + side * 0.6], fill=ink)
    for row in range(int(rng.integers(1, 3))):
        high = max(6, height // 3)
        pen.text((x + side + 8, y + 2 + row * (high + 1)), _word(rng).capitalize(), fill=ink, font=ImageFont.load_default(high))


def _arrow(pen: ImageDraw.ImageDraw, size: tuple[int, int], rng: np.random.Generator) -> None:
    """A direction: a white box with a word, and an arrow beside it."""
    x, y, side = int(rng.integers(0, size[0] - 40)), int(rng.integers(0, size[1] - 30)), int(rng.integers(6, 18))
    turn = rng.uniform(0, 2 * np.pi)
    corners = [(x + side * np.cos(turn + a), y + side * np.sin(turn + a)) for a in (0, 2.4, 3.14, 3.88)]
    pen.polygon(corners, fill=(0, 0, 0), outline=(255, 255, 255))
    word = _word(rng)
    pen.rectangle([x, y + side, x + 6 * len(word), y + side + 10], fill=(255, 255, 255))
    pen.text((x + 2, y + side), word, fill=(0, 0, 0), font=ImageFont.load_default(9))


def _word(rng: np.random.Generator) -> str:
    return "".join(chr(c) for c in rng.integers(65, 91, size=rng.integers(2, 12)))


def _colour(rng: np.random.Generator) -> Colour:
    """Mostly greyish, as streets are."""
    return tuple(np.clip(rng.integers(256) + rng.normal(0, 30, 3), 0, 255).astype(int).tolist())


def _bright(rng: np.random.Generator) -> Colour:
    return tuple(rng.integers(0, 256, 3).tolist())


def _tensor(image: Image.Image) -> Tensor:
    return torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1).float().div_(255)
