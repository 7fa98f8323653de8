"""Training frames of the synthetic city: every vehicle and everybody known, cameras and weather that no recording has.

Each frame is drawn twice, with the people who walk there and without: the difference shows which pixels are theirs. Seeds 0-999
only; those of development and evaluation are never trained on.
"""

import hashlib
import logging
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cctview_pipeline import city
from cctview_pipeline.city import CityNetwork, CitySettings
from cctview_pipeline.city.network import START
from cctview_pipeline.city.worlds import WORLDS, WorldName
from cctview_pipeline.detect.detections import LABELS, PEOPLE
from cctview_pipeline.files import write_whole
from cctview_pipeline.ids import FrameId
from cctview_pipeline.training.detector.labels import FrameLabels
from cctview_pipeline.training.drawing import draw_all

FRAMES_A_CAMERA = 8
PEOPLE_AN_HOUR = (200, 1500)
"""One or the other walks or cycles past each camera of a city."""
RIDER_PX, RIDER = 8.0, (0.1, 0.0, 0.9, 0.6)
"""A motorcycle at least so high carries somebody who can be told from it, in this part of its box (x1, y1, x2, y2)."""
MIN_SEEN = 0.1
"""Share of somebody that must be visible for them to be somebody to be found."""
MIN_SIDE_PX, MIN_VISIBLE = 6.0, 0.3
"""Smaller or more hidden vehicles are left out of the loss: neither vehicle nor background."""
TUNING, DEVELOPMENT = range(996, 1000), range(1000, 1004)
"""Seeds of cities that calibrate, and of those that measure."""
EMPTY = "empty"
"""Below a city's folder, the same frames with nobody in them, by the same names."""

CITY_CAMERAS = frozenset(camera.id for world in WORLDS.values() for camera in world.cameras)

log = logging.getLogger(__name__)


def city_version() -> str:
    """A hash of the city's source and of this: the same seed gives the same pictures as long as both are the same."""
    digest = hashlib.sha256()
    for path in [*sorted(Path(city.__file__).parent.rglob("*.py")), Path(__file__)]:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


@dataclass(frozen=True)
class CityFrames:
    """Frames of both worlds by what they are for."""

    train: list[FrameLabels]
    tune: list[FrameLabels]
    development: list[FrameLabels]


def draw_worlds(cities: int, directory: Path) -> CityFrames:
    """So many cities along an expressway and half as many of streets to train on, and those that calibrate and measure; nothing
    for none."""
    seeds = [range(cities), TUNING, DEVELOPMENT] if cities else [range(0)] * 3
    streets = [range(cities // 2), *seeds[1:]]
    return CityFrames(
        *(
            draw_city_frames(along, directory) + draw_city_frames(at_crossings, directory, "streets")
            for along, at_crossings in zip(seeds, streets, strict=True)
        )
    )


def draw_city_frames(seeds: range, directory: Path, world: WorldName = "expressway") -> list[FrameLabels]:
    """Draw frames of these cities into a folder; those that this very version of the city has drawn there are kept.

    Each city has its own hour between dawn and evening; a third have night instead, a quarter rain, a sixth a jam.
    """
    folders = {seed: directory / f"{city_version()}-{world}-{seed:03d}" for seed in seeds}
    missing = [seed for seed in seeds if not (folders[seed] / "truth.parquet").exists()]
    if missing:
        log.info("drawing %d cities of %d", len(missing), len(folders))
        draw_all(_draw, [(world, seed, folders[seed]) for seed in missing])
    return [frame for folder in folders.values() for frame in _read(folder)]


def _draw(job: tuple[WorldName, int, Path]) -> None:
    world, seed, folder = job
    rng = np.random.default_rng((seed, 31))
    faults = tuple(name for name, share in (("rain", 1 / 4), ("night", 1 / 3), ("jam", 1 / 6)) if rng.random() < share)
    # From 05:00 on in New York: the traffic of a day is simulated from 04:00 on, so that early hours are cheap.
    start = START.replace(hour=0) + timedelta(hours=int(rng.choice([9, 9, *range(10, 18), 23])))
    nobody = CitySettings(seed=seed, start=start, minutes=30, faults=faults, world=world, people=0)
    network = CityNetwork(replace(nobody, people=int(rng.choice(PEOPLE_AN_HOUR))))
    empty = CityNetwork(nobody)
    empty.traffic = network.traffic  # the same, and it takes seconds
    (folder / EMPTY).mkdir(parents=True, exist_ok=True)
    truths = []
    for camera in network.cameras():
        shots = network.shots(camera, start)
        for i in sorted(rng.choice(len(shots), FRAMES_A_CAMERA, replace=False).tolist()):
            frame, truth = network.picture_and_truth(camera, shots[i])
            (folder / f"{frame.frame_id}.jpeg").write_bytes(frame.jpeg)
            (folder / EMPTY / f"{frame.frame_id}.jpeg").write_bytes(empty.picture(camera, shots[i]).jpeg)
            truths.append(truth)
    buffer = pa.BufferOutputStream()
    pq.write_table(pa.concat_tables(truths), buffer)
    write_whole(folder / "truth.parquet", buffer.getvalue().to_pybytes())  # last: what has it has every picture


def _read(folder: Path) -> list[FrameLabels]:
    truth = pq.read_table(folder / "truth.parquet")
    return [labels_of(path, truth.filter(pc.equal(truth["frame_id"], path.stem))) for path in sorted(folder.glob("*.jpeg"))]


def labels_of(path: Path, truth: pa.Table) -> FrameLabels:
    """A drawn frame and its rows of ``truth_boxes``."""
    boxes = np.stack([truth[name].to_numpy() for name in ("x1", "y1", "x2", "y2")], axis=1)
    names, visible = truth["label"].to_numpy(zero_copy_only=False), truth["visible_fraction"].to_numpy()
    shorter = (boxes[:, 2:] - boxes[:, :2]).min(1, initial=np.inf) if len(boxes) else np.zeros(0)
    counts = (shorter >= MIN_SIDE_PX) & (visible >= MIN_VISIBLE)
    labels = np.array([LABELS.index(label) for label in names], np.int64)
    on_foot = np.isin(names, PEOPLE)
    riding = (names == "motorcycle") & (visible >= MIN_VISIBLE) & (boxes[:, 3] - boxes[:, 1] >= RIDER_PX)
    people = np.concatenate([boxes[on_foot & (visible >= MIN_SEEN)], part(boxes[riding], RIDER)])
    nothing = np.zeros((0, 4), np.float32)
    return FrameLabels(
        path=path,
        frame_id=FrameId.parse(path.stem),
        objects=boxes[counts],
        labels=labels[counts],
        ignored=boxes[~counts],
        still=nothing,
        people=people,
        unsure=boxes[on_foot & (visible < MIN_SEEN)],
    )


def part(boxes: np.ndarray, share: tuple[float, float, float, float]) -> np.ndarray:
    """The part of every box (N, 4) that lies between such shares of its width and height, x1, y1, x2, y2."""
    sides = np.tile(boxes[:, 2:] - boxes[:, :2], 2)
    return (np.tile(boxes[:, :2], 2) + sides * np.array(share)).astype(np.float32)
