"""What `make cluster-demo` shows, in a network of its own: ``MINUTES SEED`` of the city."""

import subprocess
import sys
import time
from collections.abc import Callable

from rich.console import Console
from rich.table import Table

from cctview_pipeline.backfill.select import Asked, choose
from cctview_pipeline.lake import Lake
from cctview_pipeline_tests.cluster.course import node_of
from cctview_pipeline_tests.cluster.deployment import Deployment, deployed
from cctview_pipeline_tests.cluster.namespace import Inside

console = Console(highlight=False)


def main(minutes: str, seed: str) -> int:
    begun = time.monotonic()

    def say(what: str) -> None:
        console.print(f"{time.monotonic() - begun:5.0f} s  {what}")

    settings = {"minutes": int(minutes), "seed": int(seed)}
    try:
        with Inside() as folder:
            campaign = choose(Lake(str(folder / "no lake")), Asked(network="city", settings=settings)).campaign
            with deployed(folder, campaign, say) as deployment:
                status = _backfill(deployment, minutes, seed, say)
        say("down")
    except KeyboardInterrupt:
        say("stopped; nothing is left")
        return 130
    return status


def _backfill(deployment: Deployment, minutes: str, seed: str, say: Callable[[str], None]) -> int:
    """The command, and what Ray and Dagster tell of its runs. Returns its status."""
    say("`cctview backfill` gives the city to it")
    words = ["backfill", "--network", "city", "--minutes", minutes, "--seed", seed]
    command = [sys.executable, "-m", "cctview_pipeline", *words]
    status = subprocess.run(command, env=deployment.environment, check=False).returncode
    say(f"`cctview backfill` ended with {status}")
    console.print(_runs(deployment))
    return status


def _runs(deployment: Deployment) -> Table:
    table = Table("job", "status", "node", "seconds", "tables")
    for record in reversed(deployment.instance.get_run_records()):
        run, seconds = record.dagster_run, (record.end_time or 0) - (record.start_time or 0)
        tables = ", ".join(sorted(key.path[-1] for key in run.asset_selection or ()))
        table.add_row(run.job_name, run.status.value, node_of(deployment, run.run_id), f"{seconds:.0f}", tables)
    return table


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
