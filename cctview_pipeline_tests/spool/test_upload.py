"""A collector's segments in a real object store: whole or not at all, once, however often it is tried and whatever goes wrong."""

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cctview_pipeline.spool.bucket import SpoolBucket
from cctview_pipeline.spool.folder import SpoolFolder
from cctview_pipeline.spool.lease import LeaseLost
from cctview_pipeline.spool.lifetime import expired
from cctview_pipeline.spool.opening import open_bucket
from cctview_pipeline.spool.records import Kind, Record
from cctview_pipeline.spool.segments import contents, frame_rows, microseconds, read_rows
from cctview_pipeline.spool.upload import Uploader, UploadTimes
from cctview_pipeline.spool.writer import SpoolWriter
from cctview_pipeline_tests.factories.troubled_store import TroubledStore, troubled_store

SHARD = "1-of-1"
QUICK = UploadTimes(renew=0.2, lease=2.0, longest_wait=0.3, drain=10.0)
NOW_US = microseconds(datetime.now(UTC).replace(microsecond=0))


def frame(number: int, size: int = 2000, camera: str = "cam-1") -> Record:
    at = NOW_US + number
    return Record(kind=Kind.FRAME, camera_id=camera, captured_us=at, fetched_us=at, payload=bytes([number % 256]) * size)


def collected(directory: Path, *records: Record, shard: str = SHARD) -> SpoolFolder:
    """One closed segment of the records."""
    writer = SpoolWriter(directory / shard, 1 << 30)
    for record in records:
        writer.append(record)
    writer.close()
    return SpoolFolder(directory)


def uploaded(folder: SpoolFolder, bucket: SpoolBucket, times: UploadTimes = QUICK) -> Uploader:
    """What a collector does from its beginning to its end."""
    uploader = Uploader(folder, SHARD, bucket, (), times)
    uploader.begin(lambda: None)
    uploader.finish()
    return uploader


def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.02)


@pytest.fixture
def place(s3: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """Of a spool in a bucket that is empty yet."""
    for name, value in s3.items():
        monkeypatch.setenv(name, value)
    return f"s3://lake/{tmp_path.name}/spool"


@pytest.fixture
def troubled(s3: dict[str, str], place: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[TroubledStore]:
    with troubled_store(s3["AWS_ENDPOINT_URL"]) as store:
        monkeypatch.setenv("AWS_ENDPOINT_URL", store.url)
        yield store


def test_what_was_collected_is_in_the_store_and_not_on_the_disk(tmp_path: Path, place: str):
    folder, bucket = collected(tmp_path, *map(frame, range(5))), open_bucket(place)
    (segment,) = folder.segments()
    uploader = uploaded(folder, bucket)
    assert [each.key for each in bucket.segments()] == [segment.key]
    assert list(bucket.records()) == [frame(number) for number in range(5)]
    assert (folder.segments(), uploader.tally.segments, uploader.tally.failures) == ([], 1, 0)
    assert folder.keys(".index") == []


def test_one_camera_is_read_without_the_others(tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch):
    """Of a segment in the store the index is read, and the bytes of the camera that is made."""
    records = [frame(number, 100_000, f"cam-{number % 10}") for number in range(100)]
    uploaded(collected(tmp_path, *records), open_bucket(place))
    bucket, read = open_bucket(place), []
    whole, parts = bucket.storage.read, bucket.storage.read_parts
    monkeypatch.setattr(bucket.storage, "read", lambda key: (read.append(len(found := whole(key))), found)[1])
    monkeypatch.setattr(bucket.storage, "read_parts", lambda key, of: (read.extend(n for _, n in of), parts(key, of))[1])
    segments = bucket.segments()
    assert read == [], "segments are told by their names"
    rows = contents(segments)
    wanted = rows.filter([camera == "cam-3" for camera in rows["camera_id"].to_pylist()])
    assert list(read_rows(segments, wanted)) == [each for each in records if each.camera_id == "cam-3"]
    assert 1_000_000 < sum(read) < 1_030_000


def test_an_upload_that_was_done_is_done_again_without_harm(tmp_path: Path, place: str):
    """Killed before the file on the disk was deleted: the same name, the same bytes, one segment."""
    folder, bucket = collected(tmp_path, frame(1)), open_bucket(place)
    (segment,) = folder.segments()
    data = segment.path.read_bytes()
    uploaded(folder, bucket)
    segment.path.write_bytes(data)
    uploaded(folder, bucket)
    assert (list(bucket.records()), folder.segments()) == ([frame(1)], [])


def test_a_segment_without_its_index_is_not_there_yet(tmp_path: Path, place: str):
    """Killed between the two: nobody sees half of it, and the next upload makes it whole."""
    folder, bucket = collected(tmp_path, frame(1)), open_bucket(place)
    (segment,) = folder.segments()
    bucket.write(segment.key, segment.path.read_bytes())
    assert (bucket.segments(), bucket.left_behind()) == ([], [segment.key])
    uploaded(folder, bucket)
    assert (list(bucket.records()), bucket.left_behind()) == ([frame(1)], [])


def test_other_bytes_of_its_name_are_replaced_or_left_alone(tmp_path: Path, place: str):
    """Without an index they are an upload that was damaged; with one, another machine's segment."""
    folder, bucket = collected(tmp_path / "here", frame(1)), open_bucket(place)
    (segment,) = folder.segments()
    bucket.write(segment.key, b"damaged on the way")
    uploaded(folder, bucket)
    assert list(bucket.records()) == [frame(1)]
    other = collected(tmp_path / "elsewhere", frame(2))
    (theirs,) = other.segments()
    theirs.path.rename(theirs.path.with_name(segment.name))
    until(lambda: uploaded(other, bucket, UploadTimes(renew=0.2, lease=0.1, longest_wait=0.3, drain=10)).tally.segments == 1)
    assert sorted(record.captured_us - NOW_US for record in bucket.records()) == [1, 2]
    assert len(bucket.segments()) == 2


def test_a_byte_that_is_wrong_on_the_way_is_found(tmp_path: Path, place: str, troubled: TroubledStore):
    folder, bucket = collected(tmp_path, frame(1, 300_000)), open_bucket(place)
    troubled.flips = 1
    uploader = uploaded(folder, bucket)
    assert troubled.flips == 0
    assert uploader.tally.failures >= 1
    assert (list(bucket.records()), folder.segments()) == ([frame(1, 300_000)], [])


@pytest.mark.parametrize("trouble", ["away", "no_room"])
def test_a_store_in_trouble_is_waited_for(tmp_path: Path, place: str, troubled: TroubledStore, trouble: str):
    """Collecting goes on, what waits is told, and afterwards all of it is there, once."""
    folder, bucket = SpoolFolder(tmp_path), open_bucket(place)
    uploader = Uploader(folder, SHARD, bucket, (), QUICK)
    uploader.begin(lambda: None)
    setattr(troubled, trouble, True)
    for number in range(3):
        collected(tmp_path, frame(number))
    until(lambda: uploader.tally.failures >= 2)
    assert len(folder.segments()) == uploader.backlog().segments == 3
    assert "cannot be" in uploader.tally.trouble
    assert uploader.lost == ""
    setattr(troubled, trouble, False)
    until(lambda: not folder.segments() and not uploader.tally.trouble)
    uploader.finish()
    assert sorted(record.captured_us - NOW_US for record in bucket.records()) == [0, 1, 2]


def test_what_is_not_uploaded_counts_in_the_budget(tmp_path: Path, place: str):
    """And there is room again when the store has it."""
    folder, bucket = collected(tmp_path, *map(frame, range(4))), open_bucket(place)
    writer = SpoolWriter(tmp_path / SHARD, budget=10_000)
    assert writer._room() < 2000
    uploaded(folder, bucket)
    writer._measured -= 2
    assert writer._room() == 10_000
    writer.close()


def test_a_collector_that_ends_without_the_store_keeps_what_waits(tmp_path: Path, place: str, troubled: TroubledStore):
    folder, bucket = collected(tmp_path, frame(1)), open_bucket(place)
    uploader = Uploader(folder, SHARD, bucket, (), UploadTimes(renew=0.2, lease=2.0, longest_wait=0.3, drain=0.5))
    troubled.no_room = True
    with pytest.raises(Exception, match="cannot be written"):
        uploader.begin(lambda: None)
    troubled.no_room = False
    uploader.begin(lambda: None)
    troubled.away = True
    collected(tmp_path, frame(2))
    began = time.monotonic()
    uploader.finish()
    assert time.monotonic() - began < 5
    troubled.away = False
    uploaded(folder, bucket)
    assert len(list(bucket.records())) == 2


def test_what_waits_too_long_is_deleted_here(tmp_path: Path, place: str, caplog: pytest.LogCaptureFixture):
    """The purge on another machine does not reach this disk, and a lifetime is a lifetime."""
    folder, bucket = collected(tmp_path, frame(1)), open_bucket(place)
    with caplog.at_level(logging.WARNING):
        uploader = uploaded(folder, bucket, UploadTimes(lifetime=timedelta(microseconds=1)))
    assert (folder.segments(), bucket.segments(), uploader.tally.expired) == ([], [], 1)
    assert "before its lifetime was over" in caplog.text


def test_what_a_shard_left_that_is_no_more_is_uploaded_too(tmp_path: Path, place: str):
    """--shard 2/8 was made --shard 1/1: nobody else would find what is left of it."""
    folder, bucket = collected(tmp_path, frame(1), shard="2-of-8"), open_bucket(place)
    uploaded(folder, bucket)
    assert [segment.shard for segment in bucket.segments()] == ["2-of-8"]


def test_notes_are_there_before_the_segments(tmp_path: Path, place: str):
    folder, bucket = collected(tmp_path, frame(1)), open_bucket(place)
    (tmp_path / "cameras.json").write_text("[]")
    uploader = Uploader(folder, SHARD, bucket, ("cameras.json",), QUICK)
    uploader.begin(lambda: None)
    until(lambda: bool(bucket.segments()))
    assert [content for _, content in bucket.notes("cameras.json")] == [b"[]"]
    uploader.finish()


def test_a_damaged_record_is_told_by_the_index_in_the_store(tmp_path: Path, place: str):
    folder, bucket = collected(tmp_path, *map(frame, range(3))), open_bucket(place)
    (segment,) = folder.segments()
    data = bytearray(segment.path.read_bytes())
    data[len(data) // 2] ^= 1
    segment.path.write_bytes(data)
    uploaded(folder, bucket)
    (there,) = bucket.segments()
    assert there.unread_bytes() > 0
    assert len(frame_rows(there.index())) == 2
    aside = there.set_aside()
    assert (bucket.segments(), bucket.damaged(), bucket.left_behind()) == ([], [aside], [])


def test_a_damaged_index_is_made_anew(tmp_path: Path, place: str):
    bucket = open_bucket(place)
    uploaded(collected(tmp_path, *map(frame, range(3))), bucket)
    (segment,) = bucket.segments()
    bucket.write(segment.key.replace(".segment", ".index"), b"junk")
    assert len(segment.index()) == 3


def test_a_segment_in_the_store_is_rewritten(tmp_path: Path, place: str):
    bucket = open_bucket(place)
    uploaded(collected(tmp_path, *map(frame, range(3))), bucket)
    (segment,) = bucket.segments()
    assert segment.rewrite(lambda record: None if record == frame(1) else record) == 1
    assert list(bucket.records()) == [frame(0), frame(2)]
    assert bucket.left_behind() == []


def test_the_store_forgets_what_is_too_old(tmp_path: Path, place: str):
    """Sealed or not; and what was cut off between a segment and its index, which may be somebody's pictures as well."""
    bucket, day, now = open_bucket(place), timedelta(hours=24), datetime.now(UTC)
    uploaded(collected(tmp_path, frame(1)), bucket)
    (segment,) = bucket.segments()
    half = segment.key.replace(".segment", "")[:-1] + "7.segment"
    bucket.write(half, b"half an upload")
    assert expired(bucket, day, now) == []
    assert [each.key for each, _ in expired(bucket, day, now + day)] == [segment.key, half]
    for each, _ in expired(bucket, day, now + day):
        each.delete()
    assert [key for key in bucket.keys("") if "lease" not in key] == []


UPLOADING = """
import sys
from pathlib import Path
from cctview_pipeline.spool.folder import SpoolFolder
from cctview_pipeline.spool.opening import open_bucket
from cctview_pipeline.spool.upload import Uploader, UploadTimes
uploader = Uploader(SpoolFolder(sys.argv[1]), "1-of-1", open_bucket(sys.argv[2]), (), UploadTimes(drain=600))
uploader.begin(lambda: None)
uploader.finish()
"""


@pytest.mark.slow
def test_killed_in_the_middle_of_an_upload(tmp_path: Path, place: str, troubled: TroubledStore):
    """At three places of it; nothing of the half is seen, nothing on the disk is lost, and the next one ends the work."""
    records = [frame(number, 1 << 20) for number in range(8)]
    folder, bucket = collected(tmp_path, *records), open_bucket(place)
    for _ in range(3):
        troubled.passed, troubled.bytes_a_s = 0, 8e6
        process = subprocess.Popen([sys.executable, "-c", UPLOADING, str(tmp_path), place], env=dict(os.environ))
        until(lambda: troubled.passed > 2 << 20, 60)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert (bucket.segments(), len(folder.segments())) == ([], 1)
    troubled.bytes_a_s = 0
    uploaded(folder, bucket)
    assert (list(bucket.records()), folder.segments(), bucket.left_behind()) == (records, [], [])


@pytest.mark.slow
def test_a_slow_store_keeps_its_lease(tmp_path: Path, place: str, troubled: TroubledStore):
    """An upload takes several times as long as a lease lives: it is renewed beside it, and nobody else is let in."""
    folder, bucket = collected(tmp_path / "here", frame(1, 4 << 20)), open_bucket(place)
    troubled.bytes_a_s = 1e6
    uploader = Uploader(folder, SHARD, bucket, (), UploadTimes(renew=0.2, lease=2.0, drain=30))
    uploader.begin(lambda: None)
    until(lambda: troubled.passed > 3_000_000)
    with pytest.raises(LeaseLost, match="Another collector"):
        Uploader(collected(tmp_path / "there"), SHARD, bucket, (), QUICK).begin(lambda: None)
    uploader.finish()
    assert (len(list(bucket.records())), uploader.tally.failures) == (1, 0)
