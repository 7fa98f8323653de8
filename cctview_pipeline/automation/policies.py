"""How a backfill is cut into runs.

A run over many partitions loads its models once; a run over few of them leaves several to go on at a time.
"""

import os

import dagster as dg

PARTITIONS_PER_RUN = int(os.environ.get("CCTVIEW_PARTITIONS_PER_RUN") or 2)

independent = dg.BackfillPolicy.multi_run(max_partitions_per_run=PARTITIONS_PER_RUN)
"""Frames to features: no camera-hour needs another, so any cut is right."""

in_order = dg.BackfillPolicy.single_run()
"""Tracks and journeys look back one hour, so one run walks through a range of hours in order."""

after_all_tracks = dg.BackfillPolicy.multi_run(max_partitions_per_run=100_000)
"""Matches read the neighbours' tracks. Dagster puts assets of one policy into one run, and cuts a range of cameras and
hours into a run a camera: with the tracks' policy, a camera would be matched before its neighbour was tracked. Another
policy makes it wait for all tracks."""
