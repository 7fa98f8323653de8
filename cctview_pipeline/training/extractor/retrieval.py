"""Does an extractor find a vehicle again, at the same camera by the lake's tracks, and at the next by the synthetic city?

The tracks come from a tracker that looked at embeddings itself, so who agrees with those is right more often than the world would
say: of two extractors the one that the tracker used is flattered.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cctview_pipeline.embed import Extractor
from cctview_pipeline.match import Ranking, evaluate_ranking, track_distances
from cctview_pipeline.training.extractor.assessment import city_ranking
from cctview_pipeline.training.extractor.lake_lessons import LakeTrack, by, different, gaps
from cctview_pipeline.training.extractor.lessons import SyntheticVehicles

WITHIN_S = 180.0
"""Between a track and the others that may be taken for it."""
SURE = 2.0
"""Standard errors of the gain, from which on it is no chance: one in forty of those that are none gets past."""


@dataclass(frozen=True)
class Retrieval:
    """camera: each held-out track's beginning against the ends of its camera's tracks; city: vehicles at the next camera, or
    None where no city was drawn."""

    camera: Ranking
    city: Ranking | None

    def facts(self, prefix: str) -> dict[str, float | int]:
        """As a manifest keeps them."""
        named = {"": self.camera} | ({"city_": self.city} if self.city else {})
        facts: dict[str, float | int] = {}
        for name, ranking in named.items():
            facts[f"{prefix}{name}rank1"] = round(ranking.rank1, 4)
            facts[f"{prefix}{name}mAP"] = round(ranking.mean_average_precision, 4)
            facts[f"{prefix}{name}queries"] = len(ranking.first)
        return facts


def retrieve(extractor: Extractor, tracks: Sequence[LakeTrack], city: SyntheticVehicles | None) -> Retrieval:
    """tracks: of a lake, with crops; city: of development seeds."""
    in_city = city_ranking(extractor.embed(list(city.crops)), city) if city else None
    return Retrieval(camera_ranking(extractor, tracks), in_city)


def camera_ranking(extractor: Extractor, tracks: Sequence[LakeTrack]) -> Ranking:
    """How the first third of a track's crops ranks the last thirds of its camera's tracks (MED, minimum).

    Candidates are the track itself and those that certainly are another vehicle and no more than three minutes away. Without such
    others a track is no query.
    """
    rankings = []
    for here in by(tracks, lambda track: track.camera).values():
        begins = _embedded(extractor, [track.images[: len(track.images) // 3] for track in here])
        ends = _embedded(extractor, [track.images[-(len(track.images) // 3) :] for track in here])
        others = different(here) & (gaps(here) <= WITHIN_S)
        asked = np.any(others, axis=1)
        ids, admits = np.array([track.id for track in here]), others | np.eye(len(here), dtype=bool)
        if asked.any():
            distances = track_distances([each for each, ask in zip(begins, asked, strict=True) if ask], ends)
            rankings.append(evaluate_ranking(distances, ids[asked], ids, admits=admits[asked]))
    return Ranking.join(rankings)


def refusal(before: Retrieval, after: Retrieval, tolerance: float) -> str:
    """Why an outcome is not to be used, as a sentence; empty when it has become better.

    The held-out tracks' mean average precision must grow by more than twice the standard error of the paired differences, and the
    city's must not fall by more than the tolerance.
    """
    was, now = (each.camera.mean_average_precision for each in (before, after))
    change, error = paired_gain(before.camera, after.camera)
    if not change > SURE * error:
        return (
            f"Nothing was registered: on {len(before.camera.first)} held-out tracks the mAP went from {was:.3f} to {now:.3f}, "
            f"{change:+.4f} with a standard error of {error:.4f}, and a gain of more than {SURE * error:.4f} is asked for."
        )
    if before.city and after.city:
        was, now = before.city.mean_average_precision, after.city.mean_average_precision
        if was - now > tolerance:
            return (
                f"Nothing was registered: the held-out tracks' mAP grew by {change:.4f}, but at the next camera of the synthetic "
                f"city it fell from {was:.3f} to {now:.3f}, by more than {tolerance:g}."
            )
    return ""


def paired_gain(before: Ranking, after: Ranking) -> tuple[float, float]:
    """By how much the average precision of the same queries grew in the mean, and its standard error."""
    differences = after.precision - before.precision
    return float(differences.mean()), float(differences.std(ddof=1) / np.sqrt(len(differences)))


def _embedded(extractor: Extractor, crops: Sequence[Sequence[bytes]]) -> list[np.ndarray]:
    """Each track's crops as (n, D)."""
    found = extractor.embed([crop for each in crops for crop in each])
    return np.split(found, np.cumsum([len(each) for each in crops])[:-1])
