"""Training crops of the synthetic city: the same vehicle at several cameras, which no recording tells.

Seeds 0-999 only; those of development and evaluation are never trained on.
"""

import logging
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cctview_pipeline.city import CityNetwork, CitySettings
from cctview_pipeline.city.network import START
from cctview_pipeline.files import write_whole
from cctview_pipeline.images import decode, encode_png
from cctview_pipeline.training.detector.city_frames import city_version
from cctview_pipeline.training.drawing import draw_all

CROPS_A_CAMERA = 3
"""Of each vehicle at each camera, as far apart in time as they come."""
MIN_SIDE_PX, MIN_VISIBLE = 8.0, 0.6

log = logging.getLogger(__name__)


def draw_city_crops(seeds: range, minutes: int, directory: Path) -> pa.Table:
    """Crops of every vehicle of these cities: seed, vehicle_id, camera_id, captured_at, frame_id, image (PNG).

    Drawn into a folder; those that this very version of the city has drawn there are kept. A city's hour of the day, rain,
    night and jam are its seed's.
    """
    files = {seed: directory / f"{city_version()}-{seed:04d}-{minutes}.parquet" for seed in seeds}
    missing = [seed for seed in seeds if not files[seed].exists()]
    if missing:
        directory.mkdir(parents=True, exist_ok=True)
        log.info("drawing %d cities of %d", len(missing), len(files))
        draw_all(_draw, [(seed, minutes, files[seed]) for seed in missing])
    return pa.concat_tables([pq.read_table(file) for file in files.values()])


def _draw(job: tuple[int, int, Path]) -> None:
    seed, minutes, file = job
    rng = np.random.default_rng((seed, 37))
    faults = tuple(name for name, share in (("rain", 1 / 6), ("night", 1 / 6), ("jam", 1 / 6)) if rng.random() < share)
    # From 06:00 to 13:00 in New York, as the detector's frames.
    start = START.replace(hour=0) + timedelta(hours=int(rng.integers(10, 18)))
    network = CityNetwork(CitySettings(seed=seed, start=start, minutes=minutes, faults=faults))
    rows: list[dict] = []
    for camera in network.cameras():
        wanted = _chosen(network.truth_boxes(camera, start))
        for shot in network.shots(camera, start):
            if not (cut := wanted.get(shot.captured_at)):
                continue
            frame = network.picture(camera, shot)
            image = decode(frame.jpeg)
            for row in cut:
                x1, y1, x2, y2 = (round(row[name]) for name in ("x1", "y1", "x2", "y2"))
                known = {name: row[name] for name in ("vehicle_id", "camera_id", "captured_at", "frame_id")}
                rows.append({"seed": seed, **known, "image": encode_png(image[y1:y2, x1:x2])})
    buffer = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows), buffer)
    write_whole(file, buffer.getvalue().to_pybytes())


def _chosen(truth: pa.Table) -> dict:
    """captured_at -> the boxes to cut out of that frame."""
    boxes = truth.to_pylist()
    by_vehicle: dict[str, list[dict]] = {}
    for box in boxes:
        shorter = min(box["x2"] - box["x1"], box["y2"] - box["y1"])
        if shorter >= MIN_SIDE_PX and box["visible_fraction"] >= MIN_VISIBLE:
            by_vehicle.setdefault(box["vehicle_id"], []).append(box)
    chosen: dict = {}
    for seen in by_vehicle.values():
        for place in np.unique(np.linspace(0, len(seen) - 1, CROPS_A_CAMERA).astype(int)):
            chosen.setdefault(seen[place]["captured_at"], []).append(seen[place])
    return chosen
