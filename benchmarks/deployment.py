"""A simulated thousand: Dagster's own part of a deployment of 250, 1,000 and 4,000 cameras, on PostgreSQL.

Nothing is collected, detected or tracked. What is real: the jobs and the graph of assets, Dagster's daemon, code server, web
server and storage. What is simulated: assets do no work (benchmarks/deployment_graph.py), one group's hour is written by
Dagster and 23 hours of all groups are copies of its rows (benchmarks/deployment_rows.py), and the cluster is a process that
holds a run for a tenth of its measured time (benchmarks/deployment_engine.py). The machine that the database, the servers and
this program share is part of every figure.

- growth: bytes and rows a camera-hour;
- idle: CPU of each process while nothing is due, with a day in the database;
- pages: benchmarks/deployment_pages.py;
- turn of the hour: every group's frames, vision and tracking, one after the other; slots for all of them, so that what is
  measured is how fast Dagster starts runs, and not how many the cluster takes;
- retention: half a day's runs are deleted, and half a day written anew.

    python benchmarks/deployment.py                  # all, an hour; --sizes 250 for less

The result goes to benchmarks/results/deployment.json.
"""

import argparse
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

import dagster as dg
import deployment_engine as engine
import deployment_graph as graph
import deployment_pages as pages
import deployment_rows as rows
import httpx

from cctview_pipeline.automation.old_runs import delete_old_runs

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # for the databases beside the tests
from cctview_pipeline_tests.factories.ports import free_ports
from cctview_pipeline_tests.factories.postgres_server import Postgres, postgres

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "benchmarks" / "results" / "deployment.json"
SIZES = (250, 1000, 4000)
SCALE = 10.0
"""A run is held for a tenth of the time of a real one."""
HOUR = timedelta(hours=1)
LAST = graph.START + 23 * HOUR
"""The hour whose turn comes; those before it are in the database."""
IDLE_S = 60
BEGIN_AGO = timedelta(days=1)
INSTANCE = """
storage:
  postgres:
    postgres_db:
      scheme: postgresql+psycopg2
      hostname: { env: DAGSTER_PG_HOST }
      port: { env: DAGSTER_PG_PORT }
      username: { env: DAGSTER_PG_USERNAME }
      password: { env: DAGSTER_PG_PASSWORD }
      db_name: { env: DAGSTER_PG_DB }
telemetry: { enabled: false }
compute_logs: { module: dagster._core.storage.noop_compute_log_manager, class: NoOpComputeLogManager }
run_launcher: { module: deployment_engine, class: HoldingLauncher, config: { file: { env: SIMULATED_RUNS } } }
run_coordinator:
  module: dagster
  class: QueuedRunCoordinator
  config: { dequeue_interval_seconds: 2, dequeue_use_threads: true, dequeue_num_workers: 8 }
sensors: { use_threads: true, num_workers: 4, num_submit_workers: 8 }
concurrency:
  runs: { max_concurrent_runs: 1000 }
  pools: { default_limit: 1000, granularity: run }
run_monitoring: { enabled: true, poll_interval_seconds: 30, start_timeout_seconds: 1800 }
"""


def cpu_s(process: subprocess.Popen | int) -> float:
    """Of a process and all that it has started."""
    pid = process if isinstance(process, int) else process.pid
    total, waiting = 0.0, [pid]
    while waiting:
        one = waiting.pop()
        try:
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
            waiting += [int(child) for child in Path(f"/proc/{one}/task/{one}/children").read_text().split()]
        except OSError:
            continue
        total += sum(map(int, fields[11:15]))
    return total / os.sysconf("SC_CLK_TCK")


def mib(process: subprocess.Popen) -> float:
    """Resident."""
    line = next(each for each in Path(f"/proc/{process.pid}/status").read_text().splitlines() if each.startswith("VmRSS"))
    return round(int(line.split()[1]) / 1024, 1)


@contextmanager
def started(log: Path, *command: str, **more: str) -> Iterator[subprocess.Popen]:
    with log.open("a") as file:
        process = subprocess.Popen(command, cwd=ROOT, env=os.environ | more, stdout=file, stderr=file)
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def sizes(server: dict[str, str]) -> dict[str, int]:
    """Of the database, and of its tables with their indices, in bytes; and rows."""
    with closing(rows.connect(server)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        found = {"bytes": cursor.fetchone()[0]}
        for table in rows.TABLES:
            cursor.execute(f"SELECT pg_total_relation_size('{table}'), count(*) FROM {table}")
            found[f"{table}_bytes"], found[f"{table}_rows"] = cursor.fetchone()
    return found


def vacuum(server: dict[str, str]) -> float:
    """As autovacuum does in its own time. Returns seconds."""
    begin = time.perf_counter()
    with closing(rows.connect(server)) as connection, connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    return round(time.perf_counter() - begin, 1)


def filled(template: rows.Template, server: dict[str, str], cameras: int, hours: list[datetime], begin: datetime) -> dict:
    """Copy a template's hours for all groups. begin: when the first of them was worked on."""
    since, written = time.perf_counter(), 0
    template.number(server)
    for group in range(len(graph.groups(cameras))):
        written += template.copy(server, group, hours, lambda hour: begin + (hour - hours[0]))
    return {"rows": written, "seconds": round(time.perf_counter() - since, 1)}


def growth(before: dict[str, int], after: dict[str, int], hours: int, cameras: int) -> dict:
    camera_hours = hours * cameras
    gained = {name: after[name] - before[name] for name in after}
    return {
        "camera_hours": camera_hours,
        "bytes_a_camera_hour": round(gained["bytes"] / camera_hours),
        "GiB_a_day": round(gained["bytes"] / hours * 24 / 2**30, 2),
        "rows_a_camera_hour": round(sum(gained[f"{table}_rows"] for table in rows.TABLES) / camera_hours, 1),
        "share_of_event_logs": round(gained["event_logs_bytes"] / gained["bytes"], 3),
    }


def turn(server: dict[str, str], instance: dg.DagsterInstance, burst: Path, groups: int, processes: dict) -> dict:
    """The turn of an hour: until the last group's tracking has begun, or half an hour is over."""
    cpu = {name: cpu_s(process) for name, process in processes.items()}
    begin = time.time()
    burst.write_text(LAST.isoformat())
    wanted, tracking = 3 * groups, 0
    while tracking < groups and time.time() - begin < 1800:
        time.sleep(2)
        launched = dg.RunsFilter(
            job_name="tracking",
            created_after=datetime.fromtimestamp(begin, UTC),
            statuses=[dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.SUCCESS],
        )
        tracking = instance.get_runs_count(launched)
    seconds = time.time() - begin
    used = {name: round(cpu_s(process) - cpu[name], 1) for name, process in processes.items()}
    told = waited(server, begin)
    started_runs = len(told["queue"])
    return {
        "groups": groups,
        "runs_started": started_runs,
        "runs_wanted": wanted,
        "seconds_until_the_last_began": round(seconds, 1),
        "seconds_that_runs_are_held": sum(engine.HELD_S[job] / SCALE for job in rows.GROUP_JOBS[:-1]),
        "runs_a_second": round(started_runs / seconds, 2),
        "cpu_s": used,
        "daemon_cpu_s_a_run": round(used["daemon"] / max(started_runs, 1), 3),
        "frames_made_until_s": told["frames_created"],
        "queue_s": spread(told["queue"]),
        "frames_from_the_hours_turn_s": spread(told["frames"]),
        "from_one_job_to_the_next_s": spread(told["next"]),
    }


def spread(values: list[float]) -> dict[str, float]:
    """Median, 95th of 100, most."""
    if not values:
        return {}
    ordered = sorted(values)
    place = min(len(ordered) - 1, int(0.95 * len(ordered)))
    return {"p50": round(statistics.median(ordered), 2), "p95": round(ordered[place], 2), "max": round(ordered[-1], 2)}


def waited(server: dict[str, str], begin: float) -> dict:
    """Of runs since begin, seconds: from the queue to the launch; of frames since begin; of others since their group's job before
    had ended."""
    with closing(rows.connect(server)) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT r.run_id, r.pipeline_name, t.value, "
            "extract(epoch from min(e.timestamp) filter (where e.dagster_event_type = 'PIPELINE_ENQUEUED')), "
            "extract(epoch from min(e.timestamp) filter (where e.dagster_event_type = 'PIPELINE_STARTING')), "
            "extract(epoch from min(e.timestamp) filter (where e.dagster_event_type = 'PIPELINE_SUCCESS')) "
            "FROM runs r JOIN event_logs e USING (run_id) JOIN run_tags t ON t.run_id = r.run_id AND t.key = %s "
            "WHERE r.create_timestamp >= to_timestamp(%s) AT TIME ZONE 'UTC' GROUP BY 1, 2, 3",
            ["dagster/asset_partition_range_start", begin - 1],
        )
        found = cursor.fetchall()
    ended = {(job, group): float(end) for _, job, group, _, _, end in found if end}
    begun = [(job, group, float(put), float(start)) for _, job, group, put, start, _ in found if put and start]
    before = dict(zip(rows.GROUP_JOBS[1:], rows.GROUP_JOBS, strict=False))
    return {
        "queue": [start - put for _, _, put, start in begun],
        "frames": [start - begin for job, _, _, start in begun if job == "frames"],
        "frames_created": round(max((put for job, _, put, _ in begun if job == "frames"), default=begin) - begin, 1),
        "next": [start - ended[before[job], group] for job, group, _, start in begun if (before.get(job), group) in ended],
    }


def idle(processes: dict[str, subprocess.Popen | int]) -> dict[str, float]:
    """Cores that each process takes while nothing is due."""
    cpu = {name: cpu_s(process) for name, process in processes.items()}
    time.sleep(IDLE_S)
    return {name: round((cpu_s(process) - cpu[name]) / IDLE_S, 4) for name, process in processes.items()}


def retention(
    server: dict[str, str], instance: dg.DagsterInstance, template: rows.Template, cameras: int, begin: datetime, half: int
) -> dict:
    """Delete the runs of the first half of the hours, let PostgreSQL take the room, and write as many hours anew."""
    full = sizes(server)
    since = time.perf_counter()
    deleted = delete_old_runs(instance, begin + half * HOUR, limit_s=900)
    seconds = time.perf_counter() - since
    after = {"vacuum_s": vacuum(server)} | {"bytes": sizes(server)["bytes"]}
    hours = [graph.START + number * HOUR for number in range(24, 24 + half)]
    again = filled(template, server, cameras, hours, begin + BEGIN_AGO) if deleted.left == 0 else {}
    return {
        "runs_deleted": deleted.runs,
        "runs_left": deleted.left,
        "seconds": round(seconds, 1),
        "ms_a_run": round(1000 * seconds / max(deleted.runs, 1), 1),
        "bytes_before": full["bytes"],
        "bytes_after_vacuum": after["bytes"],
        "vacuum_s": after["vacuum_s"],
        "bytes_after_as_many_new_ones": sizes(server)["bytes"] if again else None,
    }


def served(address: str) -> None:
    """Wait for the web server."""
    for _ in range(600):
        try:
            if httpx.get(f"{address}/server_info", timeout=5).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.5)
    raise TimeoutError(address)


def measured(server: Postgres, cameras: int, postmaster: int, filled_hours: int) -> dict:
    """One size, in a database and an instance of its own."""
    named = server.new_database(f"cameras_{cameras}")
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cctview-deployment-")))
        (home / "dagster.yaml").write_text(INSTANCE)
        burst, launched, log = home / "burst", home / "runs", home / "log"
        launched.touch()
        os.environ |= named | {"DAGSTER_HOME": str(home), "PYTHONPATH": f"{ROOT}:{ROOT / 'benchmarks'}"}
        os.environ |= {graph.CAMERAS: str(cameras), graph.BURST: str(burst), "SIMULATED_RUNS": str(launched)}
        instance = stack.enter_context(dg.DagsterInstance.get())
        runs, seconds = rows.written_by_dagster(instance, cameras)
        result: dict = {"dagster_s_to_write_a_groups_hour": round(seconds, 2)}
        template, before = rows.Template.read(named, runs), sizes(named)
        hours = [graph.START + number * HOUR for number in range(filled_hours)]
        begin = datetime.now(UTC) - BEGIN_AGO
        result["copying"] = filled(template, named, cameras, hours, begin)
        vacuum(named)
        result["growth"] = growth(before, sizes(named), filled_hours, cameras)
        tell(cameras, result)
        running = stack.enter_context(ExitStack())
        processes = servers(running, home, launched, log) | {"postgresql": postmaster}
        address = f"http://127.0.0.1:{processes.pop('port')}"
        served(address)
        time.sleep(20)
        result["idle_cores"] = idle(processes)
        key = f"camera-{cameras // 2:04d}|{LAST - HOUR:%Y-%m-%dT%H}"
        a_run = instance.get_runs(dg.RunsFilter(job_name="tracking"), limit=1)[0].run_id
        shown = [asset.op.name for asset in graph.assets(cameras)]
        result["pages"] = pages.timed(address, run_id=a_run, partition=key, assets=shown, times=20)
        tell(cameras, {name: result[name] for name in ("idle_cores", "pages")})
        result["turn_of_the_hour"] = turn(named, instance, burst, len(graph.groups(cameras)), processes)
        result["memory_MiB"] = {name: mib(each) for name, each in processes.items() if name != "postgresql"}
        tell(cameras, {"turn": result["turn_of_the_hour"], "memory": result["memory_MiB"]})
        launched.open("a").write(engine.STOP + "\n")
        running.close()  # nobody else takes an id now
        result["retention"] = retention(named, instance, template, cameras, begin, filled_hours // 2)
        tell(cameras, {"retention": result["retention"]})
    return result


def servers(stack: ExitStack, home: Path, launched: Path, log: Path) -> dict:
    """Code server, daemon, web server and the cluster; and the web server's port."""
    code_port, web_port = free_ports(2)
    workspace = home / "workspace.yaml"
    workspace.write_text(
        json.dumps({"load_from": [{"grpc_server": {"host": "127.0.0.1", "port": code_port, "location_name": "simulated"}}]})
    )
    place = str(Path(sys.executable).parent)
    code = [f"{place}/dagster", "api", "grpc", "-m", "deployment_graph", "-h", "127.0.0.1", "-p", str(code_port)]
    found: dict = {"code server": stack.enter_context(started(log, *code))}
    time.sleep(15)
    web = [f"{place}/dagster-webserver", "-w", str(workspace), "-h", "127.0.0.1", "-p", str(web_port)]
    found["web server"] = stack.enter_context(started(log, *web))
    found["daemon"] = stack.enter_context(started(log, f"{place}/dagster-daemon", "run", "-w", str(workspace)))
    cluster = [sys.executable, str(ROOT / "benchmarks" / "deployment_engine.py"), str(launched), str(SCALE)]
    found["cluster"] = stack.enter_context(started(log, *cluster))
    return found | {"port": web_port}


def tell(cameras: int, what: dict) -> None:
    print(cameras, json.dumps(what, indent=1), flush=True)


def postmaster_of(named: dict[str, str]) -> int:
    """The process that all of PostgreSQL's others come from."""
    with closing(rows.connect(named)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        backend = cursor.fetchone()[0]
        return int(Path(f"/proc/{backend}/stat").read_text().rpartition(")")[2].split()[1])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--hours", type=int, default=23, help="that are in the database already")
    parser.add_argument("--result", type=Path, default=RESULT)
    options = parser.parse_args()
    results = json.loads(options.result.read_text())["results"] if options.result.exists() else {}
    with postgres() as server:
        postmaster = postmaster_of(server.environment)
        for cameras in options.sizes:
            load = os.getloadavg()[0]
            found = measured(server, cameras, postmaster, options.hours)
            results[f"{cameras} cameras"] = {
                "at": datetime.now(UTC).isoformat(timespec="minutes"),
                "load_before_and_after": [round(load, 1), round(os.getloadavg()[0], 1)],
            } | found
            report = {
                "command": "python benchmarks/deployment.py",
                "machine": f"{platform.machine()}, {os.cpu_count()} cores, shared with other work",
                "versions": {name: version(name) for name in ("dagster", "dagster-postgres")},
                "scale": f"runs are held for 1/{SCALE:g} of {engine.HELD_S} s",
                "results": results,
            }
            options.result.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
