"""Where keys lie: objects that are made exactly once, replaced by something that gives nothing away, and then gone for good."""

import os
import uuid
from pathlib import Path

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from cctview_pipeline.errors import CctviewError, reason_of
from cctview_pipeline.lake.storage import S3Access


class FolderPlace:
    """Files of mode 0600 in a folder of mode 0700."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder).absolute()

    def read(self, name: str) -> bytes | None:
        try:
            return (self._folder / name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unusable(error) from error

    def create(self, name: str, data: bytes) -> bool:
        """Whether this call made the file. Nobody sees it before it is complete: link() fails where a file is already."""
        partial = self._write_aside(name, data)
        try:
            os.link(partial, self._folder / name)
            return True
        except (FileExistsError, FileNotFoundError):  # the latter: purged as a leftover meanwhile
            return False
        except OSError as error:
            raise self._unusable(error) from error
        finally:
            partial.unlink(missing_ok=True)
            self._sync()

    def replace(self, name: str, data: bytes) -> None:
        """Put other bytes in the file's place, then overwrite the old ones on the disk. A reader sees either, or nonsense."""
        self._purge_leftovers(name)
        partial = self._write_aside(name, data)
        try:
            with (self._folder / name).open("r+b") as old:
                partial.replace(self._folder / name)
                self._sync()
                size = os.fstat(old.fileno()).st_size
                old.write(bytes(size))
                old.flush()
                os.fsync(old.fileno())
        except OSError as error:
            raise self._unusable(error) from error
        finally:
            partial.unlink(missing_ok=True)

    def purge(self, name: str) -> None:
        self._purge_leftovers(name)

    def names(self) -> list[str]:
        try:
            return sorted(path.name for path in self._folder.iterdir() if not path.name.startswith("."))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise self._unusable(error) from error

    def remains(self) -> set[str]:
        """Names of which more is there than the file: what a killed process left beside it."""
        try:
            return {path.name[1:].rsplit(".", 1)[0] for path in self._folder.glob(".*.*")}
        except OSError as error:
            raise self._unusable(error) from error

    def _write_aside(self, name: str, data: bytes) -> Path:
        partial = self._folder / f".{name}.{uuid.uuid4().hex}"
        try:
            if not self._folder.is_dir():
                self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise self._unusable(error) from error
        return partial

    def _purge_leftovers(self, name: str) -> None:
        """A process that was killed after link() left a second name of the same file."""
        for leftover in self._folder.glob(f".{name}.*"):
            leftover.unlink(missing_ok=True)

    def _sync(self) -> None:
        directory = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def _unusable(self, error: OSError) -> CctviewError:
        return CctviewError(f"The keys' folder {self._folder} cannot be used: {reason_of(error)}. Mend CCTVIEW_KEYS.")


class BucketPlace:
    """Objects below ``s3://bucket/prefix``. The server must know conditional writes (If-None-Match), as AWS, MinIO and
    SeaweedFS do; one that does not refuses the request."""

    def __init__(self, uri: str, s3: S3Access) -> None:
        self._bucket, _, prefix = uri.removeprefix("s3://").partition("/")
        if not self._bucket:
            raise CctviewError(f"The keys' place '{uri}' names no bucket: write s3://bucket/prefix.")
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
        try:
            return self._client.get_object(Bucket=self._bucket, Key=self._prefix + name)["Body"].read()
        except self._client.exceptions.NoSuchKey:
            return None
        except (ClientError, BotoCoreError) as error:
            raise self._unusable(error) from error

    def create(self, name: str, data: bytes) -> bool:
        """Whether this call made the object: the server takes the first of several."""
        try:
            self._client.put_object(Bucket=self._bucket, Key=self._prefix + name, Body=data, IfNoneMatch="*")
            return True
        except ClientError as error:
            if error.response["Error"]["Code"] in ("PreconditionFailed", "ConditionalRequestConflict"):
                return False
            raise self._unusable(error) from error
        except BotoCoreError as error:
            raise self._unusable(error) from error

    def replace(self, name: str, data: bytes) -> None:
        try:
            self._client.put_object(Bucket=self._bucket, Key=self._prefix + name, Body=data)
        except (ClientError, BotoCoreError) as error:
            raise self._unusable(error) from error

    def purge(self, name: str) -> None:
        """Delete every version of the object but the latest: a bucket with versioning keeps what was replaced."""
        for version in self._versions(self._prefix + name):
            if version["Key"] == self._prefix + name and not version["IsLatest"]:
                try:
                    self._client.delete_object(Bucket=self._bucket, Key=version["Key"], VersionId=version["VersionId"])
                except (ClientError, BotoCoreError) as error:
                    raise self._unusable(error) from error

    def names(self) -> list[str]:
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=self._prefix)
        try:
            keys = [each["Key"].removeprefix(self._prefix) for page in pages for each in page.get("Contents", [])]
        except (ClientError, BotoCoreError) as error:
            raise self._unusable(error) from error
        return sorted(key for key in keys if "/" not in key)

    def remains(self) -> set[str]:
        """Names of which a version is left that was replaced."""
        old = [each for each in self._versions(self._prefix) if not each["IsLatest"]]
        return {each["Key"].removeprefix(self._prefix) for each in old}

    def _versions(self, prefix: str) -> list[dict]:
        pages = self._client.get_paginator("list_object_versions").paginate(Bucket=self._bucket, Prefix=prefix)
        try:
            return [each for page in pages for kind in ("Versions", "DeleteMarkers") for each in page.get(kind, [])]
        except ClientError as error:
            if error.response["Error"]["Code"] == "NotImplemented":  # a server that keeps no versions
                return []
            raise self._unusable(error) from error
        except BotoCoreError as error:
            raise self._unusable(error) from error

    def _unusable(self, error: ClientError | BotoCoreError) -> CctviewError:
        return CctviewError(
            f"The keys at {self._uri} cannot be used: {reason_of(error)}. Check CCTVIEW_KEYS and the credentials."
        )
