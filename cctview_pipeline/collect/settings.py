"""What a campaign says about collecting live cameras: ``[campaign.settings]`` in campaign.toml."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from typing import TYPE_CHECKING

from cctview_pipeline.cameras.live import LIVE_NETWORKS, LiveNetwork
from cctview_pipeline.campaign import Campaign
from cctview_pipeline.errors import ConfigurationError
from cctview_pipeline.settings import Key, Section, read_section

if TYPE_CHECKING:
    from cctview_pipeline.collect.engine import EngineSettings

KEYS = {
    "collect": Key(bool, "true", sentence="Whether to collect at all, somebody having read the operator's terms."),
    "contact": Key(str, '"you@example.org"', sentence="Where the operator finds you; sent with every request."),
    "window": Key(str, '"13:00-14:00"', sentence="Of every day, in the network's local time."),
    "budget_gib": Key(float, "20.0", above=0, most=1e6, sentence="What the spool may take of the disk, GiB."),
    "metrics_port": Key(int, "9090, or 0 for none", 0, 65_535, sentence="Where Prometheus finds metrics; 0 for nowhere."),
    "base_url": Key(str, '"http://127.0.0.1:8010"', sentence="Another server of the network's form."),
}


@dataclass(frozen=True)
class CollectSettings:
    """collect: whether to collect at all, somebody having read the operator's terms; contact: where the operator finds you;
    window: of every day, in the network's local time; budget_gib: what the spool may take; metrics_port: 0 for none; base_url:
    of another server of the network's form."""

    collect: bool = False
    contact: str = ""
    window: str = "13:00-14:00"
    budget_gib: float = 20.0
    metrics_port: int = 0
    base_url: str = ""

    @classmethod
    def of(cls, campaign: Campaign) -> "CollectSettings":
        """Raises CctviewError, with the mend, for a network that is not live or not turned on, and for wrong settings."""
        if campaign.network not in LIVE_NETWORKS:
            raise ConfigurationError(
                f"The campaign's network is '{campaign.network}', which is not live: there is nothing to collect."
            )
        settings = cls.read(campaign.settings, campaign.source)
        if not settings.collect:
            raise ConfigurationError(
                "Collecting is turned off: read the operator's terms, and set collect = true and contact under "
                f"[campaign.settings] in {campaign.source}."
            )
        return settings

    @classmethod
    def read(cls, values: Mapping, source: str = "campaign.toml") -> "CollectSettings":
        """From ``[campaign.settings]``. Raises CctviewError for what it does not know or understand."""
        section = Section(source, "[campaign.settings]")
        settings = cls(**read_section(values, section, KEYS))
        settings.begin_and_seconds()
        url = settings.base_url
        if url and not is_server_address(url):
            raise section.wrong("base_url", url, "is no address of a server", f"base_url = {KEYS['base_url'].example}")
        return settings

    def begin_and_seconds(self) -> tuple[time, float]:
        """When the window begins, and how long it is; one that ends before it begins ends on the next day."""
        match = re.fullmatch(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)", self.window)
        if not match:
            raise ConfigurationError(f"A window is given as 13:00-14:00, not '{self.window}'.")
        first, last = (int(match[i]) * 60 + int(match[i + 1]) for i in (1, 3))
        return time(first // 60, first % 60), ((last - first) % 1440 or 1440) * 60.0

    def engine(self) -> "EngineSettings":
        from cctview_pipeline.collect.engine import EngineSettings  # aiohttp is of no use to the code server

        return EngineSettings(self.contact)

    def network(self, name: str) -> LiveNetwork:
        return LIVE_NETWORKS[name](self.base_url)


def is_server_address(url: str) -> bool:
    return re.fullmatch(r"https?://[^\s/?#]+[^\s?#]*", url) is not None
