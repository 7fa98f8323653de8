"""What a stranger in the network of a cluster is answered, and where secrets show."""

import contextlib
import re
import subprocess
from pathlib import Path

import boto3
import grpc
import httpx
import psycopg2

from cctview_pipeline_tests.cluster.deployment import Deployment

METHODS = (
    "/ray.rpc.NodeInfoGcsService/GetAllNodeInfo",
    "/ray.rpc.NodeManagerService/GetNodeStats",
    "/ray.rpc.ObjectManagerService/Push",
    "/ray.rpc.ObjectManagerService/Pull",
    "/ray.rpc.CoreWorkerService/GetCoreWorkerStats",
    "/ray.rpc.ReporterService/GetTraceback",
    "/ray.rpc.RayletDriver/Init",
)
"""One of each of the services that a machine of Ray's has."""


def strangers_view(deployment: Deployment) -> list[dict]:
    """Every port on which something listens: unit, whose it is; address; what a stranger without a token is answered by HTTP (a
    status) and by gRPC (codes), where it speaks them."""
    return [_asked(*each) for each in _listening(deployment)]


def _listening(deployment: Deployment) -> list[tuple[str, int, str]]:
    """Address, port and unit of all that listens."""
    units = {pid: name for name, service in deployment.services.items() for pid in service.processes()}
    told = subprocess.run(["ss", "-Hltnp"], capture_output=True, text=True, check=True).stdout
    found = []
    for line in told.splitlines():
        address, _, port = line.split()[3].rpartition(":")
        pid = re.search(r"pid=(\d+)", line)
        found.append((address.strip("[]"), int(port), units.get(int(pid[1]) if pid else 0, "")))
    return sorted(set(found))


def _asked(address: str, port: int, unit: str) -> dict:
    host = "127.0.0.2" if address in ("*", "0.0.0.0", "::") else address.removeprefix("::ffff:")
    try:
        # Of the dashboard the page itself, which holds nothing, may be read; what it shows may not.
        status = httpx.get(f"http://{host}:{port}/api/jobs/", timeout=3).status_code
    except httpx.HTTPError:
        status = None
    codes = set()
    if status is None:
        with grpc.insecure_channel(f"{host}:{port}") as channel:
            for method in METHODS:
                try:
                    channel.unary_unary(method)(b"", timeout=3)
                    codes.add("OK")
                except grpc.RpcError as error:
                    codes.add(error.code().name)
    return {"unit": unit, "address": address, "port": port, "http": status, "grpc": sorted(codes)}


def secrets_of(deployment: Deployment) -> dict[str, str]:
    """Name -> secret of this deployment."""
    named = ("DAGSTER_PG_PASSWORD", "AWS_SECRET_ACCESS_KEY")
    return {name: deployment.environment[name] for name in named} | {"token": deployment.token}


def shown(deployment: Deployment) -> list[str]:
    """Where a secret can be read: in Dagster's database (runs, tags, events), in what Ray tells of jobs, in what runs printed, in
    the logs of all services and of Ray, and in the arguments of processes."""
    places: dict[str, bytes] = {"Ray's jobs": deployment.ask_ray("/api/jobs/").content}
    named = deployment.environment
    with psycopg2.connect(host=named["DAGSTER_PG_HOST"], port=named["DAGSTER_PG_PORT"], user="postgres") as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        for (table,) in cursor.fetchall():
            cursor.execute(f'SELECT * FROM "{table}"')
            places[f"table {table}"] = repr(cursor.fetchall()).encode()
    connection.close()
    client = boto3.client("s3")
    for found in client.list_objects_v2(Bucket="logs").get("Contents", []):
        places[f"printed {found['Key']}"] = client.get_object(Bucket="logs", Key=found["Key"])["Body"].read()
    logs = [path for path in deployment.folder.rglob("*") if path.name == "log" or "logs" in path.parts]
    places |= {str(path): path.read_bytes() for path in logs if path.is_file()}
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it ended
            places[str(path)] = path.read_bytes()
    secrets = secrets_of(deployment)
    return [f"{name} in {place}" for place, data in places.items() for name, secret in secrets.items() if secret.encode() in data]
