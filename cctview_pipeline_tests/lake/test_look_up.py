"""One frame or crop is looked up by one small read, locally and on S3, and found in the files of older lakes too."""

from collections.abc import Callable
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cctview_pipeline.errors import CctviewError
from cctview_pipeline.lake import Lake, layout
from cctview_pipeline.lake.tables import GROUP_BYTES
from cctview_pipeline.resources.lake import open_lake
from cctview_pipeline_tests.factories.archive import HOUR_17
from cctview_pipeline_tests.factories.counting_proxy import counting_proxy
from cctview_pipeline_tests.factories.tables import partition_of, rows
from cctview_pipeline_tests.lake.test_projection import read_by_this_process

FRAMES = partition_of("raw_frames")
KEY = layout.key("raw_frames", FRAMES)
COUNT = 400
NAMES = [f"cam-1--2020-05-05--17.{second // 60:02d}.{second % 60:02d}.000Z" for second in range(COUNT)]
MAX_BYTES = 1_000_000
"""Bytes that one picture may cost."""


def hour(picture_bytes: int) -> pa.Table:
    """Frames a second apart, each with pixels of its own."""
    draw = np.random.default_rng(7)
    return rows(
        "raw_frames",
        *(
            {"frame_id": name, "captured_at": HOUR_17 + timedelta(seconds=n), "jpeg": draw.bytes(picture_bytes), "width": n}
            for n, name in enumerate(NAMES)
        ),
    )


@pytest.fixture
def lake(tmp_path) -> Lake:
    return Lake(str(tmp_path / "lake"))


@pytest.mark.parametrize("wanted", [[0], [399], [17, 18], [5, 395], []])
def test_what_is_looked_up_is_the_whole_table_s(lake: Lake, wanted: list[int]):
    lake.write("raw_frames", FRAMES, hour(2_000))
    found = lake.look_up("raw_frames", FRAMES, "frame_id", [NAMES[n] for n in wanted])
    assert found.equals(lake.read("raw_frames", FRAMES).take(pa.array(wanted, pa.int64())))


def test_who_is_not_there_and_a_partition_that_is_not_are_no_rows(lake: Lake):
    assert lake.look_up("crops", partition_of("crops"), "detection_id", ["nobody"], ["image"]).column_names == ["image"]
    lake.write("raw_frames", FRAMES, hour(2_000))
    assert lake.look_up("raw_frames", FRAMES, "frame_id", ["", "zz", f"{NAMES[3]}x"]).num_rows == 0


def test_one_frame_of_a_local_hour_is_one_small_read(lake: Lake):
    size = lake.write("raw_frames", FRAMES, hour(19_200))
    before = read_by_this_process()
    found = lake.look_up("raw_frames", FRAMES, "frame_id", [NAMES[200]], ["jpeg"])
    took = read_by_this_process() - before
    assert size > 7_000_000
    assert (found.num_rows, took < MAX_BYTES) == (1, True), f"{took:,} of {size:,} bytes"


def test_one_frame_of_an_hour_on_s3_is_one_small_read(s3: dict[str, str], monkeypatch: pytest.MonkeyPatch):
    for name, value in s3.items():
        monkeypatch.setenv(name, value)
    remote = open_lake("s3://lake/one-frame")
    size = remote.write("raw_frames", FRAMES, hour(19_200))
    with counting_proxy(int(s3["AWS_ENDPOINT_URL"].rsplit(":", 1)[1])) as (port, count):
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        counted = open_lake(remote.uri)
        took = _taken(count, lambda: counted.look_up("raw_frames", FRAMES, "frame_id", [NAMES[200]], ["jpeg"]))
    assert size > 7_000_000
    assert took < MAX_BYTES, f"{took:,} of {size:,} bytes"


def _taken(count, read: Callable[[], pa.Table]) -> int:
    before = count.sent
    assert read().num_rows == 1
    return count.sent - before


def test_large_pictures_have_smaller_groups_and_small_ones_no_more_rows_than_said(lake: Lake):
    groups = {}
    for picture_bytes in (2_000, 19_200, 100_000, 2_000_000):
        few = hour(picture_bytes).slice(0, 70) if picture_bytes < 1_000_000 else hour(1).slice(0, 3)
        if picture_bytes >= 1_000_000:
            few = few.set_column(4, few.schema.field("jpeg"), pa.array([b"x" * picture_bytes] * 3))
        lake.write("raw_frames", FRAMES, few)
        first = pq.read_metadata(lake.storage.path(KEY)).row_group(0)
        groups[picture_bytes] = first.num_rows, first.total_byte_size < GROUP_BYTES * 1.1 or first.num_rows == 1
    assert groups == {2_000: (32, True), 19_200: (32, True), 100_000: (7, True), 2_000_000: (1, True)}


def test_crops_have_groups_of_256_with_a_page_index(lake: Lake):
    place = partition_of("crops")
    lake.write("crops", place, rows("crops", *({"detection_id": f"d{n:04d}"} for n in range(600))))
    metadata = pq.read_metadata(lake.storage.path(layout.key("crops", place)))
    assert [metadata.row_group(n).num_rows for n in range(metadata.num_row_groups)] == [256, 256, 88]
    assert metadata.row_group(0).column(0).has_offset_index
    assert metadata.row_group(0).column(0).has_column_index


def test_a_file_of_an_older_lake_in_one_group_is_read(lake: Lake):
    lake.write("raw_frames", FRAMES, hour(2_000))
    pq.write_table(hour(2_000), lake.storage.path(KEY), write_statistics=False)
    assert pq.read_metadata(lake.storage.path(KEY)).num_row_groups == 1
    assert lake.look_up("raw_frames", FRAMES, "frame_id", [NAMES[9]], ["width"])["width"].to_pylist() == [9]


def test_a_damaged_partition_is_named_with_the_mend(lake: Lake):
    lake.write("raw_frames", FRAMES, hour(2_000))
    lake.storage.write(KEY, lake.storage.read(KEY).to_pybytes()[:-30])
    with pytest.raises(CctviewError, match=r"is no readable Parquet file: run its partition again\.$"):
        lake.look_up("raw_frames", FRAMES, "frame_id", [NAMES[0]])
