"""Video files in, tables out, and video again, as a user runs it."""

import json
from datetime import timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from cctview_pipeline.images import decode
from cctview_pipeline_tests.factories.archive import HOUR_17, Car, draw_frame
from cctview_pipeline_tests.factories.command import Workplace
from cctview_pipeline_tests.factories.videos import Coding, every, write_pictures

CAMERA = "735-683-N"


@pytest.mark.slow
def test_a_published_hour_becomes_vehicles_and_comes_out_as_video(tmp_path: Path):
    cars = [Car(lane, (200, 30 + 40 * lane, 30), 3.0 + 4 * turn + lane, lane < 2) for lane in range(4) for turn in range(4)]
    images = [decode(draw_frame(second / 2, cars)) for second in range(40)]
    folder = tmp_path / "videos" / CAMERA
    write_pictures(folder / f"{CAMERA}--2020-05-05--13--original.mp4", images, every(0.5, 40), Coding(codec="libx264"))
    (folder / f"{CAMERA}--2020-05-05--14--original.mp4").write_bytes(b"broken off")

    work = Workplace(tmp_path)
    done = work.run("backfill", "--network", "footage", "--path", tmp_path / "videos", "--fps", 2, "--purpose", "tests", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert [(row["camera"], row["frames"], row["rejected"]) for row in told["cameras"]] == [(CAMERA, 40, 0)]
    assert [(found["reason"], found["count"]) for found in told["not_used"]] == [("undecodable", 1)]
    assert told["notes"][0] == "Begin of 1 file by name (1); frames: 2 a second."
    frames = pq.ParquetDataset(work.lake / "raw_frames").read().to_pylist()
    assert [frame["captured_at"] for frame in frames] == [HOUR_17 + timedelta(seconds=i / 2) for i in range(40)]
    assert {frame["network"] for frame in frames} == {"footage"}
    assert all(frame["masked_by"] for frame in frames)
    assert pq.ParquetDataset(work.lake / "detections").read().num_rows > 40

    refused = work.invoke("export", "--format", "video", "--out", tmp_path / "out")
    assert refused.returncode == 1
    assert "single vehicles may be asked about for a purpose only" in refused.stderr
    written = work.invoke("export", "--format", "video", "--out", tmp_path / "out", "--purpose", "tests")
    assert written.returncode == 0, written.stderr
    assert "Wrote 40 frames of 1 camera-hours" in written.stdout

    again = Workplace(tmp_path / "again")
    done = again.run("backfill", "--network", "footage", "--path", tmp_path / "out", "--fps", 0, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    back = pq.ParquetDataset(again.lake / "raw_frames").read().to_pylist()
    assert [(each["frame_id"], each["captured_at"]) for each in back] == [
        (each["frame_id"], each["captured_at"]) for each in frames
    ]
