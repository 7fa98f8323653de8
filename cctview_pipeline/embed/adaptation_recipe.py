"""What an adaptation is asked to do, and by which code: without torch, for the command line and the code server."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from cctview_pipeline.embed import training_version

_MAKES_WEIGHTS = ("adaptation", "adaptation_recipe", "lake_course", "lake_lessons", "published_map", "retrieval")


@dataclass(frozen=True)
class AdaptationRecipe:
    """What the weights follow from, beside the start, the lake and the code.

    crops: of the lake to learn from, at most, and as many to measure; of_a_track: the most of one track; tracks, vehicles: of the
    lake and of the city in a step; views: crops of each; cities: synthetic ones that are shown again, 0 for none; held_out: the
    share of every camera's tracks, its last, that is only measured; tolerance: what the city's mAP may fall.
    """

    epochs: int = 10
    crops: int = 12_000
    of_a_track: int = 6
    tracks: int = 48
    views: int = 3
    vehicles: int = 24
    learning_rate: float = 3e-4
    seed: int = 7
    cities: int = 4
    held_out: float = 0.2
    tolerance: float = 0.01


def adaptation_version() -> str:
    """A hash of the source that makes adapted weights out of a start and a lake."""
    digest = hashlib.sha256(training_version().encode())
    for name in _MAKES_WEIGHTS:
        digest.update(Path(__file__).with_name(f"{name}.py").read_bytes())
    return digest.hexdigest()[:12]
