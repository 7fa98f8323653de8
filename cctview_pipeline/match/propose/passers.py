"""Vehicles that pass a camera one way, made comparable with those of any other camera."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.ndimage import gaussian_filter1d

from cctview_pipeline.links import AWAY, TOWARDS
from cctview_pipeline.match.looks import mean_looks

DIRECTIONS = (TOWARDS, AWAY)
"""Of flow in a camera's picture, as the tracks table has them."""

DIMENSIONS = 32
"""Of the looks that all cameras' vehicles vary in most; the other 352 of the shipped extractor's cost time and tell no more."""

LIGHT_S, LIGHT_STEP_S = 150.0, 10.0
"""What vehicles of a camera share within a few minutes is light, weather and the picture's quality, not they themselves: a
running mean of this standard deviation is taken off, made in steps of ten seconds. Two cameras see one cloud: without this, they
look related at any lag."""

SIZE_WEIGHT, LABEL_WEIGHT = 0.1, 0.1
"""Of a standard deviation of both sizes, and of one label, beside the cosine of the looks, whose standard deviation is about
0.2."""


@dataclass(frozen=True, kw_only=True)
class Passers:
    """N vehicles that pass a camera one way, in order of time.

    passed: (N,) s, when they are in the middle of what the camera sees; looks: (N, D), of which a product of two cameras' tells
    how alike vehicles are; sizes: (N,) logarithm of the size over the usual one, NaN unknown; labels: (N,) strings;
    beyond_m: how far beyond the camera's pole that is, median, m, NaN unknown.
    """

    camera: str
    direction: str
    passed: np.ndarray
    looks: np.ndarray
    sizes: np.ndarray
    labels: np.ndarray
    beyond_m: float = float("nan")

    def __len__(self) -> int:
        return len(self.passed)


def passers_of(camera: str, tracks: pa.Table, features: pa.Table, passages: pa.Table | None = None) -> list[Passers]:
    """A camera's tracks and features of one or more hours -> its vehicles by direction of flow. passages: of these hours, where
    there are any, tell how far from the pole vehicles pass.

    Vehicles that stand, whose way is not clear, and mere sightings are none; nor is what goes on from the hour before, which was
    one then. Only these columns are read: nothing that says where a camera stands or looks. Raises KeyError when a detection has
    no embedding.
    """
    moving = pc.and_(pc.is_valid(tracks["direction"]), pc.is_valid(tracks["quality"]))
    chosen = tracks.filter(pc.and_(pc.and_(moving, pc.invert(tracks["parked"])), pc.is_null(tracks["continues"])))
    first, last, passed = (_seconds(chosen[name]) for name in ("first_seen", "last_seen", "passed_at"))
    everyone = Passers(
        camera=camera,
        direction="",
        passed=np.where(np.isnan(passed), (first + last) / 2, passed),
        looks=mean_looks(chosen, features).astype(np.float32),
        sizes=_floats(chosen["relative_size"]),
        labels=np.array(chosen["label"].to_pylist(), str),
    )
    ways = np.array(chosen["direction"].to_pylist(), str)
    groups = {way: np.flatnonzero(ways == way) for way in DIRECTIONS}
    ids, beyond = np.array(chosen["track_id"].to_pylist(), str), _beyond(passages)
    return [
        replace(_those(everyone, rows), direction=way, beyond_m=_median([beyond.get(name) for name in ids[rows].tolist()]))
        for way, rows in groups.items()
    ]


def _beyond(passages: pa.Table | None) -> dict[str, float | None]:
    """Track -> m beyond the pole where it passed."""
    if passages is None:
        return {}
    return dict(zip(passages["track_id"].to_pylist(), passages["beyond_m"].to_pylist(), strict=True))


def _median(values: Sequence[float | None]) -> float:
    """Of those that are known; NaN where none is."""
    known = [value for value in values if value is not None]
    return float(np.median(known)) if known else float("nan")


def comparable(groups: Sequence[Passers]) -> list[Passers]:
    """The same vehicles with looks of DIMENSIONS, size and label together, without what is their camera's or the moment's."""
    without = [_without_light(group) for group in groups]
    covariance = sum(looks.T @ looks for looks in without)
    _, axes = np.linalg.eigh(covariance)
    basis = axes[:, ::-1][:, :DIMENSIONS]
    kinds = sorted({str(label) for group in groups for label in np.unique(group.labels)})
    return [replace(group, looks=_described(group, looks @ basis, kinds)) for group, looks in zip(groups, without, strict=True)]


def _described(group: Passers, looks: np.ndarray, kinds: list[str]) -> np.ndarray:
    """(N, D + 1 + kinds): a product of two rows is the cosine of the looks, and more where size and label agree."""
    length = np.maximum(np.linalg.norm(looks, axis=1, keepdims=True), 1e-9)
    known = group.sizes[~np.isnan(group.sizes)]
    mean, spread = (known.mean(), max(known.std(), 1e-3)) if len(known) else (0.0, 1.0)
    size = np.nan_to_num(np.clip((group.sizes - mean) / spread, -3, 3))
    label = (group.labels[:, None] == np.array(kinds, str)[None, :]).astype(float)
    columns = looks / length, SIZE_WEIGHT**0.5 * size[:, None], LABEL_WEIGHT**0.5 * label
    return np.concatenate(columns, axis=1).astype(np.float32)


def _without_light(group: Passers) -> np.ndarray:
    """(N, D) the looks without their running mean."""
    if not len(group):
        return group.looks
    step = ((group.passed - group.passed[0]) / LIGHT_STEP_S).astype(int)
    sums = np.zeros((step[-1] + 1, group.looks.shape[1]))
    np.add.at(sums, step, group.looks)
    width = LIGHT_S / LIGHT_STEP_S
    counts = gaussian_filter1d(np.bincount(step).astype(float), width, mode="constant")
    return group.looks - gaussian_filter1d(sums, width, axis=0, mode="constant")[step] / counts[step, None]


def _those(group: Passers, rows: np.ndarray) -> Passers:
    rows = rows[np.argsort(group.passed[rows], kind="stable")]
    names = ("passed", "looks", "sizes", "labels")
    return replace(group, **{name: getattr(group, name)[rows] for name in names})


def _floats(column: pa.ChunkedArray) -> np.ndarray:
    """(N,) float64, NaN for null."""
    return np.array(pc.fill_null(column.cast(pa.float64()), float("nan")))


def _seconds(times: pa.ChunkedArray) -> np.ndarray:
    """(N,) s since 1970, NaN for null."""
    return _floats(times.cast(pa.int64())) / 1e6
