"""What a camera's road looks like from the way its vehicles move: learned from the detections themselves.

At half a frame a second a vehicle's boxes do not overlap, so the next box is looked for where the road leads. Pairs of
successive frames that look alike, and that nothing else looks like, show the way; everything else then profits. They are
taken from the whole hour before anything is tracked, so the first frame knows the road as well as the last. First from the
surest of them alone: where vehicles leave the picture after two frames, many a pair is one car and the next that looks like
it. Then from all that move as those do.

Each direction has coordinates of its own, in which the perspective is gone: how far along the road a place is, in seconds
at the usual pace; across it; and how large a vehicle is there. An ordinary vehicle advances by one second a second, in its lane.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.linalg import eigh
from scipy.spatial import cKDTree

from cctview_pipeline.track.sightings import CameraDetections
from cctview_pipeline.track.surface import STIFFNESS, Basis, basis_over, huber_weights

TOWARDS, AWAY = 0, 1
"""Down the picture is towards the camera, up is away from it: true for every camera that looks along its road."""

MAX_STEP_S = 4.0
SIZES_PER_SECOND = 9.0
"""No vehicle moves more of its own lengths in a second: about 40 m/s for a car of 4.5 m."""

MIN_MARGIN = 0.08
"""Of a certain pair's cosine over that of the next best."""

MIN_PAIRS = 30
"""A direction with fewer certain pairs is left unknown."""

SUREST = 0.25
"""The share of the pairs, by their margin, that teaches first."""

FITS = 8
"""Of least squares with Huber's weights anew."""

LEVEL = 0.5
"""How much it weighs, where vehicles are counted, that places side by side in the picture are as far along: pairs lead along the
lanes and so do not tell how far one lane is ahead of the next. On a level road before a level camera they are where the row is
the same. Where vehicles are followed and matched nothing is said of it: in the synthetic city it nearly halves the switches of
identity, and on the published hour it costs the surest edge 12 % of its matches (1,376 instead of 1,561)."""


@dataclass(frozen=True, kw_only=True)
class DirectionModel:
    """One direction of one camera's road.

    progress, lane, size: coefficients over the basis. Progress is in seconds at the usual pace, 0 in the middle of the places;
    lane has a standard deviation of 1 over the places and grows to the right of the picture; size is the logarithm of px.
    places: of the pairs; pace_std, lane_std: of one step, as they are from one vehicle to the next.
    """

    basis: Basis
    progress: np.ndarray
    lane: np.ndarray
    size: np.ndarray
    places: cKDTree
    pace_std: float
    lane_std: float

    def velocity(self, points: np.ndarray) -> np.ndarray:
        """(N, 2) px -> (N, 2) px/s of a vehicle that keeps its lane at the usual pace; for drawing."""
        across, down = np.array([0.5, 0.0]) * self.basis.px, np.array([0.0, 0.5]) * self.basis.px
        jacobian = np.stack(
            [
                np.stack([(self.basis(points + step) - self.basis(points - step)) @ c for step in (across, down)], axis=1)
                for c in (self.progress, self.lane)
            ],
            axis=1,
        )
        return np.linalg.pinv(jacobian, rcond=1e-3)[:, :, 0] * self.basis.px


@dataclass(frozen=True)
class RoadModel:
    """ways[direction]: None where too little moved that way to learn it."""

    ways: tuple[DirectionModel | None, DirectionModel | None]

    @property
    def unknown(self) -> bool:
        """Whether nothing was learned at all."""
        return self.ways == (None, None)


def fit_road_model(seen: CameraDetections, least_similarity: float) -> RoadModel:
    """Learn a camera's flow from one hour."""
    earlier, later, margin = similar_pairs(seen, least_similarity, MIN_MARGIN)
    moves = seen.points[later] - seen.points[earlier]
    # A box that the picture's edge cuts does not end where the vehicle touches the road.
    moved = (np.linalg.norm(moves, axis=1) > 0.5 * seen.sizes[earlier]) & ~seen.cut[earlier] & ~seen.cut[later]

    def way(rows: np.ndarray) -> DirectionModel | None:
        return _surest_first(seen, earlier[rows], later[rows], margin[rows])

    rising = moves[:, 1] < 0
    return RoadModel((way(np.flatnonzero(moved & ~rising)), way(np.flatnonzero(moved & rising))))


def _surest_first(seen: CameraDetections, earlier: np.ndarray, later: np.ndarray, margin: np.ndarray) -> DirectionModel | None:
    """A way from the surest pairs, and then from all that agree with it."""
    count = min(max(int(SUREST * len(margin)), 4 * MIN_PAIRS), len(margin))
    sure = np.sort(np.argsort(-margin, kind="stable")[:count])
    way = learn_way(seen, earlier[sure], later[sure])
    if way is None:
        return None
    step = way.basis(seen.points[later]) - way.basis(seen.points[earlier])
    paces = step @ way.progress / (seen.times[later] - seen.times[earlier])
    agree = (np.abs(paces - 1) < 3 * way.pace_std) & (np.abs(step @ way.lane) < max(4 * way.lane_std, 0.2))
    return learn_way(seen, earlier[agree], later[agree]) or way


def learn_way(seen: CameraDetections, earlier: np.ndarray, later: np.ndarray, level: float = 0.0) -> DirectionModel | None:
    """level: how much it weighs that places side by side are as far along. None where too few of the pairs move like their
    neighbourhood."""
    velocities = (seen.points[later] - seen.points[earlier]) / (seen.times[later] - seen.times[earlier])[:, None]
    kept = _consistent(seen.points[earlier], velocities, seen.px)
    if len(kept) < MIN_PAIRS:
        return None
    earlier, later = earlier[kept], later[kept]
    rows = np.concatenate([earlier, later])
    places = seen.points[rows]
    if np.ptp(np.quantile(places[:, 1], (0.01, 0.99))) < 2 * seen.px:
        return None  # all in one row of the picture: nothing leads up or down it
    basis = basis_over(places, seen.px)
    before, after = basis(seen.points[earlier]), basis(seen.points[later])
    aside = _across(basis, seen, rows) if level else after[:0]
    progress, pace_std = _progress(basis, after - before, seen.times[later] - seen.times[earlier], aside, level)
    everywhere = np.concatenate([before, after])
    lane, lane_std = _lane(basis, after - before, everywhere)
    if (everywhere @ lane) @ (places[:, 0] - places[:, 0].mean()) < 0:
        lane = -lane
    progress = basis.shifted(progress, -float(np.median(everywhere @ progress)))
    return DirectionModel(
        basis=basis,
        progress=progress,
        lane=lane,
        size=_size(basis, everywhere, seen.sizes[rows]),
        places=cKDTree(places),
        pace_std=pace_std,
        lane_std=lane_std,
    )


def _across(basis: Basis, seen: CameraDetections, rows: np.ndarray) -> np.ndarray:
    """(N, B): by how much each function of the basis changes over one vehicle's size, sideways in the picture."""
    aside = np.stack([seen.sizes[rows] / 2, np.zeros(len(rows))], axis=1)
    return basis(seen.points[rows] + aside) - basis(seen.points[rows] - aside)


def _progress(basis: Basis, steps: np.ndarray, seconds: np.ndarray, across: np.ndarray, level: float) -> tuple[np.ndarray, float]:
    """The function that grows by one a second from one sighting of a vehicle to the next, and sideways as little as that leaves
    open; and the paces' spread."""
    weights, aside = np.ones(len(seconds)), np.full(len(across), level)
    design, wanted = np.concatenate([steps, across]), np.concatenate([seconds, np.zeros(len(across))])
    for _ in range(FITS):
        found = basis.fit(design, wanted, np.concatenate([weights / np.sqrt(seconds), aside]))
        weights, spread = huber_weights((steps @ found - seconds) / seconds, least=0.02)
    return found, spread


def _lane(basis: Basis, steps: np.ndarray, everywhere: np.ndarray) -> tuple[np.ndarray, float]:
    """The function that changes least from one sighting of a vehicle to the next, of those that differ from place to
    place by 1 (slow feature analysis: Wiskott and Sejnowski, Neural Computation 14, 2002); and by how much it does. Where all
    drive in one line there are no lanes: 0, and anything may be."""
    if basis.width < 3:
        return np.zeros(steps.shape[1]), 1.0
    rough = basis.roughness()
    stiff = STIFFNESS / 100 * rough.T @ rough + 1e-6 * np.eye(steps.shape[1])
    variance = np.cov(everywhere, rowvar=False, bias=True) + 1e-6 * np.eye(steps.shape[1])
    weights = np.ones(len(steps))
    for _ in range(FITS):
        weighted = steps * weights[:, None]
        _, slowest = eigh(weighted.T @ weighted / len(steps) + stiff, variance, subset_by_index=[0, 1])
        # The slowest of all is the constant, which the small ridge lets through.
        spreads = (everywhere @ slowest).std(0)
        found = slowest[:, int(spreads[0] < 0.5)] / max(spreads[int(spreads[0] < 0.5)], 1e-6)
        weights, spread = huber_weights(steps @ found)
    return found, spread


def _size(basis: Basis, everywhere: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """The logarithm of a vehicle's size in px: as the perspective makes it grow."""
    weights = np.ones(len(sizes))
    for _ in range(FITS):
        found = basis.fit(everywhere, np.log(sizes), weights)
        weights, _ = huber_weights(everywhere @ found - np.log(sizes))
    return found


def certain_pairs(seen: CameraDetections, least_similarity: float, margin: float = MIN_MARGIN) -> tuple[np.ndarray, np.ndarray]:
    """Rows (M,), (M,) of successive frames' sightings that are each other's most similar, by a margin."""
    return similar_pairs(seen, least_similarity, margin)[:2]


def similar_pairs(
    seen: CameraDetections, least_similarity: float, least_margin: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same, and by how much (M,) each is more similar than the next."""
    earlier, later, margins = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], [np.zeros(0)]
    frames, points, sizes = seen.frames(), seen.points, seen.sizes
    for before, after in pairwise(frames):
        seconds = seen.times[after[0]] - seen.times[before[0]]
        if seconds > MAX_STEP_S:
            continue
        similarity = seen.embeddings[before] @ seen.embeddings[after].T
        size = np.sqrt(sizes[before][:, None] * sizes[after][None, :])
        distance = np.linalg.norm(points[before][:, None] - points[after][None, :], axis=2)
        ratio = sizes[before][:, None] / sizes[after][None, :]
        possible = (distance < SIZES_PER_SECOND * size * seconds) & (ratio > 0.4) & (ratio < 2.5)
        similarity = np.where(possible, similarity, -1.0)
        rows, columns = np.arange(len(before)), similarity.argmax(1)
        best = similarity[rows, columns]
        others = similarity.copy()
        others[rows, columns] = -1.0
        second = np.maximum(others.max(1), others.max(0)[columns])
        sure = (similarity.argmax(0)[columns] == rows) & (best >= least_similarity) & (best - second >= least_margin)
        earlier.append(before[sure])
        later.append(after[columns[sure]])
        margins.append((best - second)[sure])
    return np.concatenate(earlier), np.concatenate(later), np.concatenate(margins)


def _consistent(places: np.ndarray, velocities: np.ndarray, px: float) -> np.ndarray:
    """Rows that move like their neighbourhood: most of the others are two vehicles that look alike."""
    kept = np.arange(len(places))
    for _ in range(2):
        if len(kept) < MIN_PAIRS:
            break
        _, nearest = cKDTree(places[kept]).query(places[kept], k=15)
        usual = np.median(velocities[kept][nearest], axis=1)
        kept = kept[np.linalg.norm(velocities[kept] - usual, axis=1) < 0.5 * np.linalg.norm(usual, axis=1) + 2 * px]
    return kept
