"""How fast tracks are compared: track_distances beside the straightforward Python, and how it grows.

- 200 query and 1,000 gallery tracks of 6 images, D = 1920, norm 30: MED and MCD beside a loop over pairs of images with
  torch.norm and torch.cosine_similarity, as public implementations have it, and beside a better one that takes a whole gallery
  track at once;
  RSCR beside scikit-learn's SparseCoder (lasso_lars) a pair of tracks; the loops run on a slice and are scaled to all pairs;
- MED and MCD up to 50,000 gallery tracks, 5,000 queries reckoned from the largest slice that is measured; with peak memory;
- on a CUDA device, where there is one, the same.

Run with ``python benchmarks/match.py``; needs the extra ``benchmark``. The result goes to benchmarks/results/match.json. All
contenders have the same cores.
"""

import argparse
import json
import multiprocessing
import os
import platform
import resource
import threading
import time
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

from cctview_pipeline.match import track_distances

ROOT = Path(__file__).resolve().parent.parent
DIMENSION, IMAGES, NORM = 1920, 6, 30.0
QUERIES, GALLERY = 200, 1000
GROWTH = ((200, 1000), (200, 10_000), (200, 50_000))
WHOLE = (5000, 50_000)


def tracks(count: int, seed: int) -> list[np.ndarray]:
    """The images of a track resemble each other (cosine about 0.7), those of two tracks less (0.3), as the published ones do."""
    rng = np.random.default_rng(seed)
    common = rng.normal(size=DIMENSION)
    made = (0.8 * common + rng.normal(size=(count, 1, DIMENSION)) + 0.9 * rng.normal(size=(count, IMAGES, DIMENSION))).astype(
        np.float32
    )
    return list(NORM * made / np.linalg.norm(made, axis=2, keepdims=True))


def pairs(queries: list[np.ndarray], gallery: list[np.ndarray], measure: Callable) -> np.ndarray:
    """Image by image."""
    asked, among = ([torch.from_numpy(track) for track in side] for side in (queries, gallery))
    return np.array([[min(float(measure(q, r[None])) for q in query for r in track) for track in among] for query in asked])


def rows(queries: list[np.ndarray], gallery: list[np.ndarray], measure: Callable) -> np.ndarray:
    """A query image against a whole track at once."""
    asked, among = ([torch.from_numpy(track) for track in side] for side in (queries, gallery))
    return np.array([[min(float(measure(q, track).min()) for q in query) for track in among] for query in asked])


def euclidean(q: torch.Tensor, track: torch.Tensor) -> torch.Tensor:
    return torch.norm(track - q, dim=1)


def cosine(q: torch.Tensor, track: torch.Tensor) -> torch.Tensor:
    return 1 - torch.cosine_similarity(track, q[None])


def coded(queries: list[np.ndarray], gallery: list[np.ndarray]) -> np.ndarray:
    from sklearn.decomposition import SparseCoder

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        coders = [SparseCoder(track, transform_algorithm="lasso_lars", transform_alpha=1.0) for track in gallery]
        return np.array([[np.linalg.norm(q - c.transform(q) @ t) for c, t in zip(coders, gallery, strict=True)] for q in queries])


LOOPS = {
    "med": {
        "pairs of images": (lambda q, g: pairs(q, g, euclidean), (10, 50)),
        "image against track": (lambda q, g: rows(q, g, euclidean), (10, 100)),
    },
    "mcd": {
        "pairs of images": (lambda q, g: pairs(q, g, cosine), (10, 50)),
        "image against track": (lambda q, g: rows(q, g, cosine), (10, 100)),
    },
    "rscr": {"SparseCoder a pair of tracks": (coded, (4, 50))},
}


def side_by_side(device: str) -> dict:
    queries, gallery = tracks(QUERIES, 1), tracks(GALLERY, 2)
    results = {}
    for metric, loops in LOOPS.items():
        seconds, found = _fastest(lambda metric=metric: track_distances(queries, gallery, metric, device=device), 5)
        results[metric] = {"seconds": round(seconds, 4), "beside": {}}
        for name, (plain, (few, some)) in loops.items():
            slow, expected = _fastest(lambda plain=plain, n=few, m=some: plain(queries[:n], gallery[:m]), 2)
            slow *= QUERIES * GALLERY / (few * some)
            results[metric]["beside"][name] = {
                "seconds": round(slow, 1),
                "measured_on": f"{few} x {some} tracks",
                "times_as_slow": round(slow / seconds),
                "largest_difference": float(f"{np.abs(found[:few, :some] - expected).max():.1e}"),
            }
    return results


def grow(metric: str, queries: int, gallery: int, queue: multiprocessing.Queue) -> None:
    asked, among = tracks(queries, 1), tracks(gallery, 2)
    before, done, seen = _resident(), threading.Event(), []
    watching = threading.Thread(target=lambda: [seen.append(_resident()) for _ in iter(lambda: done.wait(0.005), True)])
    watching.start()
    seconds, _ = _fastest(lambda: track_distances(asked, among, metric), 2)
    done.set()
    watching.join()
    given = sum(track.nbytes for track in asked + among)
    queue.put({"seconds": round(seconds, 2), "embeddings_MiB": given >> 20, "memory_beside_them_MiB": max(seen) - before >> 20})


def _resident() -> int:
    """Bytes of this process in memory now: its peak may lie before, where the tracks were made."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def growth() -> dict:
    found: dict = {}
    context = multiprocessing.get_context("spawn")
    for metric in ("med", "mcd"):
        found[metric] = {}
        for queries, gallery in GROWTH:
            queue = context.Queue()
            process = context.Process(target=grow, args=(metric, queries, gallery, queue))
            process.start()
            found[metric][f"{queries:,} x {gallery:,}"] = queue.get()
            process.join()
        largest = GROWTH[-1]
        reckoned = found[metric][f"{largest[0]:,} x {largest[1]:,}"]["seconds"] * WHOLE[0] / largest[0] * WHOLE[1] / largest[1]
        found[metric][f"{WHOLE[0]:,} x {WHOLE[1]:,}, reckoned"] = {"seconds": round(reckoned)}
    return found


def _fastest(run: Callable, times: int) -> tuple[float, np.ndarray]:
    seconds = []
    for _ in range(times):
        began = time.perf_counter()
        found = run()
        seconds.append(time.perf_counter() - began)
    return min(seconds), found


def _processor() -> str:
    names = [line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line]
    return names[0] if names else "unknown processor"


def main() -> None:
    argparse.ArgumentParser(description="How fast tracks are compared.").parse_args()
    load = os.getloadavg()[0]
    written = {
        "command": "python benchmarks/match.py",
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores, {_processor()}",
        "versions": {name: version(name) for name in ("torch", "numpy", "scikit-learn")} | {"python": platform.python_version()},
        "load_before": round(load, 1),
        "tracks": f"{QUERIES} x {GALLERY} of {IMAGES} images, D = {DIMENSION}, norm {NORM:.0f}",
        "side_by_side": side_by_side("cpu"),
        "growth": growth(),
        "cuda": side_by_side("cuda") if torch.cuda.is_available() else None,
    }
    print(json.dumps(written, indent=2))
    (ROOT / "benchmarks" / "results" / "match.json").write_text(json.dumps(written, indent=2) + "\n")


if __name__ == "__main__":
    main()
