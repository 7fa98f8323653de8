"""What a running collector tells Prometheus."""

from collections import Counter as Count
from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from cctview_pipeline.collect.engine import Engine

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
            "refused": "Frames that the full spool did not take.",
            "unmasked": "Frames that could not be masked, and were not kept.",
            "bytes": "Bytes of answers.",
        }.items():
            yield CounterMetricFamily(f"cctview_collect_{name}", meaning, sum(getattr(tally, name) for tally in tallies))
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


def serve_metrics(engine: "Engine", port: int) -> None:
    """On every address of this machine, in a thread that ends with the process."""
    registry = CollectorRegistry()
    registry.register(EngineMetrics(engine))
    start_http_server(port, registry=registry)
