"""From the spool to the lake: every acknowledged frame once, and no segment goes before the lake has all of it."""

import errno
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from cctview_pipeline.cameras import spooled as spooled_network
from cctview_pipeline.cameras.listed import LiveCamera
from cctview_pipeline.cameras.spooled import SpoolNetwork, describe
from cctview_pipeline.cameras.tables import frames_table, merge_frames, rejected_table
from cctview_pipeline.campaign import GRACE, HOUR
from cctview_pipeline.collect.sealing import release, sealable, strangers
from cctview_pipeline.collect.tables import status_table
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.ids import NEW_YORK
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.lake.schemas import schema_of
from cctview_pipeline.redaction.masking import Refused
from cctview_pipeline.resources.lake import LakeResource, open_lake
from cctview_pipeline.spool.folder import SpoolFolder
from cctview_pipeline.spool.records import Kind, Record
from cctview_pipeline.spool.segments import contents, read_rows
from cctview_pipeline.spool.writer import SpoolWriter
from cctview_pipeline_tests.factories.live_cameras import tiny_picture
from cctview_pipeline_tests.factories.spool import NINE, frame, note, spooled, us


def seal(network: SpoolNetwork, lake: Lake, camera: str, hour: datetime) -> None:
    """What the assets raw_frames and gaps do."""
    partition, found = Partition.camera_hour(camera, hour), network.read_hour(camera, hour)
    lake.write("raw_frames", partition, merge_frames(lake.read("raw_frames", partition), frames_table(found, network.name)))
    lake.write("rejected_frames", partition, rejected_table(found))
    lake.write("gaps", partition, schema_of("gaps").empty_table())


def captured(lake: Lake, camera: str, hour: datetime) -> list[float]:
    times = lake.read("raw_frames", Partition.camera_hour(camera, hour))["captured_at"].cast(pa.int64()).to_pylist()
    return [(time - us(NINE)) / 1e6 for time in times]


def test_a_camera_s_hour_in_order_of_capture(tmp_path: Path):
    network = spooled(tmp_path, frame("a", 5), frame("b", 6), frame("a", 3, fetched_after_s=9), frame("a", 3600), frame("a", -1))
    assert network.cameras() == ["a", "b"]
    assert network.hours("a") == [NINE - HOUR, NINE, NINE + HOUR]
    found = network.read_hour("a", NINE)
    assert [f.frame_id for f in found.frames] == ["a--2026-11-01--09.00.03.000Z", "a--2026-11-01--09.00.05.000Z"]
    assert (found.frames[0].width, found.frames[0].height) == (16, 16)
    assert found.frames[0].fetched_at == NINE + timedelta(seconds=9)
    assert found.rejected == []


def test_a_camera_whose_clock_is_minutes_off(tmp_path: Path):
    """Fetched in one hour, taken by the camera's clock in the one before or after."""
    network = spooled(tmp_path, frame("a", 3590, fetched_after_s=3700), frame("a", 3610, fetched_after_s=3590))
    assert len(network.read_hour("a", NINE).frames) == len(network.read_hour("a", NINE + HOUR).frames) == 1


@pytest.mark.parametrize("year", [2100, 2200, 9999])
def test_a_time_that_never_comes_holds_nothing_back(tmp_path: Path, year: int):
    """From whatever clock it is: it is counted as unread, and the frames beside it are sealed."""
    far = us(datetime(year, 12, 31, 23, 59, 59, tzinfo=NINE.tzinfo))
    spooled(tmp_path, frame("a", 1), replace(frame("a", 2), captured_us=far, fetched_us=far))
    assert sealable(SpoolFolder(tmp_path), NINE + 5 * HOUR) == {NINE: ["a"]}
    assert sum(segment.unread_bytes() for segment in SpoolFolder(tmp_path).segments()) > 0


def test_the_picture_that_a_new_collector_fetched_once_more(tmp_path: Path):
    network = spooled(tmp_path, frame("a", 3599, picture=1), frame("a", 3601, picture=1), frame("a", 3602, picture=2))
    found = network.read_hour("a", NINE + HOUR)
    assert [f.captured_at for f in found.frames] == [NINE + timedelta(seconds=3602)]
    (again,) = found.rejected
    assert (again.reason, again.detail) == ("duplicate", "It is the same as a--2026-11-01--09.59.59.000Z.")


def test_two_collectors_of_one_camera(tmp_path: Path):
    """One took over from the other while it still ran: a camera with a clock gives both the same frame."""
    for shard in ("0", "1"):
        writer = SpoolWriter(tmp_path / shard, 1 << 30)
        for second in range(5):
            writer.append(frame("a", second))
        writer.close()
    assert len(SpoolNetwork("nyc-dot", SpoolFolder(tmp_path)).read_hour("a", NINE).frames) == 5


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda jpeg: jpeg[:200] + b"\xff\xd9", "truncated"),
        (lambda jpeg: jpeg[:20], "truncated"),
        (lambda jpeg: jpeg[:-20], "truncated"),
        (lambda jpeg: jpeg.replace(b"\xff\xdb", b"\xff\xfe"), "undecodable"),
    ],
)
def test_what_cannot_be_decoded_is_set_aside(tmp_path: Path, spoil: Callable[[bytes], bytes], reason: str):
    good = frame("a", 1)
    broken = Record(
        kind=Kind.FRAME,
        camera_id="a",
        captured_us=good.captured_us + 10**6,
        fetched_us=good.fetched_us,
        payload=spoil(good.payload),
    )
    found = spooled(tmp_path, good, broken).read_hour("a", NINE)
    assert len(found.frames) == 1
    assert [r.reason for r in found.rejected] == [reason]


@pytest.mark.parametrize("reason", ["truncated", "not_masked"])
def test_what_a_collector_did_not_keep_says_why(tmp_path: Path, reason: str):
    kept = Refused.because(reason, "In its words.", tiny_picture(1))
    (rejected,) = spooled(tmp_path, replace(frame("a", 1), payload=kept.to_json())).read_hour("a", NINE).rejected
    assert (rejected.reason, rejected.detail, rejected.sha256) == (reason, "In its words.", kept.sha256)


def test_a_frame_of_which_nothing_was_kept_is_a_row(tmp_path: Path):
    (rejected,) = spooled(tmp_path, replace(frame("a", 1), payload=b"")).read_hour("a", NINE).rejected
    assert rejected.reason == "undecodable"
    assert rejected.detail.startswith("Nothing of it was kept")


def test_an_hour_is_sealed_when_it_is_over_and_written(tmp_path: Path):
    spooled(tmp_path, frame("a", 5), frame("b", 6), note("c", 7, state="offline"), frame("a", 3605))
    over = NINE + HOUR + GRACE
    assert sealable(SpoolFolder(tmp_path), over - timedelta(seconds=1)) == {}
    assert sealable(SpoolFolder(tmp_path), over) == {NINE: ["a", "b", "c"]}
    assert sealable(SpoolFolder(tmp_path), over + HOUR) == {NINE: ["a", "b", "c"], NINE + HOUR: ["a"]}


def test_midnight_and_the_hour_that_autumn_repeats(tmp_path: Path):
    """Hours are UTC: local midnight is a turn like any other, and half past one, which comes twice, is two hours."""
    midnight, first_half_past_one = NINE - 5 * HOUR, NINE - timedelta(hours=3, minutes=30)
    times = [midnight - timedelta(seconds=1), midnight, first_half_past_one, first_half_past_one + HOUR]
    assert [f"{time.astimezone(NEW_YORK):%H:%M:%S}" for time in times] == ["23:59:59", "00:00:00", "01:30:00", "01:30:00"]
    network = spooled(tmp_path, *(frame("a", (at - NINE).total_seconds(), picture=i) for i, at in enumerate(times)))
    assert network.hours("a") == [midnight - HOUR, midnight, midnight + HOUR, midnight + 2 * HOUR]
    found = [f for hour in network.hours("a") for f in network.read_hour("a", hour).frames]
    assert [f.captured_at for f in found] == times
    assert len({f.frame_id for f in found}) == 4


def test_while_the_lake_is_away_everything_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, s3: dict[str, str]):
    """S3 is down for a while: the same calls bring the hour in when it is back."""
    network = spooled(tmp_path, *(frame("a", s) for s in range(4)))
    for name, value in s3.items():
        monkeypatch.setenv(name, value)
    later = NINE + 3 * HOUR
    with monkeypatch.context() as down:
        down.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        lost = LakeResource(uri="s3://lake/away").open()
        with pytest.raises(CctviewError, match="cannot be"):
            seal(network, lost, "a", NINE)
        with pytest.raises(CctviewError, match="cannot be"):
            release(SpoolFolder(tmp_path), lost, {"a"}, later)
        assert sealable(SpoolFolder(tmp_path), later) == {NINE: ["a"]}
    away = open_lake("s3://lake/away")
    seal(network, away, "a", NINE)
    assert captured(away, "a", NINE) == [0, 1, 2, 3]
    assert len(release(SpoolFolder(tmp_path), away, {"a"}, later)) == 1


def test_an_hour_that_is_still_written_waits(tmp_path: Path):
    writer = SpoolWriter(tmp_path / "0", 1 << 30)
    writer.append(frame("a", 5))
    writer.flush()
    late = NINE + 5 * HOUR
    assert sealable(SpoolFolder(tmp_path), late) == {}
    writer.roll()
    assert sealable(SpoolFolder(tmp_path), late) == {NINE: ["a"]}
    writer.close()


def test_what_a_killed_collector_left_is_sealed(tmp_path: Path):
    writer = SpoolWriter(tmp_path / "0", 1 << 30)
    writer.append(frame("a", 5))
    writer.flush()
    writer._lock.close()  # as the kernel does
    assert sealable(SpoolFolder(tmp_path), NINE + 5 * HOUR) == {NINE: ["a"]}
    assert len(SpoolNetwork("nyc-dot", SpoolFolder(tmp_path)).read_hour("a", NINE).frames) == 1


def test_a_segment_goes_when_the_lake_has_all_of_it(tmp_path: Path):
    spool, lake, later = tmp_path / "spool", Lake(str(tmp_path / "lake")), NINE + 3 * HOUR
    network = spooled(spool, *(frame(c, s) for c in "ab" for s in range(4)), frame("a", 3605), note("", 2, runs=True))
    seal(network, lake, "a", NINE)
    assert release(SpoolFolder(spool), lake, {"a", "b"}, later) == []  # b is not there
    seal(network, lake, "b", NINE)
    gone = release(SpoolFolder(spool), lake, {"a", "b"}, later)
    assert [path.name.split("-")[0] for path in gone] == ["20261101T09"]
    assert len(SpoolFolder(spool).segments()) == 1
    assert captured(lake, "a", NINE) == captured(lake, "b", NINE) == [0, 1, 2, 3]
    seal(network, lake, "a", NINE)  # a second time, when its source has gone
    assert captured(lake, "a", NINE) == [0, 1, 2, 3]


def test_one_frame_that_is_missing_keeps_its_segment(tmp_path: Path):
    spool, lake = tmp_path / "spool", Lake(str(tmp_path / "lake"))
    network, partition = spooled(spool, *(frame("a", s) for s in range(4))), Partition.camera_hour("a", NINE)
    seal(network, lake, "a", NINE)
    lake.write("raw_frames", partition, lake.read("raw_frames", partition).slice(1))
    assert release(SpoolFolder(spool), lake, {"a"}, NINE + 3 * HOUR) == []
    seal(network, lake, "a", NINE)
    assert len(release(SpoolFolder(spool), lake, {"a"}, NINE + 3 * HOUR)) == 1


def test_nothing_goes_before_its_hour_is_over_or_accounted_for(tmp_path: Path):
    spool, lake = tmp_path / "spool", Lake(str(tmp_path / "lake"))
    network, partition = spooled(spool, frame("a", 5)), Partition.camera_hour("a", NINE)
    found = network.read_hour("a", NINE)
    lake.write("raw_frames", partition, frames_table(found, network.name))
    assert release(SpoolFolder(spool), lake, {"a"}, NINE + 3 * HOUR) == []
    lake.write("gaps", partition, schema_of("gaps").empty_table())
    assert release(SpoolFolder(spool), lake, {"a"}, NINE + timedelta(minutes=30)) == []
    assert len(release(SpoolFolder(spool), lake, {"a"}, NINE + 3 * HOUR)) == 1


def test_frames_of_cameras_that_are_in_no_campaign_stay(tmp_path: Path):
    spool, lake = tmp_path / "spool", Lake(str(tmp_path / "lake"))
    network = spooled(spool, frame("a", 5), frame("stranger", 6), note("c", 7, state="offline"))
    seal(network, lake, "a", NINE)
    assert release(SpoolFolder(spool), lake, {"a"}, NINE + 3 * HOUR) == []
    assert strangers(SpoolFolder(spool), {"a"}) == ["stranger"]
    seal(network, lake, "stranger", NINE)
    assert len(release(SpoolFolder(spool), lake, {"a", "stranger"}, NINE + 3 * HOUR)) == 1


ODD = {
    "of a newer version": lambda good: (good.name, b"CCTVSP02" + good.read_bytes()[8:]),
    "damaged at its beginning": lambda good: (good.name, b"X" + good.read_bytes()[1:]),
    "empty": lambda good: ("20261101T10-0000000000000001.segment", b""),
    "junk": lambda good: ("20261101T10-0000000000000001.segment", b"junk"),
    "of another name": lambda good: ("copy.segment", good.read_bytes()),
    "of no hour": lambda good: ("20261399T77-0000000000000001.segment", good.read_bytes()),
    "left open, of another name": lambda good: ("copy.open", good.read_bytes()),
    "an index of junk": lambda good: (good.with_suffix(".index").name, b"junk"),
    "an index of nothing": lambda good: (good.with_suffix(".index").name, b""),
}


@pytest.mark.parametrize("odd", [*ODD, "a directory"])
def test_an_odd_file_in_the_spool_costs_nothing_but_itself(tmp_path: Path, odd: str):
    """It is set aside and said; the others are sealed and released, and another collector begins."""
    spool, lake, later = tmp_path / "spool", Lake(str(tmp_path / "lake")), NINE + 3 * HOUR
    network = spooled(spool, *(frame("a", s) for s in range(4)), note("", 2, follows={"a": "live"}))
    (good,) = spool.rglob("*.segment")
    other = spooled(spool / "more", frame("a", 7), note("a", 8, state="live"))  # another collector's
    if odd == "a directory":
        (good.parent / "20261101T10-0000000000000001.segment").mkdir()
    else:
        name, content = ODD[odd](good)
        (good.parent / name).write_bytes(content)
    lost = odd in ("of a newer version", "damaged at its beginning")
    assert sealable(SpoolFolder(spool), later) == {NINE: ["a"]}
    assert len(network.read_hour("a", NINE).frames) == (1 if lost else 5)
    assert status_table(SpoolFolder(spool), "a", NINE, schema_of("camera_status").empty_table()).num_rows > 0
    seal(network, lake, "a", NINE)
    gone = release(SpoolFolder(spool), lake, {"a"}, later)
    assert good.exists() == lost, "what could not be read is not deleted"
    harmless = ("empty", "left open, of another name", "an index of junk", "an index of nothing")
    assert len(SpoolFolder(spool).unreadable()) == (odd not in harmless)
    assert strangers(SpoolFolder(spool), {"a"}) == [] == sealable(SpoolFolder(spool), later).get(NINE, [])
    assert len(gone) >= 1
    assert other.cameras() == []
    SpoolWriter(good.parent, 1 << 30).close()


def test_a_segment_with_a_hole_is_set_aside_and_not_deleted(tmp_path: Path):
    spool, lake, later = tmp_path / "spool", Lake(str(tmp_path / "lake")), NINE + 3 * HOUR
    network = spooled(spool, *(frame("a", s) for s in range(4)))
    (segment,) = SpoolFolder(spool).segments()
    data = bytearray(segment.path.read_bytes())
    data[len(data) // 2] ^= 1
    segment.path.write_bytes(data)
    seal(network, lake, "a", NINE)
    assert len(captured(lake, "a", NINE)) == 3
    (aside,) = release(SpoolFolder(spool), lake, {"a"}, later)
    assert (aside.path.suffix, SpoolFolder(spool).segments(), SpoolFolder(spool).damaged()) == (".damaged", [], [aside])
    assert aside.path.read_bytes() == data


def test_a_segment_that_goes_while_it_is_read_is_in_the_lake(tmp_path: Path):
    """The sensor deletes what the lake has while a backfill reads: neither minds the other."""
    network = spooled(tmp_path, *(frame("a", s) for s in range(4)))
    (segment,) = SpoolFolder(tmp_path).segments()
    rows = contents([segment])
    segment.path.unlink()
    assert list(read_rows([segment], rows)) == []
    segment.path.with_suffix(".index").unlink()
    assert network.read_hour("a", NINE).frames == []


@pytest.mark.parametrize(
    "payload",
    [
        b"{oops",
        b"",
        b"[]",
        b"7",
        b'{"state": 7}',
        b'{"state": "abducted"}',
        b'{"follows": 3}',
        b'{"full_since_us": "x"}',
        b"[" * 9999,
    ],
)
def test_a_note_that_cannot_be_read_costs_no_camera_its_account(tmp_path: Path, payload: bytes):
    good = note("", 1, follows={"a": "live"}), note("a", 20, state="offline"), note("", 8, runs=True), note("", 21, runs=True)
    odd = [
        Record(
            kind=Kind.EVENT,
            camera_id=camera,
            captured_us=us(NINE) + 10_000_000,
            fetched_us=us(NINE) + 10_000_000,
            payload=payload,
        )
        for camera in ("", "a")
    ]
    spooled(tmp_path, *good, *odd)
    found = status_table(SpoolFolder(tmp_path), "a", NINE, schema_of("camera_status").empty_table()).to_pylist()
    assert (
        {"live", "offline", "not_collected"} <= {row["state"] for row in found} <= {"live", "offline", "not_collected", "unknown"}
    )


def test_a_damaged_description_of_the_cameras_stops_no_collector(tmp_path: Path):
    network = spooled(tmp_path, frame("a", 5))
    (tmp_path / "cameras.json").write_bytes(b'[{"id": "a", "lat')
    assert network.described() == {}
    describe(SpoolFolder(tmp_path), [LiveCamera(id="a", network_id="a", name="A", latitude=40, longitude=-73, online=True)])
    assert set(network.described()) == {"a"}


def test_a_full_disk_stops_no_collector_whose_cameras_are_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(path: Path, cameras: list[LiveCamera]) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    one, other = (
        LiveCamera(id=name, network_id=name, name=name.upper(), latitude=40.0, longitude=-73.0, online=True)
        for name in ("a", "b")
    )
    describe(SpoolFolder(tmp_path), [one])
    monkeypatch.setattr(spooled_network, "write_list", full)
    describe(SpoolFolder(tmp_path), [replace(one, name="Renamed")])
    with pytest.raises(OSError, match="no space left"):
        describe(SpoolFolder(tmp_path), [one, other])


def test_one_picture_that_a_decoder_stumbles_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def stumbling(jpeg: bytes, read_whole=spooled_network.read_whole):
        if jpeg == tiny_picture(13):
            raise ZeroDivisionError("integer division or modulo by zero")
        return read_whole(jpeg)

    monkeypatch.setattr(spooled_network, "read_whole", stumbling)
    found = spooled(tmp_path, frame("a", 1), frame("a", 2, picture=13), frame("a", 3)).read_hour("a", NINE)
    assert len(found.frames) == 2
    (row,) = found.rejected
    assert (row.reason, row.detail) == ("undecodable", "A decoder stumbled over it unexpectedly (ZeroDivisionError).")


def test_another_picture_of_the_same_millisecond_is_not_called_the_same(tmp_path: Path):
    (row,) = spooled(tmp_path, frame("a", 1, picture=1), frame("a", 1, picture=2)).read_hour("a", NINE).rejected
    assert (row.reason, row.detail) == (
        "duplicate",
        "It has the time of another picture, to the millisecond, and other bytes.",
    )


def test_a_segment_stays_until_every_camera_of_its_hour_is_accounted_for(tmp_path: Path):
    """The collector's notes tell why a camera sent nothing, too: its account is made from them."""
    spool, lake = tmp_path / "spool", Lake(str(tmp_path / "lake"))
    network = spooled(spool, frame("a", 5), note("", 2, follows={"a": "live", "silent": "unknown"}))
    seal(network, lake, "a", NINE)
    assert release(SpoolFolder(spool), lake, {"a", "silent"}, NINE + 3 * HOUR) == []
    seal(network, lake, "silent", NINE)
    assert len(release(SpoolFolder(spool), lake, {"a", "silent"}, NINE + 3 * HOUR)) == 1
    assert list(spool.rglob("*.index")) == []
