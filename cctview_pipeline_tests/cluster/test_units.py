"""deploy/ray/: units that systemd understands, that are given every variable they name, and no secret."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from cctview_pipeline.environment import VARIABLES
from cctview_pipeline_tests.cluster.units import FOLDER, Unit, read_environment

UNITS = sorted((FOLDER / "systemd").glob("*.service"))
ENVIRONMENT = {name: value for path in sorted((FOLDER / "etc").iterdir()) for name, value in read_environment(path).items()}


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd here")
def test_systemd_finds_nothing_wrong():
    said = subprocess.run(["systemd-analyze", "verify", *UNITS], capture_output=True, text=True, check=False).stderr
    # The programs are where the documents put them, and not here.
    assert [line for line in said.splitlines() if "is not executable" not in line] == []


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_every_variable_of_a_unit_is_in_one_of_its_files(path: Path):
    unit = Unit.read(path)
    files = [Path(each).name for each in unit.environment_files("main")]
    given: dict[str, str] = {}
    for name in files:
        given |= read_environment(FOLDER / "etc" / f"{name}.example")
    command = unit.command(given, "2-8")
    assert command[0].startswith("/opt/cctview/.venv/bin/")
    assert "$" not in " ".join(command)


def test_a_collector_has_its_shard_from_its_name():
    unit = Unit.read(FOLDER / "systemd" / "cctview-collect@.service")
    assert unit.command({}, "2-8")[1:] == ["collect", "--shard", "2/8"]


def test_a_code_server_tells_its_runs_where_its_district_is():
    words = Unit.read(FOLDER / "systemd" / "cctview-code@.service").command(ENVIRONMENT, "main")
    said = json.loads(words[words.index("--container-context") + 1])
    assert said == {"cctview": {"CCTVIEW_LAKE": "s3://cctview-lake/main", "CCTVIEW_KEYS": "s3://cctview-keys/main"}}


def test_secrets_stand_in_a_file_of_their_own_and_in_no_unit():
    secrets = read_environment(FOLDER / "etc" / "secrets.env.example")
    assert secrets.keys() == {"DAGSTER_PG_PASSWORD", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
    assert set(secrets.values()) == {""}
    for path in (*UNITS, FOLDER / "workspace.yaml"):
        assert not re.search("|".join(secrets) + "|RAY_AUTH_TOKEN=", path.read_text()), path.name
    assert "env_vars" not in str(yaml.safe_load((FOLDER / "dagster.yaml").read_text()))


def test_variables_of_ours_are_known():
    assert {name for name in ENVIRONMENT if name.startswith("CCTVIEW_")} <= VARIABLES.keys()


def test_all_that_ray_starts_asks_for_the_token():
    for name in ("cctview-ray-head", "cctview-ray-node", "cctview-daemon", "cctview-webserver"):
        unit = Unit.read(FOLDER / "systemd" / f"{name}.service")
        assert "/etc/cctview/ray.env" in unit.environment_files()
        assert "RAY_AUTH_TOKEN_PATH=%d/ray-token" in unit.all("Environment")
        assert unit.all("LoadCredential") == ["ray-token:/etc/cctview/ray-token"]
    assert ENVIRONMENT["RAY_AUTH_MODE"] == "token"


def test_a_job_that_waits_too_long_is_given_up_before_its_run_is():
    monitoring = yaml.safe_load((FOLDER / "dagster.yaml").read_text())["run_monitoring"]
    assert int(ENVIRONMENT["RAY_JOB_START_TIMEOUT_SECONDS"]) < monitoring["start_timeout_seconds"]
