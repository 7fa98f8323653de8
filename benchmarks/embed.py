"""How fast vehicles are embedded: crops to vectors, on one thread and on all, beside the original DenseNet201.

Every contender runs in a process of its own, pinned to as many cores as it has threads, three times, and the fastest counts.
The DenseNet201 has random weights, which cost the same: at batch 1, as CCTView ran it, and batched.

Run with ``python benchmarks/embed.py``; the result goes to benchmarks/results/embed.json. Crops are of the city.
"""

import argparse
import json
import multiprocessing
import os
import platform
import resource
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
CROPS = 2048
FEW = 48
"""Crops for the contenders that would take minutes over all."""


def default(device: str = "cpu") -> Callable:
    from cctview_pipeline.embed import load_extractor

    return load_extractor("default", device).embed


def densenet(batch: int, device: str = "cpu") -> Callable:
    import torch

    from cctview_pipeline.embed.densenet import DenseNetExtractor, DenseNetVeri

    extractor = DenseNetExtractor(DenseNetVeri(), "random", torch.device(device))
    return lambda crops: extractor.embed(crops, batch=batch)


CONTENDERS = {
    "default": default,
    "densenet201, batch 1": lambda: densenet(1),
    "densenet201, batch 16": lambda: densenet(16),
}


def contend(name: str, threads: int, queue: multiprocessing.Queue) -> None:
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    from cctview_pipeline.runtime.device import set_threads

    set_threads(threads)
    crops = city_crops(CROPS if name == "default" else FEW)
    embed = CONTENDERS[name]()
    embed(crops[:16])
    seconds = []
    for _ in range(3):
        began = time.perf_counter()
        embed(crops)
        seconds.append(time.perf_counter() - began)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    queue.put({"crops_per_s": round(len(crops) / min(seconds), 1), "peak_MiB": round(peak)})


def city_crops(count: int) -> list[np.ndarray]:
    """Vehicles of the demo's city, as they are cut out of its frames."""
    from cctview_pipeline.city import CityNetwork, CitySettings
    from cctview_pipeline.images import decode

    network, crops = CityNetwork(CitySettings(seed=1000, minutes=2)), []
    for camera in network.cameras():
        for shot in network.shots(camera, network.begin)[:20]:
            frame, truth = network.picture_and_truth(camera, shot)
            image = decode(frame.jpeg)
            for row in truth.to_pylist():
                x1, y1, x2, y2 = (round(row[name]) for name in ("x1", "y1", "x2", "y2"))
                if min(x2 - x1, y2 - y1) >= 8:
                    crops.append(image[y1:y2, x1:x2])
    return (crops * (count // len(crops) + 1))[:count]


def on_gpu() -> dict[str, float] | None:
    import torch

    if not torch.cuda.is_available():
        return None
    crops, found = city_crops(CROPS), {}
    for name, embed in (("default", default("cuda")), ("densenet201, batch 16", densenet(16, "cuda"))):
        embed(crops[:64])
        began = time.perf_counter()
        embed(crops)
        found[name] = round(len(crops) / (time.perf_counter() - began), 1)
    return found


def _apart(name: str, threads: int) -> dict:
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=contend, args=(name, threads, queue))
    process.start()
    found = queue.get()
    process.join()
    return found


def _processor() -> str:
    names = [line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line]
    return names[0] if names else "unknown processor"


def main() -> None:
    argparse.ArgumentParser(description="How fast vehicles are embedded.").parse_args()
    load, cores = os.getloadavg()[0], len(os.sched_getaffinity(0))
    results = {name: {f"{n} threads": _apart(name, n) for n in sorted({1, cores})} for name in CONTENDERS}
    for threads, found in results["default"].items():
        original = results["densenet201, batch 1"][threads]["crops_per_s"]
        found["times_as_fast_as_the_original"] = round(found["crops_per_s"] / original)
    written = {
        "command": "python benchmarks/embed.py",
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": f"{platform.machine()}, {cores} cores, {_processor()}",
        "versions": {n: version(n) for n in ("torch", "torchvision")} | {"python": platform.python_version()},
        "load_before": round(load, 1),
        "results": results,
        "gpu_crops_per_s": on_gpu(),
    }
    print(json.dumps(written, indent=2))
    (ROOT / "benchmarks" / "results" / "embed.json").write_text(json.dumps(written, indent=2) + "\n")


if __name__ == "__main__":
    main()
