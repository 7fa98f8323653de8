"""Dagster's instance on this machine: its home, the daemon that works on it, and what a killed one left behind."""

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import yaml
from dagster._core.errors import DagsterError
from dagster._core.execution.backfill import BULK_ACTION_TERMINAL_STATUSES, BulkActionStatus
from dagster._core.storage.event_log.schema import SqlEventLogStorageMetadata
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._core.storage.runs.schema import RunStorageSqlMetadata
from dagster._core.storage.runs.sql_run_storage import SqlRunStorage
from dagster._core.storage.schedules.schema import ScheduleStorageSqlMetadata
from dagster._core.storage.schedules.sql_schedule_storage import SqlScheduleStorage
from dagster_shared.check import CheckError
from sqlalchemy.exc import OperationalError

from cctview_pipeline.automation.dev_server import run_to_its_end
from cctview_pipeline.campaign import Campaign
from cctview_pipeline.districts import of_backfill, of_run
from cctview_pipeline.errors import CctviewError, ConfigurationError, reason_of
from cctview_pipeline.files import made_folder
from cctview_pipeline.lake import Lake
from cctview_pipeline.paths import dagster_home, keys_uri, lake_uri, project_root
from cctview_pipeline.resources.cores import on_this_machine
from cctview_pipeline.resources.lake import open_lake
from cctview_pipeline.resources.understood import understood

FOREIGN_HEARTBEAT_S = 60
"""A daemon beats every 30 s; one that is silent for twice as long is gone."""


WAITS_FOR_CODE = "DAGSTER_BACKFILL_RETRY_DEFINITION_CHANGED_ERROR"
"""Has Dagster's daemon wait for a code server that starts anew, and so knows no asset for a moment: as released every backfill
that goes on is ended then."""


def prepare_home() -> Path:
    """Create DAGSTER_HOME with the project's dagster.yaml when it has none, and make this process use it."""
    home = dagster_home().absolute()
    try:
        made_folder(home)
        if not (home / "dagster.yaml").exists():
            (home / "dagster.yaml").write_text((project_root() / "dagster.yaml").read_text())
    except CctviewError as error:
        raise ConfigurationError(f"DAGSTER_HOME: {error}") from error
    except OSError as error:
        raise ConfigurationError(f"DAGSTER_HOME {home} cannot be used: {reason_of(error)}.") from error
    os.environ["DAGSTER_HOME"] = str(home)
    os.environ["CCTVIEW_LAKE"], os.environ["CCTVIEW_KEYS"] = lake_uri(), keys_uri()
    os.environ[WAITS_FOR_CODE] = "1"
    return home


@contextmanager
def open_instance() -> Iterator[dg.DagsterInstance]:
    """The instance of DAGSTER_HOME. Raises CctviewError, with the mend, for a dagster.yaml that is none, and for one whose
    storage does not answer, now or inside the block."""
    place = Path(os.environ["DAGSTER_HOME"]) / "dagster.yaml"
    try:
        instance = dg.DagsterInstance.get()
    except ImportError as error:
        raise ConfigurationError(
            f"{place} names the module '{error.name}', which is not there: install its extra "
            "(docs/getting-started.md, Extras), or mend the file."
        ) from error
    except (DagsterError, CheckError, yaml.YAMLError) as error:
        raise ConfigurationError(
            f"{place} is no configuration of a Dagster instance: mend it, or delete it, and the project's own is copied there."
        ) from error
    except Exception as error:  # of the storage's own library, which is known only by the file
        raise _unreached(place) from error
    with instance:
        try:
            _complete_tables(instance)
            yield instance
        except Exception as error:
            if _is_of_storage(error):
                raise _unreached(place) from error
            raise


def _unreached(place: Path) -> CctviewError:
    return ConfigurationError(
        f"The storage that {place} names cannot be reached: start its server, or mend the address and the password."
    )


def _is_of_storage(error: BaseException | None) -> bool:
    """Whether a database did not answer. Dagster wraps what its library says in errors of several kinds."""
    while error is not None and not isinstance(error, OperationalError):
        error = error.__cause__
    return error is not None


def _complete_tables(instance: dg.DagsterInstance) -> None:
    """Make the tables that are missing in a database: a command that is killed while Dagster makes them leaves some of them, and
    Dagster, which looks for one, never makes the others. Its daemon then fails at every look for a sensor's ticks."""
    runs, events, schedules = instance.run_storage, instance.event_log_storage, instance.schedule_storage
    if isinstance(runs, SqlRunStorage) and _in_postgres(runs):
        with runs.connect() as connection:
            RunStorageSqlMetadata.create_all(connection)
    if isinstance(events, SqlEventLogStorage) and _in_postgres(events):
        with events.index_connection() as connection:
            SqlEventLogStorageMetadata.create_all(connection)
    if isinstance(schedules, SqlScheduleStorage) and _in_postgres(schedules):
        with schedules.connect() as connection:
            ScheduleStorageSqlMetadata.create_all(connection)


def _in_postgres(storage: object) -> bool:
    """By its name: the library is an extra."""
    return type(storage).__module__.startswith("dagster_postgres")


def open_campaign() -> tuple[Lake, Campaign]:
    """The lake and its campaign, for the command line. Raises CctviewError, with the mend, for an empty lake and for what is not
    understood."""
    prepare_home()
    lake = open_lake()
    return lake, understood(lake.require_campaign())


def check_not_served(instance: dg.DagsterInstance) -> None:
    """Refuse to change the campaign under a daemon that has loaded it: the partitions would change in mid-course.

    Dagster's reload (``reloadRepositoryLocation``) reaches its web server at once, but the daemon looks for a new code server
    only once a minute (its RELOAD_WORKSPACE_INTERVAL) and tells nobody when it has: a backfill launched in between fails with
    partitions that it does not know. Somebody who watches can press *Reload definitions*; a command can't be sure.
    """
    home = Path(os.environ["DAGSTER_HOME"])
    with (home / "daemon.lock").open("a+") as lock:
        free = _try_lock(lock)
        if not free or _foreign_daemon(instance, ours_lived_until=(home / "daemon.lock").stat().st_mtime):
            raise ConfigurationError(
                f"This command changes campaign.toml, but a daemon of {home} has loaded the partitions as they were: "
                "stop `cctview dev`, give the command again, then start it anew."
            )


@contextmanager
def running_daemon(instance: dg.DagsterInstance, tick_s: float = 2.0, district: str = "") -> Iterator[None]:
    """A daemon works on the instance inside this block: one that runs already, or our own for so long.

    tick_s: seconds between two looks of our own at what is to be done next; each look at a large backfill is work; district: of
    the campaign that it works for.
    """
    home = Path(os.environ["DAGSTER_HOME"])
    with (home / "daemon.lock").open("a+") as lock:
        locked = _try_lock(lock)
        if not locked:
            _check_same_lake(home)
        elif _foreign_daemon(instance, ours_lived_until=(home / "daemon.lock").stat().st_mtime):
            fcntl.flock(lock, fcntl.LOCK_UN)
            locked = False
        if not locked:
            yield
            return
        _bury(instance, district)
        (home / "served-lake").write_text(lake_uri())
        log = (home / "daemon.log").open("a")
        command = [sys.executable, "-m", "cctview_pipeline.automation.daemon", str(tick_s)]
        # The lock's descriptor is inherited: it is held as long as any of the daemon's processes lives.
        # Its standard input ends when this process does, however that comes about, and then the daemon ends too.
        daemon = subprocess.Popen(
            command, cwd=project_root(), stdin=subprocess.PIPE, stdout=log, stderr=log, pass_fds=[lock.fileno()]
        )
        try:
            yield
        finally:
            daemon.terminate()
            try:
                daemon.wait(30)
            except subprocess.TimeoutExpired:
                daemon.kill()


def serve(port: int) -> None:
    """``dagster dev``, until it ends or SIGINT or SIGTERM comes. The daemon's lock is held as long as this process, the guard or
    ``dagster dev`` lives, and the first two end what the third has started."""
    home = Path(os.environ["DAGSTER_HOME"])
    with (home / "daemon.lock").open("a+") as lock:
        if not _try_lock(lock):
            raise ConfigurationError(f"A daemon already works on {home}: stop it, or set another DAGSTER_HOME.")
        (home / "served-lake").write_text(lake_uri())
        os.chdir(project_root())
        command = [sys.executable, "-m", "dagster", "dev", "-w", "workspace.yaml", "-h", "127.0.0.1", "-p", str(port)]
        status = run_to_its_end(command, [lock.fileno()])
        os.utime(lock.fileno())  # until now this daemon lived: a heartbeat that is not later was its own
    # As exec would: there is nothing left to tidy, and Python takes seconds to unload Dagster on a busy machine.
    sys.stdout.flush()
    os._exit(status % 256)


def _try_lock(lock) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _check_same_lake(home: Path) -> None:
    served = (home / "served-lake").read_text()
    if served != lake_uri():
        raise ConfigurationError(
            f"The daemon of {home} works on the lake {served}, not on {lake_uri()}: stop it, or set another DAGSTER_HOME."
        )


def _foreign_daemon(instance: dg.DagsterInstance, ours_lived_until: float) -> bool:
    """Whether someone else's daemon (``dagster dev``, a deployment's) works on the instance.

    A beat may be a dead daemon's last, so a recent one counts only if another follows.
    """
    first = _last_beat(instance)
    if first <= ours_lived_until + 2:
        return False
    until = first + FOREIGN_HEARTBEAT_S
    while time.time() < until:
        if _last_beat(instance) > first:
            return True
        time.sleep(1)
    return False


def _last_beat(instance: dg.DagsterInstance) -> float:
    beats = instance.get_daemon_heartbeats().values()
    return max((beat.timestamp for beat in beats), default=0.0)


def _bury(instance: dg.DagsterInstance, district: str) -> None:
    """Close what a killed daemon left open: its runs have no process any more, and its backfills are launched anew. Runs of other
    launchers live on elsewhere without it, as do their backfills: what became of them is for run monitoring to say. Only of the
    district that is worked for: another's may go on in its own code server."""
    if not on_this_machine(instance):
        return
    unfinished = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.QUEUED]
    for run in instance.get_runs(dg.RunsFilter(statuses=[*unfinished, dg.DagsterRunStatus.CANCELING])):
        if "dagster/backfill" in run.tags and of_run(run) == district:
            instance.report_run_failed(run, "Its daemon was stopped before it ended.")
            instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
    for backfill in instance.get_backfills():
        if backfill.status not in BULK_ACTION_TERMINAL_STATUSES and of_backfill(backfill) == district:
            instance.update_backfill(backfill.with_status(BulkActionStatus.CANCELED))
