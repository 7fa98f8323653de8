"""A reader of some columns reads these and little else, and always one version of them."""

import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from cctview_pipeline.errors import CctviewError, StorageError
from cctview_pipeline.lake import Lake, layout
from cctview_pipeline.limits import Limit
from cctview_pipeline.resources.lake import open_lake
from cctview_pipeline_tests.factories.archive import HOUR_17
from cctview_pipeline_tests.factories.counting_proxy import Count, counting_proxy
from cctview_pipeline_tests.factories.tables import partition_of, rows

FRAMES = partition_of("raw_frames")
KEY = layout.key("raw_frames", FRAMES)
COUNT = 60
LITTLE = 200_000
"""Bytes. A footer is looked for in 64 KiB, to which come its columns and HTTP's heads."""


def hour(width: int = 352, jpeg_bytes: int = 50_000) -> pa.Table:
    """Frames with pictures that compress no further, as those of a camera."""
    noise = np.random.default_rng(width).bytes(jpeg_bytes)
    times = [HOUR_17 + timedelta(seconds=n) for n in range(COUNT)]
    return rows(
        "raw_frames", *({"frame_id": f"f{n}", "captured_at": t, "jpeg": noise, "width": width} for n, t in enumerate(times))
    )


def read_by_this_process() -> int:
    """Bytes that its threads asked the kernel for so far."""
    return int(Path("/proc/self/io").read_text().split()[1])


@pytest.fixture
def local(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


@pytest.fixture
def remote(s3: dict[str, str], monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Lake:
    for name, value in s3.items():
        monkeypatch.setenv(name, value)
    return open_lake(f"s3://lake/{request.node.name}")


@pytest.fixture(params=["local", "remote"])
def lake(request: pytest.FixtureRequest) -> Lake:
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("columns", [["captured_at"], ["captured_at", "width", "height"], ["width", "frame_id"]])
def test_some_columns_are_the_whole_table_s(lake: Lake, columns: list[str]):
    lake.write("raw_frames", FRAMES, hour())
    assert lake.read("raw_frames", FRAMES, columns).equals(lake.read("raw_frames", FRAMES).select(columns))


def test_times_of_a_local_partition_are_few_bytes(local: Lake):
    size = local.write("raw_frames", FRAMES, hour())
    before = read_by_this_process()
    times = local.read("raw_frames", FRAMES, ["captured_at"])
    took = read_by_this_process() - before
    assert size > 3_000_000
    assert (times.num_rows, took < LITTLE) == (COUNT, True), f"{took:,} of {size:,} bytes"


def test_times_of_a_partition_on_s3_are_few_bytes(remote: Lake, s3: dict[str, str], monkeypatch: pytest.MonkeyPatch):
    size = remote.write("raw_frames", FRAMES, hour())
    with counting_proxy(int(s3["AWS_ENDPOINT_URL"].rsplit(":", 1)[1])) as (port, count):
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        counted = open_lake(remote.uri)
        whole = taken(count, lambda: counted.read("raw_frames", FRAMES))
        took = taken(count, lambda: counted.read("raw_frames", FRAMES, ["captured_at"]))
    assert whole > size > 3_000_000
    assert took < LITTLE, f"{took:,} of {size:,} bytes"


def taken(count: Count, read: Callable[[], pa.Table]) -> int:
    before = count.sent
    assert read().num_rows == COUNT
    return count.sent - before


def test_an_object_that_is_replaced_between_two_parts_gives_one_version(lake: Lake):
    """The second part is read after another writer was there: S3 then has other bytes under the same name."""
    old, new = (bytes([value]) * 3_000_000 for value in (1, 2))
    lake.storage.write(KEY, old)

    def in_parts(file: pa.NativeFile) -> bytes:
        begin = file.read_at(10, 0)
        lake.storage.write(KEY, new)
        return begin + file.read_at(10, 2_000_000)

    assert lake.storage.look_into(KEY, in_parts) in (old[:20], new[:20])


def test_an_object_that_got_smaller_between_two_parts_gives_one_version(lake: Lake):
    lake.storage.write(KEY, b"1" * 3_000_000)

    def in_parts(file: pa.NativeFile) -> bytes:
        lake.storage.write(KEY, b"2" * 10)
        return bytes(file.read_at(10, 0)) + bytes(file.read_at(10, file.size() - 10))

    assert set(lake.storage.look_into(KEY, in_parts)) in ({*b"1"}, {*b"2"})


@pytest.mark.parametrize("size", [100, 4_000_000], ids=["smaller", "larger"])
def test_an_object_that_is_replaced_between_its_size_and_its_bytes_is_read_again(lake: Lake, size: int):
    """A limit is asked when the size is known."""
    old, new = b"1" * 2_000_000, b"2" * size
    lake.storage.write(KEY, old)

    class Replacing(Limit):
        def allows(self, found: float) -> bool:
            if found == len(old):
                lake.storage.write(KEY, new)
            return super().allows(found)

    assert lake.storage.read(KEY, Replacing(1e9, "")).to_pybytes() in (old, new)


def test_an_object_that_is_replaced_during_every_read_is_told(remote: Lake):
    remote.storage.write(KEY, b"0")

    class Replacing(Limit):
        def allows(self, found: float) -> bool:
            remote.storage.write(KEY, b"1" * (int(found) + 1))
            return super().allows(found)

    with pytest.raises(StorageError, match=r"part-0\.parquet cannot be read: it is replaced all the while\.$"):
        remote.storage.read(KEY, Replacing(1e9, ""))


def test_an_object_that_is_deleted_between_two_parts_was_there_or_was_not(lake: Lake):
    lake.storage.write(KEY, b"1" * 3_000_000)

    def in_parts(file: pa.NativeFile) -> bytes:
        begin = file.read_at(10, 0)
        lake.storage.delete(KEY)
        return begin + file.read_at(10, 2_000_000)

    try:
        assert lake.storage.look_into(KEY, in_parts) == b"1" * 20
    except FileNotFoundError:
        assert not lake.storage.exists(KEY)


def test_readers_of_a_table_that_is_written_all_the_while(lake: Lake):
    """Every version has frames of one width and so many pictures' bytes, so that a mix would show, or be no Parquet at all."""
    versions = [hour(width, 20_000 + 1_000 * width) for width in (10, 20, 30)]
    lake.write("raw_frames", FRAMES, versions[0])
    over = threading.Event()

    def write() -> None:
        number = 0
        while not over.is_set():
            lake.write("raw_frames", FRAMES, versions[(number := number + 1) % 3])

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(40):
            found = lake.read("raw_frames", FRAMES, ["width", "captured_at", "frame_id"])
            assert found.num_rows == COUNT
            assert len(set(found["width"].to_pylist())) == 1
    finally:
        over.set()
        writer.join()


@pytest.mark.parametrize("cut", [30, 2_000_000])
def test_a_damaged_partition_is_named_with_the_mend_by_readers_of_columns_too(lake: Lake, cut: int):
    lake.write("raw_frames", FRAMES, hour())
    lake.storage.write(KEY, lake.storage.read(KEY).to_pybytes()[:-cut])
    with pytest.raises(CctviewError, match=r"is no readable Parquet file: run its partition again\.$"):
        lake.read("raw_frames", FRAMES, ["captured_at"])
