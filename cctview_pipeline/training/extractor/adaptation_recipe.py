"""What an adaptation is asked to do: without torch, for the command line and the code server."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
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
