"""Track-to-track distances on embeddings (arXiv 1910.09458), in batches, on a CPU or a CUDA device.

For MED and MCD one matrix product a block serves all pairs of images in it. In single precision, a product of two large
vectors that almost agree says nothing about how far apart they are, so pairs that come out close are measured again,
by their difference, in double precision: few in practice, since nothing but repeats of an image is that close.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from cctview_pipeline.device import pick_device
from cctview_pipeline.match.sparse import residual_norms

CLOSE = 2e-3
"""Squared distance, as a share of the two squared norms, below which the matrix product is not to be trusted. At it, for
norms of 30, a product that is off by 1e-3 moves the distance by 3e-4."""

REFINED_AT_ONCE = 1 << 14
"""Pairs of images that are measured by their difference at once."""


@dataclass(frozen=True)
class _Tracks:
    """images: (N, D), all tracks' one after the other; lengths: (T,); first: (T,) each one's first row."""

    images: Tensor
    lengths: np.ndarray
    first: np.ndarray

    def slice(self, begin: int, end: int) -> "_Tracks":
        first = self.first[begin]
        last = self.first[end - 1] + self.lengths[end - 1]
        return _Tracks(self.images[first:last], self.lengths[begin:end], self.first[begin:end] - first)


def track_distances(
    queries: Sequence[np.ndarray], gallery: Sequence[np.ndarray], metric: str, aggregate: str, block: int, device: str
) -> np.ndarray:
    """See :func:`cctview_pipeline.match.track_distances`."""
    if metric not in ("med", "mcd", "rscr"):
        raise ValueError(f"The metric must be med, mcd or rscr, not '{metric}'.")
    if aggregate not in AGGREGATES:
        raise ValueError(f"The aggregate must be one of {', '.join(AGGREGATES)}, not '{aggregate}'.")
    _check(queries, gallery, metric)
    distances = np.zeros((len(queries), len(gallery)), np.float32)
    if not distances.size:
        return distances
    on = pick_device(device)
    precision = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")  # no TF32, no bfloat16
    try:
        asked, among = (_prepare(tracks, metric, on) for tracks in (queries, gallery))
        side = max(1, int(block**0.5))
        for g0, g1 in _blocks(among.lengths, max(side, block // max(side, len(asked.images)))):
            columns = among.slice(g0, g1)
            for q0, q1 in _blocks(asked.lengths, max(1, block // len(columns.images))):
                distances[q0:q1, g0:g1] = _block(asked.slice(q0, q1), columns, metric, aggregate).cpu().numpy()
    finally:
        torch.set_float32_matmul_precision(precision)
    return distances


def _block(queries: _Tracks, gallery: _Tracks, metric: str, aggregate: str) -> Tensor:
    """(Q, G) of one block."""
    if metric == "rscr":
        squared = residual_norms(queries.images, gallery.images, gallery.lengths)
        return torch.stack([part.sum(0) for part in squared.split(queries.lengths.tolist())]).clamp(min=0).sqrt()
    to_track = _euclidean(queries, gallery) if metric == "med" else _cosine(queries, gallery)
    return _per_track(to_track, queries, AGGREGATES[aggregate], 0)


def _euclidean(queries: _Tracks, gallery: _Tracks) -> Tensor:
    """(query images, gallery tracks): the distance to the nearest image of each track."""
    ours, theirs = ((t.images * t.images).sum(1) for t in (queries, gallery))
    squared = torch.addmm(theirs[None, :], queries.images, gallery.images.T, alpha=-2)
    nearest = _per_track(squared, gallery, lambda part: part.amin(-1), 1).add_(ours[:, None])
    largest = _per_track(theirs[None, :], gallery, lambda part: part.amax(-1), 1)
    close = nearest < CLOSE * (ours[:, None] + largest)
    nearest = nearest.clamp_(min=0).sqrt_()
    rows, tracks = (index.cpu().numpy() for index in close.nonzero(as_tuple=True))
    for begin, end in _blocks(gallery.lengths[tracks], REFINED_AT_ONCE):
        row, track = rows[begin:end], tracks[begin:end]
        lengths = gallery.lengths[track]
        which = np.repeat(np.arange(len(row)), lengths)
        image = np.arange(len(which)) - np.repeat(np.cumsum(lengths) - lengths - gallery.first[track], lengths)
        differences = queries.images[torch.from_numpy(row[which])].double() - gallery.images[torch.from_numpy(image)].double()
        exact = torch.full((len(row),), torch.inf, dtype=torch.double, device=nearest.device)
        exact.scatter_reduce_(0, torch.from_numpy(which).to(nearest.device), differences.norm(dim=1), "amin")
        nearest[torch.from_numpy(row), torch.from_numpy(track)] = exact.float()
    return nearest


def _cosine(queries: _Tracks, gallery: _Tracks) -> Tensor:
    """(query images, gallery tracks): one minus the cosine to the most similar image of each track."""
    likest = _per_track(queries.images @ gallery.images.T, gallery, lambda part: part.amax(-1), 1)
    return (1 - likest).clamp_(min=0)


def _mean_of_half(part: Tensor) -> Tensor:
    return part.sort(-1).values[..., : part.shape[-1] // 2 + 1].mean(-1)


def _median(part: Tensor) -> Tensor:
    """Of an even number, halfway between the middle two, which torch.median is not."""
    ordered, count = part.sort(-1).values, part.shape[-1]
    return (ordered[..., (count - 1) // 2] + ordered[..., count // 2]) / 2


def _median_of_half(part: Tensor) -> Tensor:
    return _median(part.sort(-1).values[..., : part.shape[-1] // 2 + 1])


AGGREGATES = {
    "min": lambda part: part.amin(-1),
    "mean": lambda part: part.mean(-1),
    "med": _median,
    "mean50": _mean_of_half,
    "med50": _median_of_half,
}


def _per_track(values: Tensor, tracks: _Tracks, reduce: Callable[[Tensor], Tensor], dim: int) -> Tensor:
    """Reduce the images' dimension to the tracks'. reduce: takes the images of one track as the last dimension.

    Tracks of equal length are reduced together: they lie one behind the other once they are sorted by length.
    """
    moved = values.movedim(dim, -1)
    reduced = moved.new_empty((*moved.shape[:-1], len(tracks.lengths)))
    for length in np.unique(tracks.lengths):
        chosen = np.flatnonzero(tracks.lengths == length)
        first = tracks.first[chosen]
        if (np.diff(first) == length).all():  # nothing lies between them: no copy
            part = moved[..., int(first[0]) : int(first[0]) + len(chosen) * int(length)]
        else:
            images = (first[:, None] + np.arange(length)).ravel()
            part = moved[..., torch.from_numpy(images).to(moved.device)]
        reduced[..., torch.from_numpy(chosen).to(moved.device)] = reduce(part.unflatten(-1, (len(chosen), int(length))))
    return reduced.movedim(-1, dim)


def _prepare(tracks: Sequence[np.ndarray], metric: str, device: torch.device) -> _Tracks:
    lengths = np.array([len(track) for track in tracks])
    images = torch.from_numpy(np.concatenate([np.asarray(track, np.float32) for track in tracks])).to(device)
    if metric == "mcd":
        images = images / torch.linalg.vector_norm(images, dim=1, keepdim=True, dtype=torch.double).float()
    return _Tracks(images, lengths, np.cumsum(lengths) - lengths)


def _check(queries: Sequence[np.ndarray], gallery: Sequence[np.ndarray], metric: str) -> None:
    dimension = next((t.shape[1] for t in (*queries, *gallery) if t.ndim == 2), 0)
    for name, tracks in (("query", queries), ("gallery", gallery)):
        for index, images in enumerate(tracks):
            if images.ndim != 2 or not len(images) or images.shape[1] != dimension:
                raise ValueError(f"{name} track {index} must have the shape (n > 0, {dimension}), not {images.shape}.")
            if not np.isfinite(images).all():
                raise ValueError(f"{name} track {index} has an embedding that is not finite.")
            if metric == "mcd" and not images.any(axis=1).all():
                raise ValueError(f"{name} track {index} has an embedding of norm 0, which has no cosine.")


def _blocks(lengths: np.ndarray, limit: int) -> Iterator[tuple[int, int]]:
    """Ranges of tracks whose images together stay within the limit, at least one track each."""
    ends, begin = np.cumsum(lengths), 0
    while begin < len(lengths):
        taken = ends[begin - 1] if begin else 0
        end = max(begin + 1, int(np.searchsorted(ends, taken + limit, "right")))
        yield begin, end
        begin = end
