"""How fast the viewer's pages are, how much one frame reads, and how large its script is.

Three lakes: the one of `--lake`, a city's, as it is; the same with 6 cameras x 24 hours beside it, and with 250 x 24. The hours
beside it are links to files of the first, with marts for all of them: what is measured there is what grows with their number.
Each page is asked for by one reader, in this process, after a first time; milliseconds of the processor and of the clock. Then
20 readers click at random over HTTP for `--seconds` while the lake's partitions are written again and again.

    python benchmarks/viewer.py --lake var/city-1000-15/lake [--keys var/city-1000-15/keys] [--seconds 30]
"""

import argparse
import gzip
import itertools
import json
import os
import platform
import random
import re
import shutil
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import numpy as np
import pyarrow as pa
import uvicorn
from starlette.testclient import TestClient

from cctview_pipeline.campaign import Camera, Campaign
from cctview_pipeline.lake import Lake, Partition, layout
from cctview_pipeline.lake.schemas import schema_of
from cctview_pipeline.privacy.audit import AuditLog
from cctview_pipeline.privacy.keys import KeyStore
from cctview_pipeline.viewer import ViewerSettings, create_app, door
from cctview_pipeline.viewer.serving import listen

RESULT = Path(__file__).parent / "results" / "viewer.json"
STATIC = Path(__file__).parent.parent / "cctview_pipeline" / "viewer" / "static"
TIMES = 10
LINKED = ("raw_frames", "tracks", "features")
BROWSER = {"origin": "http://127.0.0.1"}


def grown(source: Lake, folder: Path, cameras: int, hours: int) -> Lake:
    """The lake's files, and links to them for so many cameras and hours, with marts of a whole day."""
    campaign = source.require_campaign()
    shutil.copytree(source.uri, folder / "lake", copy_function=os.link)
    lake = Lake(str(folder / "lake"))
    known = list(campaign.cameras)
    places = [(f"more-{n:03d}", f"Camera {n}", 40.7 + n / 1000, -73.9) for n in range(cameras - len(known))]
    more = [Camera(*place, "north", "more", n) for n, place in enumerate(places)]
    begin = campaign.start.replace(hour=0)
    lake.write_campaign(
        Campaign("grown", "city", begin, begin + timedelta(hours=hours), (*known, *more), settings=campaign.settings)
    )
    template = {table: Path(source.storage.path(source.keys(table)[0])) for table in LINKED}
    for camera in (*known, *more):
        for hour in range(hours):
            for table, file in template.items():
                partition = Partition.camera_hour(camera.id, begin + timedelta(hours=hour))
                place = Path(lake.storage.path(layout.key(table, partition)))
                if not place.exists():
                    place.parent.mkdir(parents=True)
                    os.link(file, place)
    day, quarters = Partition.of_day(begin.date()), [begin + timedelta(minutes=15 * n) for n in range(4 * hours)]
    counts = [
        {"camera_id": c.id, "carriageway": way, "began_at": q, "label": "car", "vehicles": 100, "observed_s": 890.0}
        for c in (*known, *more) for way in "NS" for q in quarters
    ]  # fmt: skip
    pairs = [(a.id, b.id) for group in (known, more) for a, b in itertools.pairwise(group)]
    figures = {"vehicles": 80, "median_s": 60.0, "p15_s": 50.0, "p85_s": 70.0, "median_kmh": 61.0, "mean_probability": 0.8}
    times = [
        {"from_camera_id": a, "to_camera_id": b, "began_at": q} | figures
        for pair in pairs for a, b in (pair, pair[::-1]) for q in quarters
    ]  # fmt: skip
    lake.write("vehicle_counts", day, pa.Table.from_pylist(counts, schema_of("vehicle_counts")))
    lake.write("travel_times", day, pa.Table.from_pylist(times, schema_of("travel_times")))
    return lake


def pages(client: TestClient, hour: str) -> dict[str, str]:
    """Kind of page -> an address of it."""
    ways = client.get(f"/journeys/{hour}").text
    vehicle = re.search(r'href="(/vehicles/[^"]+)"', ways)[1]
    return {
        "corridor": "/",
        "cameras": "/cameras",
        "a camera": "/cameras/city-1",
        "a camera's hour": f"/cameras/city-1/{hour}?at={hour[-2:]}:02:00",
        "with the platoon": f"/cameras/city-3/{hour}?at={hour[-2:]}:04:00&time=platoon",
        "a vehicle": vehicle,
        "journeys": f"/journeys/{hour}",
        "travel_times": "/figures/travel_times",
        "vehicle_counts": "/figures/vehicle_counts",
        "search": f"/search?camera=city-2&hour={hour}&like={vehicle.removeprefix('/vehicles/')}",
        "what is kept": "/kept",
        "drivers": "/drivers",
    }


def timed(client: TestClient, address: str) -> dict[str, float]:
    began = time.perf_counter()
    first = client.get(address)
    cold = time.perf_counter() - began
    assert first.status_code == 200, (address, first.text)
    walls, cpus = [], []
    for _ in range(TIMES):
        wall, cpu = time.perf_counter(), time.process_time()
        client.get(address)
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    sent = len(gzip.compress(first.content))
    return {
        "first_ms": round(1000 * cold), "p95_ms": round(1000 * float(np.quantile(walls, 0.95))),
        "p95_cpu_ms": round(1000 * float(np.quantile(cpus, 0.95))), "html_bytes_gzip": sent,
    }  # fmt: skip


def open_client(lake: Lake, keys: Path, folder: Path) -> TestClient:
    app = create_app(lake, KeyStore(str(keys)), ViewerSettings(), AuditLog(folder / "audit.jsonl"))
    client = TestClient(app, base_url="http://127.0.0.1", follow_redirects=False)
    assert client.post("/purpose", data={"purpose": "synthetic"}, headers=BROWSER).status_code == 303
    return client


def bytes_of_a_frame(lake: Lake) -> dict[str, int]:
    """Read from the disk for one frame in the middle of the largest hour."""
    place = max((layout.parse_key(key)[1] for key in lake.keys("raw_frames")), key=lambda p: _size(lake, p))
    names = lake.read("raw_frames", place, ["frame_id"])["frame_id"].to_pylist()
    read = lambda: int(Path("/proc/self/io").read_text().split()[1])  # noqa: E731
    before = read()
    found = lake.look_up("raw_frames", place, "frame_id", [names[len(names) // 2]], ["jpeg"])
    return {
        "bytes_read": read() - before,
        "picture": len(found["jpeg"][0].as_py()),
        "hour": _size(lake, place),
        "frames": len(names),
    }


def _size(lake: Lake, place: Partition) -> int:
    return Path(lake.storage.path(layout.key("raw_frames", place))).stat().st_size


def crowd(lake: Lake, keys: Path, folder: Path, hour: str, seconds: float, readers: int = 20) -> dict[str, float]:
    """Readers that follow links at random while all partitions of the hour are written again."""
    app = create_app(lake, KeyStore(str(keys)), ViewerSettings(), AuditLog(folder / "crowd.jsonl"))
    listener = listen("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
    threading.Thread(target=server.run, args=([listener],), daemon=True).start()
    base, until, statuses, walls, written = (
        f"http://127.0.0.1:{listener.getsockname()[1]}",
        time.monotonic() + seconds,
        [],
        [],
        [0],
    )

    def read(seed: int) -> None:
        draw = random.Random(seed)
        with httpx.Client(base_url=base, timeout=120) as client:
            client.post("/purpose", data={"purpose": "synthetic"}, headers={"origin": base})
            address = f"/cameras/city-{1 + seed % 6}/{hour}"
            while time.monotonic() < until:
                began = time.perf_counter()
                answer = client.get(address)
                walls.append(time.perf_counter() - began)
                statuses.append(answer.status_code)
                links = (
                    re.findall(r'(?:href|src)="(/[^"]+)"', answer.text)
                    if "html" in answer.headers.get("content-type", "")
                    else []
                )
                links = [each.replace("&amp;", "&") for each in links if not each.startswith(("/static", "/purpose"))]
                address = draw.choice(links) if links and draw.random() > 0.1 else f"/cameras/city-{draw.randint(1, 6)}/{hour}"

    def write() -> None:
        tables = [(table, layout.parse_key(key)[1]) for table in ("tracks", "raw_frames", "matches") for key in lake.keys(table)]
        while time.monotonic() < until:
            for table, place in tables:
                lake.write(table, place, lake.read(table, place))
                written[0] += 1
                if time.monotonic() > until:
                    return

    with ThreadPoolExecutor(readers + 1) as pool:
        jobs = [pool.submit(write), *(pool.submit(read, seed) for seed in range(readers))]
        for job in jobs:
            job.result()
    server.should_exit = True
    bad = {str(status): statuses.count(status) for status in set(statuses) if status not in (200, 303)}
    return {
        "readers": readers, "seconds": seconds, "answers": len(statuses), "partitions_written_meanwhile": written[0],
        "neither_200_nor_303": bad, "p95_ms": round(1000 * float(np.quantile(walls, 0.95))),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lake", required=True)
    parser.add_argument("--keys", default="")
    parser.add_argument("--seconds", type=float, default=30.0)
    arguments = parser.parse_args()
    door.BURST, door.A_SECOND = 10**9, 10**9
    source = Lake(str(Path(arguments.lake).absolute()))
    keys = Path(arguments.keys or Path(arguments.lake).parent / "keys")
    hour = layout.format_hour(layout.parse_key(source.keys("journeys")[0])[1].hour)
    result = {
        "command": "python benchmarks/viewer.py --lake LAKE",
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "load_before": round(os.getloadavg()[0], 1),
        "one_frame": bytes_of_a_frame(source),
        "script_bytes_gzip": sum(len(gzip.compress(file.read_bytes())) for file in STATIC.glob("*.js")),
        "style_bytes_gzip": sum(len(gzip.compress(file.read_bytes())) for file in STATIC.glob("*.css")),
        "lakes": {},
    }
    for name, cameras, hours in (("the city as it is", 0, 0), ("6 x 24", 6, 24), ("250 x 24", 250, 24)):
        with tempfile.TemporaryDirectory(dir=Path(arguments.lake).parent) as folder:
            place = Path(folder)
            lake = grown(source, place, cameras, hours) if cameras else source
            client = open_client(lake, keys, place)
            result["lakes"][name] = {kind: timed(client, address) for kind, address in pages(client, hour).items()}
            print(name, json.dumps(result["lakes"][name], indent=1))
    with tempfile.TemporaryDirectory(dir=Path(arguments.lake).parent) as folder:
        shutil.copytree(source.uri, Path(folder) / "lake")
        result["crowd"] = crowd(Lake(str(Path(folder) / "lake")), keys, Path(folder), hour, arguments.seconds)
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result["crowd"], indent=1))


if __name__ == "__main__":
    main()
