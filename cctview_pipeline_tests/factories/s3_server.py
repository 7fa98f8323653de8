"""A real S3 server (SeaweedFS) on loopback, started for the tests that need one."""

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from cctview_pipeline_tests.factories.ports import free_ports

ACCESS_KEY, SECRET_KEY, BUCKET = "cctview-test", "cctview-secret", "lake"


@dataclass
class S3Server:
    """environment: what leads boto3 to it; command: what runs it; log: what it prints."""

    environment: dict[str, str]
    command: list[str]
    log: Path
    process: subprocess.Popen | None = None

    def start(self) -> None:
        """Until it answers, with the bucket ``lake``."""
        with self.log.open("a") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log)
        _wait_for_bucket(self.environment, self.process, self.log)

    def kill(self) -> None:
        """What was stored is there again after the next start."""
        if self.process:
            self.process.kill()
            self.process.wait()


@contextlib.contextmanager
def s3_server(folder: Path) -> Iterator[dict[str, str]]:
    """Yields the environment that leads boto3 to the server. The bucket ``lake`` exists."""
    with s3(folder) as server:
        yield server.environment


@contextlib.contextmanager
def s3(folder: Path) -> Iterator[S3Server]:
    """A server that can be taken away and brought back."""
    identity = {"name": "test", "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}], "actions": ["Admin"]}
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    (folder / "data").mkdir()
    names = ("master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc")
    ports = dict(zip((*names, "s3.port", "s3.port.grpc"), free_ports(8), strict=True))
    weed = Path(sys.executable).parent / "weed"
    command = [str(weed), "-logtostderr=true", "server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={folder / 'data'}"]
    command += ["-s3", f"-s3.config={folder / 's3.json'}", "-master.volumeSizeLimitMB=64", "-volume.max=60"]
    command += [f"-{name}={port}" for name, port in ports.items()]
    command += ["-s3.port.iceberg=0", "-s3.port.lance=0"]  # other interfaces to the same data, each with a fixed port
    environment = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{ports['s3.port']}",
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    server = S3Server(environment, command, folder / "weed.log")
    try:
        server.start()
        yield server
    finally:
        server.kill()
        for port in ports.values():  # it listens there as well, and a killed one leaves them
            for socket in Path("/tmp").glob(f"seaweedfs-*-grpc-{port}.sock"):
                socket.unlink(missing_ok=True)


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
