"""``[[links]]`` of campaign.toml: where a camera's traffic comes next, and the sides of a road by which it leaves and enters.

::

    [[links]]
    from = "735-683-N"
    to = "733-681-N"
    metres = 1500.0

A link leads one way: a road with two carriageways has two. A side is one of the two directions in which vehicles cross a camera's
picture: ``away`` from it (up the picture) and ``towards`` it (down); where the campaign says how the camera faces, it has the
compass's letter instead.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, StrictFloat

from cctview_pipeline.errors import ConfigurationError
from cctview_pipeline.settings import CLOSED, Text

FACINGS = ("north", "east", "south", "west")
AWAY, TOWARDS = "away", "towards"
MAX_METRES = 100_000.0
Side: TypeAlias = Literal["", "N", "E", "S", "W", "towards", "away"]
_SIDE = Field(title="N, E, S, W, towards or away", examples=["towards"])


@dataclass(frozen=True, kw_only=True)
class Link:
    """One ``[[links]]``."""

    __pydantic_config__ = CLOSED

    from_camera: Annotated[Text, Field(alias="from", examples=["735-683-N"])]
    """The camera that vehicles pass first."""
    to_camera: Annotated[Text, Field(alias="to", examples=["733-681-N"])]
    """The camera that they pass next, with none between."""
    metres: Annotated[StrictFloat, Field(gt=0, le=MAX_METRES, examples=[1500.0])]
    """Along the road, from pole to pole."""
    leaves: Annotated[Side, _SIDE] = ""
    """The side on which they pass the first camera; by the compass where it is left out and both cameras' facings are known."""
    enters: Annotated[Side, _SIDE] = ""
    """The side on which they pass the second one; likewise."""

    def __post_init__(self) -> None:
        if self.from_camera == self.to_camera:
            raise ConfigurationError(f"The link of camera '{self.from_camera}' leads back to itself: name two cameras.")

    @property
    def pair(self) -> tuple[str, str]:
        """The ids of its cameras."""
        return self.from_camera, self.to_camera

    def to_dict(self) -> dict[str, Any]:
        """As the file has it."""
        said = {
            "from": self.from_camera,
            "to": self.to_camera,
            "metres": self.metres,
            "leaves": self.leaves,
            "enters": self.enters,
        }
        return {key: value for key, value in said.items() if value != ""}


def side_of(faces: str, direction: str) -> str:
    """What moves away from a camera that faces north goes north; what comes towards it goes south. direction: away or towards,
    which is the side's name itself where nobody knows how the camera faces."""
    if not faces:
        return direction
    facing = FACINGS.index(faces)
    return FACINGS[facing if direction == AWAY else (facing + 2) % 4][0].upper()


def sides_of(faces: str) -> tuple[str, str]:
    """The two sides of a camera that looks so: of what goes away from it, and of what comes towards it."""
    return side_of(faces, AWAY), side_of(faces, TOWARDS)


def named_side(faces: str, side: str) -> str | None:
    """The name of a side that a person wrote as a letter or as a direction, at a camera that looks so; None where it has none of
    that name."""
    name = side_of(faces, side) if side in (AWAY, TOWARDS) else side
    return name if name in sides_of(faces) else None
