"""Names that stay: what an hour found is held against what the hour before had found of the same camera.

An hour's views are numbered as they come in it, and on roads that lie askew an arm's name may tip over to the next side. Both are
settled by the most usual ways in the picture, which are the same from hour to hour: a view is the one whose ways it shows.
"""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.optimize import linear_sum_assignment
from scipy.spatial import cKDTree

from cctview_pipeline.track.movements.found import FoundView
from cctview_pipeline.track.movements.naming import Movement, rotated

NEAR = 0.06
"""In widths of the picture: points of two ways that are the same."""
ALIKE = 0.5
"""Of a view's ways, weighted by vehicles, the share that the view of before must have."""


def stable_names(found: Mapping[str, FoundView], before: pa.Table) -> dict[str, str]:
    """An hour's views -> their names. before: camera_flows of the hour before."""
    earlier = sorted(set(before["view"].to_pylist()))
    likeness = np.array([[_likeness(view, _of(before, name)) if _shape(name) == _shape(mine) else 0.0 for name in earlier]
                         for mine, view in found.items()]).reshape(len(found), len(earlier))  # fmt: skip
    names: dict[str, str] = {}
    mine = list(found)
    for one, other in zip(*linear_sum_assignment(likeness, maximize=True), strict=True):
        if likeness[one, other] >= ALIKE:
            names[mine[one]] = earlier[other]
    for name in mine:
        if name not in names:
            names[name] = _free(name, {*names.values(), *earlier})
    return names


def stable_movements(found: FoundView, before: pa.Table) -> list[Movement]:
    """The view's movements by the names that the hour before has. before: its rows of this view."""
    if not before.num_rows:
        return found.movements
    agree = [
        sum(_agreement(found, place, rotated(each, by), before) for place, each in enumerate(found.movements)) for by in (0, 1, 3)
    ]
    by = (0, 1, 3)[int(np.argmax(agree))]
    return [rotated(each, by) for each in found.movements]


def _agreement(found: FoundView, place: int, movement: Movement, before: pa.Table) -> float:
    """How much of a movement's way is that of the same name before."""
    same = before.filter(pc.and_(pc.equal(before["approach"], movement.approach), pc.equal(before["exit"], movement.exit)))
    return _covered(found, place, same) * float(found.weights[:, place].sum())


def _likeness(found: FoundView, before: pa.Table) -> float:
    mass = found.weights.sum(axis=0)
    if not mass.sum():
        return 0.0
    return float(sum(_covered(found, place, before) * each for place, each in enumerate(mass)) / mass.sum())


def _covered(found: FoundView, place: int, before: pa.Table) -> float:
    """The share of a movement's points in the picture that lie at a way of before."""
    points = [np.column_stack([x, y]) for x, y in zip(before["path_x"].to_pylist(), before["path_y"].to_pylist(), strict=True)]
    if not points:
        return 0.0
    mine, width = found.view.plane.pixels(found.lines[place]), found.view.seen.frame_size[0]
    return float((cKDTree(np.concatenate(points)).query(mine)[0] <= NEAR * width).mean())


def _of(before: pa.Table, view: str) -> pa.Table:
    return before.filter(pc.equal(before["view"], view))


def _shape(view: str) -> str:
    return view.split("/")[0]


def _free(name: str, taken: set[str]) -> str:
    """The name, or the next number of its shape that no other view has."""
    shape, number = _shape(name), 1
    while name in taken:
        number += 1
        name = f"{shape}/{number}"
    return name
