"""How a backfill is cut into runs.

A run over many partitions loads its models once and leaves Dagster little to write down; runs over few of them go on side
by side, and one that dies has little to do again.
"""

import os

import dagster as dg

from cctview_pipeline.partitions import CAMPAIGN

MOST_RUNS = 1000
"""A backfill of the whole campaign is cut into about this many runs: Dagster takes some 20 ms to launch one."""


def partitions_per_run() -> int:
    """``CCTVIEW_PARTITIONS_PER_RUN``, or two in a small campaign and as many as needed in a large one."""
    total = len(CAMPAIGN.cameras) * len(CAMPAIGN.hours())
    return int(os.environ.get("CCTVIEW_PARTITIONS_PER_RUN") or max(2, -(-total // MOST_RUNS)))


independent = dg.BackfillPolicy.multi_run(max_partitions_per_run=partitions_per_run())
"""Frames to features: no camera-hour needs another, so any cut is right."""

in_order = dg.BackfillPolicy.single_run()
"""Tracks and journeys look back one hour, so one run walks through a range of hours in order."""

after_all_tracks = dg.BackfillPolicy.multi_run(max_partitions_per_run=100_000)
"""Matches read the neighbours' tracks. Dagster puts assets of one policy into one run, and cuts a range of cameras and
hours into a run a camera: with the tracks' policy, a camera would be matched before its neighbour was tracked. Another
policy makes it wait for all tracks."""
