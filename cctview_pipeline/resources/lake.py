"""The lake as a Dagster resource."""

import os

import dagster as dg

from cctview_pipeline.campaign import Campaign
from cctview_pipeline.errors import CctviewError, reason_of
from cctview_pipeline.lake import Lake, S3Access
from cctview_pipeline.paths import lake_uri
from cctview_pipeline.resources.understood import understood


class LakeResource(dg.ConfigurableResource):
    """Opens the lake. uri: a folder or ``s3://bucket/prefix``; empty takes ``CCTVIEW_LAKE`` or the project's own. On S3
    credentials, region and endpoint go by boto3's rules."""

    uri: str = ""

    def open(self) -> Lake:
        uri = self.uri or lake_uri()
        return Lake(uri, S3Access.found("lake") if uri.startswith("s3://") else None)

    def open_campaign(self) -> tuple[Lake, Campaign]:
        """The lake and its campaign. Raises CctviewError, with the mend, for an empty lake and for what is not understood."""
        lake = self.open()
        return lake, understood(lake.require_campaign())


def open_lake(uri: str = "") -> Lake:
    """The lake as a run would open it, for the command line. On S3 the bucket must exist and be reachable."""
    lake = LakeResource(uri=uri).open()
    if lake.storage.is_s3:
        _check_bucket(lake.uri.removeprefix("s3://").split("/")[0])
    return lake


def _check_bucket(bucket: str) -> None:
    from botocore.exceptions import BotoCoreError, ClientError
    from dagster_aws.s3 import S3Resource

    try:
        S3Resource().get_client().head_bucket(Bucket=bucket)
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "?")
        if code in ("404", "NoSuchBucket"):
            raise CctviewError(f"The S3 bucket '{bucket}' does not exist: create it, or name another in CCTVIEW_LAKE.") from error
        raise CctviewError(f"The S3 bucket '{bucket}' cannot be used: S3 answers {code}. Check the credentials.") from error
    except BotoCoreError as error:
        endpoint = os.environ.get("AWS_ENDPOINT_URL", "S3")
        raise CctviewError(f"{endpoint} cannot be reached for the bucket '{bucket}': {reason_of(error)}.") from error
