"""Times in which a camera's figures are not what they seem, as a person names them under ``[[anomalies]]`` in campaign.toml.

::

    [[anomalies]]
    camera = "735-683-N"
    began = 2020-05-05T17:00:00Z
    ended = 2020-05-05T18:30:00Z
    problem = "do-not-use"
    investigation = "confirmed"
    note = "A film crew had closed the right lane."

The words are those of Toronto's Miovision tables. Figures over which a do-not-use lies are flagged, and keep what was counted.
"""

from dataclasses import dataclass, fields
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field

from cctview_pipeline.errors import ConfigurationError
from cctview_pipeline.settings import CLOSED, Moment, Text

Problem: TypeAlias = Literal["do-not-use", "questionable", "caveat"]
Investigation: TypeAlias = Literal["suspected", "confirmed", "dismissed"]
Label: TypeAlias = Literal["", "car", "bus", "truck", "motorcycle"]


@dataclass(frozen=True, kw_only=True)
class Anomaly:
    """One ``[[anomalies]]``."""

    __pydantic_config__ = CLOSED

    camera: Annotated[Text, Field(examples=["735-683-N"])]
    """Its id."""
    began: Annotated[Moment, Field(examples=["2020-05-05T17:00:00Z"])]
    """When it began."""
    ended: Annotated[Moment, Field(examples=["2020-05-05T18:30:00Z"])]
    """When it ended, exclusive."""
    problem: Annotated[Problem, Field(title="do-not-use, questionable or caveat", examples=["do-not-use"])]
    """What it means for the figures."""
    investigation: Annotated[Investigation, Field(title="suspected, confirmed or dismissed", examples=["confirmed"])] = (
        "suspected"
    )
    """How sure one is; dismissed takes back what was found within it."""
    note: Annotated[Text, Field(examples=["A lane was closed."])]
    """What happened, in one sentence."""
    carriageway: Annotated[Text, Field(examples=["N"])] = ""
    """The side of the road; all where it is left out."""
    label: Annotated[Label, Field(title="label", examples=["truck"])] = ""
    """car, bus, truck or motorcycle; all where it is left out."""

    def __post_init__(self) -> None:
        if self.ended <= self.began:
            raise ConfigurationError(
                f"The anomaly of camera '{self.camera}' ends ({self.ended:%Y-%m-%dT%H:%MZ}) before it begins "
                f"({self.began:%Y-%m-%dT%H:%MZ}): correct one of the two."
            )

    def to_dict(self) -> dict[str, Any]:
        """As the file has it."""
        return {each.name: value for each in fields(self) if (value := getattr(self, each.name))}
