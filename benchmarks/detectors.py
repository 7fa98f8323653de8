"""How fast the detectors that can be chosen are, side by side in one run: JPEG bytes in, boxes out, decoding included.

Every contender runs in a process of its own, pinned to one core and one thread, over frames of 352x240 from the synthetic city.
Those of other projects have the random weights of their tests, which cost what real ones do but for suppression: they find a
few dozen boxes an image, random ones. The slow get fewer frames. Other work on the machine slows all alike: ``times_default`` is
the ratio to the default detector, which is measured before and after the others.

Run with ``python benchmarks/detectors.py [--only NAME]``. The result goes to benchmarks/results/detectors.json.
"""

import argparse
import json
import multiprocessing
import os
import platform
import sys
import tempfile
import time
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FRAMES = {"default": 128, "torchvision-ssd": 8, "imageai-yolov3": 8, "imageai-tinyyolov3": 32}
"""Frames to measure with; 3 for those not named, which take seconds a frame."""
CONTENDERS = [
    "default",
    "torchvision-fasterrcnn",
    "torchvision-retinanet",
    "torchvision-ssd",
    "imageai-retinanet",
    "imageai-yolov3",
    "imageai-tinyyolov3",
    "keras-retinanet",
]


def contend(name: str, jpegs: list[bytes], queue: multiprocessing.Queue) -> None:
    """One contender in this process, on one core."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-1:])
    os.environ |= {"OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
    sys.path.insert(0, str(ROOT))  # for the makers of weights beside the tests
    from cctview_pipeline.runtime.device import set_threads

    set_threads(1)
    with tempfile.TemporaryDirectory(prefix="cctview-benchmark-") as folder:
        detector = _detector(name, Path(folder))
        detector.detect(jpegs[: min(len(jpegs), 8) if len(jpegs) > 3 else 1])
        began = time.perf_counter()
        found = detector.detect(jpegs)
        seconds = time.perf_counter() - began
        getattr(detector, "close", lambda: None)()
    boxes = sum(len(each) for each in found) / len(found)
    queue.put({"frames": len(jpegs), "frames_per_s": round(len(jpegs) / seconds, 3), "boxes_per_frame": round(boxes, 1)})


def _detector(name: str, folder: Path):
    from cctview_pipeline.detect import load_detector

    if name == "default":
        return load_detector(device="cpu")
    os.environ["CCTVIEW_MODELS"] = str(folder)
    if name == "keras-retinanet":
        _write_keras(folder, name)
    else:
        from cctview_pipeline_tests.factories.published_weights import made_state, register

        register(folder, name, made_state(name))
    return load_detector(name, "cpu")


def _write_keras(folder: Path, name: str) -> None:
    import tomlkit

    from cctview_pipeline.detect.keras_retinanet.layout import layers
    from cctview_pipeline.registry.manifest import file_hash
    from cctview_pipeline_tests.factories.keras_weights import seeded_layers, write_weights

    path = folder / "weights.h5"
    write_weights(path, seeded_layers(layers()), layers())
    facts = {"task": "detector", "loader": name, "file": path.name, "threshold": 0.4}
    told = {"size": path.stat().st_size, "sha256": file_hash(path)}
    (folder / "manifest.toml").write_text(tomlkit.dumps({name: facts | told}))


def _frames() -> list[bytes]:
    """Frames of the demo's city, of all its cameras."""
    from cctview_pipeline.city import CityNetwork, CitySettings

    network = CityNetwork(CitySettings(seed=1000, minutes=2))
    frames = [network.picture_and_truth(c, shot)[0].jpeg for c in network.cameras() for shot in network.shots(c, network.begin)]
    return (frames * (max(FRAMES.values()) // len(frames) + 1))[: max(FRAMES.values())]


def _measure(name: str, jpegs: list[bytes]) -> dict:
    """Run a contender in a fresh process."""
    context = multiprocessing.get_context("spawn")
    queue, load = context.Queue(), os.getloadavg()[0]
    chosen = jpegs[:: max(1, len(jpegs) // FRAMES.get(name, 3))][: FRAMES.get(name, 3)]
    process = context.Process(target=contend, args=(name, chosen, queue))
    process.start()
    while process.is_alive() and queue.empty():
        time.sleep(0.1)
    if process.exitcode:
        raise SystemExit(f"{name} ended with status {process.exitcode}.")
    found = queue.get(timeout=60)
    process.join()
    print(name, found, f"load {load:.1f}", file=sys.stderr)
    return found | {"load_before": round(load, 1)}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="", help="contenders whose name has this in it; writes nothing")
    only = parser.parse_args().only
    jpegs = _frames()
    results = {name: _measure(name, jpegs) for name in CONTENDERS if only in name and _can_run(name)}
    again = _measure("default", jpegs)
    base = (results.get("default", again)["frames_per_s"] + again["frames_per_s"]) / 2
    for found in results.values():
        found["times_default"] = round(found["frames_per_s"] / base, 5)
    written = {
        "command": "python benchmarks/detectors.py",
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores, {_processor()}",
        "versions": {name: _version(name) for name in ("openvino", "torch", "torchvision", "imageai", "tensorflow")}
        | {"python": platform.python_version()},
        "frames": "352x240 JPEGs of the city; one thread on one core",
        "weights": "default: shipped; others: random, of their tests",
        "results": results,
        "default_again": again,
    }
    print(json.dumps(written, indent=2))
    if not only:
        (ROOT / "benchmarks" / "results" / "detectors.json").write_text(json.dumps(written, indent=2) + "\n")


def _can_run(name: str) -> bool:
    """keras-retinanet needs TensorFlow, which not every installation has; the versions in the result tell."""
    return name != "keras-retinanet" or all(find_spec(module) for module in ("tensorflow", "h5py"))


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    names = [line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line]
    return names[0] if names else "unknown processor"


if __name__ == "__main__":
    main()
