"""The figures of a local day: one statement a mart in ``<name>.sql``, over the relations that day.py gives them."""

MARTS = (
    "bins",
    "vehicle_counts",
    "flows",
    "turning_movements",
    "approach_queues",
    "speeds",
    "travel_times",
    "corridor_speeds",
    "corridor_od",
    "segment_performance",
    "anomalies",
    "data_quality",
    "reliability",
)
"""In the order in which they are built: a statement may read those before it."""
