"""What a campaign says about collecting live cameras: ``[campaign.settings]`` in campaign.toml."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, StrictBool, StrictFloat, StrictInt, StrictStr

from cctview_pipeline.cameras.live import LIVE_NETWORKS, open_live
from cctview_pipeline.cameras.networks.generic import Source
from cctview_pipeline.cameras.protocol import LiveNetwork
from cctview_pipeline.campaign import Campaign
from cctview_pipeline.errors import ConfigurationError
from cctview_pipeline.settings import CLOSED, Absent, Section, Shown, Text, read

if TYPE_CHECKING:
    from cctview_pipeline.collect.engine import EngineSettings

_WINDOW = r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-3]):([0-5][0-9])"
_SERVER = r"https?://[^\s/?#]+[^\s?#]*"


@dataclass(frozen=True, kw_only=True)
class CollectSettings:
    """``[campaign.settings]`` of a live network."""

    __pydantic_config__ = CLOSED

    collect: Annotated[StrictBool, Field(examples=[True])] = False
    """Whether to collect at all, somebody having read the operator's terms."""
    contact: Annotated[Text, Field(examples=["you@example.org"])] = ""
    """Where the operator finds you; sent with every request."""
    window: Annotated[StrictStr, Field(pattern=f"^{_WINDOW}$", title="span of the day", examples=["13:00-14:00"])] = "13:00-14:00"
    """Of every day, in the network's local time."""
    budget_gib: Annotated[StrictFloat, Field(gt=0, le=1e6, examples=[20.0])] = 20.0
    """What the spool may take of the disk, GiB."""
    metrics_port: Annotated[StrictInt, Field(ge=0, le=65_535, examples=[9090, 0])] = 0
    """Where Prometheus finds metrics; 0 for nowhere."""
    base_url: Annotated[
        StrictStr, Field(pattern=f"^({_SERVER})?$", title="address of a server", examples=["http://127.0.0.1:8010"]), Shown
    ] = ""
    """Another server of the network's form."""
    source: Source | Absent = None
    """What describes a `generic` network."""

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
        return read(cls, values, Section(source, "[campaign.settings]"))

    def begin_and_seconds(self) -> tuple[time, float]:
        """When the window begins, and how long it is; one that ends before it begins ends on the next day."""
        match = re.fullmatch(_WINDOW, self.window)
        assert match, "the file was read, and its window with it"
        first, last = (int(match[i]) * 60 + int(match[i + 1]) for i in (1, 3))
        return time(first // 60, first % 60), ((last - first) % 1440 or 1440) * 60.0

    def engine(self) -> "EngineSettings":
        from cctview_pipeline.collect.engine import EngineSettings  # aiohttp is of no use to the code server

        return EngineSettings(contact=self.contact)

    def network(self, name: str) -> LiveNetwork:
        """Raises ConfigurationError for a generic one without a source."""
        return open_live(name, self.base_url, self.source)
