"""How fast vehicles are found: from JPEG bytes to boxes, on one thread and on all, beside what else a user would pick.

Every contender runs in a process of its own, pinned to as many cores as it has threads (decoding ahead included), twice, and
the faster run counts. Contenders of another project have random weights, which cost the same.

- default: what ``load_detector()`` gives; fast: the same on pictures as they are; and the default on the backends that were not
  chosen: PyTorch in bfloat16 and compiled, OpenVINO in float32 and bfloat16, ONNX Runtime in float32 and in integers; with
  --data DIR also their AP50, so that the choice of the fastest within 0.3 points stands on a measurement;
- torchvision's RetinaNet with ResNet-50 at 800 px, which is the network of ImageAI that CCTView used; its SSDlite and its
  Faster R-CNN for mobiles;
- a camera-hour of 3,600 frames through the ``detections`` asset, and the share of it that is not the model;
- where there is a CUDA device, default and RetinaNet on it.

Run with ``python benchmarks/detect.py [--data DIR]``, DIR a folder of the published layout whose frames are used instead of the
city's; needs the extra ``benchmark``. The result goes to benchmarks/results/detect.json.
"""

import argparse
import json
import multiprocessing
import os
import platform
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np

from cctview_pipeline.detect.padding import padded

ROOT = Path(__file__).resolve().parent.parent
FRAMES, HOUR_FRAMES = 256, 3600
FEW = {"torchvision-retinanet-800": 4, "torchvision-fasterrcnn-mobile": 32, "torchvision-ssdlite": 64}
"""Frames for contenders that would take minutes over all."""
Find = Callable[[list[bytes]], list]


def detector(backend: str, name: str = "default"):
    from cctview_pipeline.detect.default import DefaultDetector
    from cctview_pipeline.registry.manifest import find_model

    return DefaultDetector.load(find_model(name, "detector"), "cpu", backend)


def compiled() -> Find:
    import torch

    chosen = detector("torch")
    chosen._backend._network = torch.compile(chosen._backend._network, dynamic=False)
    return chosen.detect


def openvino(precision: str) -> Find:
    """The weights as they were trained, not quantized."""
    import openvino as ov
    import torch

    chosen, example = detector("openvino"), torch.zeros(2, 240, 352, 3, dtype=torch.uint8)
    network = chosen._backend._network
    network._model = ov.convert_model(_candidates(), example_input=example, input=[ov.PartialShape([-1, -1, -1, 3])])
    network._settings["INFERENCE_PRECISION_HINT"] = precision
    return chosen.detect


def _candidates():
    """The network with the shipped weights in float32."""
    from torch.fx.experimental.optimization import fuse

    from cctview_pipeline.detect.network import Candidates, DetectorNetwork
    from cctview_pipeline.registry.manifest import find_model
    from cctview_pipeline.registry.state_dicts import read_weights

    return Candidates(fuse(DetectorNetwork.of(read_weights(find_model("default", "detector"))[0]).eval()))


class OnnxBackend:
    """ONNX Runtime, for comparison: one image at a time on all threads."""

    batch = depth = 1

    def __init__(self, integers: bool) -> None:
        import onnxruntime
        import torch

        from cctview_pipeline.runtime.device import threads

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "network.onnx"
            example = torch.from_numpy(_decoded(_city_frames(1)[0]))
            torch.onnx.export(_candidates(), (example,), path, dynamo=True, external_data=False, verbose=False)
            if integers:
                import nncf
                import onnx

                dataset = nncf.Dataset(_city_frames(64), lambda jpeg: {"images": _decoded(jpeg)})
                onnx.save(nncf.quantize(onnx.load(path), dataset, subset_size=64), path)
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = threads()
            self._session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name

    def load(self, images: list) -> list[np.ndarray]:
        from cctview_pipeline.images import decode

        return [decode(image) for image in images]

    def scale(self, image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        from cctview_pipeline.images import decode_scaled

        return decode_scaled(image, size)

    def submit(self, images: list[np.ndarray]) -> Callable:
        found = self._session.run(None, {self._input: padded(images[0])[None]})
        return lambda: found


def onnx_runtime(integers: bool) -> Find:
    chosen = detector("torch")
    chosen._backend = OnnxBackend(integers)
    return chosen.detect


def torchvision_model(name: str, **settings: object) -> Find:
    """JPEG bytes to boxes with one of torchvision's detectors, one image at a time as its users do."""
    import torch
    import torchvision
    from torchvision.io import ImageReadMode, decode_image

    device = torch.device(os.environ.get("BENCHMARK_DEVICE", "cpu"))
    model = torchvision.models.get_model(name, weights=None, weights_backbone=None, num_classes=91, **settings).eval().to(device)

    @torch.inference_mode()
    def find(jpegs: list[bytes]) -> list:
        found = []
        for jpeg in jpegs:
            image = decode_image(torch.frombuffer(bytearray(jpeg), dtype=torch.uint8), ImageReadMode.RGB)
            found.append(model([image.to(device).float().div_(255)])[0]["boxes"].cpu())
        return found

    return find


CONTENDERS: dict[str, Callable[[], Find]] = {
    "default (OpenVINO, int8)": lambda: detector("openvino").detect,
    "fast (OpenVINO, int8)": lambda: detector("openvino", "fast-detector").detect,
    "OpenVINO, bfloat16": lambda: openvino("bf16"),
    "OpenVINO, float32": lambda: openvino("f32"),
    "PyTorch, bfloat16": lambda: detector("torch").detect,
    "PyTorch, bfloat16, compiled": compiled,
    "ONNX Runtime, float32": lambda: onnx_runtime(False),
    "ONNX Runtime, int8": lambda: onnx_runtime(True),
    "torchvision-retinanet-800": lambda: torchvision_model("retinanet_resnet50_fpn"),
    "torchvision-fasterrcnn-mobile": lambda: torchvision_model("fasterrcnn_mobilenet_v3_large_320_fpn"),
    "torchvision-ssdlite": lambda: torchvision_model("ssdlite320_mobilenet_v3_large"),
}


def contend(name: str, threads: int, data: str, queue: multiprocessing.Queue) -> None:
    """One contender in this process, on so many cores."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    from cctview_pipeline.runtime.device import set_threads

    set_threads(threads)
    jpegs = _frames(data)[: FEW.get(name, FRAMES)]
    find = CONTENDERS[name]()
    find(jpegs[: 2 if name in FEW else 32])
    seconds = []
    for _ in range(2):
        began = time.perf_counter()
        find(jpegs)
        seconds.append(time.perf_counter() - began)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    ap50 = _ap50(find, Path(data)) if data and threads > 1 and not name.startswith("torchvision") else None
    queue.put({"frames_per_s": round(len(jpegs) / min(seconds), 2), "peak_MiB": round(peak), "AP50": ap50})


def _ap50(find: Find, data: Path) -> float:
    """Against the consensus, on minutes 45 and later."""
    from cctview_pipeline.training.detector.assessment import assess, consensus
    from cctview_pipeline.training.detector.labels import load_labels

    frames = [frame for frame in load_labels(data) if frame.frame_id.time.minute >= 45]
    found = find([frame.path.read_bytes() for frame in frames])
    return round(assess(found, consensus(frames)).whole.average_precision, 4)


def _frames(data: str) -> list[bytes]:
    if not data:
        return _city_frames(FRAMES)
    paths = sorted(Path(data).rglob("*--original.jpeg"))
    return [paths[i].read_bytes() for i in np.linspace(0, len(paths) - 1, FRAMES).astype(int)]


def _city_frames(count: int) -> list[bytes]:
    """Frames of the demo's city, of all its cameras."""
    from cctview_pipeline.city import CityNetwork, CitySettings

    network = CityNetwork(CitySettings(seed=1000, minutes=2))
    frames = [network.picture_and_truth(c, shot)[0].jpeg for c in network.cameras() for shot in network.shots(c, network.begin)]
    return (frames * (count // len(frames) + 1))[:count]


def _decoded(jpeg: bytes) -> np.ndarray:
    """A frame of 352x240 as the default looks at it, a batch of one."""
    from cctview_pipeline.detect.default import ENLARGED_TO
    from cctview_pipeline.images import decode_scaled

    return padded(decode_scaled(jpeg, (ENLARGED_TO, round(240 * ENLARGED_TO / 352))))[None]


def camera_hour(data: str, queue: multiprocessing.Queue) -> None:
    """3,600 frames through the asset, and through the model alone."""
    folder = tempfile.mkdtemp(prefix="cctview-benchmark-")
    os.environ |= {"CCTVIEW_LAKE": f"{folder}/lake", "DAGSTER_HOME": f"{folder}/dagster"}
    os.makedirs(f"{folder}/dagster")
    (Path(folder) / "dagster" / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    from datetime import timedelta

    import dagster as dg
    import pyarrow as pa

    from cctview_pipeline.campaign import Camera, Campaign
    from cctview_pipeline.detect import load_detector
    from cctview_pipeline.lake import Lake, Partition
    from cctview_pipeline.lake.schemas import schema_of

    hour, jpegs = datetime(2025, 6, 3, 16, tzinfo=UTC), _frames(data)
    camera = Camera(id="cam-1", name="Camera", latitude=40.7, longitude=-74.0, faces="north", corridor="road", order=1)
    lake = Lake(os.environ["CCTVIEW_LAKE"])
    lake.write_campaign(
        Campaign(name="benchmark", network="archive", start=hour, end=hour + timedelta(hours=1), cameras=(camera,), path=folder)
    )
    times = [hour + timedelta(seconds=i) for i in range(HOUR_FRAMES)]
    rows = [
        {"frame_id": f"cam-1--{t:%Y-%m-%d--%H.%M.%S}.000Z", "camera_id": "cam-1", "captured_at": t, "fetched_at": t}
        | {"jpeg": jpegs[i % len(jpegs)], "width": 352, "height": 240, "sha256": f"{i:064x}", "network": "archive"}
        | {"masked_by": "nobody, for measuring", "filled": 0}
        for i, t in enumerate(times)
    ]
    lake.write("raw_frames", Partition.camera_hour("cam-1", hour), pa.Table.from_pylist(rows, schema_of("raw_frames")))

    from cctview_pipeline.definitions import build_definitions

    with dg.DagsterInstance.get() as instance:
        graph = build_definitions(lake.require_campaign()).get_repository_def()
        job = graph.get_implicit_global_asset_job_def().get_subset(asset_selection={dg.AssetKey("detections")})
        began = time.perf_counter()
        result = job.execute_in_process(instance=instance, partition_key=f"cam-1|{hour:%Y-%m-%dT%H}")
        run = time.perf_counter() - began
        (event,) = result.asset_materializations_for_node("detections")
    model, arrays = load_detector(device="cpu"), [_decoded(jpeg)[0] for jpeg in jpegs]
    model.detect(arrays[:8])
    began = time.perf_counter()
    for i in range(0, HOUR_FRAMES, len(arrays)):
        _network_only(model, arrays[: HOUR_FRAMES - i])
    network = time.perf_counter() - began
    asset = float(event.metadata["seconds"].value)
    queue.put(
        {
            "frames": HOUR_FRAMES,
            "detections": int(event.metadata["dagster/row_count"].value),
            "asset_s": round(asset, 2),
            "run_with_model_loading_s": round(run, 2),
            "network_alone_s": round(network, 2),
            "share_of_the_asset_that_is_not_the_network": round(1 - network / asset, 3),
        }
    )


def _network_only(model, arrays: list[np.ndarray]) -> None:
    """Decoded images through the network, and nothing done with what comes out."""
    waiting = []
    for array in arrays:
        waiting.append(model._backend.submit([array]))
        if len(waiting) == model._backend.depth:
            waiting.pop(0)()
    for result in waiting:
        result()


def on_gpu(data: str) -> dict[str, float] | None:
    import torch

    if not torch.cuda.is_available():
        return None
    from cctview_pipeline.detect import load_detector

    os.environ["BENCHMARK_DEVICE"] = "cuda"
    jpegs, found = _frames(data), {}
    for name, find, frames in (
        ("default", load_detector(device="cuda").detect, jpegs * 40),
        ("torchvision-retinanet-800", torchvision_model("retinanet_resnet50_fpn"), jpegs),
    ):
        find(frames[:256])
        began = time.perf_counter()
        find(frames)
        found[name] = round(len(frames) / (time.perf_counter() - began), 1)
    return found


def _apart(function: Callable, *arguments: object) -> dict:
    """Run it in a fresh process."""
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=function, args=(*arguments, queue))
    process.start()
    while process.is_alive() and queue.empty():
        time.sleep(0.1)
    found = queue.get(timeout=5)
    process.join()
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", default="", help="a folder of the published layout")
    parser.add_argument("--only", default="", help="contenders whose name has this in it")
    arguments = parser.parse_args()
    load, cores = os.getloadavg()[0], len(os.sched_getaffinity(0))
    results: dict = {}
    for name in CONTENDERS:
        if arguments.only in name:
            results[name] = {f"{n} threads": _apart(contend, name, n, arguments.data) for n in sorted({1, cores})}
            print(name, results[name], file=sys.stderr)
    if not arguments.only:
        slowest = results["torchvision-retinanet-800"]
        for threads, found in results["default (OpenVINO, int8)"].items():
            found["times_as_fast_as_retinanet"] = round(found["frames_per_s"] / slowest[threads]["frames_per_s"])
    written = {
        "command": "python benchmarks/detect.py" + (" --data DIR" if arguments.data else ""),
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": f"{platform.machine()}, {cores} cores, {_processor()}",
        "versions": {n: version(n) for n in ("openvino", "torch", "torchvision", "onnxruntime", "nncf")}
        | {"python": platform.python_version()},
        "load_before": round(load, 1),
        "frames": "recorded" if arguments.data else "of the city",
        "results": results,
        "camera_hour": _apart(camera_hour, arguments.data),
        "gpu_frames_per_s": on_gpu(arguments.data),
    }
    print(json.dumps(written, indent=2))
    if not arguments.only:
        (ROOT / "benchmarks" / "results" / "detect.json").write_text(json.dumps(written, indent=2) + "\n")


def _processor() -> str:
    names = [line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line]
    return names[0] if names else "unknown processor"


if __name__ == "__main__":
    main()
