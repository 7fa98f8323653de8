"""The days' keys, opened as a run or a command would."""

from cctview_pipeline.lake import S3Access
from cctview_pipeline.paths import keys_uri
from cctview_pipeline.privacy.keys import KeyStore


def open_keys(lake: str = "") -> KeyStore:
    """The keys at ``CCTVIEW_KEYS``, or the project's own. lake: the URI of the lake they belong to, ``CCTVIEW_LAKE`` as a rule.

    Raises CctviewError when they would lie inside that lake.
    """
    uri = keys_uri(lake)
    return KeyStore(uri, S3Access.found("keys' place") if uri.startswith("s3://") else None)
