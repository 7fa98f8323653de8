"""The engine against a real server on this machine: nothing is lost, and every fault has its name."""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from aiohttp import web

from cctview_pipeline.cameras.networks.nyc_dot import NycDot
from cctview_pipeline.cameras.spooled import SpoolNetwork
from cctview_pipeline.collect import watch
from cctview_pipeline.collect.engine import COLLECTOR, CameraSession, Engine, EngineSettings
from cctview_pipeline.collect.newest import Newest
from cctview_pipeline.collect.pictures import Rules
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.images import decode, encode_jpeg
from cctview_pipeline.images.jpeg import segments as segments_of
from cctview_pipeline.images.jpeg import strip_metadata
from cctview_pipeline.redaction.masking import Masker, NoPeopleDetector, Refused, mask_of
from cctview_pipeline.spool.folder import SpoolFolder
from cctview_pipeline.spool.records import Kind, Record
from cctview_pipeline.spool.writer import SpoolWriter
from cctview_pipeline.zones import Zones
from cctview_pipeline_tests.factories.live_cameras import LiveCameras, tiny_picture
from cctview_pipeline_tests.factories.magenta_people import MagentaFinder, magenta, road_with_people

SETTINGS = EngineSettings(contact="test@example.org", connect_s=1.0, silence_s=0.5, whole_s=1.0, largest_bytes=100_000)


def collect(
    cameras: LiveCameras,
    spool: Path,
    until: Callable[[list[CameraSession]], bool],
    settings: EngineSettings = SETTINGS,
    budget: int = 1 << 30,
    masker: Masker = Masker(NoPeopleDetector("tests"), 640),
    newest: Newest = Newest(),
) -> tuple[Engine, list[Record]]:
    """Follow the cameras until something has happened; returns the engine and what is in the spool then."""

    async def run() -> Engine:
        async with cameras.serving() as network:
            engine, stop = (
                Engine(network, cameras.cameras(network), SpoolWriter(spool, budget), settings, masker, newest),
                asyncio.Event(),
            )

            async def watch() -> None:
                async with asyncio.timeout(60):
                    while not until(engine.followed):
                        await asyncio.sleep(0.02)
                stop.set()

            await asyncio.gather(engine.run(stop), watch())
            engine.writer.close()
            return engine

    engine = asyncio.run(run())
    return engine, list(SpoolFolder(spool).records())


def new(count: int) -> Callable[[list[CameraSession]], bool]:
    """When every camera that answers at all has given so many frames."""
    return lambda followed: all(each.tally.new >= count or each.tally.failed for each in followed)


def frames(records: list[Record], camera: str) -> list[Record]:
    return [record for record in records if record.kind == Kind.FRAME and record.camera_id == camera]


def events(records: list[Record], camera: str) -> list[dict]:
    return [json.loads(r.payload) for r in records if r.kind == Kind.EVENT and r.camera_id == camera]


@pytest.mark.parametrize("with_clock", [True, False], ids=["with clocks", "without clocks"])
def test_every_frame_of_every_camera_once(tmp_path: Path, with_clock: bool):
    cameras = LiveCameras(count=5, period_s=0.4, with_clock=with_clock)
    engine, records = collect(cameras, tmp_path, new(8))
    for index, name in enumerate(cameras.names):
        served = [tiny_picture(index, number) for number in sorted(cameras.served[name])]
        stored = [strip_metadata(record.payload) for record in frames(records, name)]
        assert stored == served[: len(stored)]
        assert len(stored) >= len(served) - 1  # at the end one may be on its way
    assert engine.stored == len(records)
    assert cameras.agents == {"cctview-pipeline (+test@example.org)"}


def test_times_are_the_cameras(tmp_path: Path):
    cameras = LiveCameras(count=1, period_s=0.4)
    _, records = collect(cameras, tmp_path, new(4))
    for record in frames(records, "cam-0"):
        assert record.captured_us % 400_000 == 0
        assert record.fetched_us >= record.captured_us


def test_the_collector_says_when_it_begins_and_ends(tmp_path: Path):
    _, records = collect(LiveCameras(count=2), tmp_path, new(8))
    told = events(records, COLLECTOR)
    begins = {"follows": {"cam-0": "unknown", "cam-1": "unknown"}, "begins": True}
    assert (told[0], told[1], told[-1]) == (begins, {"runs": True, "synced_within_s": 0.0}, {"ends": True})
    assert events(records, "cam-1") == [{"state": "live"}]


def failing(status: int, **headers: str):
    return lambda request, n: web.Response(status=status, headers=headers)


async def silent(request: web.Request, n: int) -> web.Response:
    await asyncio.sleep(5)
    return web.Response()


def without_length(request: web.Request, n: int):
    async def stream() -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        for _ in range(40):
            await answer.write(b"x" * 10_000)
        return answer

    return stream()


FAULTS = {
    "gone": (failing(404), "404 Not Found"),
    "broken": (failing(500), "500 Internal Server Error"),
    "silent": (silent, "timed out"),
    "large": (lambda request, n: web.Response(body=b"x" * 200_000), "too large"),
    "endless": (without_length, "too large"),
    "page": (lambda request, n: web.Response(text="<html>sorry</html>"), "no_picture"),
    "half": (lambda request, n: web.Response(body=tiny_picture(n)[:-40]), "truncated"),
}


def test_faulty_cameras_are_offline_and_the_others_go_on(tmp_path: Path):
    names = {fault: f"cam-{number}" for number, fault in enumerate(FAULTS)}
    answers = {names[fault]: answer for fault, (answer, _) in FAULTS.items()}
    cameras = LiveCameras(count=len(FAULTS) + 2, answers=answers)
    faulty = slice(0, len(FAULTS))
    _, records = collect(cameras, tmp_path, lambda followed: all(each.tally.failed >= 3 for each in followed[faulty]))
    for fault, (_, detail) in FAULTS.items():
        assert frames(records, names[fault]) == []
        assert events(records, names[fault]) == [{"state": "offline", "detail": detail}]
    for name in cameras.names[len(FAULTS) :]:  # while those are left alone for longer and longer
        assert len(frames(records, name)) > 2 * max(cameras.requests[each] for each in names.values())


def test_retry_after_is_kept_to(tmp_path: Path):
    cameras = LiveCameras(count=2, answers={"cam-0": failing(429, **{"Retry-After": "60"})})
    collect(cameras, tmp_path, new(10))
    assert cameras.requests["cam-0"] == 1


def test_a_camera_that_comes_back_is_live_again(tmp_path: Path):
    cameras = LiveCameras(count=1, answers={"cam-0": lambda request, n: web.Response(status=503) if 5 <= n < 8 else None})
    _, records = collect(cameras, tmp_path, lambda followed: followed[0].tally.failed == 3 and followed[0].watch.state == "live")
    states = [event["state"] for event in events(records, "cam-0")]
    assert states == ["live", "offline", "live"]


def test_validators_are_sent_back(tmp_path: Path):
    """A network with ETags: the same picture is not sent twice."""
    sent = []

    def tagged(request: web.Request, n: int) -> web.Response:
        number = cameras.number("cam-0")
        if request.headers.get("If-None-Match") == f'"{number}"':
            return web.Response(status=304)
        sent.append(number)
        return web.Response(body=tiny_picture(number), headers={"ETag": f'"{number}"'})

    cameras = LiveCameras(count=1, period_s=0.6, answers={"cam-0": tagged})
    _, records = collect(cameras, tmp_path, lambda followed: followed[0].tally.unchanged > 1 and followed[0].tally.new > 3)
    assert len(sent) == len(set(sent)) == len(frames(records, "cam-0"))


def test_a_full_spool_refuses_and_goes_on_asking(tmp_path: Path):
    cameras, refused = LiveCameras(count=3, period_s=0.1), lambda followed: sum(each.tally.refused for each in followed)
    _, records = collect(cameras, tmp_path, lambda followed: refused(followed) > 20, budget=20_000)
    assert 0 < sum(len(frames(records, name)) for name in cameras.names) < 40
    assert sum(segment.path.stat().st_size for segment in SpoolFolder(tmp_path).segments()) <= 20_000


@pytest.mark.parametrize("contact", ["", "me", "somebody somewhere"])
def test_without_a_contact_nothing_is_asked(contact: str):
    with pytest.raises(CctviewError, match="needs a contact for the cameras' operator"):
        EngineSettings(contact=contact)


def with_people(request: web.Request, n: int) -> web.StreamResponse:
    return web.Response(body=encode_jpeg(road_with_people((20 + n, 20, 40 + n, 60))), content_type="image/jpeg")


def test_nobody_reaches_the_disk(tmp_path: Path):
    cameras = LiveCameras(count=1, answers={"cam-0": with_people})
    _, records = collect(cameras, tmp_path, new(3), masker=Masker(MagentaFinder(), 640))
    stored = [record.payload for record in frames(records, "cam-0")]
    assert len(stored) >= 3
    assert all(mask_of(jpeg)[1] > 0 and not magenta(decode(jpeg)).any() for jpeg in stored)
    assert all(b"magenta-finder" in jpeg for jpeg in stored)


def test_what_cannot_be_masked_is_noted_and_not_kept(tmp_path: Path):
    whole = encode_jpeg(road_with_people((20, 20, 40, 60)))
    without_tables = b"".join(piece for marker, piece in segments_of(whole) if marker != 0xDB)
    broken = LiveCameras(count=1, answers={"cam-0": lambda request, n: web.Response(body=without_tables)})
    _, records = collect(broken, tmp_path, new(1), masker=Masker(MagentaFinder(), 640))
    assert {Refused.from_json(record.payload).reason for record in frames(records, "cam-0")} == {"undecodable"}


def test_a_camera_that_switches_to_another_shape_shows_no_private_place(tmp_path: Path):
    """Its frames are noted with their reason, and the run brings that to the lake; the other camera goes on."""
    zones = {"cam-0": Zones(privacy_zones=[((0, 0), (40, 0), (40, 40))], size=(352, 240), camera_id="cam-0")}

    def picture(request: web.Request, n: int) -> web.Response:
        size = {"width": 352, "height": 240 if n < 3 else 200}
        return web.Response(body=encode_jpeg(road_with_people((20 + n, 20, 40 + n, 60), **size)), content_type="image/jpeg")

    cameras = LiveCameras(count=2, answers={"cam-0": picture})
    masker = Masker(MagentaFinder(), 640, zones)
    engine, records = collect(cameras, tmp_path, lambda followed: followed[0].tally.reasons["zones"] > 1, masker=masker)
    kept, refused = [], []
    for record in frames(records, "cam-0"):
        (refused if Refused.from_json(record.payload) else kept).append(record)
    assert all(decode(record.payload).shape[0] == 240 and b" zones " in record.payload for record in kept)
    assert engine.followed[0].tally.reasons["zones"] == len(refused) >= 2
    network = SpoolNetwork("nyc-dot", SpoolFolder(tmp_path))
    told = [each for hour in network.hours("cam-0") for each in network.read_hour("cam-0", hour).rejected]
    assert [each.reason for each in told] == ["zones"] * len(refused)
    assert all("352 x 200 pixels, of another shape" in each.detail for each in told)
    assert frames(records, "cam-1")


def test_without_a_working_mask_nothing_is_collected(tmp_path: Path):
    class Broken(MagentaFinder):
        def find(self, images):
            raise RuntimeError("out of memory")

    with pytest.raises(CctviewError, match=r"fails on every picture \(RuntimeError\)"):
        collect(LiveCameras(count=2), tmp_path, new(99), masker=Masker(Broken(), 640))
    assert [record for record in SpoolFolder(tmp_path).records() if record.kind == Kind.FRAME] == []


def test_a_picture_that_the_mask_fails_on_costs_no_other(tmp_path: Path):
    """One of a batch: the other fifteen are stored masked, and of it nothing is."""

    class Touchy(MagentaFinder):
        def find(self, images):
            if any(image.shape[0] == 32 for image in images):
                raise MemoryError
            return super().find(images)

    odd = encode_jpeg(np.random.default_rng(1).integers(0, 255, (32, 32, 3), np.uint8))
    cameras = LiveCameras(count=4, answers={"cam-1": lambda request, n: web.Response(body=odd)})
    engine, records = collect(cameras, tmp_path, new_of_others(8, "cam-1"), masker=Masker(Touchy(), 640))
    assert {Refused.from_json(record.payload).reason for record in frames(records, "cam-1")} == {"not_masked"}
    assert engine.followed[1].tally.reasons["not_masked"] == 1
    for name in ("cam-0", "cam-2", "cam-3"):
        stored = frames(records, name)
        assert len(stored) >= 8
        assert all(mask_of(record.payload) for record in stored)


def new_of_others(count: int, but: str) -> Callable[[list[CameraSession]], bool]:
    """When all cameras but one have given so many frames."""
    return lambda followed: all(each.tally.new >= count for each in followed if each.camera.id != but)


def test_an_error_that_nobody_thought_of_costs_one_camera(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """In whatever reads a picture, and in whatever takes an answer apart."""

    examine = watch.examine

    def examined(content: bytes, rules: Rules):
        if content == b"surprise":
            raise ZeroDivisionError("integer division or modulo by zero")
        return examine(content, rules)

    monkeypatch.setattr(watch, "examine", examined)
    monkeypatch.setattr(NycDot, "pictures", lambda self, content: (content,) if content != b"apart" else [][1])
    answers = {"cam-0": b"surprise", "cam-1": b"apart"}
    cameras = LiveCameras(
        count=4, answers={name: lambda request, n, b=body: web.Response(body=b) for name, body in answers.items()}
    )
    failed = lambda followed: all(each.tally.failed >= 3 for each in followed[:2])  # noqa: E731
    engine, records = collect(cameras, tmp_path, failed)
    for name in answers:
        assert events(records, name) == [{"state": "offline", "detail": "unreadable"}]
    assert {each.tally.last_failure for each in engine.followed[:2]} == {"unreadable"}
    assert min(len(frames(records, name)) for name in ("cam-2", "cam-3")) > 5


def test_a_dead_camera_s_old_frame_is_no_new_one_when_a_collector_begins(tmp_path: Path):
    """It answers with one picture for ever: stored once, and stale in every later collection from its first answer on."""
    old = encode_jpeg(np.random.default_rng(3).integers(0, 255, (32, 32, 3), np.uint8))
    cameras = LiveCameras(count=2, answers={"cam-0": lambda request, n: web.Response(body=old)})
    collect(cameras, tmp_path / "1-of-1", new_of_others(3, "cam-0"))
    seen = Newest.read(SpoolFolder(tmp_path)).cameras
    assert set(seen) == {"cam-0", "cam-1"}
    hour_ago = replace(seen["cam-0"], at_us=seen["cam-0"].at_us - 3_600_000_000)
    Newest(seen | {"cam-0": hour_ago}).write(tmp_path / "1-of-1")
    engine, records = collect(cameras, tmp_path / "1-of-1", new_of_others(3, "cam-0"), newest=Newest.read(SpoolFolder(tmp_path)))
    assert len(frames(records, "cam-0")) == 1
    assert events(records, "cam-0") == [{"state": "live"}, {"state": "stale"}]
    assert engine.followed[0].tally.new == 0
    assert len(frames(records, "cam-1")) == len({record.payload for record in frames(records, "cam-1")})


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"cameras": {"cam-0": ["x", 1]}, "placeholders": []}', b"[" * 99_999])
def test_a_memory_that_is_damaged_is_as_good_as_none(tmp_path: Path, content: bytes):
    (tmp_path / "1-of-1").mkdir()
    (tmp_path / "1-of-1" / "newest.json").write_bytes(content)
    assert Newest.read(SpoolFolder(tmp_path)) == Newest()


def test_a_mask_that_is_too_slow_leaves_frames_out_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    class Slow(MagentaFinder):
        def find(self, images):
            time.sleep(0.7)
            return super().find(images)

    monkeypatch.setattr("cctview_pipeline.collect.engine.MAX_WAITING", 2)
    refused = lambda followed: sum(each.tally.refused for each in followed) >= 5  # noqa: E731
    engine, records = collect(LiveCameras(count=4), tmp_path, refused, masker=Masker(Slow(), 640))
    assert len([r for r in records if r.kind == Kind.FRAME]) == sum(f.tally.new - f.tally.refused for f in engine.followed)
    assert any("behind_since_us" in event for event in events(records, COLLECTOR))


def test_frames_that_are_masked_side_by_side_keep_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    class Uneven(MagentaFinder):
        begun = 0

        def find(self, images):
            Uneven.begun += 1
            time.sleep(0.05 if Uneven.begun % 2 else 0)  # the first of two threads is the later to finish
            return super().find(images)

    monkeypatch.setattr("cctview_pipeline.collect.engine.AT_ONCE", 2)
    _, records = collect(LiveCameras(count=6), tmp_path, new(6), masker=Masker(Uneven(), 640))
    for number in range(6):
        times = [record.captured_us for record in frames(records, f"cam-{number}")]
        assert len(times) >= 6
        assert times == sorted(times)
