"""deploy/one-machine: units that systemd takes, commands that there are, an instance that Dagster opens."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from configparser import RawConfigParser
from contextlib import ExitStack, suppress
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Self

import dagster as dg
import httpx
import pytest
import typer
import yaml
from click import Command
from dagster._cli.code_server import code_server_cli
from dagster._daemon.cli import run_command
from dagster_webserver.cli import create_dagster_webserver_cli

from cctview_pipeline.automation.instance import WAITS_FOR_CODE, prepare_home
from cctview_pipeline.cli.app import app
from cctview_pipeline.environment import VARIABLES
from cctview_pipeline.lake import Lake
from cctview_pipeline.paths import project_root
from cctview_pipeline_tests.factories.ports import free_ports
from cctview_pipeline_tests.factories.tables import campaign

FOLDER = project_root() / "deploy" / "one-machine"
UNITS = sorted((FOLDER / "systemd").glob("cctview-*.service"))
COMMON = FOLDER / "systemd" / "cctview-.service.d" / "10-common.conf"
OTHERS = re.compile(r"DAGSTER_\w+|AWS_\w+|NUMBA_CACHE_DIR|MPLCONFIGDIR|CCTVIEW_(COLLECT|VIEW)_OPTIONS")
"""Variables that libraries ask for, and those of the units themselves."""


def section(unit: Path, name: str = "Service") -> dict[str, str]:
    parser = RawConfigParser(strict=False, delimiters=("=",), comment_prefixes=("#",))
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string(unit.read_text().replace("\\\n", " "))
    return dict(parser[name])


def installed(words: list[str], root: Path = project_root()) -> list[str]:
    """A unit's command, where the project lies; without what is left to a machine's own options."""
    return [word.replace("/opt/cctview", str(root)) for word in words if not word.startswith("$")]


def command_of(words: list[str]) -> tuple[Command, list[str]]:
    """What is run, and with which arguments."""
    program, *rest = words
    found = {"dagster-daemon": run_command, "dagster-webserver": create_dagster_webserver_cli()}
    name = Path(program).name
    if name == "dagster-daemon":
        assert rest[0] == "run"
        return found[name], rest[1:]
    if name == "dagster":
        assert rest[:2] == ["code-server", "start"]
        return code_server_cli.commands["start"], rest[2:]
    if name == "cctview":
        return typer.main.get_command(app).commands[rest[0]], rest[1:]  # type: ignore[attr-defined]
    return found[name], rest


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A root in which the units lie, and the programs that they start."""
    shutil.copytree(FOLDER / "systemd", tmp_path / "etc" / "systemd" / "system")
    programs = tmp_path / "opt" / "cctview" / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name in ("cctview", "dagster", "dagster-daemon", "dagster-webserver", "python"):
        (programs / name).write_text("#!/bin/sh\n")
        (programs / name).chmod(0o755)
    return tmp_path


needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")


@needs_systemd
def test_systemd_understands_every_unit(machine: Path):
    units = [str(Path("/etc/systemd/system") / unit.name) for unit in UNITS]
    said = subprocess.run(
        ["systemd-analyze", f"--root={machine}", "verify", "--man=no", "--recursive-errors=no", *units, "cctview.target"],
        capture_output=True,
        text=True,
    )
    ours = [line for line in said.stderr.splitlines() if "cctview" in line]
    assert not ours


@needs_systemd
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_no_unit_may_do_more_than_it_needs(machine: Path, unit: Path):
    """systemd's own measure: 10 is a service that may do anything, below 2.5 one that may do little."""
    command = ["systemd-analyze", f"--root={machine}", "security", "--offline=true", "--threshold=25", unit.name]
    said = subprocess.run(command, capture_output=True, text=True)
    assert said.returncode == 0, said.stdout[-300:]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_what_a_unit_starts_is_a_command(unit: Path):
    words = shlex.split(section(unit)["ExecStart"])
    assert words[0].startswith("/opt/cctview/.venv/bin/")
    command, arguments = command_of(installed(words))
    command.make_context(command.name, arguments)


def test_the_target_starts_all_units():
    wanted = section(FOLDER / "systemd" / "cctview.target", "Unit")["Wants"].split()
    assert sorted(wanted) == [unit.name for unit in UNITS]


def test_nothing_listens_where_others_come_without_a_token():
    listening = " ".join(section(unit)["ExecStart"] for unit in UNITS)
    assert "0.0.0.0" not in listening
    assert listening.count("--host 127.0.0.1") == 2


@pytest.mark.parametrize("name", ["cctview.env.example", "secrets.env.example"])
def test_every_variable_of_the_examples_is_one(name: str):
    text = (FOLDER / "etc" / name).read_text()
    names = re.findall(r"^#?([A-Z_]+)=", text, re.MULTILINE)
    assert names
    assert [each for each in names if each not in VARIABLES and not OTHERS.fullmatch(each)] == []


def test_no_secret_stands_in_an_example():
    for path in (FOLDER / "etc").iterdir():
        told = re.findall(r"^#?(\w*(?:PASSWORD|SECRET|TOKEN|_KEY(?!S))\w*)=(.+)$", path.read_text(), re.MULTILINE)
        assert not told, path
    assert "PASSWORD" not in (FOLDER / "etc" / "cctview.env.example").read_text()


def test_dagster_opens_the_instance(tmp_path: Path):
    (tmp_path / "dagster.yaml").write_text((FOLDER / "dagster.yaml").read_text())
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert instance.run_retries_enabled
        assert not instance.run_retries_retry_on_asset_or_op_failure
        assert instance.run_monitoring_max_runtime_seconds == 4 * 3600
        assert instance.get_concurrency_config().pool_config.pool_granularity.value == "run"


def test_both_instances_say_the_same_of_what_dies():
    """The second is the first with other storage."""
    files = [yaml.safe_load((FOLDER / name).read_text()) for name in ("dagster.yaml", "dagster-postgres.yaml")]
    for name in ("run_coordinator", "run_retries", "run_monitoring", "retention"):
        assert files[0][name] == files[1][name]


def test_every_daemon_waits_for_a_code_server_that_starts_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for folder in ("one-machine", "ray"):
        unit = FOLDER.parent / folder / "systemd" / "cctview-daemon.service"
        assert f"Environment={WAITS_FOR_CODE}=1" in unit.read_text().splitlines()
    values = yaml.safe_load((FOLDER.parent / "kubernetes" / "values.yaml").read_text())
    assert values["dagsterDaemon"]["env"] == {WAITS_FOR_CODE: "1"}
    for name in ("DAGSTER_HOME", WAITS_FOR_CODE):
        monkeypatch.setenv(name, str(tmp_path))
    prepare_home()  # of commands and of `cctview dev`
    assert os.environ[WAITS_FOR_CODE] == "1"


def test_daemon_and_web_server_find_the_code_server():
    server = yaml.safe_load((FOLDER / "workspace.yaml").read_text())["load_from"][0]["grpc_server"]
    started = shlex.split(section(FOLDER / "systemd" / "cctview-code.service")["ExecStart"])
    option = dict(pairwise(started))
    assert (server["host"], str(server["port"])) == (option["--host"], option["--port"])
    assert server["location_name"] == option["--location-name"]


@pytest.mark.slow
def test_what_the_units_start_works_together(tmp_path: Path):
    """Code server, daemon and web server by their units' own commands, on an instance by the file: the campaign's location is
    loaded, and the daemon says that it lives. The code server's unit first makes the instance's tables; the others come after."""
    assert section(FOLDER / "systemd" / "cctview-.service.d" / "10-common.conf")["Restart"] == "always"
    home = tmp_path / "dagster"
    home.mkdir()
    (home / "dagster.yaml").write_text((FOLDER / "dagster.yaml").read_text())
    Lake(str(tmp_path / "lake")).write_campaign(campaign())
    code, web = free_ports(2)
    (tmp_path / "workspace.yaml").write_text((FOLDER / "workspace.yaml").read_text().replace("4000", str(code)))
    environment = os.environ | {"CCTVIEW_LAKE": str(tmp_path / "lake"), "DAGSTER_HOME": str(home)}
    places = {"4000": str(code), "3000": str(web), str(FOLDER / "workspace.yaml"): str(tmp_path / "workspace.yaml")}
    with ExitStack() as running:
        units = []
        before = shlex.split(section(FOLDER / "systemd" / "cctview-code.service")["ExecStartPre"])
        subprocess.run([sys.executable, *before[1:]], cwd=project_root(), env=environment, check=True)
        for name in ("code", "daemon", "webserver"):
            words = installed(shlex.split(section(FOLDER / "systemd" / f"cctview-{name}.service")["ExecStart"]))
            program = Path(sys.executable).with_name(Path(words[0]).name)
            command = [str(program), *(places.get(word, word) for word in words[1:])]
            start = partial(subprocess.Popen, command, cwd=project_root(), env=environment)
            units.append(running.enter_context(Unit(start)))
        told = answered(web, units)
    assert told["repositoriesOrError"]["nodes"][0]["location"]["name"] == "cctview_pipeline"
    assert all(each["healthy"] for each in told["instance"]["daemonHealth"]["allDaemonStatuses"] if each["required"])


@pytest.mark.parametrize("name", ["daemon", "webserver", "metrics"])
def test_whoever_opens_the_instance_is_started_when_its_tables_are_made(name: str):
    """systemd starts them when the code server's ExecStartPre has ended, since that is of the type exec."""
    assert "cctview-code.service" in section(FOLDER / "systemd" / f"cctview-{name}.service", "Unit")["After"].split()
    assert section(FOLDER / "systemd" / "cctview-code.service")["Type"] == "exec"


class Unit:
    """A process that is started again when it ends, as systemd does by ``Restart=always``."""

    def __init__(self, start: Callable[[], subprocess.Popen]) -> None:
        self._start, self._process = start, start()

    def keep(self) -> None:
        if self._process.poll() is not None:
            self._process = self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()


QUESTION = """{ repositoriesOrError { ... on RepositoryConnection { nodes { location { name } } } }
  instance { daemonHealth { allDaemonStatuses { daemonType required healthy } } } }"""


def answered(port: int, units: list[Unit]) -> dict:
    """What the web server says once the location is loaded and every daemon has beaten."""
    told: dict = {}
    for _ in range(240):
        time.sleep(0.5)
        for unit in units:
            unit.keep()
        with suppress(httpx.HTTPError):
            told = httpx.post(f"http://127.0.0.1:{port}/graphql", json={"query": QUESTION}, timeout=60).json()["data"]
            beating = told["instance"]["daemonHealth"]["allDaemonStatuses"]
            if told["repositoriesOrError"].get("nodes") and all(each["healthy"] for each in beating if each["required"]):
                break
    return told
