"""Track-to-track distance on embeddings (arXiv 1910.09458): MED with the minimum over the query's images.

The distance of two tracks is that of their two nearest images. One matrix product a block serves all pairs of it.
"""

from collections.abc import Sequence

import numpy as np

METRIC = "med-min"


def track_distances(queries: Sequence[np.ndarray], gallery: Sequence[np.ndarray], block: int = 4096) -> np.ndarray:
    """Tracks of embeddings, each (n, D) -> (Q, G) float32 of Euclidean distances.

    block: query images compared at once, which bounds memory. Raises ValueError, naming the track, for one that is
    empty, not finite or of another dimension.
    """
    dimension = next((t.shape[1] for t in (*queries, *gallery) if t.ndim == 2), 0)
    for name, tracks in (("query", queries), ("gallery", gallery)):
        for index, images in enumerate(tracks):
            if images.ndim != 2 or not len(images) or images.shape[1] != dimension:
                raise ValueError(f"{name} track {index} must have the shape (n > 0, {dimension}), not {images.shape}.")
            if not np.isfinite(images).all():
                raise ValueError(f"{name} track {index} has an embedding that is not finite.")
    if not queries or not gallery:
        return np.zeros((len(queries), len(gallery)), np.float32)
    images = np.concatenate(gallery).astype(np.float32)
    images_norm = np.einsum("ij,ij->i", images, images)
    starts = np.concatenate([[0], np.cumsum([len(t) for t in gallery])[:-1]])
    distances = np.empty((len(queries), len(gallery)), np.float32)
    for first, last in _blocks([len(t) for t in queries], block):
        asked = np.concatenate(queries[first:last]).astype(np.float32)
        squared = np.einsum("ij,ij->i", asked, asked)[:, None] + images_norm[None, :] - 2 * asked @ images.T
        per_image = np.minimum.reduceat(squared, starts, axis=1)
        rows = np.concatenate([[0], np.cumsum([len(t) for t in queries[first:last]])[:-1]])
        distances[first:last] = np.minimum.reduceat(per_image, rows, axis=0)
    return np.sqrt(np.maximum(distances, 0))


def _blocks(lengths: list[int], limit: int) -> list[tuple[int, int]]:
    """Ranges of tracks whose images together stay within the limit, at least one track each."""
    blocks, first, total = [], 0, 0
    for index, length in enumerate(lengths):
        if index > first and total + length > limit:
            blocks.append((first, index))
            first, total = index, 0
        total += length
    return [*blocks, (first, len(lengths))]
