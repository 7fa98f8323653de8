"""A backfill of an archive as the world sends it, as a user runs it."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from cctview_pipeline.campaign import floor_hour
from cctview_pipeline_tests.factories.archive import HOUR_17, make_archive
from cctview_pipeline_tests.factories.command import Workplace
from cctview_pipeline_tests.factories.odd_archives import flip, frame_name, frames, place, write, zip_up

CAMERA, OTHER = "735-683-N", "733-681-N"


@pytest.mark.slow
def test_one_bad_entry_a_lone_date_and_an_unfinished_zip_take_nothing_with_them(tmp_path: Path):
    root = tmp_path / "archive"
    for path in make_archive(tmp_path / "made", (CAMERA, OTHER), HOUR_17, frames=20):
        name = str(path.relative_to(tmp_path / "made"))
        (write(root / "tuesday", {name: path.read_bytes()}) if name.startswith(OTHER) else None)
    good = {str(p.relative_to(tmp_path / "made")): p.read_bytes() for p in (tmp_path / "made" / CAMERA).rglob("*.jpeg")}
    bad = place(CAMERA, HOUR_17 + timedelta(seconds=10))
    flip(zip_up(root / "monday" / "F.ZIP", good), bad, 2000)
    (root / "unfinished.zip").write_bytes((root / "monday" / "F.ZIP").read_bytes()[:5000])
    ahead = floor_hour(datetime.now(UTC)) + timedelta(days=365)
    write(root, frames(CAMERA, ahead, 1))

    work = Workplace(tmp_path)
    done = work.backfill(root, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert [(row["camera"], row["frames"], row["rejected"]) for row in told["cameras"]] == [(OTHER, 20, 0), (CAMERA, 19, 2)]
    assert {(row["reason"], row["example"]) for row in told["rejected"]} == {
        ("unreadable", Path(bad).name),
        ("clock", frame_name(CAMERA, ahead)),
    }
    assert [(found["reason"], found["example"]) for found in told["not_used"]] == [("damaged_zip", "unfinished.zip")]
    assert told["partitions"] == {"planned": 34, "asked": 34, "finished": 34}
    assert pq.ParquetDataset(work.lake / "rejected_frames").read().num_rows == 2

    again = work.invoke("backfill", "--path", root)
    assert again.returncode == 0, again.stderr
    said = " ".join(again.stdout.split())
    assert "All 34 partitions are finished" in said
    assert "Set aside of 735-683-N: 1 unreadable, such as 735-683-N--2020-05-05--13.00.10--original.jpeg: The bytes of" in said
    assert "Not used: zip files whose list of entries is damaged" in said
