"""At which scales a camera's pictures are looked at, so that its vehicles have the sizes that the detector works at.

The network looks at pixels: a car of 300 is as strange to it as one of 4. What a camera's vehicles measure, and where in the
picture, a first look at some of its frames tells (:mod:`cctview_pipeline.detect.size_map`). From it follows one scale for the
whole picture; or two, where near and far differ by more than the detector's range: one at which the large ones fit, and a band of
rows at a larger one for those that are then too small. Perspective goes by rows, so that a band goes over the whole width and no
vehicle is cut at its side. Small pictures are looked at enlarged, whatever their vehicles measure, and at half of that as well
where some are too large then.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cctview_pipeline.images.size import Size, named

STEPS = 4
"""Scales in a halving: few, so that a network is prepared for few shapes."""
SMALL, LARGE = 0.1, 0.95
"""Quantiles of the shorter sides of what was seen: from the one to the other is to fit into the detector's range."""
TOLERATED = 1.2
"""How many times beyond the range the large ones may be before anything is done for them: they are found nearly as well."""
MIN_VEHICLES = 20
"""Fewer tell nothing."""
USUAL_SIDE = 640
"""px of the longer side to which pictures are scaled down where nothing is known of their vehicles."""
SHARED = 1.5
"""Times the least side: a vehicle that is smaller in a look is rather the finer look's, where there is one."""


@dataclass(frozen=True)
class Look:
    """Rows top to bottom of a picture, px of the picture, looked at scaled."""

    scale: float
    top: int
    bottom: int


@dataclass(frozen=True)
class Plan:
    """How pictures of one size are looked at: the whole first, and perhaps a band at a larger scale, or small ones once more at
    half the scale.

    least: the shorter side of a vehicle, px of what is looked at, from which on it is found well; vehicles: how many told so.
    """

    size: Size
    looks: tuple[Look, ...]
    least: float
    vehicles: int = 0

    @property
    def passing(self) -> float:
        """px of the picture: the side at which a vehicle passes from the first look to the finer one."""
        return SHARED * self.least / self.looks[0].scale

    @property
    def enlarging(self) -> bool:
        """Whether these are small pictures, which the detector itself enlarges."""
        return self.looks[0].scale > 1

    @property
    def pixels(self) -> int:
        """That the detector looks at in a picture: what it costs, nearly."""
        return round(sum(self.size[0] * (look.bottom - look.top) * look.scale**2 for look in self.looks))

    def __str__(self) -> str:
        """``1920x1080 at 0.354``, ``1920x1080 at 0.354 and rows 200-460 at 0.841``, ``352x240 at 1.36 and 0.682``."""
        whole, *others = self.looks
        return f"{named(self.size)} at {whole.scale:.3g}" + "".join(
            f" and {'' if self.enlarging else f'rows {each.top}-{each.bottom} at '}{each.scale:.3g}" for each in others
        )


def plan_of(size: Size, boxes: np.ndarray, working_range: tuple[float, float], scales: Sequence[float] = (1.0,)) -> Plan:
    """boxes: (N, 4) px, of vehicles in some pictures of a size; working_range: shorter sides that the detector finds well, px;
    scales: those of the detector itself for that size."""
    (least, most), height, known = working_range, size[1], len(boxes) >= MIN_VEHICLES
    sides = (boxes[:, 2:] - boxes[:, :2]).min(1)
    small, large = np.quantile(sides, (SMALL, LARGE)).tolist() if known else (0.0, np.inf)
    if scales[0] > 1:
        needed = scales[:1] if large * scales[0] <= most * TOLERATED else scales
        return Plan(size, tuple(Look(scale, 0, height) for scale in needed), least, len(boxes))
    if not known:
        return Plan(size, (Look(_step(USUAL_SIDE / max(size)), 0, height),), least, len(boxes))
    for_large = 1.0 if large <= most * TOLERATED else _step(most / large)
    for_small = max(for_large, _step(least / small))
    if for_small <= for_large * TOLERATED:
        return Plan(size, (Look(for_small, 0, height),), least, len(boxes))
    looks = Look(for_large, 0, height), Look(for_small, *_band(boxes, sides * for_large < least, height))
    return Plan(size, looks, least, len(boxes))


def _band(boxes: np.ndarray, small: np.ndarray, height: int) -> tuple[int, int]:
    """Rows of the small ones, and beyond them as many as the largest vehicle there is high: who stands in them is seen whole."""
    first, last = float(np.quantile(boxes[small, 1], 0.02)), float(np.quantile(boxes[small, 3], 0.98))
    most = float((boxes[:, 3] - boxes[:, 1])[(boxes[:, 3] >= first) & (boxes[:, 1] <= last)].max(initial=0))
    return max(int(first - most), 0), min(int(np.ceil(last + most)), height)


def _step(scale: float) -> float:
    """The next lower of the scales that there are, and no larger than 1."""
    return 1.0 if scale >= 1 else float(2.0 ** (np.floor(STEPS * np.log2(scale) + 1e-9) / STEPS))
