"""Frames as mp4 and back: the same times, the same frames, whole files."""

import json
import tempfile
from datetime import timedelta
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cctview_pipeline.cameras.footage import FootageNetwork, FootageSettings
from cctview_pipeline.errors import StorageError
from cctview_pipeline.formats.mp4 import Shot, write_mp4
from cctview_pipeline.images import decode, encode_jpeg
from cctview_pipeline_tests.factories.archive import HEIGHT, WIDTH, Car, draw_frame
from cctview_pipeline_tests.factories.videos import NOON, picture

MICROSECOND = timedelta(microseconds=1)


def shots(at_us: list[int], size: tuple[int, int] = (64, 48)) -> list[Shot]:
    return [Shot(NOON + us * MICROSECOND, encode_jpeg(picture(i, size)), *size) for i, us in enumerate(at_us)]


def read_back(folder: Path) -> list:
    network = FootageNetwork(folder, FootageSettings(fps=0.0))
    return [frame for hour in network.hours("cam-1") for frame in network.read_hour("cam-1", hour).frames]


@settings(max_examples=15, deadline=None)
@given(
    gaps=st.lists(st.integers(1000, 30_000_000), min_size=1, max_size=12),
    begin=st.integers(0, 3_000_000_000),
    named=st.booleans(),
)
def test_times_come_back(gaps: list[int], begin: int, named: bool):
    """To the microsecond by the sidecar, to the millisecond and with the same ids by the name."""
    written = shots([begin + sum(gaps[:i]) for i in range(len(gaps) + 1)])
    with tempfile.TemporaryDirectory() as folder:
        _, sidecar = write_mp4(Path(folder), "cam-1", written)
        if named:
            sidecar.unlink()
        found = read_back(Path(folder))
    apart = [abs(frame.captured_at - shot.captured_at) for frame, shot in zip(found, written, strict=True)]
    assert max(apart) < (1000 * MICROSECOND if named else MICROSECOND)
    assert [frame.frame_id for frame in found] == [
        f"cam-1--{shot.captured_at:%Y-%m-%d--%H.%M.%S}.{shot.captured_at.microsecond // 1000:03d}Z" for shot in written
    ]


def test_the_files_say_when_they_begin(tmp_path: Path):
    path, sidecar = write_mp4(tmp_path / "cam-1", "cam-1", shots([250_001, 1_950_002]), "Powered by somebody")
    assert [path.name, sidecar.name] == [f"cam-1--2025-06-03--16.00.00.250Z{suffix}" for suffix in (".mp4", ".json")]
    told = json.loads(sidecar.read_text())
    assert told == {
        "camera": "cam-1",
        "start": (first := "2025-06-03T16:00:00.250001Z"),
        "times": [first, "2025-06-03T16:00:01.950002Z"],
    }
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert container.metadata["creation_time"] == "2025-06-03T16:00:00.000000Z"  # the format has whole seconds
        assert container.metadata["comment"] == "Powered by somebody"
        assert stream.codec_context.name == "libvpx-vp9" or stream.codec_context.codec.canonical_name == "vp9"
        assert stream.time_base is not None
        assert stream.time_base <= 1 / 1000
    assert list(tmp_path.rglob("*.partial")) == []


def test_frames_look_as_they_did(tmp_path: Path):
    cars = [Car(lane, (200, 40 * lane, 30), at, lane < 2) for lane in range(4) for at in (2.0, 5.0, 8.0)]
    jpegs = [draw_frame(second, cars) for second in range(10)]
    write_mp4(tmp_path, "cam-1", [Shot(NOON + timedelta(seconds=i), jpeg, WIDTH, HEIGHT) for i, jpeg in enumerate(jpegs)])
    found = read_back(tmp_path)
    assert len(found) == 10
    for frame, jpeg in zip(found, jpegs, strict=True):
        error = np.mean((decode(frame.jpeg).astype(float) - decode(jpeg)) ** 2)
        assert 10 * np.log10(255**2 / error) > 33  # dB, noise and all


@pytest.mark.parametrize("size", [(65, 47), (352, 240), (33, 64)])
def test_any_size(tmp_path: Path, size: tuple[int, int]):
    write_mp4(tmp_path, "cam-1", shots([0, 1_000_000], size))
    assert {(frame.width, frame.height) for frame in read_back(tmp_path)} == {size}


def test_another_size_begins_another_file(tmp_path: Path):
    written = write_mp4(tmp_path, "cam-1", shots([0, 1_000_000]) + shots([2_000_000, 3_000_000], (32, 32)))
    assert [path.name[-15:] for path in written] == [
        "16.00.00.000Z.mp4"[-15:],
        "16.00.00.000Z.json"[-15:],
        "16.00.02.000Z.mp4"[-15:],
        "16.00.02.000Z.json"[-15:],
    ]
    assert [(frame.width, frame.captured_at.second) for frame in read_back(tmp_path)] == [(64, 0), (64, 1), (32, 2), (32, 3)]


def test_what_cannot_be_written_leaves_nothing_half(tmp_path: Path):
    (tmp_path / "cam-1--2025-06-03--16.00.00.000Z.mp4").mkdir()
    with pytest.raises(StorageError, match=r"can't be written: .* Make room, or choose another folder\."):
        write_mp4(tmp_path, "cam-1", shots([0]))
    assert list(tmp_path.glob("*.partial")) == []
