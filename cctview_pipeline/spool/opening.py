"""A spool by its place, as a campaign or a command names it."""

from pathlib import Path

from cctview_pipeline.lake.storage import S3Access, Storage
from cctview_pipeline.spool.bucket import SpoolBucket
from cctview_pipeline.spool.folder import SpoolFolder
from cctview_pipeline.spool.store import SegmentStore

S3 = "s3://"


def open_spool(place: str | Path) -> SegmentStore:
    """A folder, or ``s3://bucket/prefix``. Raises ConfigurationError where boto3 finds no credentials, or no bucket is named."""
    return open_bucket(str(place)) if str(place).startswith(S3) else SpoolFolder(place)


def open_bucket(uri: str) -> SpoolBucket:
    """``s3://bucket/prefix``. Raises ConfigurationError as open_spool does."""
    return SpoolBucket(Storage(uri, S3Access.found("spool")))
