"""How fast the synthetic city is drawn, and how much it is like the real thing.

- rendering: frames/s of six cameras' two minutes on one and on two processes, and of the truth alone, warm;
- with --real DIR, a folder in the published layout (frames with their --detections.json): box sizes, vehicles a frame,
  movement between frames and JPEG sizes of city and recording side by side; DIR is read, and only distributions are kept;
- with --picture, nothing but docs/city.png: ten frames of the city.

Run with `python benchmarks/city.py [--real DIR]`; the result goes to benchmarks/results/city.json and
docs/city-statistics.png. Shares of the city are of counted boxes (8 px, three tenths visible); those of a recording are
of detections of vehicles of 40 % and above, which miss some of the smallest.
"""

import argparse
import io
import json
import multiprocessing
import os
import platform
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from cctview_pipeline.boxes import clip
from cctview_pipeline.cameras.archive import SUFFIX, ArchiveNetwork
from cctview_pipeline.city import CityNetwork, CitySettings
from cctview_pipeline.city import statistics as st
from cctview_pipeline.city.mounts import HEIGHT, WIDTH
from cctview_pipeline.city.network import START
from cctview_pipeline.evaluate.truth import counts

ROOT = Path(__file__).resolve().parent.parent
SEEDS = (1000, 1001, 1002, 1003)
MINUTES = 2
MIN_PERCENT = 40
VEHICLES = ("car", "bus", "truck", "motorcycle")

PICTURE = [
    (1000, "city-4", 16, 6, ()),
    (1001, "city-1", 12, 4, ()),
    (1002, "city-3", 20, 9, ("rain",)),
    (1003, "city-5", 14, 2, ()),
    (1004, "city-2", 15, 7, ("night",)),
    (1005, "city-4", 12, 20, ("jam",)),
    (1006, "city-6", 22, 3, ()),
    (1007, "city-1", 13, 5, ()),
    (1008, "city-3", 18, 8, ()),
    (1009, "city-5", 11, 4, ()),
]
"""Seed, camera, UTC hour, minute and faults of the ten frames of docs/city.png: five in a row."""


@dataclass
class Sample:
    """One camera: frames as cctview_pipeline.city.statistics takes them, and JPEG sizes (F,) bytes."""

    frames: st.Frames
    jpeg_bytes: list[int]


def measure_speed() -> dict[str, float]:
    """Frames a second of MINUTES of six cameras."""
    one = _frames_per_second(1, "render")
    return {
        "frames_per_s_one_process": one,
        "frames_per_s_two_processes": _frames_per_second(2, "render"),
        "truth_frames_per_s_one_process": _frames_per_second(1, "truth"),
        "minutes_for_an_hour_of_six_cameras_on_one_process": round(6 * 2100 / one / 60, 1),
    }


def _frames_per_second(processes: int, what: str) -> float:
    """All processes are ready, with traffic, backdrops and compiled code, before the first of them begins."""
    context = multiprocessing.get_context("spawn")
    ready, spans = context.Barrier(processes), context.Queue()
    workers = [context.Process(target=_draw, args=(part, processes, what, ready, spans)) for part in range(processes)]
    for worker in workers:
        worker.start()
    done = [spans.get() for _ in workers]
    for worker in workers:
        worker.join()
    return round(sum(count for count, *_ in done) / (max(end for *_, end in done) - min(begin for _, begin, _ in done)), 1)


def _draw(part: int, processes: int, what: str, ready, spans) -> None:
    network = CityNetwork(CitySettings(minutes=MINUTES))
    cameras = network.cameras()[part::processes]
    for camera in cameras:
        network.picture_and_truth(camera, network.shots(camera, START)[0])
    ready.wait()
    # One clock for all processes of a machine.
    begin, count = time.monotonic(), 0
    for camera in cameras:
        if what == "render":
            count += sum(1 for _ in network.frames(camera, START))
        else:
            network.truth_boxes(camera, START)
            count += len(network.shots(camera, START))
    spans.put((count, begin, time.monotonic()))


def city_samples(minutes: int = 5) -> dict[str, Sample]:
    """Six cameras of each development city."""
    found = {}
    for seed in SEEDS:
        network = CityNetwork(CitySettings(seed=seed, minutes=minutes))
        for camera in network.cameras():
            truth, shots = network.truth_boxes(camera, START), network.shots(camera, START)
            boxes = np.stack([truth[name].to_numpy() for name in ("x1", "y1", "x2", "y2")], axis=1)
            counted = counts(boxes, truth["visible_fraction"].to_numpy())
            boxes, times = boxes[counted], np.array(truth["captured_at"].to_pylist())[counted]
            frames = [(shot.captured_at, boxes[times == shot.captured_at]) for shot in shots]
            found[f"{seed} {camera}"] = Sample(frames, [len(network.picture(camera, shot).jpeg) for shot in shots[::10]])
    return found


def real_samples(root: Path) -> dict[str, Sample]:
    """Every camera of a folder in the published layout."""
    network, found = ArchiveNetwork(root), {}
    for camera in network.cameras():
        paths = {path.name.removesuffix(SUFFIX): path for path in root.glob(f"**/{camera}/*/*/*/*/*/*/*{SUFFIX}")}
        frames = [frame for hour in network.hours(camera) for frame in network.read_hour(camera, hour).frames]
        boxes = [_detected(paths[frame.frame_id]) for frame in frames]
        times = [frame.captured_at for frame in frames]
        found[camera] = Sample(list(zip(times, boxes, strict=True)), [len(frame.jpeg) for frame in frames])
    return found


def _detected(picture: Path) -> np.ndarray:
    """(N, 4) published boxes of vehicles of MIN_PERCENT and above."""
    path = picture.with_name(picture.name.replace(SUFFIX, "--detections.json"))
    rows = json.loads(path.read_text()).values() if path.exists() else []
    vehicles = [row for row in rows if isinstance(row, dict) and row.get("type") in VEHICLES]
    kept = [row["box_points"] for row in vehicles if row["percentage_probability"] >= MIN_PERCENT]
    return clip(np.array(kept, float).reshape(-1, 4), WIDTH, HEIGHT)


def summary(samples: dict[str, Sample]) -> dict[str, dict]:
    """Mean, least and most over the cameras."""
    rows = {
        "share_of_boxes_under_20_px": [st.small_share(sample.frames) for sample in samples.values()],
        "vehicles_a_frame": [st.crowds(sample.frames).mean() for sample in samples.values()],
        "share_with_IoU_above_0.3_in_the_next_frame": [st.overlapping_share(sample.frames) for sample in samples.values()],
        "share_without_overlap_in_the_next_frame": [st.apart_share(sample.frames) for sample in samples.values()],
        "median_s_between_frames": [np.median(_gaps(sample)) for sample in samples.values()],
        "median_jpeg_KB": [np.median(sample.jpeg_bytes) / 1000 for sample in samples.values()],
    }
    found = {
        name: {"mean": round(float(np.mean(v)), 3), "least": round(float(min(v)), 3), "most": round(float(max(v)), 3)}
        for name, v in rows.items()
    }
    return {"cameras": len(samples), "frames": sum(len(sample.frames) for sample in samples.values()), **found}


def _gaps(sample: Sample) -> np.ndarray:
    return np.diff([moment.timestamp() for moment, _ in sample.frames])


def plot(sides: dict[str, dict[str, Sample]]) -> Figure:
    """Four distributions, city and recording over each other; every camera weighs the same."""
    figure = Figure(figsize=(10, 6.2), layout="constrained")
    panels = figure.subplots(2, 2).ravel()
    pictured = [
        ("shorter side of a box, px", np.arange(0, 101, 4), lambda s: st.shorter_sides(s.frames), "share of boxes"),
        ("vehicles a frame", np.arange(-0.5, 25.5), lambda s: st.crowds(s.frames), "share of frames"),
        (
            "best IoU with any box of the next frame",
            np.linspace(0, 1, 21),
            lambda s: st.next_overlaps(s.frames),
            "share of boxes",
        ),
        ("JPEG, KB", np.arange(8, 33), lambda s: np.array(s.jpeg_bytes) / 1000, "share of frames"),
    ]
    for axes, (title, bins, values, label) in zip(panels, pictured, strict=True):
        for (name, samples), colour in zip(sides.items(), ("#1f6f8b", "#d1603d"), strict=False):
            shares = [_histogram(values(sample), bins) for sample in samples.values()]
            axes.stairs(np.mean(shares, axis=0), bins, fill=True, alpha=0.28, color=colour)
            axes.stairs(np.mean(shares, axis=0), bins, color=colour, linewidth=1.6, label=f"{name} ({len(samples)} cameras)")
        axes.set_xlabel(title)
        axes.set_ylabel(label)
        axes.set_ylim(bottom=0)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].legend(fontsize="small", frameon=False)
    return figure


def _histogram(values: np.ndarray, bins: np.ndarray) -> np.ndarray:
    """Shares; what is beyond the last bin counts in it."""
    counted = np.histogram(np.minimum(values, bins[-1] - 1e-9), bins)[0]
    return counted / max(1, len(values))


def draw_picture(path: Path) -> None:
    """The ten frames of PICTURE, pixel by pixel as the cameras wrote them."""
    pad, columns = 6, 5
    rows = -(-len(PICTURE) // columns)
    sheet = Image.new("RGB", (pad + columns * (WIDTH + pad), pad + rows * (HEIGHT + pad)), (255, 255, 255))
    for place, (seed, camera, hour, minute, faults) in enumerate(PICTURE):
        start = START.replace(hour=hour)
        network = CityNetwork(CitySettings(seed=seed, start=start, minutes=minute + 1, faults=faults))
        shots = network.shots(camera, start)
        shot = next(shot for shot in shots if shot.captured_at >= start + timedelta(minutes=minute))
        row, column = divmod(place, columns)
        with Image.open(io.BytesIO(network.picture(camera, shot).jpeg)) as image:
            sheet.paste(image, (pad + column * (WIDTH + pad), pad + row * (HEIGHT + pad)))
    sheet.save(path, optimize=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--real", type=Path, help="a folder in the published layout, to compare with")
    parser.add_argument("--picture", action="store_true", help="only draw docs/city.png")
    options = parser.parse_args()
    if options.picture:
        draw_picture(ROOT / "docs" / "city.png")
        return
    speed = measure_speed()
    print(speed, flush=True)
    sides = {"city": city_samples()} | ({"recording": real_samples(options.real)} if options.real else {})
    results = {"speed": speed} | {name: summary(samples) for name, samples in sides.items()}
    report = {
        "command": "python benchmarks/city.py" + (" --real DIR" if options.real else ""),
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "versions": {name: version(name) for name in ("numba", "numpy", "pillow")} | {"python": platform.python_version()},
        "load_before": round(os.getloadavg()[0], 1),
        "seeds": SEEDS,
        "results": results,
    }
    (ROOT / "benchmarks" / "results" / "city.json").write_text(json.dumps(report, indent=2) + "\n")
    if options.real:
        plot(sides).savefig(ROOT / "docs" / "city-statistics.png", dpi=110)
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
