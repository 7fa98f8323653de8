"""What dies in a cluster, and what comes of it: ``RESULTS ARCHIVE CAMERAS HOURS NAME ...``, in a network of its own.

One deployment; every name is a whole course through it, beginning with an empty lake.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from cctview_pipeline.backfill.stages import STAGES
from cctview_pipeline_tests.cluster.course import Course, lake, noticed
from cctview_pipeline_tests.cluster.deployment import Deployment, deployed, wait_for_nodes
from cctview_pipeline_tests.cluster.namespace import Inside
from cctview_pipeline_tests.cluster.rolling import rolling_change
from cctview_pipeline_tests.cluster.security import shown, strangers_view
from cctview_pipeline_tests.cluster.twelve import city_campaign

START_LIMIT_S = 60
AWAY_S = 60.0
LIMITS = {"run_monitoring": {"poll_interval_seconds": 5, "start_timeout_seconds": START_LIMIT_S, "max_runtime_seconds": 1200}}
"""Shorter than those of deploy/ray/dagster.yaml, so that they are seen to hold."""

Fault = Callable[[Course, dict], None]


def nothing(course: Course, told: dict) -> None:
    """The course without a fault."""


def node_in_every_stage(course: Course, told: dict) -> None:
    """kill -9 of the node that is at work, once in each stage; it comes back after five seconds, as by systemd."""
    told["noticed_s"] = {}
    for stage, tables in STAGES.items():
        at = course.until(*tables)
        node = course.working_node()
        at = time.time()
        course.deployment.services[node].kill()
        told["noticed_s"][stage] = _until_noticed(course, at)


def node(course: Course, told: dict) -> None:
    """kill -9 of the node that is at work on detections."""
    course.until("detections", "crops", "features")
    at = time.time()
    course.deployment.services[course.working_node()].kill()
    told["noticed_s"] = _until_noticed(course, at)


def daemon(course: Course, told: dict) -> None:
    """kill -9 of Dagster's daemon while runs go on."""
    course.until("detections", "crops", "features")
    course.deployment.services["cctview-daemon"].kill()


def head(course: Course, told: dict) -> None:
    """kill -9 of the head while runs go on and others are queued; it is away for a minute."""
    course.until("raw_frames", "coverage")
    service = course.deployment.services["cctview-ray-head"]
    service.kill(back=False)
    time.sleep(AWAY_S)
    service.start()


def postgres(course: Course, told: dict) -> None:
    """PostgreSQL ends every connection and starts anew."""
    course.until("detections", "crops", "features")
    course.deployment.database.restart()


def store(course: Course, told: dict) -> None:
    """The object store is away for a minute."""
    course.until("detections", "crops", "features")
    course.deployment.store.kill()
    time.sleep(AWAY_S)
    course.deployment.store.start()


def slow_node(course: Course, told: dict) -> None:
    """There is no node when the first runs are launched, nor before their start limit; then one comes."""
    services = [course.deployment.services[name] for name in ("node-1", "node-2")]
    for service in services:
        service.kill(back=False)
    time.sleep(START_LIMIT_S + 10)
    for service in services:
        service.start()
        time.sleep(5)


FAULTS: dict[str, Fault] = {
    each.__name__: each for each in (nothing, node_in_every_stage, node, daemon, head, postgres, store, slow_node)
}


SHORT: dict[str, tuple[str, ...]] = {"node": (*STAGES["frames"], *STAGES["vision"])}
"""Courses that make a part of the tables: what the tests have time for."""


def _until_noticed(course: Course, at: float, most_s: float = 120) -> float | None:
    """Seconds after which a run that died was told to be dead; None where none was, since it had just ended."""
    while time.time() - at < most_s:
        if found := noticed(course.deployment, at):
            return found
        time.sleep(0.5)
    return None


def main(results: str, archive: str, cameras: str, hours: str, *names: str) -> int:
    # Two runs of frames to features, and no more: what starts them is most of the work here.
    os.environ["CCTVIEW_PARTITIONS_PER_RUN"] = str(-(-int(cameras) * int(hours) // 2))
    os.environ["RAY_JOB_START_TIMEOUT_SECONDS"] = str(START_LIMIT_S - 10)
    begun, told = time.monotonic(), {}

    def say(what: str) -> None:
        print(f"{time.monotonic() - begun:6.0f} s  {what}", file=sys.stderr, flush=True)

    with Inside() as folder, deployed(folder, city_campaign(Path(archive), int(cameras), int(hours)), say, LIMITS) as deployment:
        told["ready_s"] = round(time.monotonic() - begun, 1)
        reference: dict[str, str] = {}
        for name in names:
            told[name] = OTHERS[name](deployment, reference) if name in OTHERS else _course(deployment, name, reference)
            say(f"{name}: {json.dumps({key: value for key, value in told[name].items() if key != 'ports'})}")
            _write(results, told | {"digests": reference})
    return 0


def _course(deployment: Deployment, name: str, reference: dict[str, str]) -> dict:
    wait_for_nodes(deployment, 2)
    told: dict = {}
    asked = SHORT.get(name, ())
    said = Course(deployment, asked).run(lambda course: FAULTS[name](course, told))
    digests = said.pop("digests")
    reference.update(reference or digests)
    wanted = {*digests, *(key for key in reference if not asked or key.partition("/")[0] in asked)}
    different = sorted(key for key in wanted if digests.get(key) != reference.get(key))
    return told | said | {"files": len(digests), "different": different}


def _security(deployment: Deployment, reference: dict[str, str]) -> dict:
    return {"ports": strangers_view(deployment), "shown": shown(deployment), "files": len(lake()["digests"])}


OTHERS: dict[str, Callable[[Deployment, dict[str, str]], dict]] = {"rolling_change": rolling_change, "security": _security}
"""What is no single course with a fault."""


def _write(path: str, told: dict) -> None:
    with tempfile.NamedTemporaryFile("w", dir=Path(path).parent, delete=False) as file:
        json.dump(told, file, indent=1)
    Path(file.name).replace(path)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
