"""Pairs of an earlier and a later track that could be one vehicle, and how they differ."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property

import numpy as np

from cctview_pipeline.match.gate import admits, longest_s, shortest_s
from cctview_pipeline.roads import Edge


@dataclass(frozen=True, kw_only=True)
class TrackSet:
    """Tracks of one camera on one carriageway.

    ids: N track ids; first, last, passed: (N,) s since 1970, passed the middle of the camera's sight; looks: (N, D) mean
    embedding; label: (N,) strings; pace, pace_error, lane, size: (N,) as the tracks table, pace as a logarithm, NaN unknown.
    """

    ids: list[str]
    first: np.ndarray
    last: np.ndarray
    passed: np.ndarray
    looks: np.ndarray
    label: np.ndarray
    pace: np.ndarray
    pace_error: np.ndarray
    lane: np.ndarray
    size: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """M pairs, sorted by query.

    query, gallery: (M,) positions; gap: (M,) s from the earlier track's end to the later one's beginning; seconds: (M,) between
    passing the two cameras; arrived: (M,) s since the first query passed; cues: (3, M) differences of the looks, of the size and
    of the pace, NaN where unknown; same_label: (M,); paces, pace_errors, lanes: (2, M) of source and target, 0 where unknown;
    rate: vehicles that leave the source, a second; queries: how many there are; lasts_s: from the first to the last of them.
    """

    query: np.ndarray
    gallery: np.ndarray
    gap: np.ndarray
    seconds: np.ndarray
    arrived: np.ndarray
    cues: np.ndarray
    same_label: np.ndarray
    paces: np.ndarray
    pace_errors: np.ndarray
    lanes: np.ndarray
    rate: float
    queries: int
    lasts_s: float

    def __len__(self) -> int:
        return len(self.query)

    @cached_property
    def log_seconds(self) -> np.ndarray:
        """(M,) logarithms of the travel times."""
        return np.log(self.seconds)

    def select(self, keep: np.ndarray) -> "Pairs":
        """Those pairs alone; the queries' number and the rate stay."""
        return Pairs(
            **{f.name: getattr(self, f.name) if f.name in _SCALARS else getattr(self, f.name)[..., keep] for f in fields(self)}
        )


_SCALARS = {"rate", "queries", "lasts_s"}


FEW = 30
"""Vehicles: with so many, half of their mean look is taken to be the camera's."""

AT_ONCE = 256
"""Queries that are compared at once: they come one after the other, and so do those that they could be."""

UNKNOWN_PACE = 0.12
"""How far a vehicle's pace is from the usual one, where its own is unknown."""


def candidates(edge: Edge, queries: TrackSet, gallery: TrackSet) -> Pairs:
    """All pairs that the edge's gate admits."""
    return pair_up(edge, queries, gallery, *np.divmod(_admitted(edge, queries, gallery), max(len(gallery), 1)))


def two_vehicles(edge: Edge, queries: TrackSet, gallery: TrackSet, most: int = 20_000) -> Pairs:
    """Some of the pairs that the gate keeps out, evenly chosen; where there are few, of those it admits too, of which nearly all
    are two vehicles."""
    admitted = _admitted(edge, queries, gallery)
    outside = len(queries) * len(gallery) - len(admitted)
    if outside < 30:
        admitted, outside = admitted[:0], len(queries) * len(gallery)
    chosen = np.arange(0, outside, max(1, outside // most))
    # Of the pairs kept out, as many come before the one in a place as its number less those admitted before it.
    chosen += np.searchsorted(admitted - np.arange(len(admitted)), chosen, "right")
    return pair_up(edge, queries, gallery, *np.divmod(chosen, len(gallery)))


def joined(parts: Sequence[Pairs]) -> Pairs:
    """Pairs of the same queries with several galleries, one after the other: the galleries' positions are counted on."""
    if len(parts) == 1:
        return parts[0]
    counts = [int(pairs.gallery.max()) + 1 for pairs in parts]
    starts = np.cumsum([0, *counts[:-1]])
    shifted = [replace(pairs, gallery=pairs.gallery + start) for pairs, start in zip(parts, starts, strict=True)]
    arrays = {
        f.name: np.concatenate([getattr(pairs, f.name) for pairs in shifted], axis=-1)
        for f in fields(Pairs)
        if f.name not in _SCALARS
    }
    first = parts[0]
    rate = sum(pairs.rate for pairs in parts)
    return Pairs(**arrays, rate=rate, queries=first.queries, lasts_s=first.lasts_s)


def _admitted(edge: Edge, queries: TrackSet, gallery: TrackSet) -> np.ndarray:
    """(M,) numbers of the pairs that the gate admits, sorted: of each query as many as there are tracks in the gallery."""
    order = np.argsort(gallery.last)
    last = gallery.last[order]
    # The gate's own sums decide; these only bound them.
    begin = np.searchsorted(last, queries.first - longest_s(edge) - 1e-3)
    count = np.searchsorted(last, queries.first - shortest_s(edge) + 1e-3) - begin
    query = np.repeat(np.arange(len(queries)), count)
    earlier = order[np.arange(len(query)) + np.repeat(begin - np.cumsum(count) + count, count)]
    gaps, passing = queries.first[query] - gallery.last[earlier], queries.passed[query] - gallery.passed[earlier]
    return np.sort((query * len(gallery) + earlier)[admits(edge, gaps, passing)])


def pair_up(edge: Edge, queries: TrackSet, gallery: TrackSet, query: np.ndarray, earlier: np.ndarray) -> Pairs:
    """These pairs. Each camera's own mean look is taken off: what all vehicles share there is light and viewpoint. Of a few
    vehicles it is less: what they share may be their own."""
    looks, other = (tracks.looks - tracks.looks.sum(0) / (len(tracks) + FEW) for tracks in (queries, gallery))
    squares = (looks**2).sum(1)[query] + (other**2).sum(1)[earlier]
    distance = np.sqrt(np.maximum(squares - 2 * _products(looks, other, query, earlier), 0))
    both = [(gallery, earlier), (queries, query)]
    begin = queries.passed.min()
    return Pairs(
        query=query,
        gallery=earlier,
        gap=queries.first[query] - gallery.last[earlier],
        seconds=np.maximum(queries.passed[query] - gallery.passed[earlier], 1.0),  # those of two vehicles may be anything
        arrived=queries.passed[query] - begin,
        cues=np.stack([distance, queries.size[query] - gallery.size[earlier], queries.pace[query] - gallery.pace[earlier]]),
        same_label=queries.label[query] == gallery.label[earlier],
        paces=np.stack([np.nan_to_num(tracks.pace[rows]) for tracks, rows in both]),
        pace_errors=np.stack([np.nan_to_num(tracks.pace_error[rows], nan=UNKNOWN_PACE) for tracks, rows in both]),
        lanes=np.stack([np.clip(np.nan_to_num(tracks.lane[rows]), -3, 3) for tracks, rows in both]),
        rate=len(gallery) / max(float(np.ptp(gallery.last)), longest_s(edge)),
        queries=len(queries),
        lasts_s=float(np.ptp(queries.passed)),
    )


def _products(looks: np.ndarray, other: np.ndarray, query: np.ndarray, earlier: np.ndarray) -> np.ndarray:
    """(M,) of the pairs' vectors, sorted by query: of some queries at once, with those they are paired with at most."""
    found = np.empty(len(query))
    for begin in range(0, len(looks), AT_ONCE):
        rows = slice(*np.searchsorted(query, [begin, begin + AT_ONCE]))
        if rows.start == rows.stop:
            continue
        first, last = earlier[rows].min(), earlier[rows].max() + 1
        if rows.stop - rows.start < AT_ONCE * (last - first) // 20:
            found[rows] = np.einsum("md,md->m", looks[query[rows]], other[earlier[rows]])
        else:
            block = looks[begin : begin + AT_ONCE] @ other[first:last].T
            found[rows] = block[query[rows] - begin, earlier[rows] - first]
    return found
