"""Where keys lie: objects that are made exactly once, replaced by something that gives nothing away, and then gone for good."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from cctview_pipeline.errors import ConfigurationError, StorageError, reason_of
from cctview_pipeline.files import sync_directory
from cctview_pipeline.lake.storage import S3Access


class FolderPlace:
    """Files of mode 0600 in a folder of mode 0700."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder).absolute()

    def read(self, name: str) -> bytes | None:
        with self._usable():
            try:
                return (self._folder / name).read_bytes()
            except FileNotFoundError:
                return None

    def create(self, name: str, data: bytes) -> bool:
        """Whether this call made the file. Nobody sees it before it is complete: link() fails where a file is already."""
        with self._usable(), self._aside(name, data) as partial:
            try:
                os.link(partial, self._folder / name)
            except (FileExistsError, FileNotFoundError):  # the latter: purged as a leftover meanwhile
                return False
            return True

    def replace(self, name: str, data: bytes) -> None:
        """Put other bytes in the file's place, then overwrite the old ones on the disk. A reader sees either, or nonsense."""
        with self._usable():
            self.purge(name)
            with self._aside(name, data) as partial, (self._folder / name).open("r+b") as old:
                partial.replace(self._folder / name)
                sync_directory(self._folder)
                old.write(bytes(os.fstat(old.fileno()).st_size))
                old.flush()
                os.fsync(old.fileno())

    def purge(self, name: str) -> None:
        """Delete what a process left that was killed after link(): a second name of the same file."""
        for leftover in self._folder.glob(f".{name}.*"):
            leftover.unlink(missing_ok=True)

    def names(self) -> list[str]:
        with self._usable():
            try:
                return sorted(path.name for path in self._folder.iterdir() if not path.name.startswith("."))
            except FileNotFoundError:
                return []

    def remains(self) -> set[str]:
        """Names of which more is there than the file: what a killed process left beside it."""
        with self._usable():
            return {path.name[1:].rsplit(".", 1)[0] for path in self._folder.glob(".*.*")}

    @contextmanager
    def _aside(self, name: str, data: bytes) -> Iterator[Path]:
        """A file with the data beside the one that it is for; gone at the end."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        partial = self._folder / f".{name}.{uuid.uuid4().hex}"
        try:
            with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            yield partial
        finally:
            partial.unlink(missing_ok=True)
            sync_directory(self._folder)

    @contextmanager
    def _usable(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StorageError(
                f"The keys' folder {self._folder} cannot be used: {reason_of(error)}. Mend CCTVIEW_KEYS."
            ) from error


class BucketPlace:
    """Objects below ``s3://bucket/prefix``. The server must know conditional writes (If-None-Match), as AWS, MinIO and
    SeaweedFS do; one that does not refuses the request."""

    def __init__(self, uri: str, s3: S3Access) -> None:
        self._bucket, _, prefix = uri.removeprefix("s3://").partition("/")
        if not self._bucket:
            raise ConfigurationError(f"The keys' place '{uri}' names no bucket: write s3://bucket/prefix.")
        self._prefix = f"{prefix}/" if prefix else ""
        self._uri = uri
        self._client = boto3.client(
            "s3",
            aws_access_key_id=s3.access_key,
            aws_secret_access_key=s3.secret_key,
            aws_session_token=s3.session_token,
            region_name=s3.region,
            endpoint_url=s3.endpoint_url,
        )

    def read(self, name: str) -> bytes | None:
        with self._usable():
            try:
                return self._client.get_object(Bucket=self._bucket, Key=self._prefix + name)["Body"].read()
            except self._client.exceptions.NoSuchKey:
                return None

    def create(self, name: str, data: bytes) -> bool:
        """Whether this call made the object: the server takes the first of several."""
        with self._usable():
            try:
                self._client.put_object(Bucket=self._bucket, Key=self._prefix + name, Body=data, IfNoneMatch="*")
            except ClientError as error:
                if error.response["Error"]["Code"] in ("PreconditionFailed", "ConditionalRequestConflict"):
                    return False
                raise
            return True

    def replace(self, name: str, data: bytes) -> None:
        with self._usable():
            self._client.put_object(Bucket=self._bucket, Key=self._prefix + name, Body=data)

    def purge(self, name: str) -> None:
        """Delete every version of the object but the latest: a bucket with versioning keeps what was replaced."""
        with self._usable():
            for version in self._replaced(self._prefix + name):
                if version["Key"] == self._prefix + name:
                    self._client.delete_object(Bucket=self._bucket, Key=version["Key"], VersionId=version["VersionId"])

    def names(self) -> list[str]:
        with self._usable():
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=self._prefix)
            keys = [each["Key"].removeprefix(self._prefix) for page in pages for each in page.get("Contents", [])]
        return sorted(key for key in keys if "/" not in key)

    def remains(self) -> set[str]:
        """Names of which a version is left that was replaced."""
        with self._usable():
            return {each["Key"].removeprefix(self._prefix) for each in self._replaced(self._prefix)}

    def _replaced(self, prefix: str) -> list[dict]:
        """All versions but the latest."""
        pages = self._client.get_paginator("list_object_versions").paginate(Bucket=self._bucket, Prefix=prefix)
        try:
            found = [each for page in pages for kind in ("Versions", "DeleteMarkers") for each in page.get(kind, [])]
        except ClientError as error:
            if error.response["Error"]["Code"] == "NotImplemented":  # a server that keeps no versions
                return []
            raise
        return [each for each in found if not each["IsLatest"]]

    @contextmanager
    def _usable(self) -> Iterator[None]:
        try:
            yield
        except (ClientError, BotoCoreError) as error:
            raise StorageError(
                f"The keys at {self._uri} cannot be used: {reason_of(error)}. Check CCTVIEW_KEYS and the credentials."
            ) from error
