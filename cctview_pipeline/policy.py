"""What a campaign promises about the people in its pictures: ``[campaign.privacy]`` in campaign.toml.

::

    [campaign.privacy]
    purposes = ["traffic counts"]        # what vehicles may be asked about for; without one nobody may
    largest_side = 640                   # px, of a stored frame
    queries_an_hour = 60                 # about vehicles, of one user

    [campaign.privacy.lifetimes]
    crops = "12 h"
    tracks = "30 d"
    matches = "forever"
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, StrictInt, StringConstraints

from cctview_pipeline.campaign import HOUR, Campaign
from cctview_pipeline.durations import PATTERN, parse_duration
from cctview_pipeline.errors import ConfigurationError, printable
from cctview_pipeline.lake.schemas import TABLES
from cctview_pipeline.settings import CLOSED, Section, Text, Texts, read, refused

_HOURS, _DAY, _WEEK = timedelta(hours=6), timedelta(days=1), timedelta(days=7)

LIFETIMES: dict[str, timedelta | None] = {
    "raw_frames": _DAY,
    "crops": _DAY,
    "features": _DAY,
    "detections": _WEEK,
    "labels": _WEEK,
    "tracks": _WEEK,
    "passages": _WEEK,
    "matches": _WEEK,
    "match_evidence": _WEEK,
    "verdicts": _WEEK,
    "journeys": _WEEK,
    "rejected_frames": _WEEK,
    "spool": _DAY,
    "logs": _WEEK,
    "keys": _DAY,
}
"""Of tables, and of what lies beside the lake. A table that is not named here holds no vehicles, and is kept."""
BESIDE = {
    "spool": "Frames that collectors keep until the lake has them.",
    "logs": "What runs printed.",
    "keys": "A day's key of the pseudonyms, counted from the day's end.",
}
"""What lies beside the lake and has a lifetime."""
KEPT = {**{name: spec.description for name, spec in TABLES.items()}, **BESIDE}
"""All that may have a lifetime -> what it is."""
FORMER = ("pictures",)
"""What campaigns of before may still name, to no effect: pictures of real cameras that stood in Dagster's metadata."""
UNMASKED = ("raw_frames", "crops", "spool")
"""What shows people where they are not masked, and is then kept for hours only."""
MAX_UNMASKED = _HOURS


def _named(name: str) -> str:
    if name not in (*KEPT, *FORMER):
        raise refused("is nothing that is kept")
    return name


def _lifetime(value: object) -> timedelta | None:
    if value == "forever":
        return None
    try:
        found = parse_duration(value) if isinstance(value, str) else timedelta()
    except ConfigurationError:
        found = timedelta()
    if not found or found % HOUR:
        raise refused("is no lifetime")
    return found


_LIFETIME = {"type": "string", "pattern": rf"^({PATTERN}|forever)$", "examples": ["12 h", "7 d", "forever"]}
_NAME: TypeAlias = Annotated[str, AfterValidator(_named)]
Lifetime: TypeAlias = Annotated[timedelta | None, BeforeValidator(_lifetime)]
"""StrictInt hours, or None for ever."""


@dataclass(frozen=True, kw_only=True)
class Policy:
    """``[campaign.privacy]``; its lifetimes with all that are not named there, None for ever."""

    __pydantic_config__ = CLOSED

    purposes: Annotated[Texts, Field(examples=[["traffic counts"]])] = ()
    """What vehicles may be asked about for; without one nobody may."""
    unmasked_for: Annotated[Text, StringConstraints(strip_whitespace=True), Field(examples=["road safety"])] = ""
    """The purpose under which people stay visible, for six hours at most; they are painted over otherwise."""
    largest_side: Annotated[StrictInt, Field(ge=16, le=32_767, examples=[640])] = 640
    """Of a stored frame, px: a larger one is scaled down."""
    queries_an_hour: Annotated[StrictInt, Field(ge=1, le=1_000_000, examples=[60])] = 60
    """How many questions about vehicles one user may ask."""
    k: Annotated[StrictInt, Field(ge=2, le=1_000_000, examples=[10])] = 10
    """How many vehicles a group of `cctview publish` has at least."""
    lifetimes: Annotated[
        Mapping[_NAME, Lifetime],
        Field(
            json_schema_extra={
                "properties": {name: _LIFETIME | {"description": what} for name, what in KEPT.items()},
                "additionalProperties": False,
            }
        ),
    ] = field(default_factory=lambda: dict(LIFETIMES), hash=False)
    """How long a thing is kept."""

    def __post_init__(self) -> None:
        if self.unmasked_for and self.unmasked_for not in self.purposes:
            raise ConfigurationError(
                f"unmasked_for = '{self.unmasked_for}' is none of the purposes under [campaign.privacy]: add it."
            )
        if twice := [each for each in self.purposes if self.purposes.count(each) > 1]:
            raise ConfigurationError(f"purposes under [campaign.privacy] name '{printable(twice[0])}' twice: take one out.")

    @classmethod
    def of(cls, campaign: Campaign) -> "Policy":
        """Raises CctviewError, with the mend, for what it does not know or understand.

        Nobody lives in the synthetic city: what it holds is kept unless the campaign says otherwise.
        """
        said = read(cls, {"lifetimes": {}} | dict(campaign.privacy), Section(campaign.source, "[campaign.privacy]"))
        lifetimes = dict.fromkeys(LIFETIMES) if campaign.network == "city" else dict(LIFETIMES)
        lifetimes |= {name: lifetime for name, lifetime in said.lifetimes.items() if name not in FORMER}
        if said.unmasked_for:
            lifetimes |= {name: min(lifetimes[name] or MAX_UNMASKED, MAX_UNMASKED) for name in UNMASKED}
        return replace(said, lifetimes=lifetimes)

    @property
    def masks_people(self) -> bool:
        return not self.unmasked_for

    def lifetime(self, name: str) -> timedelta | None:
        """Of a table or of what lies beside the lake; None for ever."""
        return self.lifetimes.get(name)
