"""How many processors a run of Dagster may use."""

import dagster as dg
from dagster._core.launcher import DefaultRunLauncher
from dagster._core.launcher.sync_in_memory_run_launcher import SyncInMemoryRunLauncher

from cctview_pipeline.runtime.device import set_threads
from cctview_pipeline.runtime.granted import own_cpus, said_cpus


def on_this_machine(instance: dg.DagsterInstance) -> bool:
    """Whether the instance's runs are processes of the machine that launches them, and end with what launches them: those of
    other launchers live elsewhere."""
    return isinstance(instance.run_launcher, DefaultRunLauncher | SyncInMemoryRunLauncher)


def share_cores(context: dg.InitResourceContext) -> None:
    """Let models use what the run was granted. Where nobody says how much that is and all runs are on this machine, those that go
    on at a time divide its processors: two that use all of them are slower than one."""
    set_threads(said_cpus() or max(1, own_cpus() // _sharing(context.instance)))


def _sharing(instance: dg.DagsterInstance | None) -> int:
    if instance is None or not on_this_machine(instance):
        return 1
    runs = instance.get_concurrency_config().run_queue_config
    return max(1, runs.max_concurrent_runs if runs else 1)
