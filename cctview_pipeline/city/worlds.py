"""The worlds by their names."""

from typing import Literal, TypeAlias

from cctview_pipeline.city.expressway import Expressway
from cctview_pipeline.city.streets.world import Streets
from cctview_pipeline.city.world import World

WorldName: TypeAlias = Literal["expressway", "streets"]
WORLDS: dict[WorldName, World] = {"expressway": Expressway(), "streets": Streets()}
