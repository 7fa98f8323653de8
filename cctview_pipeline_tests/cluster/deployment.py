"""deploy/ray/ on this machine: PostgreSQL, an object store, and the units' commands, each node on an address of its own."""

import contextlib
import fcntl
import os
import secrets
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import boto3
import dagster as dg
import httpx
import yaml

from cctview_pipeline.campaign import Campaign
from cctview_pipeline.paths import project_root
from cctview_pipeline.resources.lake import open_lake
from cctview_pipeline_tests.cluster.service import Service
from cctview_pipeline_tests.cluster.twelve import OWN_CPU
from cctview_pipeline_tests.cluster.units import FOLDER, Unit, read_environment
from cctview_pipeline_tests.factories.postgres_server import Postgres, postgres
from cctview_pipeline_tests.factories.s3_server import S3Server, s3

HEAD = "127.0.0.2"
NODES = ("127.0.0.3", "127.0.0.4")
DISTRICT = "main"
UP_S = 180.0


@dataclass
class Deployment:
    """folder: all that it writes is below; services: by unit, nodes as node-1 and node-2; token: Ray's; environment: what a run
    has, and a command on one of the machines; instance: Dagster's."""

    folder: Path
    database: Postgres
    store: S3Server
    token: str
    environment: dict[str, str]
    services: dict[str, Service] = field(default_factory=dict)
    instance: dg.DagsterInstance = field(init=False)

    @property
    def code(self) -> Path:
        """The checkout that units start from, /opt/cctview on a machine: a link, so that another can take its place."""
        return self.folder / "code"

    def service(self, unit: str, name: str = "", instance: str = "", more: Mapping[str, str] | None = None) -> Service:
        """The service of a unit of deploy/ray/, not started. name: its own; more: of its environment."""
        read = Unit.read(FOLDER / "systemd" / f"{unit}.service")
        # Its name is short: below it are sockets, and the name of a socket has 107 characters at most.
        place = self._made(f"{len(self.services)}")
        environment = self.environment | {"RAY_TMPDIR": str(place)} | (more or {})
        places = {
            "/opt/cctview/.venv/bin": str(Path(sys.executable).parent),
            "/run/cctview": str(self._made("run")),
            "%d": str(self.folder / "etc"),
        }

        def placed(word: str) -> str:
            for there, here in places.items():
                word = word.replace(there, here)
            return word

        environment |= dict(placed(pair).split("=", 1) for pair in read.all("Environment"))
        command = [placed(word) for word in read.command(environment, instance)]
        (again,) = read.all("RestartSec")
        made = Service(command, environment, place, float(again))
        self.services[name or unit] = made
        return made

    def add_node(self, number: int, cpus: int = 1) -> Service:
        """The node of that number, which is one of a few, not started."""
        more = {"NODE_ADDRESS": NODES[number - 1], "NODE_CPUS": str(cpus), "NODE_RESOURCES": f'{{"node_{number}": 1}}'}
        return self.service("cctview-ray-node", f"node-{number}", more=more | {"RAY_PORTS": _ports(number)})

    def ask_ray(self, path: str, token: str | None = None) -> httpx.Response:
        """An answer of the head's interface."""
        headers = {"Authorization": f"Bearer {self.token if token is None else token}"}
        return httpx.get(f"{self.environment['RAY_JOBS_ADDRESS']}{path}", headers=headers, timeout=10)

    def nodes_alive(self) -> set[str]:
        """Addresses of the nodes that the head has, without its own."""
        try:
            answer = self.ask_ray("/nodes?view=summary").json()
            listed = answer["data"]["summary"]
        except (httpx.HTTPError, ValueError, KeyError):
            return set()
        alive = {each["raylet"]["nodeManagerAddress"] for each in listed if each["raylet"].get("state") == "ALIVE"}
        return alive - {HEAD}

    def tail(self, service: str, most: int = 2000) -> str:
        """The last that a service printed."""
        log = self.services[service].place / "log"
        return log.read_text(errors="replace")[-most:] if log.exists() else "nothing"

    def _made(self, *parts: str) -> Path:
        made = self.folder.joinpath(*parts)
        made.mkdir(parents=True, exist_ok=True)
        return made


@contextlib.contextmanager
def deployed(
    folder: Path,
    campaign: Campaign,
    say: Callable[[str], None],
    changed: Mapping[str, Mapping] | None = None,
    nodes: int = 2,
) -> Iterator[Deployment]:
    """All of it, ready to be given work. campaign: of its lake; say: is told what is there; changed:
    sections of dagster.yaml -> settings that a test needs to be other than the file's."""
    (folder / "s3").mkdir()
    with s3(folder / "s3") as store, postgres() as database:
        deployment = Deployment(folder, database, store, secrets.token_hex(32), {})
        deployment.code.symlink_to(project_root())
        deployment.environment = _environment(deployment)
        os.environ.update(deployment.environment)
        client = boto3.client("s3", endpoint_url=store.environment["AWS_ENDPOINT_URL"])
        for bucket in ("keys", "logs"):
            client.create_bucket(Bucket=bucket)
        say("PostgreSQL and the object store are there")
        _write_home(deployment, changed or {})
        open_lake().write_campaign(replace(campaign, resources=OWN_CPU))
        try:
            _start_ray(deployment, nodes, say)
            with _daemon(deployment) as deployment.instance:
                say("the daemon is there")
                yield deployment
        finally:
            for service in deployment.services.values():
                service.kill(back=False)


def _start_ray(deployment: Deployment, nodes: int, say: Callable[[str], None]) -> None:
    deployment.service("cctview-ray-head", more={"NODE_ADDRESS": HEAD, "RAY_PORTS": _ports(0)}).start()
    deployment.service("cctview-code@", instance=DISTRICT).start()
    wait(lambda: _answers(deployment), "Ray's head", lambda: deployment.tail("cctview-ray-head"))
    say("Ray's head is there")
    for number in range(1, nodes + 1):
        # One after the other: on a small machine two that start at once wait for each other's cores, and one gives up.
        deployment.add_node(number).start()
        wait_for_nodes(deployment, number)
        say(f"Ray's node {number} is there")


@contextlib.contextmanager
def _daemon(deployment: Deployment) -> Iterator[dg.DagsterInstance]:
    """As `cctview dev` does: a command that finds the lock held knows that there is a daemon, and of which lake."""
    home = deployment.folder / "dagster"
    with (home / "daemon.lock").open("a+") as lock, dg.DagsterInstance.from_config(str(home)) as instance:
        fcntl.flock(lock, fcntl.LOCK_EX)
        (home / "served-lake").write_text(deployment.environment["CCTVIEW_LAKE"])
        deployment.service("cctview-daemon").start()
        wait(instance.get_daemon_heartbeats, "the daemon", lambda: deployment.tail("cctview-daemon"))
        yield instance


def wait(there: Callable[[], object], what: str, why: Callable[[], str] = lambda: "", most_s: float = UP_S) -> float:
    """Until something is so. Returns the seconds; raises RuntimeError, with what is known, when it takes too long."""
    begun = time.monotonic()
    while not there():
        if time.monotonic() - begun > most_s:
            raise RuntimeError(f"{what}: not within {most_s:.0f} s. {why()}")
        time.sleep(0.25)
    return time.monotonic() - begun


def wait_for_nodes(deployment: Deployment, count: int) -> float:
    """Until the head has so many. Returns the seconds."""
    return wait(lambda: len(deployment.nodes_alive()) >= count, f"node {count}", lambda: deployment.tail(f"node-{count}"))


def _answers(deployment: Deployment) -> bool:
    try:
        return deployment.ask_ray("/api/version").status_code == 200
    except httpx.HTTPError:
        return False


def _environment(deployment: Deployment) -> dict[str, str]:
    """What the environment files of a machine say, with this machine's places."""
    folder, files = deployment.folder, {}
    for name in ("cctview", "ray", "secrets", "main"):
        files |= read_environment(FOLDER / "etc" / f"{name}.env.example")
    etc = folder / "etc"
    etc.mkdir()
    (etc / "ray-token").write_text(deployment.token)
    here = {
        "DAGSTER_HOME": str(folder / "dagster"),
        "DAGSTER_LOGS_BUCKET": "logs",
        "CCTVIEW_LAKE": "s3://lake/city",
        "CCTVIEW_KEYS": "s3://keys/city",
        "CCTVIEW_SPOOL": str(folder / "spool"),
        "NUMBA_CACHE_DIR": os.environ.get("NUMBA_CACHE_DIR", ""),
        "MPLCONFIGDIR": str(folder / "matplotlib"),
        "CCTVIEW_AUDIT": str(folder / "audit.jsonl"),
        "RAY_HEAD_ADDRESS": HEAD,
        "RAY_AUTH_TOKEN_PATH": str(etc / "ray-token"),
        "RAY_gcs_storage_path": str(folder / "ray-gcs"),
        "PYTHONPATH": str(deployment.code),
        "HOME": str(folder),
        # PostgreSQL here asks nobody for it; tests look for where it shows.
        "DAGSTER_PG_PASSWORD": secrets.token_hex(16),
        "RAY_JOB_START_TIMEOUT_SECONDS": os.environ.get("RAY_JOB_START_TIMEOUT_SECONDS", files["RAY_JOB_START_TIMEOUT_SECONDS"]),
    }
    (folder / "ray-gcs").mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "DAGSTER_", "CCTVIEW_", "AWS_"))}
    return kept | files | deployment.store.environment | deployment.database.environment | here


def _write_home(deployment: Deployment, changed: Mapping[str, Mapping]) -> None:
    home = deployment.folder / "dagster"
    home.mkdir()
    written = yaml.safe_load((FOLDER / "dagster.yaml").read_text())
    written["concurrency"]["runs"]["max_concurrent_runs"] = len(NODES)
    for section, settings in changed.items():
        written[section] = {**written[section], **settings}
    (home / "dagster.yaml").write_text(yaml.safe_dump(written))
    workspace = (FOLDER / "workspace.yaml").read_text().replace("/run/cctview", str(deployment.folder / "run"))
    (home / "workspace.yaml").write_text(workspace)


def _ports(machine: int) -> str:
    """Machines have ports of their own; here they share one machine's."""
    said = read_environment(FOLDER / "etc" / "ray.env.example")["RAY_PORTS"].split()
    return " ".join(f"{name}={int(port) + 1000 * machine}" for name, port in (each.split("=") for each in said))
