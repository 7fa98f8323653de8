"""The one place that opens storage: a local folder or ``s3://bucket/prefix``, behind one file system."""

import os
import socket
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import boto3
import pyarrow as pa
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from pyarrow import fs

from cctview_pipeline.errors import ConfigurationError, StorageError, reason_of
from cctview_pipeline.files import sync_directory
from cctview_pipeline.limits import Limit

IN_ONE_PIECE = 1 << 20
"""Bytes up to which an object on S3 is sooner here as a whole than its parts are in as many requests."""

READS = 30
"""How often an object on S3 is read when each time somebody else had replaced it meanwhile."""

LOOKS = 32
"""Keys that are looked for at a time."""
CONNECT_S, SILENCE_S, TRIES = 5.0, 30.0, 2
"""How long a store is waited for, to be reached and to say something, and how often boto3 asks by itself."""

Answer = TypeVar("Answer")


@dataclass(frozen=True, kw_only=True)
class S3Access:
    """How to reach S3, resolved once by boto3's rules, for the libraries that do not follow them. attempts: how often a request
    is tried, longer and longer apart, up to 20 s (``AWS_MAX_ATTEMPTS``); 0 where nobody says so, and each library does as it is
    used to."""

    access_key: str | None = None
    secret_key: str | None = None
    session_token: str | None = None
    region: str | None = None
    endpoint_url: str | None = None
    attempts: int = 0

    @property
    def use_ssl(self) -> bool:
        return not (self.endpoint_url or "").startswith("http://")

    @classmethod
    def found(cls, what: str) -> "S3Access":
        """What boto3 would use. what: is on S3, for the sentence of the CctviewError where there are no credentials."""
        session = boto3.Session()
        credentials = session.get_credentials()
        if credentials is None:
            raise ConfigurationError(
                f"The {what} is on S3, but boto3 finds no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
            )
        frozen, meta = credentials.get_frozen_credentials(), session.client("s3").meta
        custom = None if meta.endpoint_url.endswith((".amazonaws.com", ".amazonaws.com.cn")) else meta.endpoint_url
        return cls(
            access_key=frozen.access_key,
            secret_key=frozen.secret_key,
            session_token=frozen.token,
            region=meta.region_name,
            endpoint_url=custom,
            attempts=meta.config.retries.get("total_max_attempts", 0),
        )


class Storage:
    """Reads and writes of objects below one root. Every write is seen whole or not at all."""

    def __init__(self, uri: str, s3: S3Access | None = None) -> None:
        self.uri = uri.rstrip("/")
        self.s3 = s3 or S3Access()
        self.is_s3 = uri.startswith("s3://")
        if "://" in uri and not self.is_s3:
            raise ConfigurationError(f"The lake '{uri}' is neither a folder nor s3://bucket/prefix.")
        if self.is_s3:
            self._root = self.uri.removeprefix("s3://")
            if not self._root.split("/")[0]:
                raise ConfigurationError(f"The lake '{uri}' names no bucket: write s3://bucket/prefix.")
            self._fs: fs.FileSystem = self._open_s3()
        else:
            self._root = str(Path(uri).absolute())
            if Path(self._root).exists() and not Path(self._root).is_dir():
                raise ConfigurationError(f"The lake {uri} is a file: name a folder in CCTVIEW_LAKE.")
            self._fs = fs.LocalFileSystem()

    def _open_s3(self) -> fs.S3FileSystem:
        endpoint = (self.s3.endpoint_url or "").split("://")[-1] or None
        return fs.S3FileSystem(
            access_key=self.s3.access_key,
            secret_key=self.s3.secret_key,
            session_token=self.s3.session_token,
            region=self.s3.region,
            endpoint_override=endpoint,
            scheme="https" if self.s3.use_ssl else "http",
            check_directory_existence_before_creation=False,
            retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=self.s3.attempts or 3),
        )

    def path(self, key: str) -> str:
        """The key as other libraries name it: an absolute path, or an s3:// URI."""
        return f"s3://{self._root}/{key}" if self.is_s3 else f"{self._root}/{key}"

    def exists(self, key: str) -> bool:
        try:
            return self._fs.get_file_info(f"{self._root}/{key}").type == fs.FileType.File
        except OSError as error:
            raise StorageError(f"{self.path(key)} cannot be looked for: {reason_of(error)}.") from error

    def exist(self, keys: Sequence[str]) -> list[bool]:
        """Of many keys, whether each is there: at the same time, since a store answers each after some milliseconds."""
        if not self.is_s3:
            return [self.exists(key) for key in keys]
        with ThreadPoolExecutor(LOOKS) as pool:
            return list(pool.map(self.exists, keys))

    def modified(self, key: str) -> datetime:
        """When the object was written. Raises FileNotFoundError where there is none, and StorageError."""
        try:
            found = self._fs.get_file_info(f"{self._root}/{key}")
        except OSError as error:
            raise StorageError(f"{self.path(key)} cannot be looked for: {reason_of(error)}.") from error
        if found.type != fs.FileType.File:
            raise FileNotFoundError(self.path(key))
        return found.mtime

    def version(self, key: str) -> str | None:
        """Another text after every write of the object; None when there is none. Nothing of it is read."""
        try:
            found = self._fs.get_file_info(f"{self._root}/{key}")
        except OSError as error:
            raise StorageError(f"{self.path(key)} cannot be looked for: {reason_of(error)}.") from error
        return f"{found.mtime_ns}-{found.size}" if found.type == fs.FileType.File else None

    def read(self, key: str, limit: Limit | None = None) -> pa.Buffer:
        """The object's bytes, all of one version of it. limit: of their number. Raises FileNotFoundError when there is none,
        CctviewError when it can't be read.

        S3 is asked for the size first and for so many bytes then, so one that was replaced in between is read again.
        """
        for _ in range(READS):
            with self._opened(key) as file:
                if limit and not limit.allows(file.size()):
                    raise StorageError(f"{self.path(key)}: {limit.says(file.size())}")
                found = file.read_buffer()
                if not self.is_s3 or self._is_still(key, file):
                    return found
        raise StorageError(f"{self.path(key)} cannot be read: it is replaced all the while.")

    def look_into(self, key: str, read: Callable[[pa.NativeFile], Answer]) -> Answer:
        """What ``read`` takes from the object in parts, all of one version of it, whoever replaces it meanwhile.

        A local file that is open stays what it was. S3 answers for each part with what is there by then, so there the answer
        counts only if the object is the same afterwards as before. When it is not, or when ``read`` fails, ``read`` is called
        again with the whole object. Raises as :meth:`read` does, and what ``read`` raises.
        """
        with self._opened(key) as file:
            if not self.is_s3 or file.size() > IN_ONE_PIECE:
                try:
                    found = read(file)
                except (pa.ArrowInvalid, OSError):
                    pass
                else:
                    if not self.is_s3 or self._is_still(key, file):
                        return found
        return read(pa.BufferReader(self.read(key)))

    def _is_still(self, key: str, file: pa.NativeFile) -> bool:
        """Whether the object is what it was when the file was opened: its ETag is a hash of its bytes or of its writing."""
        with self._opened(key) as now:
            return "ETag" in now.metadata() and now.metadata()["ETag"] == file.metadata()["ETag"]

    def read_parts(self, key: str, parts: Sequence[tuple[int, int]]) -> list[bytes]:
        """Some bytes of an object that is never written again, a request each. parts: (offset, length). Raises FileNotFoundError
        where there is none, and StorageError."""
        with self._opened(key) as file:
            return [file.read_at(length, offset) for offset, length in parts]

    @contextmanager
    def _opened(self, key: str) -> Iterator[pa.NativeFile]:
        try:
            with self._fs.open_input_file(f"{self._root}/{key}") as file:
                yield file
        except (FileNotFoundError, NotADirectoryError) as error:
            raise FileNotFoundError(self.path(key)) from error
        except OSError as error:
            raise StorageError(f"{self.path(key)} cannot be read: {reason_of(error)}.") from error

    def write(self, key: str, data: bytes | pa.Buffer) -> None:
        """Replace the object. Locally through a synced file beside it; S3 shows an object only once it is complete."""
        try:
            if self.is_s3:
                with self._fs.open_output_stream(f"{self._root}/{key}") as stream:
                    stream.write(data)
            else:
                _write_local(Path(self._root) / key, data)
        except OSError as error:
            raise StorageError(f"The lake {self.uri} cannot be written: {reason_of(error)}.") from error

    def list(self, prefix: str) -> list[str]:
        """Keys of the finished objects below a prefix, sorted."""
        selector = fs.FileSelector(f"{self._root}/{prefix}", allow_not_found=True, recursive=True)
        try:
            found = self._fs.get_file_info(selector)
        except OSError as error:
            raise StorageError(f"The lake {self.uri} cannot be listed: {reason_of(error)}.") from error
        keys = [info.path.removeprefix(f"{self._root}/") for info in found if info.type == fs.FileType.File]
        return sorted(key for key in keys if not key.rsplit("/", 1)[-1].startswith("."))

    def measure(self, prefix: str) -> tuple[int, int]:
        """How many objects lie below a prefix, those that killed writers left included, and their bytes."""
        selector = fs.FileSelector(f"{self._root}/{prefix}", allow_not_found=True, recursive=True)
        try:
            sizes = [info.size for info in self._fs.get_file_info(selector) if info.type == fs.FileType.File]
        except OSError as error:
            raise StorageError(f"The lake {self.uri} cannot be listed: {reason_of(error)}.") from error
        return len(sizes), sum(sizes)

    def copy(self, key: str, target: str) -> None:
        """Make another object of the same bytes; on S3 within the store. Raises FileNotFoundError, and StorageError."""
        try:
            self._fs.copy_file(f"{self._root}/{key}", f"{self._root}/{target}")
        except FileNotFoundError as error:
            raise FileNotFoundError(self.path(key)) from error
        except OSError as error:
            raise StorageError(f"{self.path(key)} cannot be copied: {reason_of(error)}.") from error

    def delete(self, key: str) -> None:
        """Remove the object for good: in a bucket that keeps versions every one of them, in a folder what killed writers left
        beside it. Nothing happens where there is none."""
        try:
            if self.is_s3:
                self._delete_versions(key, also_newest=True)
                self._fs.delete_file(f"{self._root}/{key}")
                self._delete_versions(key, also_newest=True)  # the marker that a bucket with versions has put there just now
            else:
                path = Path(self._root) / key
                _delete_left_behind(path)
                path.unlink(missing_ok=True)
                if path.parent.is_dir():
                    sync_directory(path.parent)
        except FileNotFoundError:
            pass
        except (OSError, ClientError, BotoCoreError) as error:
            raise StorageError(f"{self.path(key)} cannot be deleted: {reason_of(error)}.") from error

    def delete_earlier(self, key: str) -> None:
        """Remove what the object was before: a bucket that keeps versions has it still."""
        try:
            if self.is_s3:
                self._delete_versions(key, also_newest=False)
            else:
                _delete_left_behind(Path(self._root) / key)
        except (OSError, ClientError, BotoCoreError) as error:
            raise StorageError(f"Earlier versions of {self.path(key)} cannot be deleted: {reason_of(error)}.") from error

    def _delete_versions(self, key: str, also_newest: bool) -> None:
        bucket, name = self.bucket_and_name(key)
        client = self.client
        try:
            pages = list(client.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=name))
        except ClientError as error:
            if error.response["Error"]["Code"] == "NotImplemented":  # a server that keeps no versions
                return
            raise
        for found in (each for page in pages for kind in ("Versions", "DeleteMarkers") for each in page.get(kind, [])):
            if found["Key"] == name and (also_newest or not found["IsLatest"]):
                client.delete_object(Bucket=bucket, Key=name, VersionId=found["VersionId"])

    def bucket_and_name(self, key: str) -> tuple[str, str]:
        """Of an object on S3, as its own protocol names it."""
        bucket, _, prefix = self._root.partition("/")
        return bucket, f"{prefix}/{key}" if prefix else key

    @cached_property
    def client(self) -> Any:
        """boto3's own: pyarrow's file system knows nothing of versions, conditions and checksums."""
        return boto3.client(
            "s3",
            aws_access_key_id=self.s3.access_key,
            aws_secret_access_key=self.s3.secret_key,
            aws_session_token=self.s3.session_token,
            region_name=self.s3.region,
            endpoint_url=self.s3.endpoint_url,
            config=Config(
                connect_timeout=CONNECT_S,
                read_timeout=SILENCE_S,
                max_pool_connections=LOOKS,
                retries={"total_max_attempts": TRIES, "mode": "standard"},
            ),
        )

    def check_writable(self) -> None:
        """Refuse, before any work is done, a lake that no table could be written to."""
        probe = f".probe-{uuid.uuid4().hex}"
        self.write(probe, b"cctview")
        self._fs.delete_file(f"{self._root}/{probe}")


def _write_local(path: Path, data: bytes | pa.Buffer) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    _delete_left_behind(path)
    partial = path.with_name(f".{path.name}.{socket.gethostname()}.{os.getpid()}.{uuid.uuid4().hex}")
    try:
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def _delete_left_behind(path: Path) -> None:
    """What writers of this file left beside it when they were killed."""
    for partial in path.parent.glob(f".{path.name}.*"):
        if _is_left_behind(partial):
            partial.unlink(missing_ok=True)


def _is_left_behind(partial: Path) -> bool:
    """Whether the process that wrote this file was killed meanwhile. Of another machine's processes nothing is known."""
    host, process, _ = partial.name.rsplit(".", 3)[1:]
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return host == socket.gethostname()
    except (PermissionError, ValueError):
        pass
    return False
