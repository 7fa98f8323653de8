"""``[campaign.settings]`` of a folder of pictures: what tells when one was taken and whose it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from cctview_pipeline.cameras.footage.settings import check_words
from cctview_pipeline.settings import CLOSED, Section, Text, Texts, read

STARTS = ("name", "metadata", "sidecar", "mtime")
"""What may tell when a picture was taken, in the words of footage."""
DEFAULT = ("sidecar", "name", "metadata")
"""In the order in which they are asked: who writes a times.csv means it. A file's own time is when it was written or copied: only
whoever knows better says so."""


@dataclass(frozen=True, kw_only=True)
class PictureSettings:
    """What a campaign of pictures is told."""

    __pydantic_config__ = CLOSED

    start: Annotated[Texts, Field(examples=[["name", "metadata"]])] = DEFAULT
    """What may tell when a picture was taken, in this order: `sidecar` (times.csv), `name`, `metadata` (EXIF), `mtime`."""
    camera: Annotated[Text, Field(examples=["folder"])] = "auto"
    """Whether the `folder` or the `name` of a file says its camera; `auto` takes a name CAMERA--TIME, else the folder."""

    def __post_init__(self) -> None:
        check_words(self.start, STARTS, self.camera)

    @classmethod
    def read(cls, settings: Mapping, source: str = "The pictures") -> "PictureSettings":
        """From ``[campaign.settings]``. source: the file that says so. Raises CctviewError for what it does not know."""
        return read(cls, settings, Section(source, "[campaign.settings]"))
