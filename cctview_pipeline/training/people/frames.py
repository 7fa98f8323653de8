"""Frames with people whose places are known, to train the people finder on and to measure it: of the synthetic city, and
recorded ones into which people are pasted who were cut out of it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from PIL import Image

from cctview_pipeline.detect.detections import PEOPLE, VEHICLES
from cctview_pipeline.images import decode
from cctview_pipeline.training.detector.augmentation import Labelled
from cctview_pipeline.training.detector.city_frames import EMPTY, MIN_SEEN
from cctview_pipeline.training.detector.labels import FrameLabels

_CHANGED = 14
"""Of 255, in any colour: by so much a pixel with somebody in it differs from the same pixel without."""


@dataclass(frozen=True)
class PeopleFrame:
    """image (H, W, 3) uint8; people (N, 4): boxes in px; unsure (M, 4): where nobody knows; vehicles (K, 4): what must stay."""

    image: np.ndarray
    people: np.ndarray
    unsure: np.ndarray
    vehicles: np.ndarray

    @classmethod
    def of(cls, labels: FrameLabels) -> "PeopleFrame":
        """A frame that was labelled; who rides is somebody as well."""
        vehicles = labels.objects[labels.labels < len(VEHICLES)]
        return cls(decode(labels.path.read_bytes()), labels.people, labels.unsure, vehicles)


@dataclass(frozen=True)
class CutOut:
    """Somebody of the city, (h, w, 3) uint8, and how much of each pixel is theirs, (h, w) float32; bottom: share of the frame's
    height at which they stand."""

    pixels: np.ndarray
    share: np.ndarray
    bottom: float


def with_truth(image: np.ndarray, truth: pa.Table) -> PeopleFrame:
    """A frame of the city, (H, W, 3), and its rows of ``truth_boxes``: who is all but hidden is nobody to be found."""
    boxes = np.stack([truth[name].to_numpy() for name in ("x1", "y1", "x2", "y2")], axis=1)
    person = np.isin(truth["label"].to_numpy(zero_copy_only=False), PEOPLE)
    visible = truth["visible_fraction"].to_numpy() >= MIN_SEEN
    return PeopleFrame(image, boxes[person & visible], boxes[person & ~visible], boxes[~person])


def cut_outs(frames: Iterable[FrameLabels]) -> list[CutOut]:
    """Everybody who walks in frames of the city, by the difference that they make to the same frames without them."""
    pieces = []
    for frame in frames:
        image = decode(frame.file.read_bytes())
        empty = decode((frame.file.parent / EMPTY / frame.file.name).read_bytes())
        change = np.abs(image.astype(int) - empty).max(2)
        for x1, y1, x2, y2 in np.round(frame.people).astype(int).tolist():
            share = (change[y1:y2, x1:x2] > _CHANGED).astype(np.float32)
            if share.size >= 12 and share.mean() > 0.3:
                pieces.append(CutOut(image[y1:y2, x1:x2].copy(), share, y2 / len(image)))
    return pieces


def pasted(frame: Labelled, pieces: Sequence[CutOut], rng: np.random.Generator, most: int = 8) -> Labelled:
    """A recorded frame with a few people more in it."""
    image, labels, added = frame[0].copy(), frame[1], []
    height, width = image.shape[:2]
    for piece in rng.choice(len(pieces), int(rng.integers(0, most + 1))):
        chosen, scale = pieces[piece], float(np.exp(rng.uniform(-0.5, 0.6)))
        size = [max(2, round(side * scale)) for side in chosen.share.shape[::-1]]
        if size[0] >= width or size[1] >= height:
            continue
        pixels = np.asarray(Image.fromarray(chosen.pixels).resize(size, Image.Resampling.BILINEAR), np.float32)
        share = np.asarray(Image.fromarray(chosen.share).resize(size, Image.Resampling.BILINEAR))[..., None]
        if rng.random() < 0.5:
            pixels, share = pixels[:, ::-1], share[:, ::-1]
        bottom = int(np.clip(height * (chosen.bottom + rng.normal(0, 0.1)), size[1], height))
        x, y = int(rng.integers(0, width - size[0])), bottom - size[1]
        below = image[y : y + size[1], x : x + size[0]].astype(np.float32)
        # As bright as the place where they stand, about.
        pixels = pixels * float(np.clip((below.mean() + 40) / (110 + 40), 0.5, 1.4)) * rng.uniform(0.7, 1.3)
        image[y : y + size[1], x : x + size[0]] = np.clip(share * pixels + (1 - share) * below, 0, 255).astype(np.uint8)
        added.append((x, y, x + size[0], y + size[1]))
    if not added:
        return frame
    return image, replace(labels, people=np.concatenate([labels.people, np.array(added, np.float32)]))
