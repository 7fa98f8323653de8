"""Track-to-track distances on embeddings (arXiv 1910.09458), in batches: NumPy on a processor, PyTorch on a CUDA device.

What both call alike is written once, ``xp`` being the one or the other; RSCR is PyTorch's everywhere. For MED and MCD one
matrix product a block serves all pairs of images in it. In single precision, a product of two large vectors that almost agree
says nothing about how far apart they are, so pairs that come out close are measured again, by their difference, in double
precision: few in practice, since nothing but repeats of an image is that close.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from cctview_pipeline.extras import need
from cctview_pipeline.runtime.device import pick_device, torch_device

if TYPE_CHECKING:
    from torch import Tensor

    Array: TypeAlias = np.ndarray | Tensor

CLOSE = 2e-3
"""Squared distance, as a share of the two squared norms, below which the matrix product is not to be trusted. At it, for
norms of 30, a product that is off by 1e-3 moves the distance by 3e-4."""

REFINED_AT_ONCE = 1 << 14
"""Pairs of images that are measured by their difference at once."""


@dataclass(frozen=True)
class _Tracks:
    """xp: the module of its arrays; images: (N, D), all tracks' one after the other; lengths: (T,); first: (T,) each one's first
    row."""

    xp: ModuleType

    images: "Array"
    lengths: np.ndarray
    first: np.ndarray

    def slice(self, begin: int, end: int) -> "_Tracks":
        first = self.first[begin]
        last = self.first[end - 1] + self.lengths[end - 1]
        return _Tracks(self.xp, self.images[first:last], self.lengths[begin:end], self.first[begin:end] - first)


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
    if metric == "rscr":
        need("The metric rscr", "torch")
    asked, among = (_prepare(tracks, metric) for tracks in (queries, gallery))
    if on == "cpu" and metric != "rscr":
        _fill(distances, asked, among, metric, aggregate, block)
    else:
        fill_in_torch(distances, asked, among, metric, aggregate, block, on)
    return distances


def fill_in_torch(
    distances: np.ndarray, asked: _Tracks, among: _Tracks, metric: str, aggregate: str, block: int, device: str
) -> None:
    """As :func:`_fill`, in PyTorch: what graphics cards run, and the lassos of RSCR everywhere."""
    with _exact_products():
        _fill(distances, _on(asked, device), _on(among, device), metric, aggregate, block)


def _fill(distances: np.ndarray, asked: _Tracks, among: _Tracks, metric: str, aggregate: str, block: int) -> None:
    side = max(1, int(block**0.5))
    for g0, g1 in _blocks(among.lengths, max(side, block // max(side, len(asked.images)))):
        columns = among.slice(g0, g1)
        for q0, q1 in _blocks(asked.lengths, max(1, block // len(columns.images))):
            found = _block(asked.slice(q0, q1), columns, metric, aggregate)
            distances[q0:q1, g0:g1] = _numpy(found)


@contextmanager
def _exact_products() -> Iterator[None]:
    """No TF32 and no bfloat16 in PyTorch; what the caller had is there again afterwards."""
    import torch

    precision = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(precision)


def _block(queries: _Tracks, gallery: _Tracks, metric: str, aggregate: str) -> "Array":
    """(Q, G) of one block."""
    if metric == "rscr":
        import torch

        from cctview_pipeline.match.sparse import residual_norms

        squared = residual_norms(torch.as_tensor(queries.images), torch.as_tensor(gallery.images), gallery.lengths)
        return queries.xp.stack([part.sum(0) for part in squared.split(queries.lengths.tolist())]).clamp(min=0).sqrt()
    to_track = _euclidean(queries, gallery) if metric == "med" else _cosine(queries, gallery)
    return _per_track(to_track, queries, AGGREGATES[aggregate], 0)


def _euclidean(queries: _Tracks, gallery: _Tracks) -> "Array":
    """(query images, gallery tracks): the distance to the nearest image of each track."""
    xp = queries.xp
    ours, theirs = ((t.images * t.images).sum(1) for t in (queries, gallery))
    squared = queries.images @ gallery.images.T
    squared *= -2
    squared += theirs[None, :]
    nearest = _per_track(squared, gallery, _least, 1)
    nearest += ours[:, None]
    largest = _per_track(theirs[None, :], gallery, _most, 1)
    close = nearest < CLOSE * (ours[:, None] + largest)
    nearest = xp.sqrt(xp.clip(nearest, 0, None))
    rows, tracks = np.nonzero(_numpy(close))
    for begin, end in _blocks(gallery.lengths[tracks], REFINED_AT_ONCE):
        row, track = rows[begin:end], tracks[begin:end]
        lengths = gallery.lengths[track]
        starts = np.cumsum(lengths) - lengths
        image = np.arange(lengths.sum()) - np.repeat(starts - gallery.first[track], lengths)
        differences = _double(queries.images[np.repeat(row, lengths)]) - _double(gallery.images[image])
        every = _numpy(xp.sqrt((differences * differences).sum(1)))
        exact = np.minimum.reduceat(every, starts).astype(np.float32)
        nearest[row, track] = exact if xp is np else xp.from_numpy(exact).to(nearest.device)
    return nearest


def _numpy(values: "Array") -> np.ndarray:
    return values if isinstance(values, np.ndarray) else values.cpu().numpy()


def _double(values: "Array") -> "Array":
    return values.astype(np.float64) if isinstance(values, np.ndarray) else values.double()


def _cosine(queries: _Tracks, gallery: _Tracks) -> "Array":
    """(query images, gallery tracks): one minus the cosine to the most similar image of each track."""
    likest = _per_track(queries.images @ gallery.images.T, gallery, _most, 1)
    return queries.xp.clip(1 - likest, 0, None)


def _least(part: "Array") -> "Array":
    return part.min(-1) if isinstance(part, np.ndarray) else part.amin(-1)


def _most(part: "Array") -> "Array":
    return part.max(-1) if isinstance(part, np.ndarray) else part.amax(-1)


def _sorted(part: "Array") -> "Array":
    return np.sort(part, -1) if isinstance(part, np.ndarray) else part.sort(-1).values


def _mean_of_half(part: "Array") -> "Array":
    return _sorted(part)[..., : part.shape[-1] // 2 + 1].mean(-1)


def _median(part: "Array") -> "Array":
    """Of an even number, halfway between the middle two, which torch.median is not."""
    ordered, count = _sorted(part), part.shape[-1]
    return (ordered[..., (count - 1) // 2] + ordered[..., count // 2]) / 2


def _median_of_half(part: "Array") -> "Array":
    return _median(_sorted(part)[..., : part.shape[-1] // 2 + 1])


AGGREGATES = {
    "min": _least,
    "mean": lambda part: part.mean(-1),
    "med": _median,
    "mean50": _mean_of_half,
    "med50": _median_of_half,
}


def _per_track(values: "Array", tracks: _Tracks, reduce: Callable[["Array"], "Array"], dim: int) -> "Array":
    """Reduce the images' dimension to the tracks'. reduce: takes the images of one track as the last dimension.

    Tracks of equal length are reduced together: they lie one behind the other once they are sorted by length.
    """
    xp = tracks.xp
    moved = xp.moveaxis(values, dim, -1)
    reduced = xp.empty((*moved.shape[:-1], len(tracks.lengths)), dtype=moved.dtype, device=moved.device)
    for length in np.unique(tracks.lengths):
        chosen = np.flatnonzero(tracks.lengths == length)
        first = tracks.first[chosen]
        if (np.diff(first) == length).all():  # nothing lies between them: no copy
            part = moved[..., int(first[0]) : int(first[0]) + len(chosen) * int(length)]
        else:
            part = moved[..., (first[:, None] + np.arange(length)).ravel()]
        reduced[..., chosen] = reduce(part.reshape((*part.shape[:-1], len(chosen), int(length))))
    return xp.moveaxis(reduced, -1, dim)


def _prepare(tracks: Sequence[np.ndarray], metric: str) -> _Tracks:
    lengths = np.array([len(track) for track in tracks])
    images = np.concatenate([np.asarray(track, np.float32) for track in tracks])
    if metric == "mcd":
        images = images / np.sqrt((images.astype(np.float64) ** 2).sum(1, keepdims=True)).astype(np.float32)
    return _Tracks(np, images, lengths, np.cumsum(lengths) - lengths)


def _on(tracks: _Tracks, device: str) -> _Tracks:
    import torch

    return _Tracks(torch, torch.from_numpy(tracks.images).to(torch_device(device)), tracks.lengths, tracks.first)


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
