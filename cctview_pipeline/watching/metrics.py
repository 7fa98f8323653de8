"""What a deployment's exporter tells Prometheus of its lakes.

Names go by Prometheus' conventions: base units, ``_total`` for what only grows, times as seconds since 1970, so that how old
something is stays right between two looks: ``time() - cctview_newest_timestamp_seconds``.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from cctview_pipeline.campaign import Campaign
from cctview_pipeline.lake import Lake
from cctview_pipeline.lake.schemas import TABLES
from cctview_pipeline.watching.late import Lateness
from cctview_pipeline.watching.newest import Newest

EVERY_S = 30.0
"""What is asked for more often than that is answered with what was found last."""
STORE_EVERY_S = 3600.0
"""Listing a lake takes a store a request for a thousand objects."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Source:
    """What is looked at, and how often. name: as ``cctview_exporter_up`` has it; look: what it tells; every_s: between two."""

    name: str
    look: Callable[[], Iterable[Metric]]
    every_s: float = EVERY_S


class Exporter(Collector):
    """Looks at each source in a thread of its own, so that none makes Prometheus wait or takes another with it, and tells what it
    found last. A source that fails tells nothing but that."""

    def __init__(self, sources: Iterable[Source]) -> None:
        self._sources = tuple(sources)
        self._found: dict[str, list[Metric]] = {}
        self._up: dict[str, bool] = {}
        self._stopped = threading.Event()

    def start(self) -> None:
        """Returns when every source was looked at once, but for those that are looked at seldom, since that takes long."""
        soon = [source for source in self._sources if source.every_s <= EVERY_S]
        # One after the other: to read its first campaign pydantic parses Python, which 3.11 cannot do in two threads at once.
        for source in soon:
            self.look(source)
        for source in self._sources:
            threading.Thread(target=self._go_on, args=(source, source in soon), daemon=True, name=source.name).start()

    def stop(self) -> None:
        """No source is looked at any more."""
        self._stopped.set()

    def _go_on(self, source: Source, looked: bool) -> None:
        while not (looked and self._stopped.wait(source.every_s)):
            self.look(source)
            looked = True

    def look(self, source: Source) -> None:
        """Once."""
        try:
            self._found[source.name] = list(source.look())
            self._up[source.name] = True
        except Exception as error:  # a database or a store that is away comes back
            _log.warning("%s could not be looked at (%s).", source.name, type(error).__name__)
            self._found[source.name], self._up[source.name] = [], False

    def collect(self) -> Iterator[Metric]:
        """Families of one name are told together, as the format wants it."""
        up = GaugeMetricFamily("cctview_exporter_up", "Whether a source could be looked at last.", labels=["source"])
        for name, is_up in sorted(self._up.items()):
            up.add_metric([name], is_up)
        families: dict[str, Metric] = {up.name: up}
        for found in list(self._found.values()):
            for metric in found:
                family = families.setdefault(metric.name, Metric(metric.name, metric.documentation, metric.type))
                family.samples.extend(metric.samples)
        return iter(families.values())


def lake_sources(uri: str, open_lake: Callable[[], Lake]) -> list[Source]:
    """What is told of one lake: lags and lateness, and every hour its growth. open_lake: called at every look, so that a store
    that is away when the exporter begins is told as such."""
    watched = Watched(open_lake)
    return [Source(f"lake {uri}", watched.lags), Source(f"store {uri}", watched.store, STORE_EVERY_S)]


class Watched:
    """A lake, and what is known of it between two looks."""

    def __init__(self, open_lake: Callable[[], Lake]) -> None:
        self._open = open_lake
        self._known: tuple[Campaign, Lateness, Newest] | None = None

    def lags(self) -> Iterator[Metric]:
        """When the newest of each table was captured, and how many partitions are late."""
        lake, now = self._open(), datetime.now(UTC)
        campaign = lake.require_campaign()
        if self._known is None or self._known[0] != campaign:
            self._known = campaign, Lateness(lake, campaign), Newest(lake, campaign)
        _, lateness, newest = self._known
        labels = ["district", "table"]
        times = GaugeMetricFamily(
            "cctview_newest_timestamp_seconds", "When the newest that a table holds was captured, since 1970.", labels=labels
        )
        for table, moment in newest.look(now).items():
            times.add_metric([campaign.district, table], moment.timestamp())
        late = GaugeMetricFamily(
            "cctview_late_partitions", "Camera-hours, hours or days that should be there by now and are not.", labels=labels
        )
        for table, found in lateness.look(now).items():
            late.add_metric([campaign.district, table], len(found.missing))
        cameras = GaugeMetricFamily("cctview_campaign_cameras", "Cameras of the campaign.", labels=["district"])
        cameras.add_metric([campaign.district], len(campaign.cameras))
        yield from (times, late, cameras)

    def store(self) -> Iterator[Metric]:
        """Objects and bytes of each table."""
        lake = self._open()
        district = lake.require_campaign().district
        labels = ["district", "table"]
        objects = GaugeMetricFamily("cctview_store_objects", "Objects of a table in the lake.", labels=labels)
        size = GaugeMetricFamily("cctview_store_bytes", "Bytes of a table in the lake.", labels=labels)
        for table in TABLES:
            count, total = lake.storage.measure(table)
            objects.add_metric([district, table], count)
            size.add_metric([district, table], total)
        at = GaugeMetricFamily(
            "cctview_store_looked_at_timestamp_seconds", "When it was counted, since 1970.", labels=["district"]
        )
        at.add_metric([district], time.time())
        yield from (objects, size, at)
