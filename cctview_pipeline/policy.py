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

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from cctview_pipeline.campaign import Campaign
from cctview_pipeline.errors import ConfigurationError, printable
from cctview_pipeline.lake.schemas import TABLES
from cctview_pipeline.settings import Key, Section, read_section

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
FORMER = ("pictures",)
"""What campaigns of before may still name, to no effect: pictures of real cameras that stood in Dagster's metadata."""
UNMASKED = ("raw_frames", "crops", "spool")
"""What shows people where they are not masked, and is then kept for hours only."""
MAX_UNMASKED = _HOURS

KEYS = {
    "purposes": Key(list, '["traffic counts"]', sentence="What vehicles may be asked about for; without one nobody may."),
    "unmasked_for": Key(
        str,
        '"road safety", which must be one of the purposes',
        sentence="The purpose under which people stay visible, for six hours at most; they are painted over otherwise.",
    ),
    "largest_side": Key(int, "640", 16, 32_767, sentence="Of a stored frame, px: a larger one is scaled down."),
    "queries_an_hour": Key(int, "60", 1, sentence="How many questions about vehicles one user may ask."),
    "lifetimes": Key(
        dict, "[campaign.privacy.lifetimes] on a line of its own, and its keys below it", sentence="How long a thing is kept."
    ),
}


@dataclass(frozen=True)
class Policy:
    """purposes: for which vehicles may be asked about; unmasked_for: the one of them under which people stay visible, empty as
    a rule; largest_side: of a stored frame, px; queries_an_hour: about vehicles, of one user; lifetimes: name -> how long, None
    for ever."""

    purposes: tuple[str, ...] = ()
    unmasked_for: str = ""
    largest_side: int = 640
    queries_an_hour: int = 60
    lifetimes: Mapping[str, timedelta | None] = field(default_factory=lambda: dict(LIFETIMES), hash=False)

    def __post_init__(self) -> None:
        if self.unmasked_for and self.unmasked_for not in self.purposes:
            raise ConfigurationError(
                f"unmasked_for = '{self.unmasked_for}' is none of the purposes under [campaign.privacy]: add it."
            )
        if twice := [each for each in self.purposes if self.purposes.count(each) > 1]:
            raise ConfigurationError(f"purposes under [campaign.privacy] name '{printable(twice[0])}' twice: take one out.")
        if not 16 <= self.largest_side <= 32_767:
            raise ConfigurationError(f"largest_side = {self.largest_side} under [campaign.privacy] must be from 16 to 32767 px.")
        if self.queries_an_hour < 1:
            raise ConfigurationError(f"queries_an_hour = {self.queries_an_hour} under [campaign.privacy] must be 1 or more.")

    @classmethod
    def of(cls, campaign: Campaign) -> "Policy":
        """Raises CctviewError, with the mend, for what it does not know or understand.

        Nobody lives in the synthetic city: what it holds is kept unless the campaign says otherwise.
        """
        said = read_section(campaign.privacy, Section(campaign.source, "[campaign.privacy]"), KEYS)
        lifetimes = dict.fromkeys(LIFETIMES) if campaign.network == "city" else dict(LIFETIMES)
        section = Section(campaign.source, "[campaign.privacy.lifetimes]")
        named = {name: text for name, text in said.get("lifetimes", {}).items() if name not in FORMER}
        lifetimes |= {name: _duration(name, text, section) for name, text in named.items()}
        said["unmasked_for"] = said.get("unmasked_for", "").strip()
        if said["unmasked_for"]:
            lifetimes |= {name: min(lifetimes[name] or MAX_UNMASKED, MAX_UNMASKED) for name in UNMASKED}
        purposes = tuple(purpose.strip() for purpose in said.get("purposes", ()))
        return cls(**(said | {"purposes": purposes, "lifetimes": lifetimes}))

    @property
    def masks_people(self) -> bool:
        return not self.unmasked_for

    def lifetime(self, name: str) -> timedelta | None:
        """Of a table or of what lies beside the lake; None for ever."""
        return self.lifetimes.get(name)


def _duration(name: str, text: object, section: Section) -> timedelta | None:
    """``12 h``, ``7 d`` or ``forever``."""
    if name not in LIFETIMES and name not in TABLES:
        known = ", ".join({**LIFETIMES, **TABLES})
        raise section.refusal(f"the unknown name '{name}' stands", f": known are {known}.")
    if text == "forever":
        return None
    found = re.fullmatch(r"([0-9]{1,5}) ?([hd])", text) if isinstance(text, str) else None
    if not found or not int(found[1]):
        raise section.wrong(name, text, "is no lifetime", f'{name} = "12 h", "7 d" or "forever"')
    return timedelta(hours=int(found[1]) * (24 if found[2] == "d" else 1))
