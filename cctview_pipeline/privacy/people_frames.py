"""Frames with people whose places are known, to train the people finder on: of the synthetic city, and recorded ones into which
the city's people are pasted.

Nobody drew a box in the recorded frames: where other detectors are sure of a person, somebody is; where any suspects one, it is
not asked; everywhere else nobody is. City seeds 0-999 only.
"""

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from cctview_pipeline.cameras.city import CityNetwork, CitySettings
from cctview_pipeline.cameras.city.network import START
from cctview_pipeline.detect.detections import PEOPLE
from cctview_pipeline.images import decode
from cctview_pipeline.privacy.people import CELL

PEOPLE_AN_HOUR = 1500
LEAST_VISIBLE = 0.1
_CHANGED = 14
"""Of 255, in any colour: by so much a pixel with somebody in it differs from the same pixel without."""
_VEHICLE = 3.0
"""What a cell of a vehicle weighs in the loss against one of the road: a vehicle that is painted over is lost."""
_NOBODY = np.zeros((0, 4), np.float32)


@dataclass(frozen=True)
class PeopleFrame:
    """image (H, W, 3) uint8; people (N, 4): boxes in px; unsure (M, 4): where nobody knows; vehicles (K, 4): what must stay."""

    image: np.ndarray
    people: np.ndarray
    unsure: np.ndarray
    vehicles: np.ndarray


@dataclass(frozen=True)
class CutOut:
    """Somebody of the city, (h, w, 3) uint8, and how much of each pixel is theirs, (h, w) float32; bottom: share of the frame's
    height at which they stand."""

    pixels: np.ndarray
    share: np.ndarray
    bottom: float


def city_frames(seed: int, count: int, cut: bool = False) -> tuple[list[PeopleFrame], list[CutOut]]:
    """Frames of one city in its own hour and weather, ``count`` a camera; cut: the same frames with nobody in them as well, and
    the people, cut out by the difference that they make."""
    rng = np.random.default_rng((seed, 53))
    faults = tuple(name for name, share in (("rain", 1 / 6), ("night", 1 / 4), ("jam", 1 / 6)) if rng.random() < share)
    start = START.replace(hour=0) + timedelta(hours=int(rng.integers(10, 22)))
    settings = {"seed": seed, "start": start, "minutes": 12, "faults": faults}
    with_people, empty = CityNetwork(CitySettings(**settings, people=PEOPLE_AN_HOUR)), CityNetwork(CitySettings(**settings))
    empty.traffic = with_people.traffic  # the same, and it takes seconds
    frames: list[PeopleFrame] = []
    pieces: list[CutOut] = []
    for camera in with_people.cameras():
        shots = with_people.shots(camera, start)
        for i in sorted(rng.choice(len(shots), min(count, len(shots)), replace=False).tolist()):
            frame, truth = with_people.picture_and_truth(camera, shots[i])
            seen = with_truth(decode(frame.jpeg), truth)
            frames.append(seen)
            if cut:
                without = decode(empty.picture(camera, shots[i]).jpeg)
                frames.append(PeopleFrame(without, _NOBODY, _NOBODY, seen.vehicles))
                pieces += _cut_outs(seen.image, without, seen.people)
    return frames, pieces


def with_truth(image: np.ndarray, truth: pa.Table) -> PeopleFrame:
    """A frame of the city, (H, W, 3), and its rows of ``truth_boxes``: who is all but hidden is nobody to be found."""
    boxes = np.stack([truth[name].to_numpy() for name in ("x1", "y1", "x2", "y2")], axis=1)
    person = np.isin(truth["label"].to_numpy(zero_copy_only=False), PEOPLE)
    visible = truth["visible_fraction"].to_numpy() >= LEAST_VISIBLE
    return PeopleFrame(image, boxes[person & visible], boxes[person & ~visible], boxes[~person])


def scaled(frame: PeopleFrame, factor: float) -> PeopleFrame:
    """The frame as a camera with more or fewer pixels would send it."""
    height, width = (round(side * factor) for side in frame.image.shape[:2])
    image = np.asarray(Image.fromarray(frame.image).resize((width, height), Image.Resampling.BILINEAR))
    return PeopleFrame(image, *(boxes * np.float32(factor) for boxes in (frame.people, frame.unsure, frame.vehicles)))


def _cut_outs(image: np.ndarray, empty: np.ndarray, boxes: np.ndarray) -> list[CutOut]:
    change = np.abs(image.astype(int) - empty).max(2)
    pieces = []
    for x1, y1, x2, y2 in np.round(boxes).astype(int).tolist():
        share = (change[y1:y2, x1:x2] > _CHANGED).astype(np.float32)
        if share.size >= 12 and share.mean() > 0.3:
            pieces.append(CutOut(image[y1:y2, x1:x2].copy(), share, y2 / len(image)))
    return pieces


def pasted(frame: PeopleFrame, pieces: Sequence[CutOut], rng: np.random.Generator, most: int = 8) -> PeopleFrame:
    """A recorded frame with a few people more in it, encoded anew as cameras do."""
    image, added = frame.image.copy(), []
    height, width = image.shape[:2]
    for piece in rng.choice(len(pieces), int(rng.integers(0, most + 1))):
        chosen, scale = pieces[piece], float(np.exp(rng.uniform(-0.5, 0.4)))
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
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=int(rng.integers(55, 90)))
    people = np.concatenate([frame.people, np.array(added, np.float32)])
    return PeopleFrame(decode(buffer.getvalue()), people, frame.unsure, frame.vehicles)


def recorded_frames(data: Path, cameras: Sequence[str], every: int) -> list[PeopleFrame]:
    """One frame in so many of a folder of the published layout, with what its detectors say of people."""
    table = pq.read_table(data / "packaged-detections.parquet").to_pandas()
    packaged = dict(iter(table[table["type"].isin(PEOPLE)].groupby("frame_id")))
    frames = []
    for camera in cameras:
        for path in sorted((data / camera).rglob("*--original.jpeg"))[::every]:
            name = path.name.removesuffix("--original.jpeg")
            said = json.loads(path.with_name(f"{name}--detections.json").read_text())
            rows = [row for row in said.values() if isinstance(row, dict) and "box_points" in row]
            of_people = [row for row in rows if row["type"] in PEOPLE]
            sure = [row["box_points"] for row in of_people if row["percentage_probability"] >= 50]
            unsure = [row["box_points"] for row in of_people if row["percentage_probability"] < 50]
            if name in packaged:
                suspected = packaged[name]
                unsure += suspected[suspected["score"] >= 0.25][["x1", "y1", "x2", "y2"]].to_numpy().tolist()
            vehicles = [row["box_points"] for row in rows if row["type"] not in PEOPLE and row["percentage_probability"] >= 50]
            boxes = (np.array(each, np.float32).reshape(-1, 4) for each in (sure, unsure, vehicles))
            frames.append(PeopleFrame(decode(path.read_bytes()), *boxes))
    return frames


def targets(frame: PeopleFrame) -> tuple[np.ndarray, np.ndarray]:
    """(H/4, W/4) float32 each: whether somebody is in a cell, and what weight it has in the loss."""
    rows, columns = (-(-side // CELL) for side in frame.image.shape[:2])
    inside, weight = np.zeros((rows, columns), np.float32), np.ones((rows, columns), np.float32)
    for x1, y1, x2, y2 in frame.vehicles / CELL:
        weight[max(0, int(y1)) : int(np.ceil(y2)), max(0, int(x1)) : int(np.ceil(x2))] = _VEHICLE
    for x1, y1, x2, y2 in frame.unsure / CELL:
        weight[max(0, int(y1)) : int(np.ceil(y2)) + 1, max(0, int(x1)) : int(np.ceil(x2)) + 1] = 0
    for x1, y1, x2, y2 in frame.people / CELL:
        # A cell counts when a third of its side is inside: what the margin reaches need not be found.
        place = np.s_[
            max(0, int(y1 + 0.67)) : max(int(y2 + 0.67), int(y1) + 1), max(0, int(x1 + 0.67)) : max(int(x2 + 0.67), int(x1) + 1)
        ]
        inside[place], weight[place] = 1, 1
    return inside, weight
