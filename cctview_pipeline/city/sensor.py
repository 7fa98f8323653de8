"""From light to a JPEG: exposure, tint, lens, electronics, noise, the burned-in clock, compression."""

import io
from datetime import datetime

import numpy as np
from numba import njit
from PIL import Image, ImageDraw, ImageFont

from cctview_pipeline.city.light import Light, exposure
from cctview_pipeline.city.mounts import WIDTH, Mount
from cctview_pipeline.ids import NEW_YORK
from cctview_pipeline.images.size import Size

_SPARE, _FIELDS, _LEVELS = 24, 3, 4096
_BANNER_ROWS = 18


class Sensor:
    """One camera's electronics. The same picture and the same number of the frame make the same bytes."""

    def __init__(self, seed: int, mount: Mount) -> None:
        self.seed, self.mount = seed, mount
        rng = np.random.default_rng((seed, 19, mount.index))
        width, height = mount.size
        noise = rng.standard_normal((_FIELDS, height + _SPARE, width + _SPARE, 3)).astype(np.float32)
        shared = rng.standard_normal((_FIELDS, height + _SPARE, width + _SPARE, 1)).astype(np.float32)
        noise = 0.55 * noise + 0.8 * shared
        # Demosaicing spreads each pixel's noise over its neighbours.
        noise = 0.25 * np.roll(noise, 1, 2) + 0.6 * noise + 0.25 * np.roll(noise, 1, 1)
        self.noise = np.clip(noise / noise.std(), -3.5, 3.5)
        y, x = np.mgrid[0:height, 0:width]
        radius = ((x - width / 2) / (width / 2)) ** 2 + ((y - height / 2) / (height / 2)) ** 2
        self.falloff = (1 - mount.vignette * radius / 2).astype(np.float32)
        self.streaks = _rain_streaks(rng, mount.size)
        self.font = ImageFont.load_default((11 if mount.clock == "banner" else 10) * mount.scale)

    def develop(self, picture: np.ndarray, mean: float, light: Light, number: int) -> np.ndarray:
        """Linear light (H, W, 3) -> (H, W, 3) uint8.

        mean: of the linear light without vehicles, which sets the exposure; number: of the frame, which decides its noise.
        """
        mount, (width, height) = self.mount, self.mount.size
        rng = np.random.default_rng((self.seed, 23, mount.index, number))
        gain = exposure(mean, light) * 2**mount.bias * float(rng.normal(1, 0.008))
        top, left, field = rng.integers(0, _SPARE), rng.integers(0, _SPARE), rng.integers(0, _FIELDS)
        noise = self.noise[field, top : top + height, left : left + width]
        curve = _tone_curve(mount.contrast)
        soft, softer = _taps(mount.blur * (1 + 0.5 * light.wet)), _taps(mount.blur + 0.9)
        level = mount.noise * (1 + 1.3 * light.night)
        grey = _expose(
            picture,
            (gain * np.array(mount.tint)).astype(np.float32),
            self.falloff,
            curve,
            mount.saturation * (1 - 0.35 * light.night),
        )
        if light.wet > 0:
            grey += np.roll(self.streaks, (int(rng.integers(height)), int(rng.integers(width))), (0, 1))[..., None]
        return _finish(grey, soft, softer, mount.sharpening, noise, level)

    def write(self, pixels: np.ndarray, moment: datetime) -> bytes:
        """Burn in the clock, where the camera has one, and compress: JPEG bytes."""
        image = Image.fromarray(pixels)
        (width, height), scale = self.mount.size, self.mount.scale
        local = moment.astimezone(NEW_YORK)
        draw, facing = ImageDraw.Draw(image), f"Facing {self.mount.camera.faces.title()}"
        if self.mount.clock == "banner":
            draw.rectangle((0, 0, width, _BANNER_ROWS * scale - 1), fill=(0, 0, 0))
            draw.text((3 * scale, 2 * scale), f"{facing} {local:%Y-%m-%d %I:%M:%S %p}", (255, 255, 255), self.font)
        elif self.mount.clock == "outline":
            draw.text(
                (4 * scale, 3 * scale),
                f"{facing} {local:%m/%d/%Y %I:%M:%S %p}",
                (245, 245, 245),
                self.font,
                stroke_width=max(round(scale), 1),
                stroke_fill=(20, 20, 20),
            )
        elif self.mount.clock == "date":
            place = width - 118 * scale, height - 14 * scale
            draw.text(place, f"{local:%m-%d-%Y %H:%M:%S}", (250, 250, 250), self.font)
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=self.mount.quality)
        return buffer.getvalue()


def _taps(sigma: float) -> np.ndarray:
    taps = np.exp(-0.5 * (np.arange(-2, 3) / sigma) ** 2)
    return (taps / taps.sum()).astype(np.float32)


def _tone_curve(contrast: float) -> np.ndarray:
    """(4096,) grey levels of linear light 0..2: gamma with a soft shoulder, steeper in the middle for more contrast."""
    light = np.linspace(0, 2, _LEVELS)
    grey = np.clip(light / (1 + 0.28 * light**1.5), 0, 1) ** (1 / 2.2)
    grey = 0.5 + (grey - 0.5) * contrast + 0.10 * (contrast - 1)
    return (255 * np.clip(grey, 0.02, 1.02)).astype(np.float32)


def _rain_streaks(rng: np.random.Generator, size: Size) -> np.ndarray:
    (width, height), scale = size, size[0] / WIDTH
    streaks = np.zeros((height, width), np.float32)
    for _ in range(round(170 * scale)):  # longer ones in a larger picture, and as many of their pixels
        row, column = rng.integers(0, height - int(14 * scale)), rng.integers(0, width)
        length = int(rng.integers(5, 13) * scale)
        streaks[row : row + length, column] += rng.uniform(4, 14)
    return streaks


@njit(cache=True, nogil=True)
def _expose(picture, gain, falloff, curve, saturation):
    height, width = falloff.shape
    grey = np.empty((height, width, 3), np.float32)
    for row in range(height):
        for column in range(width):
            for k in range(3):
                level = picture[row, column, k] * gain[k] * falloff[row, column] * np.float32(2047.5)
                grey[row, column, k] = curve[min(4095, max(0, int(level)))]
            luma = (
                np.float32(0.3) * grey[row, column, 0]
                + np.float32(0.59) * grey[row, column, 1]
                + np.float32(0.11) * grey[row, column, 2]
            )
            for k in range(3):
                grey[row, column, k] = luma + np.float32(saturation) * (grey[row, column, k] - luma)
    return grey


@njit(cache=True, nogil=True)
def _blurred(grey, taps):
    """A separable filter of five taps; the border repeats."""
    height, width = grey.shape[0], grey.shape[1] * 3
    flat = grey.reshape(height, width)
    padded = np.empty((height, width + 12), np.float32)
    for row in range(height):
        padded[row, 6 : 6 + width] = flat[row]
        for k in range(3):
            padded[row, k] = padded[row, 3 + k] = flat[row, k]
            padded[row, width + 6 + k] = padded[row, width + 9 + k] = flat[row, width - 3 + k]
    across = np.empty((height + 4, width), np.float32)
    for row in range(height):
        for i in range(width):
            across[row + 2, i] = (
                taps[2] * padded[row, i + 6]
                + taps[1] * (padded[row, i + 3] + padded[row, i + 9])
                + taps[0] * (padded[row, i] + padded[row, i + 12])
            )
    across[0] = across[1] = across[2]
    across[height + 2] = across[height + 3] = across[height + 1]
    out = np.empty((height, width), np.float32)
    for row in range(height):
        for i in range(width):
            out[row, i] = (
                taps[2] * across[row + 2, i]
                + taps[1] * (across[row + 1, i] + across[row + 3, i])
                + taps[0] * (across[row, i] + across[row + 4, i])
            )
    return out


@njit(cache=True, nogil=True)
def _finish(grey, soft, softer, sharpening, noise, level):
    """Lens blur, unsharp mask, noise that grows a little with the light, eight bits."""
    height, width = grey.shape[0], grey.shape[1]
    sharp, wide = _blurred(grey, soft), _blurred(grey, softer)
    out = np.empty((height, width, 3), np.uint8)
    amount, strength = np.float32(sharpening), np.float32(level)
    for row in range(height):
        for column in range(width):
            for k in range(3):
                i = 3 * column + k
                value = sharp[row, i] + amount * (sharp[row, i] - wide[row, i])
                value += strength * noise[row, column, k] * (np.float32(0.65) + np.float32(0.0027) * sharp[row, i])
                out[row, column, k] = np.uint8(min(np.float32(255), max(np.float32(0), value + np.float32(0.5))))
    return out
