"""Ray's head, two nodes and all that goes with them: a node that dies at work, strangers, secrets; `make soak` has the rest."""

import contextlib
import json
from pathlib import Path

import dagster as dg
import pytest

from cctview_pipeline.assets.weights import record_models
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline_tests.cluster.namespace import run_inside, why_not
from cctview_pipeline_tests.cluster.twelve import city_campaign, write_archive
from cctview_pipeline_tests.factories.cities import DAWN
from cctview_pipeline_tests.factories.command import Workplace
from cctview_pipeline_tests.factories.jobs import run

pytestmark = [pytest.mark.alone, pytest.mark.timeout(900)]
MOST_S = 800


@pytest.fixture(scope="module")
def one_machine(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    """One machine, with an archive of two cameras."""
    folder = tmp_path_factory.mktemp("cluster")
    write_archive(city_campaign(folder / "archive", 2, 1), frames=8)
    return Workplace(folder)


@pytest.fixture(scope="module")
def told(one_machine: Workplace) -> dict:
    """What came of one course through a cluster in which a node was killed, of a stranger's visit and of a search for secrets."""
    if reason := why_not():
        pytest.skip(f"no cluster here: {reason}")
    results = one_machine.folder / "results.json"
    words = (str(results), str(one_machine.folder / "archive"), "2", "1", "node", "security")
    log = one_machine.folder / "log"
    with log.open("w") as said, run_inside("cctview_pipeline_tests.cluster.faults", *words, stderr=said) as process:
        try:
            status = process.wait(MOST_S)
        finally:
            process.kill()
    assert status == 0, log.read_text()[-3000:]
    return json.loads(results.read_text())


def test_what_died_with_its_node_is_made_by_another(told: dict):
    course = told["node"]
    assert course["complete"]
    assert course["tried_again"] >= 1
    assert course["noticed_s"] is not None
    assert course["strange"] == []


def test_one_machine_makes_the_same_lake_byte_for_byte(told: dict, one_machine: Workplace, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CCTVIEW_LAKE", str(one_machine.lake))
    monkeypatch.setenv("CCTVIEW_KEYS", str(one_machine.folder / "keys"))
    lake = Lake(str(one_machine.lake))
    lake.write_campaign(city_campaign(one_machine.folder / "archive", 2, 1))
    first, last = (Partition.camera_hour(f"east-{number}", DAWN) for number in (1, 2))
    with dg.DagsterInstance.ephemeral() as instance:
        record_models(instance, lake.require_campaign())
        assert run(lake, "frames", first, last, instance).success
        assert run(lake, "vision", first, last, instance).success
    assert one_machine.digests() == told["digests"]


def test_a_stranger_is_refused_on_every_port(told: dict):
    ports = told["security"]["ports"]
    of_ray = [port for port in ports if port["unit"].startswith(("cctview-ray", "node-"))]
    assert len(of_ray) > 6
    for port in of_ray:
        assert port["http"] in (None, 401), port
        assert port["http"] or "UNAUTHENTICATED" in port["grpc"], port
        assert set(port["grpc"]) <= {"UNAUTHENTICATED", "UNIMPLEMENTED"}, port
    # What asks for no token is for this machine alone.
    assert {port["address"] for port in ports if port not in of_ray} <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}


def test_no_secret_shows_in_runs_events_jobs_or_logs(told: dict):
    assert told["security"]["files"] > 0
    assert told["security"]["shown"] == []


def test_nothing_is_left_of_a_cluster(told: dict, one_machine: Workplace):
    given, left = str(one_machine.folder).encode(), []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it ended
            left += [path] if given in path.read_bytes() else []
    assert left == []
