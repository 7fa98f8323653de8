"""How large a camera's vehicles are, and where in the picture: from a first look at some frames of the hour itself.

The same frames give the same plan, whatever was looked at before: an hour that is made again is the same.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from cctview_pipeline.boxes import suppress
from cctview_pipeline.detect import VEHICLES, Detector
from cctview_pipeline.detect.plan import Plan, plan_of
from cctview_pipeline.images import decode_scaled
from cctview_pipeline.images.size import Size, sizes_of

FRAMES = 16
"""Of a size, spread over the hour."""
SMALLEST_SIDE, LARGEST_SIDE = 320, 1920
"""px of the longer side of what is looked at: halved and halved again from the one to the other."""


def plan_frames(detector: Detector, frames: pa.Table) -> Mapping[Size, Plan]:
    """raw_frames (sizes, pictures) -> how those of each size are looked at. Empty for a detector that scales by itself."""
    if detector.working_range is None:
        return {}
    sizes = np.array(sizes_of(frames)).reshape(-1, 2)
    plans = {}
    for size in dict.fromkeys(map(tuple, sizes.tolist())):
        mine = np.flatnonzero((sizes == size).all(1))
        chosen = mine[np.linspace(0, len(mine) - 1, min(FRAMES, len(mine))).round().astype(int)]
        jpegs = frames["jpeg"].take(pa.array(chosen)).to_pylist()
        plans[size] = plan_of(size, seen_sizes(detector, jpegs, size), detector.working_range, detector.scales(size))
    return plans


def seen_sizes(detector: Detector, jpegs: list[bytes], size: Size) -> np.ndarray:
    """(N, 4) px: the vehicles in some pictures, looked at whole (enlarged, where they are small) and at halves of it: each where
    it has a size that the detector works at, or the nearest to one."""
    assert detector.working_range is not None
    least, most = detector.working_range
    scales = _scales(size, detector.scales(size))
    found: list[list[np.ndarray]] = [[] for _ in jpegs]
    for scale in scales:
        scaled = (max(round(size[0] * scale), 1), max(round(size[1] * scale), 1))
        pictures = jpegs if scale == 1 else [decode_scaled(jpeg, scaled) for jpeg in jpegs]
        for place, each in enumerate(detector.detect(pictures, detector.threshold, [1.0])):
            sides = (each.boxes[:, 2:] - each.boxes[:, :2]).min(1, initial=np.inf)
            fits = ((sides >= least) | (scale == scales[0])) & ((sides <= most) | (scale == scales[-1]))
            fits &= np.isin(each.labels, VEHICLES) if len(each) else True
            found[place].append(np.column_stack([each.boxes / np.float32(scale), each.scores])[fits])
    kept = [np.concatenate(each) for each in found]
    kept = [each[suppress(each[:, :4], each[:, 4], 0.5)] for each in kept]
    return np.concatenate([np.zeros((0, 5), np.float32), *kept])[:, :4]


def _scales(size: Size, usual: Sequence[float]) -> Sequence[float]:
    if usual[0] > 1:
        return usual
    scales = [1.0]
    while max(size) * scales[0] > LARGEST_SIDE:
        scales = [scales[0] / 2]
    while max(size) * scales[-1] / 2 >= SMALLEST_SIDE:
        scales.append(scales[-1] / 2)
    return scales
