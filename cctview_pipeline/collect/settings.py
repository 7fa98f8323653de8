"""What a campaign says about collecting live cameras: ``[campaign.settings]`` in campaign.toml."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import time
from typing import TYPE_CHECKING

from cctview_pipeline.cameras.live import LIVE_NETWORKS, LiveNetwork
from cctview_pipeline.campaign import Campaign
from cctview_pipeline.errors import CctviewError

if TYPE_CHECKING:
    from cctview_pipeline.collect.engine import EngineSettings


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
            raise CctviewError(f"The campaign's network is '{campaign.network}', which is not live: there is nothing to collect.")
        settings = cls.read(campaign.settings)
        if not settings.collect:
            raise CctviewError(
                "Collecting is turned off: read the operator's terms, and set collect = true and contact under "
                "[campaign.settings] in the lake's campaign.toml."
            )
        return settings

    @classmethod
    def read(cls, values: Mapping) -> "CollectSettings":
        known = {field.name: type(field.default) for field in fields(cls)}
        if unknown := set(values) - set(known):
            raise CctviewError(f"[campaign.settings] has the unknown key '{min(unknown)}': known are {', '.join(known)}.")
        for name, value in values.items():
            kinds = (int, float) if known[name] is float else known[name]
            if not isinstance(value, kinds) or (isinstance(value, bool) and known[name] is not bool):
                raise CctviewError(f"[campaign.settings] has a value of the wrong kind: {name} = {value!r}.")
        settings = cls(**values)
        settings.begin_and_seconds()
        return settings

    def begin_and_seconds(self) -> tuple[time, float]:
        """When the window begins, and how long it is; one that ends before it begins ends on the next day."""
        match = re.fullmatch(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)", self.window)
        if not match:
            raise CctviewError(f"A window is given as 13:00-14:00, not '{self.window}'.")
        first, last = (int(match[i]) * 60 + int(match[i + 1]) for i in (1, 3))
        return time(first // 60, first % 60), ((last - first) % 1440 or 1440) * 60.0

    def engine(self) -> "EngineSettings":
        from cctview_pipeline.collect.engine import EngineSettings  # aiohttp is of no use to the code server

        return EngineSettings(self.contact)

    def network(self, name: str) -> LiveNetwork:
        return LIVE_NETWORKS[name](self.base_url)
