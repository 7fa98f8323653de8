"""A folder of a user's own pictures in another time zone, from the command line to figures."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow.parquet as pq
import pytest

from cctview_pipeline.city import CAMERAS, CityNetwork, CitySettings
from cctview_pipeline.lake import Lake
from cctview_pipeline_tests.factories.cities import DAWN
from cctview_pipeline_tests.factories.command import Workplace
from cctview_pipeline_tests.factories.pictures import put

HELSINKI = ZoneInfo("Europe/Helsinki")
MIDNIGHT = datetime(2025, 6, 3, 21, tzinfo=UTC)
"""Of the night from Tuesday to Wednesday, in Helsinki."""
CHOSEN = CAMERAS[:2]


def write_city(folder: Path, minutes: int) -> dict[str, list[datetime]]:
    """The city's first two cameras in the minutes around midnight, named by Helsinki's clock. Camera -> UTC times of capture."""
    city, later = (
        CityNetwork(CitySettings(seed=1001, start=DAWN, minutes=minutes)),
        MIDNIGHT - DAWN - timedelta(minutes=minutes / 2),
    )
    taken: dict[str, list[datetime]] = {}
    for camera in CHOSEN:
        for frame in city.read_hour(camera.id, DAWN).frames:
            at = frame.captured_at + later
            at = at.replace(microsecond=at.microsecond // 1000 * 1000)
            local = at.astimezone(HELSINKI)
            put(folder, f"{camera.id}/{local:%Y-%m-%d/%H-%M-%S}.{at.microsecond // 1000:03d}.jpg", frame.jpeg)
            taken.setdefault(camera.id, []).append(at)
    return taken


@pytest.mark.slow
def test_pictures_named_by_helsinkis_clock_are_counted_by_its_days(tmp_path: Path):
    taken = write_city(tmp_path / "pictures", minutes=2)
    put(tmp_path / "pictures", "city-1/2025-06-04/00-01-00.500.png", b"\x89PNG\r\n\x1a\n broken off")
    work = Workplace(tmp_path)
    own = "--network", "pictures", "--path", tmp_path / "pictures"
    begun = work.invoke("init", *own, "--at", "60.17,24.94", "--timezone", "Europe/Helsinki", "--purpose", "tests")
    assert begun.returncode == 0, begun.stderr
    looked = work.invoke("doctor")
    assert looked.returncode == 0, looked.stdout + looked.stderr
    done = work.run("backfill", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    made = {row["camera"]: (row["frames"], row["rejected"]) for row in told["cameras"]}
    assert made == {"city-1": (len(taken["city-1"]), 1), "city-2": (len(taken["city-2"]), 0)}
    frames = pq.ParquetDataset(work.lake / "raw_frames").read().to_pylist()
    assert {camera.id: sorted(f["captured_at"] for f in frames if f["camera_id"] == camera.id) for camera in CHOSEN} == taken
    assert {frame["network"] for frame in frames} == {"pictures"}
    lake = Lake(str(work.lake))
    counted = {
        partition.day: lake.read("vehicle_counts", partition).to_pylist() for partition in lake.partitions("vehicle_counts")
    }
    bins = {day: {row["began_at"] for row in rows if row["vehicles"]} for day, rows in counted.items()}
    assert bins == {date(2025, 6, 3): {MIDNIGHT - timedelta(minutes=15)}, date(2025, 6, 4): {MIDNIGHT}}
