"""What a running collector tells Prometheus."""

import time
from collections import Counter as Count
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from cctview_pipeline.errors import CctviewError
from cctview_pipeline.spool.folder import SpoolFolder, used_bytes
from cctview_pipeline.spool.segments import number_of

if TYPE_CHECKING:
    from cctview_pipeline.collect.engine import Engine
    from cctview_pipeline.spool.upload import Uploader

LAGS_S = (0.5, 0.9, 0.99)
STATES = ("live", "stale", "frozen", "placeholder", "offline", "moved", "unknown")


class EngineMetrics(Collector):
    """Sums over all cameras, read from the engine when Prometheus asks: a thousand cameras cost nothing in between."""

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine

    def collect(self) -> Iterator[Metric]:
        tallies = [followed.tally for followed in self._engine.followed]
        for name, meaning in {
            "asked": "Requests for a picture.",
            "new": "Frames that were new.",
            "unchanged": "Answers that showed nothing new.",
            "failed": "Requests without a usable answer.",
            "refused": "New frames that are not in the spool.",
            "bytes": "Bytes of answers.",
        }.items():
            yield CounterMetricFamily(f"cctview_collect_{name}", meaning, sum(getattr(tally, name) for tally in tallies))
        reasons = CounterMetricFamily(
            "cctview_collect_unused", "Answers and frames that were not used, by why.", labels=["reason"]
        )
        for reason, count in sum((tally.reasons.copy() for tally in tallies), Count()).items():
            reasons.add_metric([reason], count)
        yield reasons
        yield CounterMetricFamily("cctview_collect_stored", "Records that are on the disk.", self._engine.stored)
        states = GaugeMetricFamily("cctview_collect_cameras", "Cameras by state.", labels=["state"])
        counted = Count(followed.watch.state for followed in self._engine.followed)
        for state in STATES:
            states.add_metric([state], counted[state])
        yield states
        lags = GaugeMetricFamily("cctview_collect_lag_seconds", "From due to fetched, of newest frames.", labels=["quantile"])
        for share, seconds in self._engine.lags(LAGS_S).items():
            lags.add_metric([str(share)], seconds)
        yield lags
        yield from spool_metrics(self._engine.writer.directory)
        if self._engine.uploader:
            yield from _of_uploads(self._engine.uploader)


def spool_metrics(directory: Path) -> Iterator[Metric]:
    """What of a shard waits in its spool: until it is in the lake, or in the store, nobody but this machine has it."""
    waiting = SpoolFolder(directory).segments()
    yield GaugeMetricFamily("cctview_collect_spool_bytes", "Bytes of a shard's spool.", used_bytes(directory))
    yield GaugeMetricFamily("cctview_collect_spool_segments", "Closed segments that wait there.", len(waiting))
    oldest = GaugeMetricFamily(
        "cctview_collect_spool_oldest_timestamp_seconds",
        "When the oldest of them was begun, since 1970; none when there is none.",
    )
    if waiting:
        oldest.add_metric([], min(number_of(segment.name) for segment in waiting) / 1e6)
    yield oldest


def _of_uploads(uploader: "Uploader") -> Iterator[Metric]:
    """What the store has of the segments."""
    told = uploader.tally
    for name, meaning, count in (
        ("uploaded_segments", "Segments that the store has.", told.segments),
        ("uploaded_bytes", "Their bytes.", told.bytes),
        ("upload_failures", "Tries to upload a segment, or to renew the shard's lease, that failed.", told.failures),
        ("expired_files", "Files deleted on this machine: their lifetime was over before they could be uploaded.", told.expired),
    ):
        yield CounterMetricFamily(f"cctview_collect_{name}", meaning, count)
    away = time.time() - told.since if told.trouble else 0.0
    yield GaugeMetricFamily("cctview_collect_store_away_seconds", "Since when uploading fails; 0 when it does not.", away)


def serve_metrics(engine: "Engine", port: int) -> None:
    """On every address of this machine, in a thread that ends with the process. Raises CctviewError for a port that is taken."""
    registry = CollectorRegistry()
    registry.register(EngineMetrics(engine))
    try:
        start_http_server(port, registry=registry)
    except (OSError, OverflowError):
        raise CctviewError(
            f"Metrics cannot be served at port {port}: stop the program that uses it, or choose another with --metrics-port."
        ) from None
