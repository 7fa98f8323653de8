"""Nothing is older than its lifetime after a purge, and what was deleted stays deleted."""

import json
import os
import signal
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import boto3
import pytest

from cctview_pipeline.cameras.networks.nyc_dot import NycDot
from cctview_pipeline.campaign import HOUR
from cctview_pipeline.lake import Lake, Partition, S3Access, layout
from cctview_pipeline.lake.storage import Storage
from cctview_pipeline.policy import Policy
from cctview_pipeline.privacy.keys import KeyStore
from cctview_pipeline.privacy.retention import STRANGER, find_due, note_intake, purge
from cctview_pipeline.privacy.tombstones import Tombstones
from cctview_pipeline.spool.folder import SpoolFolder
from cctview_pipeline.spool.records import Kind, Record
from cctview_pipeline.spool.segments import microseconds
from cctview_pipeline.spool.writer import SpoolWriter
from cctview_pipeline_tests.factories.archive import HOUR_17
from cctview_pipeline_tests.factories.blue_lake import blue_lake
from cctview_pipeline_tests.factories.killed import dies_at, end_of
from cctview_pipeline_tests.factories.tables import NORTH, SOUTH, campaign, rows

DAY_LATER = HOUR_17 + timedelta(hours=24, minutes=30)
WEEK_LATER = HOUR_17 + timedelta(days=7, hours=1)
LIVE = campaign(network=NycDot.name)


def due(lake: Lake, now: datetime, **beside) -> dict[str, int]:
    found: dict[str, int] = {}
    for each in find_due(lake, LIVE, Policy.of(LIVE), now, **beside):
        found[each.kind] = found.get(each.kind, 0) + 1
    return found


def test_tables_grow_old_one_after_the_other(tmp_path: Path):
    lake = blue_lake(str(tmp_path), network=NycDot.name)
    assert due(lake, HOUR_17 + timedelta(hours=23)) == {}
    assert due(lake, DAY_LATER) == {"raw_frames": 2, "crops": 2, "features": 2}, "five o'clock's, not yet six o'clock's"
    late = due(lake, WEEK_LATER)
    assert (late["tracks"], late["matches"], late["journeys"], late["detections"]) == (4, 4, 2, 4)
    assert "vehicle_counts" not in due(lake, HOUR_17 + timedelta(days=10_000))


def test_nothing_is_older_than_its_lifetime_after_a_purge(tmp_path: Path):
    lake, policy = blue_lake(str(tmp_path), network=NycDot.name), Policy.of(LIVE)
    for hours in range(0, 24 * 8, 5):
        now = HOUR_17 + timedelta(hours=hours)
        purge(lake, find_due(lake, LIVE, policy, now), now)
        for table in ("raw_frames", "crops", "features", "detections", "tracks", "matches"):
            for key in lake.keys(table):
                times = lake.read("detections", layout.parse_key(key)[1])["captured_at"].to_pylist()
                assert all(now - time <= policy.lifetime(table) for time in times), f"{table} at {now}"
    assert lake.keys("journeys") == []
    assert lake.keys("vehicle_counts") != []


def test_a_dry_run_tells_and_deletes_nothing(tmp_path: Path):
    lake = blue_lake(str(tmp_path), network=NycDot.name)
    before = sorted(path.name for path in tmp_path.rglob("*"))
    report = purge(lake, find_due(lake, LIVE, Policy.of(LIVE), DAY_LATER), DAY_LATER, dry_run=True)
    assert report.counts() == {"raw_frames": 2, "crops": 2, "features": 2}
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


def test_what_was_deleted_says_so_and_the_report_is_kept(tmp_path: Path):
    lake = blue_lake(str(tmp_path), network=NycDot.name)
    purge(lake, find_due(lake, LIVE, Policy.of(LIVE), DAY_LATER), DAY_LATER)
    told = Tombstones(lake).get("raw_frames", Partition.camera_hour(NORTH.id, HOUR_17))
    assert told.sentence == "deleted on purpose on 2020-05-06 at 17:30 UTC: the campaign keeps raw_frames for 24 hours"
    [report] = [json.loads(path.read_text()) for path in tmp_path.glob("reports/*.json")]
    assert len(report["deleted"]) == 6
    assert due(lake, DAY_LATER) == {}


def test_what_cannot_be_deleted_is_told_and_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    lake = blue_lake(str(tmp_path), network=NycDot.name)
    delete = lake.storage.delete

    def refusing(key: str) -> None:
        if "crops/camera=cam-1" in key:
            raise OSError(30, f"cannot remove {key}")
        delete(key)

    monkeypatch.setattr(lake.storage, "delete", refusing)
    report = purge(lake, find_due(lake, LIVE, Policy.of(LIVE), DAY_LATER), DAY_LATER)
    assert [(each.kind, why) for each, why in report.failed] == [("crops", "Read-only file system.")]
    assert len(report.deleted) == 5
    monkeypatch.undo()
    purge(lake, find_due(lake, LIVE, Policy.of(LIVE), DAY_LATER), DAY_LATER)
    assert due(lake, DAY_LATER) == {}


@pytest.mark.parametrize("step", [1, 2, 5])
def test_killed_in_the_middle_and_run_again(tmp_path: Path, step: int):
    lake = blue_lake(str(tmp_path), network=NycDot.name)

    def purge_and_die() -> None:
        Storage.delete = dies_at(Storage.delete, step)
        purge(lake, find_due(lake, LIVE, Policy.of(LIVE), DAY_LATER), DAY_LATER)

    assert end_of(purge_and_die) == -signal.SIGKILL
    assert sum(due(lake, DAY_LATER).values()) == 7 - step
    purge(lake, find_due(lake, LIVE, Policy.of(LIVE), DAY_LATER), DAY_LATER)
    assert due(lake, DAY_LATER) == {}
    assert len(Tombstones(lake).partitions("raw_frames")) == 2


def test_an_archive_s_hours_grow_old_from_when_they_were_read(tmp_path: Path):
    archive, now = campaign(), HOUR_17 + timedelta(days=2000)
    lake, place = blue_lake(str(tmp_path)), Partition.camera_hour(NORTH.id, HOUR_17)
    for camera in (NORTH.id, SOUTH.id):
        for hour in (HOUR_17, HOUR_17 + HOUR):
            note_intake(lake, archive, Partition.camera_hour(camera, hour), now)
    note_intake(lake, archive, place, now + timedelta(days=1))  # read again: the first time counts
    at = lambda after: [each.kind for each in find_due(lake, archive, Policy.of(archive), now + after)]  # noqa: E731
    assert at(timedelta(hours=23)) == []
    assert at(timedelta(hours=24)) == ["raw_frames"] * 4 + ["crops"] * 4 + ["features"] * 4
    assert at(timedelta(days=7)).count("journeys") == 2


def test_what_rests_on_several_cameras_grows_old_from_the_last_that_was_read(tmp_path: Path):
    archive, now = campaign(privacy={"lifetimes": {"vehicle_counts": "24 h", "journeys": "24 h"}}), HOUR_17 + timedelta(days=2000)
    lake = blue_lake(str(tmp_path))
    for camera, after in ((NORTH.id, 5), (SOUTH.id, 0)):
        for hour in (HOUR_17, HOUR_17 + HOUR):
            note_intake(lake, archive, Partition.camera_hour(camera, hour), now + timedelta(hours=after))
    at = lambda hours: [d.kind for d in find_due(lake, archive, Policy.of(archive), now + timedelta(hours=hours))]  # noqa: E731
    assert not {"journeys", "vehicle_counts"} & {*at(28)}
    assert [kind for kind in at(29) if kind in ("journeys", "vehicle_counts")] == ["journeys", "journeys", "vehicle_counts"]


def test_nobody_lives_in_the_city(tmp_path: Path):
    city = campaign(network="city")
    assert find_due(blue_lake(str(tmp_path), network="city"), city, Policy.of(city), WEEK_LATER) == []


def test_the_spool_is_emptied_even_of_what_was_never_sealed(tmp_path: Path):
    writer = SpoolWriter(tmp_path / "spool" / "1", 1 << 30)
    for hours in (0, 20):
        at = microseconds(HOUR_17 + timedelta(hours=hours))
        writer.append(Record(kind=Kind.FRAME, camera_id=NORTH.id, captured_us=at, fetched_us=at, payload=b"frame"))
        writer.flush()
        writer.roll()
    # What nobody can read is somebody's pictures all the same.
    odd = [tmp_path / "spool" / "1" / name for name in ("left.partial", "20200505T17-1588698000000001.damaged", "copy.segment")]
    for path in odd:
        path.write_bytes(b"half a segment")
        os.utime(path, (HOUR_17.timestamp(), HOUR_17.timestamp()))
    lake = Lake(str(tmp_path / "lake"))
    found = find_due(lake, LIVE, Policy.of(LIVE), DAY_LATER, spool=SpoolFolder(tmp_path / "spool"))
    purge(lake, found, DAY_LATER)
    assert len(found) == 4
    assert len(SpoolFolder(tmp_path / "spool").segments()) == 1
    assert not any(path.exists() for path in odd)


def test_keys_go_a_lifetime_after_their_day(tmp_path: Path):
    keys, lake = KeyStore(str(tmp_path / "keys")), Lake(str(tmp_path / "lake"))
    today = datetime.now(UTC).date()
    made = keys.key(today)
    over = datetime.combine(today, datetime.min.time(), UTC) + timedelta(days=1)
    at = lambda now: find_due(lake, LIVE, Policy.of(LIVE), now, keys=keys)  # noqa: E731
    assert at(over + timedelta(hours=23)) == []
    purge(lake, at(over + timedelta(hours=24)), over + timedelta(hours=24), keys)
    assert keys.existing(today) is None
    assert made.secret.hex().encode() not in b"".join(p.read_bytes() for p in (tmp_path / "keys").rglob("*") if p.is_file())
    assert at(over + timedelta(hours=24)) == []


def test_versions_of_objects_go_as_well(s3: dict[str, str]):
    client = boto3.client("s3", endpoint_url=s3["AWS_ENDPOINT_URL"], aws_access_key_id=s3["AWS_ACCESS_KEY_ID"],
                          aws_secret_access_key=s3["AWS_SECRET_ACCESS_KEY"], region_name="us-east-1")  # fmt: skip
    client.create_bucket(Bucket="versions")
    client.put_bucket_versioning(Bucket="versions", VersioningConfiguration={"Status": "Enabled"})
    access = S3Access(
        access_key=s3["AWS_ACCESS_KEY_ID"],
        secret_key=s3["AWS_SECRET_ACCESS_KEY"],
        session_token=None,
        region="us-east-1",
        endpoint_url=s3["AWS_ENDPOINT_URL"],
    )
    lake, place = Lake("s3://versions/one", access), Partition.camera_hour(NORTH.id, HOUR_17)
    for _ in range(3):
        lake.write("raw_frames", place, rows("raw_frames", {}))
    lake.write("raw_frames", Partition.camera_hour(NORTH.id, HOUR_17 + HOUR), rows("raw_frames"))

    def versions() -> int:
        found = client.list_object_versions(Bucket="versions", Prefix=f"one/{layout.key('raw_frames', place)}")
        return len(found.get("Versions", []) + found.get("DeleteMarkers", []))

    assert versions() == 3
    lake.storage.delete_earlier(layout.key("raw_frames", place))
    assert versions() == 1
    assert lake.read("raw_frames", place).num_rows == 1
    report = purge(lake, find_due(lake, LIVE, Policy.of(LIVE), DAY_LATER), DAY_LATER)
    assert report.failed == []
    assert versions() == 0
    assert lake.has("raw_frames", Partition.camera_hour(NORTH.id, HOUR_17 + HOUR))
    assert Tombstones(lake).partitions("raw_frames") == {place}


@pytest.mark.parametrize("folder", ["camera=735-683-N/hour=2020-05-05T17 (copy)", "old", "camera=a b/hour=2020-05-05T17"])
def test_a_file_that_somebody_put_into_the_lake_stops_no_purge(tmp_path: Path, folder: str):
    """It stays, and whoever runs the purge is told: nobody knows of what time it is."""
    lake, policy = blue_lake(str(tmp_path), network=NycDot.name), Policy.of(LIVE)
    lake.storage.write(f"raw_frames/{folder}/part-0.parquet", b"x")
    for dry_run in (True, False):
        report = purge(lake, find_due(lake, LIVE, policy, DAY_LATER), DAY_LATER, dry_run=dry_run)
        assert report.counts() == {"raw_frames": 2, "crops": 2, "features": 2}
        ((stays, why),) = report.failed
        assert stays.place == f"{tmp_path}/raw_frames/{folder}/part-0.parquet"
        assert why == f"{STRANGER}."


@pytest.mark.parametrize("text", ["2020-5-5T7", "2020-05-05T17 (copy)", "2020-13-05T17", "2020-05-05T24", "yesterday", ""])
def test_a_folder_that_names_no_hour(text: str):
    assert not layout.is_key(f"journeys/hour={text}/part-0.parquet")
    assert layout.is_key("journeys/hour=2020-05-05T17/part-0.parquet")
    assert not layout.is_key("journeys/hour=2020-05-05T17/part-1.parquet")


def test_a_partition_s_key_can_be_read_back():
    for table, place in (
        ("raw_frames", Partition.camera_hour("735-683-N", HOUR_17)),
        ("journeys", Partition.of_hour(HOUR_17)),
        ("travel_times", Partition.of_day(date(2020, 5, 5))),
    ):
        assert layout.parse_key(layout.key(table, place)) == (table, place)
    with pytest.raises(ValueError, match="no partition of a table"):
        layout.parse_key("raw_frames/hour=2020-05-05T17/part-0.parquet")
