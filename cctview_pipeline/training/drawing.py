"""Drawing many cities side by side."""

import gc
import multiprocessing
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import TypeVar

Job = TypeVar("Job")


def draw_all(draw: Callable[[Job], None], jobs: Iterable[Job]) -> None:
    """Do each job in a process, as many at a time as there are cores: drawing is numba and numpy, and a city shares nothing with
    the next. draw: a function that other processes find by its name."""
    context = multiprocessing.get_context("spawn")
    # Not with max_tasks_per_child: in Python 3.11 such a pool hangs once its first processes have done their share.
    with ProcessPoolExecutor(len(os.sched_getaffinity(0)), context) as pool:
        list(pool.map(partial(_draw_one, draw), jobs))


def _draw_one(draw: Callable[[Job], None], job: Job) -> None:
    draw(job)
    gc.collect()  # a city is a cycle of 190 MiB: twenty of them had 4 GB a process
