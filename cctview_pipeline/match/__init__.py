"""Track-to-track matching: distances of tracks, ranking, travel times and journeys."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from cctview_pipeline.match import distances
from cctview_pipeline.match.ranking import Ranking, evaluate_ranking, rank, rerank

__all__ = ["Aggregate", "Metric", "Ranking", "evaluate_ranking", "rank", "rerank", "track_distances"]

Metric = Literal["med", "mcd", "rscr"]
Aggregate = Literal["min", "mean", "med", "mean50", "med50"]


def track_distances(
    queries: Sequence[np.ndarray],
    gallery: Sequence[np.ndarray],
    metric: Metric = "med",
    aggregate: Aggregate = "min",
    *,
    block: int = 1 << 24,
    device: str = "cpu",
) -> np.ndarray:
    """Distances of tracks of embeddings, each (n, D): (Q, G) float32 (arXiv 1910.09458, section 3).

    metric: of one query image to a track, ``med``, the Euclidean distance to its nearest image, ``mcd``, one minus the
    cosine to its most similar one; or of one track to another, ``rscr``, how badly a sparse combination of the gallery
    track's images explains the query's (Frobenius norm of what remains, lasso with penalty 2).
    aggregate: how ``med`` and ``mcd`` of a query's n images become one: their ``min``, ``mean`` or ``med`` (median), or the
    mean or median of the int(n / 2) + 1 smallest (``mean50``, ``med50``).
    block: pairs of images compared at once, which bounds memory beside copies of the embeddings.
    device: auto, cpu, cuda or cuda:N.

    Against double precision, embeddings of norm 30 come out within 1e-3 (med), 2e-6 (mcd) and 2e-4 (rscr). Raises
    ValueError, naming the track, for one that is empty, not finite, of another dimension or, for mcd, has an image of norm 0.
    """
    return distances.track_distances(queries, gallery, metric, aggregate, block, device)
