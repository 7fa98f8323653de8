"""A real S3 server (SeaweedFS) on loopback, started for the tests that need one."""

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from cctview_pipeline_tests.factories.ports import free_ports

ACCESS_KEY, SECRET_KEY, BUCKET = "cctview-test", "cctview-secret", "lake"


class S3Server:
    """A server over a folder, which can be killed and started again: what was written is there again. environment: what leads
    boto3 to it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        identity = {"name": "test", "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}], "actions": ["Admin"]}
        (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
        (folder / "data").mkdir()
        names = ("master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc")
        self._ports = ports = dict(zip((*names, "s3.port", "s3.port.grpc"), free_ports(8), strict=True))
        weed = Path(sys.executable).parent / "weed"
        command = [str(weed), "-logtostderr=true", "server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={folder / 'data'}"]
        command += ["-s3", f"-s3.config={folder / 's3.json'}", "-master.volumeSizeLimitMB=64", "-volume.max=60"]
        command += [f"-{name}={port}" for name, port in ports.items()]
        # Other interfaces to the same data, each with a fixed port.
        self._command = [*command, "-s3.port.iceberg=0", "-s3.port.lance=0"]
        self.environment = {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{ports['s3.port']}",
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def start(self) -> None:
        """Returns when the bucket ``lake`` can be written to."""
        with (self._folder / "weed.log").open("a") as log:
            self._server = subprocess.Popen(self._command, stdout=log, stderr=log)
        try:
            _wait_for_bucket(self.environment, self._server, self._folder / "weed.log")
        except BaseException:
            self.kill()
            raise

    def kill(self) -> None:
        self._server.kill()
        self._server.wait()

    def clear(self) -> None:
        """It listens at sockets in /tmp as well, and a killed one leaves them."""
        for port in self._ports.values():
            for socket in Path("/tmp").glob(f"seaweedfs-*-grpc-{port}.sock"):
                socket.unlink(missing_ok=True)


@contextlib.contextmanager
def s3_server(folder: Path) -> Iterator[dict[str, str]]:
    """Yields the environment that leads boto3 to the server. The bucket ``lake`` exists."""
    with s3(folder) as server:
        yield server.environment


@contextlib.contextmanager
def s3(folder: Path) -> Iterator[S3Server]:
    """A server that can be taken away and brought back."""
    server = S3Server(folder)
    server.start()
    try:
        yield server
    finally:
        server.kill()
        server.clear()


def _wait_for_bucket(environment: dict[str, str], server: subprocess.Popen, log: Path, seconds: float = 60) -> None:
    client = boto3.client(
        "s3",
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        region_name="us-east-1",
    )
    until = time.time() + seconds
    while True:
        try:
            with contextlib.suppress(client.exceptions.BucketAlreadyExists, client.exceptions.BucketAlreadyOwnedByYou):
                client.create_bucket(Bucket=BUCKET)
            client.put_object(Bucket=BUCKET, Key="probe", Body=b"1")
            client.delete_object(Bucket=BUCKET, Key="probe")
            return
        except (BotoCoreError, ClientError) as error:
            if server.poll() is not None or time.time() > until:
                raise RuntimeError(f"The S3 server did not come up: {log.read_text()[-2000:]}") from error
            time.sleep(0.3)
