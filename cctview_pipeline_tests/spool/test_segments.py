"""What is collected survives a kill, a torn write and a full disk, and is never more than the budget."""

import errno
import io
import os
import time
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path

import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cctview_pipeline.errors import CctviewError
from cctview_pipeline.ids import is_camera_id
from cctview_pipeline.spool import segments
from cctview_pipeline.spool import writer as spool
from cctview_pipeline.spool.folder import SpoolFolder, used_bytes
from cctview_pipeline.spool.records import LATEST_US, MAGIC, Kind, Record
from cctview_pipeline.spool.records import records as records_in
from cctview_pipeline.spool.segments import contents, read_rows
from cctview_pipeline.spool.writer import SpoolFull, SpoolWriter
from cctview_pipeline_tests.factories.killed import FORK

MIB = 1 << 20


def frame(number: int, camera: str = "cam-1", size: int = 2000) -> Record:
    return Record(
        kind=Kind.FRAME,
        camera_id=camera,
        captured_us=1_700_000_000_000_000 + number,
        fetched_us=1_700_000_000_000_100 + number,
        payload=bytes([number % 256]) * size,
    )


def everything(directory: Path) -> list[Record]:
    return list(SpoolFolder(directory).records())


records = st.builds(
    Record,
    kind=st.sampled_from(Kind),
    camera_id=st.just("") | st.text("abcdefghijk-0123456789", max_size=30).filter(is_camera_id),
    captured_us=st.integers(0, LATEST_US),
    fetched_us=st.integers(0, LATEST_US),
    payload=st.binary(max_size=300),
)


@given(given_records=st.lists(records, max_size=12))
def test_what_was_written_is_read(tmp_path_factory: pytest.TempPathFactory, given_records: list[Record]):
    writer = SpoolWriter(tmp_path_factory.mktemp("spool"), MIB)
    for record in given_records:
        writer.append(record)
    assert writer.flush() == len(given_records)
    writer.close()
    assert everything(writer.directory) == given_records


def test_nothing_is_on_the_disk_before_it_is_flushed(tmp_path: Path):
    writer = SpoolWriter(tmp_path, MIB)
    writer.append(frame(1))
    assert used_bytes(tmp_path) == 0
    assert writer.flush() == 1
    assert writer.flush() == 0
    (open_segment,) = tmp_path.glob("*.open")
    assert [record for _, record in records_in(open_segment.read_bytes())] == [frame(1)]


def test_segments_roll_over_and_keep_the_order(tmp_path: Path):
    writer = SpoolWriter(tmp_path, MIB, segment_bytes=10_000)
    for number in range(20):
        writer.append(frame(number))
        writer.flush()
    writer.close()
    assert len(SpoolFolder(tmp_path).segments()) == 4
    assert everything(tmp_path) == [frame(number) for number in range(20)]


def test_a_disk_that_is_full_when_a_segment_begins_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Not even a file can be made; what was gathered is written when there is room again."""

    def full(path: Path, *arguments, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    writer = SpoolWriter(tmp_path, MIB)
    writer.append(frame(0))
    with monkeypatch.context() as context:
        context.setattr(Path, "open", full)
        with pytest.raises(SpoolFull, match="cannot be written: No space left on device"):
            writer.flush()
    writer.append(frame(1))
    assert writer.flush() == 2
    writer.close()
    assert everything(tmp_path) == [frame(0), frame(1)]


def test_a_disk_that_does_not_let_a_segment_end_ends_it_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refused(self: Path, target: Path):
        raise OSError(errno.EROFS, "Read-only file system")

    writer = SpoolWriter(tmp_path, MIB)
    for number in range(2):
        writer.append(frame(number))
        writer.flush()
        with monkeypatch.context() as context:
            context.setattr(Path, "rename", refused)
            with pytest.raises(SpoolFull, match="cannot be ended: Read-only file system"):
                writer.roll()
    assert SpoolFolder(tmp_path).segments() == []
    writer.close()
    assert everything(tmp_path) == [frame(0), frame(1)]


def test_a_second_writer_of_one_shard_is_refused(tmp_path: Path):
    first = SpoolWriter(tmp_path, MIB)
    with pytest.raises(CctviewError, match="Another collector writes to"):
        SpoolWriter(tmp_path, MIB)
    first.close()
    SpoolWriter(tmp_path, MIB).close()


def test_a_new_writer_goes_on_behind_the_old_one(tmp_path: Path):
    for number in range(3):
        writer = SpoolWriter(tmp_path, MIB)
        writer.append(frame(number))
        writer.close()
    assert everything(tmp_path) == [frame(0), frame(1), frame(2)]


@pytest.mark.parametrize("cut", [1, 15, 30, 1000, 2031])
def test_a_torn_end_costs_the_last_record_only(tmp_path: Path, cut: int):
    writer = SpoolWriter(tmp_path, MIB)
    for number in range(3):
        writer.append(frame(number))
    writer.close()
    (segment,) = SpoolFolder(tmp_path).segments()
    with segment.path.open("rb+") as file:
        file.truncate(segment.path.stat().st_size - cut)
    assert list(segment.read()) == [frame(0), frame(1)]


@given(places=st.sets(st.integers(0, 5 * 300), min_size=1, max_size=3), flipped=st.integers(1, 255))
def test_a_damaged_record_takes_no_other_with_it(tmp_path_factory: pytest.TempPathFactory, places: set[int], flipped: int):
    """A byte is wrong, in a payload, a checksum, a length or a name: all other records are read, and the loss is known."""
    writer = SpoolWriter(tmp_path_factory.mktemp("spool"), MIB)
    for number in range(6):
        writer.append(frame(number, size=260))
    writer.close()
    (segment,) = SpoolFolder(writer.directory).segments()
    data = bytearray(segment.path.read_bytes())
    size = (len(data) - len(MAGIC)) // 6
    damaged = {place // size for place in places if place < 5 * size}  # the last may be an end that was not written whole
    for place in places:
        if place < 5 * size:
            data[len(MAGIC) + place] ^= flipped
    segment.path.write_bytes(data)
    assert list(segment.read()) == [frame(number, size=260) for number in range(6) if number not in damaged]
    assert segment.unread_bytes() == size * len(damaged)


def test_a_file_that_is_no_segment_holds_nothing(tmp_path: Path):
    (tmp_path / "20261122T17-00000000.segment").write_bytes(b"")
    (tmp_path / "20261122T17-00000001.segment").write_bytes(b"something else")
    assert everything(tmp_path) == []


def test_the_budget_refuses_and_keeps_what_it_took(tmp_path: Path):
    writer = SpoolWriter(tmp_path, budget=10_000)
    for number in range(4):
        writer.append(frame(number))
    with pytest.raises(SpoolFull, match="is full"):
        writer.append(frame(4))
    writer.close()
    assert everything(tmp_path) == [frame(number) for number in range(4)]
    assert used_bytes(tmp_path) <= 10_000


def test_there_is_room_again_when_segments_went(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    writer = SpoolWriter(tmp_path, budget=10_000, segment_bytes=4000)
    for number in range(4):
        writer.append(frame(number))
        writer.flush()
    with pytest.raises(SpoolFull):
        writer.append(frame(9))
    for segment in SpoolFolder(tmp_path).segments():
        segment.path.unlink()
    now = time.monotonic()
    monkeypatch.setattr(spool.time, "monotonic", lambda: now + 2)
    writer.append(frame(9))
    assert writer.flush() == 1


def test_a_full_disk_keeps_what_was_gathered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The disk takes half a record, then nothing; later it takes everything again."""
    writer = SpoolWriter(tmp_path, MIB)
    writer.append(frame(0))
    writer.flush()
    writer.append(frame(1))

    def half(file: io.FileIO, data: bytes) -> None:
        file.write(data[:1000])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(spool, "_write_all", half)
        with pytest.raises(SpoolFull, match="cannot be written: No space left on device"):
            writer.flush()
    writer.append(frame(2))
    assert writer.flush() == 2
    writer.close()
    assert everything(tmp_path) == [frame(0), frame(1), frame(2)]


def test_rows_of_the_contents_lead_to_their_records(tmp_path: Path):
    writer = SpoolWriter(tmp_path, MIB, segment_bytes=1500)
    for number in range(9):
        writer.append(frame(number, f"cam-{number % 2}", size=500 + number))
        writer.flush()
    writer.close()
    closed = SpoolFolder(tmp_path).segments()
    assert len(closed) > 1
    rows = contents(closed).sort_by([("captured_us", "descending")])
    wanted = rows.filter(pc.equal(rows["camera_id"], "cam-1"))
    assert list(read_rows(closed, wanted)) == [frame(n, "cam-1", size=500 + n) for n in (7, 5, 3, 1)]


def test_an_index_is_written_once_and_says_what_can_be_read(tmp_path: Path):
    writer = SpoolWriter(tmp_path, MIB)
    for number in range(4):
        writer.append(frame(number))
    writer.close()
    (segment,) = SpoolFolder(tmp_path).segments()
    os.truncate(segment.path, segment.path.stat().st_size - 10)  # as after a power cut
    assert segment.index()["captured_us"].to_pylist() == [r.captured_us for r in segment.read()]
    assert len(segment.index()) == 3
    (kept,) = tmp_path.glob("*.index")
    segments._index.cache_clear()
    before = kept.stat().st_mtime_ns
    assert len(segment.index()) == 3
    assert kept.stat().st_mtime_ns == before
    segment.delete()
    assert {path.name for path in tmp_path.iterdir()} == {"lock"}


def test_a_name_is_never_used_again(tmp_path: Path):
    """What somebody still knows of a deleted segment must not be taken for a new one's."""
    names = set()
    for _ in range(3):
        writer = SpoolWriter(tmp_path, MIB)
        writer.append(frame(0))
        writer.close()
        (segment,) = SpoolFolder(tmp_path).segments()
        names.add(segment.name)
        segment.delete()
    assert len(names) == 3


def test_names_grow_while_the_clock_goes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    written = []
    for now in (2_000_000_000, 1_000_000_000, 1_000_000_000):
        monkeypatch.setattr(time, "time_ns", lambda now=now: now * 10**9)
        writer = SpoolWriter(tmp_path, MIB)
        writer.append(frame(len(written)))
        writer.close()
        written.append(len(SpoolFolder(tmp_path).segments()))
    assert written == [1, 2, 3]
    assert [r.captured_us for r in everything(tmp_path)] == [frame(n).captured_us for n in range(3)]


def write_for_ever(spool: Path, acknowledged: Synchronized) -> None:
    writer, number = SpoolWriter(spool, 1 << 30, segment_bytes=200_000), 0
    while True:
        for _ in range(50):
            writer.append(
                Record(
                    kind=Kind.FRAME,
                    camera_id="cam-1",
                    captured_us=number,
                    fetched_us=number,
                    payload=number.to_bytes(4, "big") * 500,
                )
            )
            number += 1
        writer.flush()
        acknowledged.value = number


def test_killed_in_the_middle_nothing_that_was_acknowledged_is_lost(tmp_path: Path):
    acknowledged = FORK.Value("q", 0, lock=False)
    process = FORK.Process(target=write_for_ever, args=(tmp_path, acknowledged))
    process.start()
    while acknowledged.value < 2000:
        assert process.is_alive()
        time.sleep(0.001)
    process.kill()
    process.join()
    SpoolWriter(tmp_path, MIB << 10).close()  # the next collector closes what was left open
    numbers = [record.captured_us for record in everything(tmp_path)]
    assert numbers == list(range(len(numbers)))
    assert len(numbers) >= acknowledged.value
    assert list(tmp_path.glob("*.open")) == []
