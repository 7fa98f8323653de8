"""Objects on S3 that are written only if nobody else has written them meanwhile, and files that are known to have arrived.

The store itself compares: ``If-None-Match: *`` and ``If-Match`` of a PUT (Amazon S3 since 2024, SeaweedFS 4, MinIO and others).
Of two writers at the same time one is told so, and no clock is asked.
"""

import base64
import hashlib
import zlib
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from cctview_pipeline.errors import StorageError, reason_of
from cctview_pipeline.lake.storage import Storage

_CHUNK = 1 << 20
_OTHERS = ("PreconditionFailed", "ConditionalRequestConflict", "412", "409")
_NONE = ("NoSuchKey", "404", "NotFound")


class WrittenByAnother(StorageError):
    """The object is another than the writer took it for."""


@dataclass(frozen=True)
class Tagged:
    """An object's bytes; its tag, another after every write of other bytes; its age in s by the store's own clock."""

    content: bytes
    tag: str
    age_s: float


def read_tagged(storage: Storage, key: str) -> Tagged | None:
    """None where there is none. Raises StorageError."""
    bucket, name = storage.bucket_and_name(key)
    try:
        found = storage.client.get_object(Bucket=bucket, Key=name)
        content = found["Body"].read()
    except ClientError as error:
        if _code(error) in _NONE:
            return None
        raise _failed(storage, key, "read", error) from error
    except (BotoCoreError, OSError) as error:
        raise _failed(storage, key, "read", error) from error
    now = parsedate_to_datetime(found["ResponseMetadata"]["HTTPHeaders"]["date"])
    return Tagged(content, found["ETag"], (now - found["LastModified"]).total_seconds())


def write_if(storage: Storage, key: str, content: bytes, tag: str | None) -> str:
    """Replace the object of this tag, or with None make one where there is none; returns the new tag.

    Raises WrittenByAnother where it is another, StorageError where nobody knows whether it was written.
    """
    bucket, name = storage.bucket_and_name(key)
    condition = {"IfNoneMatch": "*"} if tag is None else {"IfMatch": tag}
    try:
        return storage.client.put_object(Bucket=bucket, Key=name, Body=content, **condition)["ETag"]
    except ClientError as error:
        if _code(error) in (*_OTHERS, *_NONE):
            raise WrittenByAnother(f"{storage.path(key)} was written by another meanwhile.") from error
        raise _failed(storage, key, "written", error) from error
    except (BotoCoreError, OSError) as error:
        raise _failed(storage, key, "written", error) from error


def upload(storage: Storage, key: str, file: Path) -> None:
    """Make an object of a file, in one piece that is there as a whole or not at all; then ask whether it is the same.

    The file is read as it is sent, so it may be larger than memory. Where the object is there already nothing is sent. Raises
    WrittenByAnother where other bytes have that key, StorageError where it did not arrive, FileNotFoundError.
    """
    bucket, name = storage.bucket_and_name(key)
    size, checksum = file.stat().st_size, _checksum(file)
    try:
        with file.open("rb") as body:
            storage.client.put_object(Bucket=bucket, Key=name, Body=body, IfNoneMatch="*", ChecksumCRC32=checksum)
    except ClientError as error:
        if _code(error) not in _OTHERS:
            raise _failed(storage, key, "uploaded", error) from error
    except FileNotFoundError:
        raise
    except (BotoCoreError, OSError) as error:
        raise _failed(storage, key, "uploaded", error) from error
    if not _is_same(storage, key, file, size, checksum):
        raise WrittenByAnother(f"{storage.path(key)} has other bytes than {file}.")


def _is_same(storage: Storage, key: str, file: Path, size: int, checksum: str) -> bool:
    """By length and checksum; of a store that tells none, by the ETag where that is of the bytes, else by the bytes."""
    bucket, name = storage.bucket_and_name(key)
    try:
        head = storage.client.head_object(Bucket=bucket, Key=name, ChecksumMode="ENABLED")
        if head["ContentLength"] != size:
            return False
        if told := head.get("ChecksumCRC32"):
            return told == checksum
        if head["ETag"].strip('"') == _md5(file):
            return True
        crc = 0
        for piece in storage.client.get_object(Bucket=bucket, Key=name)["Body"].iter_chunks(_CHUNK):
            crc = zlib.crc32(piece, crc)
        return _encoded(crc) == checksum
    except (ClientError, BotoCoreError, OSError) as error:
        raise _failed(storage, key, "read", error) from error


def _checksum(file: Path) -> str:
    crc = 0
    with file.open("rb") as content:
        while piece := content.read(_CHUNK):
            crc = zlib.crc32(piece, crc)
    return _encoded(crc)


def _encoded(crc: int) -> str:
    return base64.b64encode(crc.to_bytes(4, "big")).decode()


def _md5(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _code(error: ClientError) -> str:
    return error.response["Error"]["Code"]


def _failed(storage: Storage, key: str, what: str, error: Exception) -> Any:
    return StorageError(f"{storage.path(key)} cannot be {what}: {reason_of(error)}.")
