"""``[campaign.settings]`` of footage: how many frames are taken, and what tells when a file begins and whose it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated

from pydantic import Field

from cctview_pipeline.errors import ConfigurationError
from cctview_pipeline.settings import CLOSED, Section, Text, Texts, read

STARTS = ("sidecar", "playlist", "name", "metadata")
"""What may tell when a file begins, in the order in which it is asked."""
CAMERAS = ("auto", "folder", "name")
MAX_FPS = 60


@dataclass(frozen=True, kw_only=True)
class FootageSettings:
    """What a campaign of footage is told."""

    __pydantic_config__ = CLOSED

    fps: Annotated[float, Field(ge=0, le=MAX_FPS, strict=True, examples=[1.0])] = 1.0
    """Frames taken a second, those nearest in time; 0 takes every frame."""
    start: Annotated[Texts, Field(examples=[["sidecar", "name"]])] = STARTS
    """What may tell when a file begins, in this order: `sidecar`, `playlist`, `name`, `metadata`."""
    camera: Annotated[Text, Field(examples=["folder"])] = "auto"
    """Whether the `folder` or the `name` of a file says its camera; `auto` takes a name CAMERA--TIME, else the folder."""

    def __post_init__(self) -> None:
        check_words(self.start, STARTS, self.camera)

    @property
    def rate(self) -> Fraction:
        """fps exactly, as it was written."""
        return Fraction(str(self.fps))

    @classmethod
    def read(cls, settings: Mapping, source: str = "The footage") -> "FootageSettings":
        """From ``[campaign.settings]``. source: the file that says so. Raises CctviewError for what it does not know."""
        return read(cls, settings, Section(source, "[campaign.settings]"))


def check_words(start: Sequence[str], known: Sequence[str], camera: str) -> None:
    """Raises ConfigurationError for a start that is not among the known, and for a camera that is none of CAMERAS."""
    if unknown := [each for each in start if each not in known]:
        raise ConfigurationError(f"'{unknown[0]}' tells no start of a file: start lists some of {', '.join(known)}.")
    if not start:
        raise ConfigurationError(f"start lists nothing: name some of {', '.join(known)}.")
    if camera not in CAMERAS:
        raise ConfigurationError(f"camera = '{camera}' says no camera: write one of {', '.join(CAMERAS)}.")
