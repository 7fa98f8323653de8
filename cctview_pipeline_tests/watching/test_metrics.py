"""What the exporter tells: the lake and the runs as they are, by names that Prometheus' conventions allow; and that the dashboard
and the alert rules ask for nothing else."""

import json
import re
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import dagster as dg
import httpx
import pytest
import yaml
from dagster._core.remote_origin import GrpcServerCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from cctview_pipeline.automation.run_metrics import RunMetrics
from cctview_pipeline.campaign import HOUR
from cctview_pipeline.collect.metrics import EngineMetrics
from cctview_pipeline.districts import district_tags
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.paths import project_root
from cctview_pipeline.spool.upload import UploadTally
from cctview_pipeline.spool.writer import SpoolWriter
from cctview_pipeline.watching.metrics import Exporter, Source, Watched, lake_sources
from cctview_pipeline_tests.factories.command import Workplace
from cctview_pipeline_tests.factories.spool import frame
from cctview_pipeline_tests.factories.tables import HOUR_17, NORTH, SOUTH, campaign, partition_of, rows

Samples = dict[tuple[str, tuple[str, ...]], float]
"""Name and the values of its labels, sorted by the labels' names -> value."""


def samples(text: str) -> Samples:
    return {
        (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def told(*sources: Source) -> Samples:
    exporter, registry = Exporter(sources), CollectorRegistry()
    for source in sources:
        exporter.look(source)
    registry.register(exporter)
    return samples(generate_latest(registry).decode())


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(str(tmp_path / "lake"))
    lake.write_campaign(campaign(district="north"))
    return lake


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def test_when_the_newest_was_captured(lake: Lake):
    first, last = HOUR_17 + timedelta(minutes=3), HOUR_17 + HOUR + timedelta(minutes=30, microseconds=5)
    lake.write("raw_frames", partition_of("raw_frames"), rows("raw_frames", {"captured_at": first}))
    place = partition_of("raw_frames", SOUTH.id, HOUR_17 + HOUR)
    lake.write("raw_frames", place, rows("raw_frames", {"captured_at": last}, {"captured_at": last - HOUR / 3, "frame_id": "x"}))
    lake.write("flows", Partition.of_day(HOUR_17.date()), rows("flows", {}))
    found = told(Source("lake", Watched(lambda: lake).lags))
    assert found["cctview_newest_timestamp_seconds", ("north", "raw_frames")] == pytest.approx(last.timestamp(), abs=1e-5)
    midnight = datetime(2020, 5, 6, 4, tzinfo=UTC)  # New York's
    assert found["cctview_newest_timestamp_seconds", ("north", "flows")] == midnight.timestamp()
    assert ("cctview_newest_timestamp_seconds", ("north", "tracks")) not in found, "there are none yet"
    assert found["cctview_campaign_cameras", ("north",)] == 2


def test_it_follows_what_comes_and_what_was_deleted(lake: Lake):
    watched = Watched(lambda: lake)

    def newest() -> float | None:
        (times, *_) = watched.lags()
        return next((sample.value for sample in times.samples), None)

    assert newest() is None
    for hour in (HOUR_17, HOUR_17 + HOUR):
        lake.write("raw_frames", partition_of("raw_frames", NORTH.id, hour), rows("raw_frames", {"captured_at": hour}))
        assert newest() == hour.timestamp()
    lake.storage.delete(lake.keys("raw_frames")[-1])
    assert newest() == HOUR_17.timestamp()


def test_what_the_lake_takes(lake: Lake):
    sizes = [
        lake.write("tracks", partition_of("tracks", each.id), rows("tracks", {"camera_id": each.id})) for each in (NORTH, SOUTH)
    ]
    found = told(Source("store", Watched(lambda: lake).store))
    assert found["cctview_store_objects", ("north", "tracks")] == 2
    assert found["cctview_store_bytes", ("north", "tracks")] == sum(sizes)
    assert found["cctview_store_bytes", ("north", "crops")] == 0


def test_runs_that_go_on_and_those_that_ended(instance: dg.DagsterInstance):
    runs = RunMetrics(instance)
    add(instance, "vision", dg.DagsterRunStatus.QUEUED)
    add(instance, "vision", dg.DagsterRunStatus.STARTED)
    add(instance, "days", dg.DagsterRunStatus.QUEUED, "south")
    going = told(Source("dagster", runs.look))
    assert going["cctview_runs", ("vision", "north", "queued")] == going["cctview_runs", ("vision", "north", "started")] == 1
    assert going["cctview_runs", ("days", "south", "queued")] == 1
    age = time.time() - going["cctview_oldest_queued_run_timestamp_seconds", ("south",)]
    assert 0 <= age < 30

    for status in (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS):
        add(instance, "vision", status)
    told(Source("dagster", runs.look))
    ended = told(Source("dagster", runs.look))
    assert ended["cctview_runs_ended_total", ("vision", "north", "failure")] == 2, "counted once"
    assert ended["cctview_runs_ended_total", ("vision", "north", "success")] == 1
    assert ended["cctview_runs_ended_total", ("vision", "north", "canceled")] == 0


def test_of_an_exporter_that_begins_what_ended_before_is_not_counted(instance: dg.DagsterInstance):
    add(instance, "vision", dg.DagsterRunStatus.FAILURE)
    assert "cctview_runs_ended_total" not in {name for name, _ in told(Source("dagster", RunMetrics(instance).look))}


def add(instance: dg.DagsterInstance, job: str, status: dg.DagsterRunStatus, district: str = "north") -> None:
    location = GrpcServerCodeLocationOrigin("127.0.0.1", 4001, location_name=district)
    origin = RemoteJobOrigin(
        RemoteRepositoryOrigin(location, "__repository__"), job
    )  # one that waits has to say where it is from
    instance.add_run(dg.DagsterRun(job, status=status, tags=district_tags(district), remote_job_origin=origin))


def test_one_source_that_fails_takes_no_other_with_it(lake: Lake):
    def away() -> Lake:
        raise OSError("no route to host")

    found = told(Source("here", Watched(lambda: lake).lags), Source("there", Watched(away).lags))
    assert found["cctview_exporter_up", ("here",)] == 1
    assert found["cctview_exporter_up", ("there",)] == 0
    assert found["cctview_campaign_cameras", ("north",)] == 2


def test_two_lakes_are_told_together(tmp_path: Path):
    """One family with samples of both, or Prometheus refuses all of it."""
    lakes = [Lake(str(tmp_path / name)) for name in ("north", "south")]
    for each in lakes:
        each.write_campaign(campaign(district=Path(each.uri).name))
    sources = [source for each in lakes for source in lake_sources(each.uri, lambda each=each: each)]
    found = told(*sources)
    assert found["cctview_campaign_cameras", ("north",)] == found["cctview_campaign_cameras", ("south",)] == 2


def test_what_waits_in_the_spool(tmp_path: Path):
    metrics = EngineMetrics(engine(tmp_path))
    before = {each.name: each for each in metrics.collect()}
    assert before["cctview_collect_spool_oldest_timestamp_seconds"].samples == []
    began = time.time()
    writer = SpoolWriter(tmp_path, 1 << 20)
    writer.append(frame(NORTH.id, 1))
    writer.close()
    after = {each.name: each for each in metrics.collect()}
    assert after["cctview_collect_spool_segments"].samples[0].value == 1
    assert after["cctview_collect_spool_bytes"].samples[0].value > 0
    assert after["cctview_collect_spool_oldest_timestamp_seconds"].samples[0].value == pytest.approx(began, abs=60)


def engine(directory: Path) -> SimpleNamespace:
    """A collector's, of which one asks no more than this."""
    lags = lambda shares: dict.fromkeys(shares, 0.0)  # noqa: E731
    uploader = SimpleNamespace(tally=UploadTally())
    return SimpleNamespace(followed=[], stored=0, lags=lags, writer=SimpleNamespace(directory=directory), uploader=uploader)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """Every metric of exporter and collector by the name that Prometheus stores -> its labels."""
    folder = tmp_path_factory.mktemp("exported")
    lake = Lake(str(folder / "lake"))
    lake.write_campaign(campaign())
    with dg.DagsterInstance.ephemeral() as instance:
        watched, runs = Watched(lambda: lake), RunMetrics(instance)
        exporter = Exporter([])
        families = [
            *watched.lags(),
            *watched.store(),
            *runs.look(),
            *exporter.collect(),
            *EngineMetrics(engine(folder)).collect(),
        ]
    suffix = {"counter": "_total"}
    return {each.name + suffix.get(each.type, ""): {"instance", *getattr(each, "_labelnames", ())} for each in families}


def test_names_go_by_the_conventions(exported: dict[str, set[str]]):
    for name, labels in exported.items():
        assert re.fullmatch(r"cctview_[a-z]+(_[a-z]+)*", name)
        assert not re.search(r"_(ms|milliseconds|minutes|hours|days|kb|mb|gib|percent)(_|$)", name), "base units"
        assert "job" not in labels, "a label of Prometheus' own"
        if "timestamp" in name:
            assert name.endswith("_timestamp_seconds")


def expressions() -> dict[str, str]:
    """Where it stands -> PromQL, of the dashboard and of the alert rules."""
    found = {
        f"panel {panel['title']} {target['refId']}": target["expr"]
        for panel in dashboard()["panels"]
        for target in panel["targets"]
    }
    return found | {rule["alert"]: rule["expr"] for group in alerts()["groups"] for rule in group["rules"]}


def dashboard() -> dict:
    return json.loads((project_root() / "deploy" / "grafana" / "cctview.json").read_text())


def alerts() -> dict:
    return yaml.safe_load((project_root() / "deploy" / "prometheus" / "alerts.yml").read_text())


@pytest.mark.parametrize("where", expressions())
def test_what_is_asked_for_is_exported(where: str, exported: dict[str, set[str]]):
    expression = expressions()[where]
    names = set(re.findall(r"\bcctview_\w+", expression))
    assert names
    assert names <= set(exported)
    labels = {label for inside in re.findall(r"\{(.*?)\}", expression) for label in re.findall(r"(\w+)\s*[=!]~?", inside)}
    labels |= {label.strip() for inside in re.findall(r"\b(?:by|on) \((.*?)\)", expression) for label in inside.split(",")}
    assert labels <= set().union(*(exported[name] for name in names))
    for counter in re.findall(r"cctview_\w+_total\b", expression):
        assert re.search(rf"(rate|increase)\({counter}", expression), "a counter by itself says nothing"


@pytest.mark.parametrize("where", expressions())
def test_what_is_asked_is_promql(where: str):
    parser = pytest.importorskip("promql_parser", reason="promql-parser is not installed")
    parser.parse(expressions()[where].replace("$district", ".*"))


def test_the_dashboard_is_one_that_grafana_takes():
    board = dashboard()
    assert board["schemaVersion"] >= 36, "from Grafana 9 on"
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    variables = {each["name"] for each in board["templating"]["list"]}
    assert set(re.findall(r"\$\{?(\w+)\}?", json.dumps(board["panels"]))) <= variables
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        assert place["x"] + place["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells


def test_every_alert_says_what_is_wrong(exported: dict[str, set[str]]):
    for group in alerts()["groups"]:
        for rule in group["rules"]:
            assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
            assert rule["labels"]["severity"] in ("warning", "critical")
            assert set(rule["annotations"]) == {"summary", "description"}
            asked = set(re.findall(r"\$labels\.(\w+)", json.dumps(rule["annotations"])))
            assert asked <= set().union(*(exported[name] for name in re.findall(r"\bcctview_\w+", rule["expr"])))


def test_the_command_serves_them_on_this_machine_alone(tmp_path: Path):
    place = Workplace(tmp_path)
    Lake(str(place.lake)).write_campaign(campaign())
    process = place.start("metrics", "--port", "0")
    assert process.stdout is not None
    line = process.stdout.readline()
    where = re.match(r"(http://127\.0\.0\.1:(\d+)/metrics) tells of 3 sources", line)
    assert where, (line, process.poll() is not None and process.communicate())
    text = httpx.get(where[1]).text
    port = int(where[2])
    listening = [each.split()[1] for each in Path("/proc/net/tcp").read_text().splitlines()[1:] if each.split()[3] == "0A"]
    assert f"0100007F:{port:04X}" in listening
    assert f"00000000:{port:04X}" not in listening
    found = samples(text)
    assert found["cctview_campaign_cameras", ("",)] == 2
    assert {value for (name, _), value in found.items() if name == "cctview_exporter_up"} == {1}
    taken = place.run("metrics", "--port", str(port), timeout=60)
    assert taken.returncode != 0
    assert f"Metrics cannot be served at 127.0.0.1, port {port}: stop the program that uses it" in taken.stderr
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
