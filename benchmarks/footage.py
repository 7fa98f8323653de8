"""Frames -> mp4 -> frames: what a trip through video costs, in times, detections and counts.

A city for evaluation is backfilled; its frames are exported with `cctview export --format video`, read back as footage into
another lake, and both are measured against the truth: the largest difference of a frame's time, once with the sidecar and once by
the file's name alone; AP50; vehicles counted, by carriageway and all in all. Nobody walks in that city, so nobody is looked for.

    python benchmarks/footage.py [--minutes 60] [--cameras city-2]
    python benchmarks/footage.py --archive DIR [--cameras 735-683-N] [--frames 400]

With an archive that has the published boxes beside its frames, the first frames of a camera are masked, and AP50 is measured
against those boxes before and after.

The result goes to benchmarks/results/footage.json, beside those of other minutes and cameras.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np

from cctview_pipeline.cameras.archive import ArchiveNetwork
from cctview_pipeline.cameras.footage import FootageNetwork, FootageSettings
from cctview_pipeline.detect import VEHICLES, Detections, Detector, load_detector, threshold_of
from cctview_pipeline.detect.evaluation import precision_recall
from cctview_pipeline.evaluate.detection import detection_rows
from cctview_pipeline.evaluate.passages import CameraPassages, read_passages
from cctview_pipeline.evaluate.reading import read_camera
from cctview_pipeline.formats.mp4 import CODEC, QUALITY, Shot, write_mp4
from cctview_pipeline.frames import CameraHour, Frame
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.policy import Policy
from cctview_pipeline.redaction.masking import Masker, mask_hour
from cctview_pipeline.training.detector.assessment import scored
from cctview_pipeline.training.detector.labels import published_truth

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "benchmarks" / "results" / "footage.json"
SEED = 9000
PURPOSE = "measuring"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=int, default=60)
    parser.add_argument("--cameras", default="city-2")
    parser.add_argument("--archive", type=Path, help="real frames instead of a city's")
    parser.add_argument("--frames", type=int, default=400, help="of each camera of the archive")
    asked = parser.parse_args()
    cameras = asked.cameras.split(",")
    if asked.archive:
        results = {camera: recorded(asked.archive, camera, asked.frames) for camera in cameras}
        keep(f"python benchmarks/footage.py --archive DIR --cameras {asked.cameras} --frames {asked.frames}", results)
    else:
        keep(
            f"python benchmarks/footage.py --minutes {asked.minutes} --cameras {asked.cameras}", synthetic(asked.minutes, cameras)
        )


def synthetic(minutes: int, cameras: list[str]) -> dict:
    """A city for evaluation, by the commands that a user gives."""
    with tempfile.TemporaryDirectory() as folder:
        city, footage, videos = (Path(folder) / name for name in ("city", "footage", "videos"))
        run(city, "backfill", "--network", "city", "--seed", SEED, "--minutes", minutes, "--cameras", ",".join(cameras))
        began = time.perf_counter()
        run(city, "export", "--format", "video", "--out", videos)
        took = time.perf_counter() - began
        before, after = (Lake(str(home / "lake")) for home in (city, footage))
        campaign = before.require_campaign()
        privacy = {"purposes": [PURPOSE], "unmasked_for": PURPOSE}
        as_footage = replace(campaign, network="footage", path=str(videos), settings={"fps": 0.0}, privacy=privacy)
        after.write_campaign(as_footage)
        run(footage, "backfill", "--network", "footage")
        hours = [hour for hour in campaign.hours() if before.has("raw_frames", Partition.camera_hour(cameras[0], hour))]
        frames = sum(before.read("raw_frames", Partition.camera_hour(c, h), ["width"]).num_rows for c in cameras for h in hours)
        results = {
            "city": f"seed {SEED}",
            "frames_written": frames,
            "jpeg_bytes_a_frame": bytes_of(before, cameras, hours) // frames,
            "mp4_bytes_a_frame": sum(path.stat().st_size for path in videos.rglob("*.mp4")) // frames,
            "export_ms_a_frame": round(1000 * took / frames, 1),
            "times": {"sidecar": times_apart(before, videos, cameras, hours)},
        } | measured(before, after, cameras, hours, threshold_of(campaign.model("detector")))
        for sidecar in videos.rglob("*.json"):
            sidecar.unlink()
        results["times"]["name"] = times_apart(before, videos, cameras, hours)
    return results


def recorded(archive: Path, camera: str, count: int) -> dict:
    """Real frames, masked as they would be stored."""
    network = ArchiveNetwork(archive)
    found = [frame for hour in network.hours(camera) for frame in network.read_hour(camera, hour).frames][:count]
    masked = mask_hour(CameraHour(found, []), Masker.of(Policy())).frames
    files = {path.name.removesuffix("--original.jpeg"): path for path in (archive / camera).rglob("*--original.jpeg")}
    truths = [published_truth(files[frame.frame_id]) for frame in masked]
    with tempfile.TemporaryDirectory() as folder:
        write_mp4(Path(folder), camera, [Shot(f.captured_at, f.jpeg, f.width, f.height) for f in masked])
        again = FootageNetwork(folder, FootageSettings(fps=0.0))
        back = [frame for hour in again.hours(camera) for frame in again.read_hour(camera, hour).frames]
        size = sum(path.stat().st_size for path in Path(folder).glob("*.mp4"))
    apart = [abs(one.captured_at - other.captured_at).total_seconds() for one, other in zip(masked, back, strict=True)]
    detector = load_detector()
    ap50 = [precision_recall(scored(vehicles(detector, frames), truths)).average_precision for frames in (masked, back)]
    return {
        "frames": len(masked),
        "jpeg_bytes_a_frame": sum(len(frame.jpeg) for frame in masked) // len(masked),
        "mp4_bytes_a_frame": size // len(masked),
        "largest_difference_ms": round(1000 * max(apart), 3),
        "ap50_published": {"frames": round(ap50[0], 4), "video": round(ap50[1], 4)},
        "ap50_points": round(100 * (ap50[1] - ap50[0]), 2),
    }


def vehicles(detector: Detector, frames: list[Frame]) -> list[Detections]:
    found = detector.detect([frame.jpeg for frame in frames])
    return [each.select(np.array([label in VEHICLES for label in each.labels], bool)) for each in found]


def keep(command: str, results: dict) -> None:
    """Beside what was measured before."""
    found = {
        "command": command,
        "encoder": {"codec": CODEC, **QUALITY},
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=ROOT
        ).stdout.strip(),
        "machine": f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores",
        "versions": {name: version(name) for name in ("av", "numpy", "openvino", "pillow")},
        "results": results,
    }
    runs = {each["command"]: each for each in json.loads(RESULT.read_text())} if RESULT.exists() else {}
    RESULT.write_text(json.dumps(list((runs | {command: found}).values()), indent=2) + "\n")
    print(json.dumps(results, indent=2))


def run(home: Path, *words: object) -> None:
    mine = {"CCTVIEW_LAKE": f"{home}/lake", "DAGSTER_HOME": f"{home}/dagster", "CCTVIEW_KEYS": f"{home}/keys"}
    command = [sys.executable, "-m", "cctview_pipeline", *map(str, words)]
    done = subprocess.run(command, env=os.environ | mine, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed: {done.stdout[-2000:]}{done.stderr[-2000:]}")


def bytes_of(lake: Lake, cameras: list[str], hours: list[datetime]) -> int:
    read = (lake.read("raw_frames", Partition.camera_hour(c, h), ["jpeg"])["jpeg"] for c in cameras for h in hours)
    return sum(len(jpeg.as_py()) for column in read for jpeg in column)


def times_apart(lake: Lake, videos: Path, cameras: list[str], hours: list[datetime]) -> dict:
    """How far the times read back are from those stored, and whether each frame came back."""
    network = FootageNetwork(videos, FootageSettings(fps=0.0))
    largest, same = 0.0, True
    for camera in cameras:
        for hour in hours:
            stored = lake.read("raw_frames", Partition.camera_hour(camera, hour), ["frame_id", "captured_at"])
            back = network.read_hour(camera, hour).frames
            same &= [frame.frame_id for frame in back] == stored["frame_id"].to_pylist()
            for frame, at in zip(back, stored["captured_at"].to_pylist(), strict=True):
                largest = max(largest, abs((frame.captured_at - at).total_seconds()))
    return {"largest_difference_ms": round(1000 * largest, 3), "same_frame_ids": same}


def measured(before: Lake, after: Lake, cameras: list[str], hours: list[datetime], threshold: float) -> dict:
    """AP50 and counts of both lakes beside the truth of the first."""
    for camera in cameras:
        for hour in hours:
            for table in ("truth_boxes", "truth_passages"):
                partition = Partition.camera_hour(camera, hour)
                after.write(table, partition, before.read(table, partition))
    found = {}
    for name, lake in (("frames", before), ("video", after)):
        seen = [read_camera(lake, camera, hours) for camera in cameras]
        rows = detection_rows(seen, threshold)
        ap50 = next(row.value for row in rows if (row.scope, row.metric) == ("all", "AP50"))
        found[name] = {"ap50": round(float(ap50 or 0), 4), **counted([read_passages(lake, each, hours) for each in seen])}
    one, other = found["frames"], found["video"]
    apart = {side: percent(other["by_side"][side]["counted"], said["counted"]) for side, said in one["by_side"].items()}
    found["difference"] = {
        "ap50_points": round(100 * (other["ap50"] - one["ap50"]), 2),
        "counted_percent": percent(other["counted"], one["counted"]),
        "counted_by_side_percent": apart,
    }
    return found


def counted(passed: list[CameraPassages]) -> dict:
    true, found = (Counter[str](), Counter[str]())
    for each in passed:
        true.update(f"{each.camera_id} {side}" for side in each.true.carriageway.tolist())
        found.update(f"{each.camera_id} {side}" for side in each.counted.carriageway.tolist())
    by_side = {side: {"true": true[side], "counted": found[side]} for side in sorted(true)}
    return {"true": true.total(), "counted": found.total(), "by_side": by_side}


def percent(value: int, beside: int) -> float:
    return round(100 * (value / beside - 1), 2)


if __name__ == "__main__":
    main()
