"""How fast the viewer's pages are, how much one frame reads, and how large its script is.

Three lakes: the one of `--lake`, a city's, as it is; the same with 6 cameras x 24 hours beside it, and with 250 x 24. The hours
beside it are links to files of the first, with marts for all of them: what is measured there is what grows with their number.
Each page is asked for by one reader, in this process, after a first time; milliseconds of the processor and of the clock. Then
20 readers click at random over HTTP for `--seconds` while the lake's partitions are written again and again.

With ``--s3`` the same lakes lie in a SeaweedFS of this machine, where hours cannot be links: those beside the city's are tables
without rows, which are listed like others and never opened. Between both a proxy counts requests and bytes.

    python benchmarks/viewer.py --lake var/city-1000-15/lake [--keys var/city-1000-15/keys] [--seconds 30] [--s3]
"""

import argparse
import contextlib
import gzip
import json
import os
import platform
import random
import re
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import numpy as np
import uvicorn
from starlette.testclient import TestClient

from cctview_pipeline.cameras.local_time import calendar_of
from cctview_pipeline.campaign import HOUR, Camera, Campaign
from cctview_pipeline.detect import VEHICLES
from cctview_pipeline.lake import Lake, Partition, layout
from cctview_pipeline.lake.storage import S3Access
from cctview_pipeline.local_calendar import BIN
from cctview_pipeline.privacy.audit import AuditLog
from cctview_pipeline.privacy.keys import KeyStore
from cctview_pipeline.roads import RoadNetwork
from cctview_pipeline.viewer import ViewerSettings, create_app, door
from cctview_pipeline.viewer.serving import listen

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # for the object store beside the tests
from cctview_pipeline_tests.factories.counting_proxy import Count, counting_proxy
from cctview_pipeline_tests.factories.s3_server import s3_server
from cctview_pipeline_tests.factories.tables import rows

RESULT = Path(__file__).parent / "results" / "viewer.json"
STATIC = Path(__file__).parent.parent / "cctview_pipeline" / "viewer" / "static"
TIMES = 10
LAKES = (("the city as it is", 0, 0), ("6 x 24", 6, 24), ("250 x 24", 250, 24))
LINKED = ("raw_frames", "tracks", "features")
BROWSER = {"origin": "http://127.0.0.1"}


def grown(source: Lake, folder: Path, cameras: int, hours: int) -> Lake:
    """The lake's files, and links to them for so many cameras and hours, with marts of a whole day."""
    campaign = source.require_campaign()
    shutil.copytree(source.uri, folder / "lake", copy_function=os.link)
    lake = Lake(str(folder / "lake"))
    known = list(campaign.cameras)
    more = [
        Camera(
            id=f"more-{n:03d}",
            name=f"Camera {n}",
            latitude=40.7 + n / 1000,
            longitude=-73.9,
            faces="north",
            corridor="more",
            order=n,
        )
        for n in range(cameras - len(known))
    ]
    calendar = calendar_of(campaign)
    begin = calendar.begin(calendar.day_of(campaign.start))
    made = Campaign(
        name="grown",
        network="city",
        start=begin,
        end=begin + timedelta(hours=hours),
        cameras=(*known, *more),
        settings=campaign.settings,
    )
    lake.write_campaign(made)
    template = {table: Path(source.storage.path(source.keys(table)[0])) for table in LINKED}
    for camera in (*known, *more):
        for hour in range(hours):
            for table, file in template.items():
                partition = Partition.camera_hour(camera.id, begin + timedelta(hours=hour))
                place = Path(lake.storage.path(layout.key(table, partition)))
                if not place.exists():
                    place.parent.mkdir(parents=True)
                    os.link(file, place)
    write_figures(lake, made)
    return lake


def write_figures(lake: Lake, campaign: Campaign) -> None:
    """Marts of the first local day, and coverage of its hours, with the same numbers in every row."""
    calendar, hours = calendar_of(campaign), int((campaign.end - campaign.start) / HOUR)
    day = calendar.day_of(campaign.start)
    at = lambda minutes: [  # noqa: E731
        {"began_at": time, "local_at": calendar.local(time)}
        for time in (campaign.start + number * timedelta(minutes=minutes) for number in range(60 * hours // minutes))
    ]
    sides = [{"camera_id": camera.id, "carriageway": way} for camera in campaign.cameras for way in "NS"]
    ways = [
        {"from_camera_id": edge.source.id, "to_camera_id": edge.target.id, "carriageway": edge.carriageway}
        for edge in RoadNetwork.of(campaign).edges
    ]
    corridors = {camera.id: camera.corridor for camera in campaign.cameras}
    changes = {
        "vehicle_counts": [side | {"label": label} | time for side in sides for label in VEHICLES for time in at(15)],
        "flows": [side | time for side in sides for time in at(15)],
        "travel_times": [way | time for way in ways for time in at(15)],
        "corridor_speeds": [way | {"corridor": corridors[way["to_camera_id"]]} | time for way in ways for time in at(5)],
        "data_quality": [{"camera_id": camera.id} for camera in campaign.cameras],
    }
    for table, found in changes.items():
        lake.write(table, Partition.of_day(day), rows(table, *found))
    for camera in campaign.cameras:
        for hour in range(hours):
            begin = campaign.start + hour * HOUR
            quarters = ({"camera_id": camera.id, "began_at": begin + number * BIN} for number in range(4))
            lake.write("coverage", Partition.camera_hour(camera.id, begin), rows("coverage", *quarters))


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
        "flows": "/figures/flows",
        "travel_times": "/figures/travel_times",
        "vehicle_counts": "/figures/vehicle_counts",
        "search": f"/search?camera=city-2&hour={hour}&like={vehicle.removeprefix('/vehicles/')}",
        "what is kept": "/kept",
        "drivers": "/drivers",
    }


def timed(client: TestClient, address: str, count: Count | None) -> dict[str, float]:
    """count: of what goes to S3 and comes from there."""
    asked = [count.requests, count.sent] if count else []
    began = time.perf_counter()
    first = client.get(address)
    cold = time.perf_counter() - began
    assert first.status_code == 200, (address, first.text)
    asked += [count.requests, count.sent] if count else []
    walls, cpus = [], []
    for _ in range(TIMES):
        wall, cpu = time.perf_counter(), time.process_time()
        client.get(address)
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    sent = len(gzip.compress(first.content))
    of_s3 = {}
    if count:
        of_s3 = {"first_requests": asked[2] - asked[0], "first_bytes": asked[3] - asked[1]}
        of_s3 |= {"requests": round((count.requests - asked[2]) / TIMES, 1), "bytes": round((count.sent - asked[3]) / TIMES)}
    return of_s3 | {
        "first_ms": round(1000 * cold), "p95_ms": round(1000 * float(np.quantile(walls, 0.95))),
        "p95_cpu_ms": round(1000 * float(np.quantile(cpus, 0.95))), "html_bytes_gzip": sent,
    }  # fmt: skip


def open_client(lake: Lake, keys: Path, folder: Path) -> TestClient:
    app = create_app(lake, KeyStore(str(keys)), ViewerSettings(), AuditLog(folder / "audit.jsonl"))
    client = TestClient(app, base_url="http://127.0.0.1", follow_redirects=False)
    assert client.post("/purpose", data={"purpose": "synthetic"}, headers=BROWSER).status_code == 303
    return client


def bytes_of_a_frame(source: Lake, lake: Lake, count: Count | None) -> dict[str, int]:
    """Read from the disk, or sent by S3, for one frame in the middle of the largest hour. source: the lake on the disk."""
    place = max((layout.parse_key(key)[1] for key in source.keys("raw_frames")), key=lambda p: _size(source, p))
    names = source.read("raw_frames", place, ["frame_id"])["frame_id"].to_pylist()
    read = lambda: count.sent if count else int(Path("/proc/self/io").read_text().split()[1])  # noqa: E731
    before = read()
    found = lake.look_up("raw_frames", place, "frame_id", [names[len(names) // 2]], ["jpeg"])
    return {
        "bytes_read": read() - before,
        "picture": len(found["jpeg"][0].as_py()),
        "hour": _size(source, place),
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
    refusals: Counter[str] = Counter()
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
                if answer.status_code not in (200, 303):
                    said = re.search(r"<h1>.*?</h1><p>(.*?)</p>", answer.text)
                    refusals[f"{answer.status_code} {said[1] if said else answer.text[:80]}"] += 1
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
    return {
        "readers": readers, "seconds": seconds, "answers": len(statuses), "partitions_written_meanwhile": written[0],
        "neither_200_nor_303": dict(refusals), "p95_ms": round(1000 * float(np.quantile(walls, 0.95))),
    }  # fmt: skip


Put = Callable[[Lake, Lake, str], tuple[Lake, Count | None]]
"""A lake of this disk, the city's own and a name -> the lake that is measured, and what counts what it reads."""


@contextlib.contextmanager
def on_s3(folder: Path) -> Iterator[Put]:
    """Copies of lakes in a server of this machine, behind the proxy that counts."""
    with s3_server(folder) as said, counting_proxy(int(said["AWS_ENDPOINT_URL"].rsplit(":", 1)[1])) as (port, count):
        access = S3Access(
            access_key=said["AWS_ACCESS_KEY_ID"],
            secret_key=said["AWS_SECRET_ACCESS_KEY"],
            region=said["AWS_DEFAULT_REGION"],
            endpoint_url=said["AWS_ENDPOINT_URL"],
        )

        def put(lake: Lake, source: Lake, name: str) -> tuple[Lake, Count]:
            remote = Lake(f"s3://lake/{name}", access)
            _upload(lake, source, remote)
            return Lake(f"s3://lake/{name}", replace(access, endpoint_url=f"http://127.0.0.1:{port}")), count

        yield put


def _upload(lake: Lake, source: Lake, remote: Lake) -> None:
    """Of the hours that are links, tables without rows."""
    own = {key for table in LINKED for key in source.keys(table)}
    nothing = {table: source.read(table, layout.parse_key(source.keys(table)[0])[1]).slice(0, 0) for table in LINKED}

    def send(key: str) -> None:
        table = key.split("/", 1)[0]
        if table in LINKED and key not in own:
            remote.write(table, layout.parse_key(key)[1], nothing[table])
        else:
            remote.storage.write(key, lake.storage.read(key))

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(send, lake.storage.list("")))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lake", required=True)
    parser.add_argument("--keys", default="")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--s3", action="store_true", help="measure on SeaweedFS, into viewer-s3.json")
    parser.add_argument("--result", type=Path, default=None)
    arguments = parser.parse_args()
    door.BURST, door.A_SECOND = 10**9, 10**9
    source = Lake(str(Path(arguments.lake).absolute()))
    keys = Path(arguments.keys or Path(arguments.lake).parent / "keys")
    with contextlib.ExitStack() as stack:
        put: Put = lambda lake, source, name: (lake, None)  # noqa: E731
        if arguments.s3:
            put = stack.enter_context(on_s3(Path(stack.enter_context(tempfile.TemporaryDirectory()))))
        result = measured(arguments, source, keys, put)
    path = arguments.result or RESULT.with_name("viewer-s3.json" if arguments.s3 else RESULT.name)
    path.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result["crowd"], indent=1))


def measured(arguments: argparse.Namespace, source: Lake, keys: Path, put: Put) -> dict:
    hour = layout.format_hour(layout.parse_key(source.keys("journeys")[0])[1].hour)
    same, count = put(source, source, "same")
    result = {
        "command": f"python benchmarks/viewer.py --lake LAKE{' --s3' if arguments.s3 else ''}",
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "load_before": round(os.getloadavg()[0], 1),
        "one_frame": bytes_of_a_frame(source, same, count),
        "script_bytes_gzip": sum(len(gzip.compress(file.read_bytes())) for file in STATIC.glob("*.js")),
        "style_bytes_gzip": sum(len(gzip.compress(file.read_bytes())) for file in STATIC.glob("*.css")),
        "lakes": {},
    }
    for name, cameras, hours in LAKES:
        with tempfile.TemporaryDirectory(dir=Path(arguments.lake).parent) as folder:
            place = Path(folder)
            lake = put(grown(source, place, cameras, hours), source, f"grown-{cameras}")[0] if cameras else same
            client = open_client(lake, keys, place)
            result["lakes"][name] = {kind: timed(client, address, count) for kind, address in pages(client, hour).items()}
            print(name, json.dumps(result["lakes"][name], indent=1))
    with tempfile.TemporaryDirectory(dir=Path(arguments.lake).parent) as folder:
        shutil.copytree(source.uri, Path(folder) / "lake")
        lake = put(Lake(str(Path(folder) / "lake")), source, "crowd")[0]
        result["crowd"] = crowd(lake, keys, Path(folder), hour, arguments.seconds)
    return result


if __name__ == "__main__":
    main()
