"""A cluster that is none: it takes runs from Dagster's daemon, holds each for a while, and reports its end.

`HoldingLauncher` is what dagster.yaml names; it writes a line for each run. `python benchmarks/deployment_engine.py FILE SCALE`
is the cluster: it follows the file and reports for each run that it began and, later, that it succeeded. So the daemon's own
time is Dagster's alone: a real launcher adds a call to the cluster's API for each run.
"""

import heapq
import json
import os
import sys
import time
from pathlib import Path

import dagster as dg
from dagster._core.events import DagsterEvent, DagsterEventType
from dagster._core.launcher import LaunchRunContext, RunLauncher
from dagster._serdes import ConfigurableClass, ConfigurableClassData

HELD_S = {"frames": 20.0, "vision": 150.0, "tracking": 40.0, "matching": 60.0, "hours": 20.0}
"""Seconds of a group's hour on four cores. Their sum, 210 s of a group, is 33.5 CPU seconds a camera-hour, as
benchmarks/results/real-hour.json has them, for 25 cameras; how jobs share it is assumed."""
STOP = "stop"


class HoldingLauncher(RunLauncher, ConfigurableClass):
    """Writes run and job to a file."""

    def __init__(self, file: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__()
        self._file, self._inst_data = file, inst_data

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        return self._inst_data

    @classmethod
    def config_type(cls) -> dict:
        return {"file": dg.StringSource}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData, config_value: dict) -> "HoldingLauncher":
        return cls(inst_data=inst_data, **config_value)

    def launch_run(self, context: LaunchRunContext) -> None:
        line = json.dumps([context.dagster_run.run_id, context.dagster_run.job_name]) + "\n"
        with open(self._file, "a") as file:
            file.write(line)

    def terminate(self, run_id: str) -> bool:
        return False


def main(place: Path, scale: float) -> None:
    """Until a line says stop. scale: how many times shorter a run is than a real one."""
    held: list[tuple[float, str, str]] = []
    with dg.DagsterInstance.get() as instance, place.open() as lines:
        while True:
            for line in lines:
                if line.strip() == STOP:
                    return
                run_id, job = json.loads(line)
                report(instance, run_id, job, DagsterEventType.PIPELINE_START)
                heapq.heappush(held, (time.time() + HELD_S[job] / scale, run_id, job))
            while held and held[0][0] <= time.time():
                _, run_id, job = heapq.heappop(held)
                report(instance, run_id, job, DagsterEventType.PIPELINE_SUCCESS)
            time.sleep(0.05)


def report(instance: dg.DagsterInstance, run_id: str, job: str, kind: DagsterEventType) -> None:
    """As a run's own process does."""
    instance.report_dagster_event(DagsterEvent(event_type_value=kind.value, job_name=job), run_id=run_id)


if __name__ == "__main__":
    assert os.environ["DAGSTER_HOME"]
    main(Path(sys.argv[1]), float(sys.argv[2]))
