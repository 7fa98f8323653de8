"""The same lake on a real S3 server."""

from datetime import UTC, datetime

import boto3
import pytest

from cctview_pipeline.analytics.warehouse import connect
from cctview_pipeline.cameras.catalogue import catalogue
from cctview_pipeline.cameras.tables import frames_table
from cctview_pipeline.campaign import Campaign
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.frames import CameraHour, Frame
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.privacy.access import ask
from cctview_pipeline.resources.lake import open_lake

HOUR = datetime(2020, 5, 5, 17, tzinfo=UTC)
FRAME = Frame(
    frame_id="735-683-N--2020-05-05--13.00.01",
    camera_id="735-683-N",
    captured_at=HOUR.replace(second=1),
    fetched_at=HOUR.replace(second=1),
    jpeg=b"jpeg",
    width=352,
    height=240,
)
PARTITION = Partition.camera_hour("735-683-N", HOUR)


@pytest.fixture
def lake(s3: dict[str, str], monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Lake:
    for name, value in s3.items():
        monkeypatch.setenv(name, value)
    return open_lake(f"s3://lake/{request.node.name}")


def test_a_table_comes_back_as_it_was_written(lake: Lake):
    rows = frames_table(CameraHour([FRAME], []), "archive")
    lake.write("raw_frames", PARTITION, rows)
    assert lake.has("raw_frames", PARTITION)
    assert lake.read("raw_frames", PARTITION).equals(rows)
    assert lake.keys("raw_frames") == ["raw_frames/camera=735-683-N/hour=2020-05-05T17/part-0.parquet"]


def test_the_campaign_stands_beside_the_tables(lake: Lake):
    campaign = Campaign(
        name="test", network="archive", start=HOUR, end=None, cameras=(catalogue()["735-683-N"],), path="/archive"
    )
    assert lake.campaign() is None
    lake.write_campaign(campaign)
    assert lake.campaign() == campaign


def test_duckdb_reads_it_without_a_download(lake: Lake):
    lake.write("raw_frames", PARTITION, frames_table(CameraHour([FRAME], []), "archive"))
    with connect(lake) as database:
        rows = database.sql("SELECT camera, hour, frame_id, captured_at FROM raw_frames").to_arrow_table().to_pylist()
    assert rows == [
        {
            "camera": "735-683-N",
            "hour": "2020-05-05T17",
            "frame_id": FRAME.frame_id,
            "captured_at": datetime(2020, 5, 5, 17, 0, 1),
        }
    ]
    assert ask(lake, "SELECT count(*) AS n FROM vehicle_counts").to_pylist() == [{"n": 0}]


def test_an_upload_that_is_cut_short_shows_nothing(lake: Lake, s3: dict[str, str]):
    """A multipart upload is seen only when it is completed: a writer that dies leaves the old partition."""
    lake.write("raw_frames", PARTITION, frames_table(CameraHour([FRAME], []), "archive"))
    before = lake.read("raw_frames", PARTITION)
    key = lake.keys("raw_frames")[0]
    prefix = lake.uri.removeprefix("s3://lake/")
    client = boto3.client("s3", endpoint_url=s3["AWS_ENDPOINT_URL"])
    upload = client.create_multipart_upload(Bucket="lake", Key=f"{prefix}/{key}")["UploadId"]
    client.upload_part(Bucket="lake", Key=f"{prefix}/{key}", UploadId=upload, PartNumber=1, Body=b"half a table")
    assert lake.read("raw_frames", PARTITION).equals(before)


def test_a_bucket_that_does_not_exist_is_one_sentence(lake: Lake):
    with pytest.raises(
        CctviewError, match=r"^The S3 bucket 'nowhere' does not exist: create it, or name another in CCTVIEW_LAKE\.$"
    ):
        open_lake("s3://nowhere/lake")


def test_wrong_credentials_are_one_sentence(lake: Lake, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(CctviewError, match=r"^The S3 bucket 'lake' cannot be used: S3 answers 403"):
        open_lake("s3://lake/x")


def test_a_server_that_is_not_there_is_one_sentence(monkeypatch: pytest.MonkeyPatch):
    for name, value in {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(CctviewError, match=r"127\.0\.0\.1:9 cannot be reached for the bucket 'lake'"):
        open_lake("s3://lake/x")
