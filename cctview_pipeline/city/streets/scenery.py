"""What stands along the streets, as one camera has it before it: houses, lamps, poles of the lights, trees, shelters."""

import itertools

import numpy as np

from cctview_pipeline.city.mounts import Mount
from cctview_pipeline.city.scenery import REACH_M, Builder, Scenery, Side, Surface
from cctview_pipeline.city.streets.demand import BUS_STOP_M
from cctview_pipeline.city.streets.plan import CROSSINGS_Y, KERB_X, SIDE_KERB, STOP_Y, stretches

HOUSES_X, HOUSES_Y = 17.0, 10.2
"""From the arterial's middle, and from a side street's, to the houses."""
_CLEAR_M = 9.0
"""Nothing slender stands so near to a camera."""
_BRICK = np.array(
    [(0.22, 0.12, 0.09), (0.28, 0.23, 0.17), (0.17, 0.17, 0.18), (0.34, 0.32, 0.29), (0.12, 0.12, 0.14), (0.26, 0.17, 0.12)]
)
_DARK = (0.06, 0.06, 0.065)


def build_scenery(seed: int, mount: Mount) -> Scenery:
    """What stands around this camera in the city of this seed."""
    build = Builder(mount, np.random.default_rng((seed, 89)))
    _houses(build)
    _lamps(build)
    for y in CROSSINGS_Y:
        _lights(build, y - mount.s)
    _shelters(build)
    _trees(build)
    edges = KERB_X, KERB_X
    return build.done(Side.PAVEMENT, Side.PAVEMENT, edges, CROSSINGS_Y)


def _houses(build: Builder) -> None:
    """Rows along the arterial, and behind their corners along the side streets. All are drawn, so that every camera draws
    alike."""
    ys = (CROSSINGS_Y[0] - 500.0, *CROSSINGS_Y, CROSSINGS_Y[-1] + 500.0)
    for before, after in itertools.pairwise(ys):
        for sign in (1, -1):
            _row(
                build,
                (before + HOUSES_Y, after - HOUSES_Y),
                lambda a, b, out, s=sign: ((s * HOUSES_X, s * (HOUSES_X + out)), (a, b)),
            )
    for y in CROSSINGS_Y:
        for sign in (1, -1):
            for side in (1, -1):
                near = y + side * HOUSES_Y
                _row(
                    build,
                    (HOUSES_X + 24.0, 260.0),
                    lambda a, b, out, s=sign, n=near, d=side: ((s * a, s * b), (n, n + d * min(out, 14.0))),
                )


def _row(build: Builder, ends: tuple[float, float], place) -> None:
    rng, at = build.rng, ends[0]
    while at < ends[1] - 6.0:
        wide = min(float(rng.uniform(9, 26)), ends[1] - at)
        tall, deep = float(np.exp(rng.uniform(np.log(9), np.log(38)))), float(rng.uniform(16, 23))
        tint = tuple(float(v) for v in _BRICK[rng.integers(len(_BRICK))] * rng.uniform(0.7, 1.2))
        awning = tuple(float(v) for v in rng.uniform(0.02, 0.35, 3))
        has_awning = rng.random() < 0.5
        (xa, xb), (ya, yb) = place(at, at + wide, deep)
        xs, ys = tuple(sorted((xa, xb))), tuple(sorted((ya - build.mount.s, yb - build.mount.s)))
        if max(ys) > -REACH_M and min(ys) < REACH_M:
            build.box(xs, ys, (0, tall), Surface.FACADE, tint)
            if has_awning and abs(xa) == HOUSES_X:
                edge = np.sign(xa) * (HOUSES_X - 1.1)
                build.box(tuple(sorted((xa, edge))), (ys[0] + 1, ys[1] - 1), (2.9, 3.15), Surface.METAL, awning)
        at += wide + (0.0 if rng.random() < 0.8 else 2.5)


def _near(build: Builder, x: float, y: float) -> bool:
    return float(np.hypot(x - build.mount.d, y)) < _CLEAR_M


def _lamps(build: Builder) -> None:
    grey = (0.16, 0.17, 0.17)
    for number, at in enumerate(np.arange(CROSSINGS_Y[0] - 240.0, CROSSINGS_Y[-1] + 240.0, 33.0)):
        x, y = (12.7 if number % 2 else -12.7), float(at) - build.mount.s
        if min(abs(at - each) for each in CROSSINGS_Y) > 9.0:
            _lamp(build, x, y, 0.0, grey)
    for each in CROSSINGS_Y:
        for sign in (1, -1):
            for out in (30.0, 62.0, 94.0, 126.0):
                _lamp(build, sign * (HOUSES_X + out), each - build.mount.s + sign * (SIDE_KERB + 0.6), -sign, grey)
        _lamp(build, 12.9, each - build.mount.s - 11.0, 0.0, grey)
        _lamp(build, -12.9, each - build.mount.s + 11.0, 0.0, grey)


def _lamp(build: Builder, x: float, y: float, way: float, grey: tuple) -> None:
    """A pole with its arm over the road: along y where way says so, else towards the arterial's middle."""
    if abs(y) > 200:
        return
    to_x, to_y = (x, y + 2.4 * way) if way else (x - np.sign(x) * 2.6, y)
    if not _near(build, x, y):
        build.box((x - 0.09, x + 0.09), (y - 0.09, y + 0.09), (0, 8.6), Surface.METAL, grey)
        xs, ys = (min(x, to_x) - 0.06, max(x, to_x) + 0.06), (min(y, to_y) - 0.06, max(y, to_y) + 0.06)
        build.box(xs, ys, (8.5, 8.65), Surface.METAL, grey)
    build.lamps.append((float(to_x), float(to_y), 8.4))


def _lights(build: Builder, y: float) -> None:
    """A pole on the far side of the crossing for each approach, its heads over the lanes; they are not seen burning."""
    for x, at, over_x, over_y in (
        (12.6, y + SIDE_KERB + 1.2, 4.9, 0.0),
        (-12.6, y - SIDE_KERB - 1.2, -4.9, 0.0),
        (-KERB_X - 1.0, y + SIDE_KERB + 0.7, 0.0, y + 1.7),
        (KERB_X + 1.0, y - SIDE_KERB - 0.7, 0.0, y - 1.7),
    ):
        if abs(y) > 250 or _near(build, x, at):
            continue
        build.box((x - 0.11, x + 0.11), (at - 0.11, at + 0.11), (0, 6.0), Surface.METAL, (0.2, 0.2, 0.2))
        build.box((x - 0.2, x + 0.2), (at - 0.2, at + 0.2), (2.3, 3.1), Surface.METAL, _DARK)
        if over_x:
            build.box((min(x, over_x), max(x, over_x)), (at - 0.07, at + 0.07), (5.85, 6.0), Surface.METAL, (0.2, 0.2, 0.2))
            for head in (over_x, over_x + np.sign(over_x) * 3.0):
                build.box((head - 0.2, head + 0.2), (at - 0.2, at + 0.2), (5.0, 6.1), Surface.METAL, _DARK)
        else:
            build.box((x - 0.07, x + 0.07), (min(at, over_y), max(at, over_y)), (5.85, 6.0), Surface.METAL, (0.2, 0.2, 0.2))
            build.box((x - 0.2, x + 0.2), (over_y - 0.2, over_y + 0.2), (5.0, 6.1), Surface.METAL, _DARK)


def _shelters(build: Builder) -> None:
    for heading, sign in (("S", 1), ("N", -1)):
        for begin, _ in stretches(heading)[1:]:
            y = begin + sign * BUS_STOP_M - build.mount.s
            if abs(y) > 200 or _near(build, sign * 14.0, y):
                continue
            x = sorted((sign * 13.4, sign * 14.6))
            build.box(tuple(x), (y - 1.8, y + 1.8), (2.3, 2.42), Surface.METAL, _DARK)
            back = sorted((sign * 14.55, sign * 14.6))
            build.box(tuple(back), (y - 1.8, y + 1.8), (0.2, 2.3), Surface.METAL, (0.10, 0.12, 0.13))


def _trees(build: Builder) -> None:
    """On the pavement that the camera does not stand on, so that it sees the road."""
    rng, mount = build.rng, build.mount
    x = -np.sign(mount.d) * (KERB_X + 1.4)
    for at in np.arange(CROSSINGS_Y[0] - 200.0, CROSSINGS_Y[-1] + 200.0, 17.0):
        keep, size, top, tint = (
            rng.random() < 0.5,
            float(rng.uniform(1.0, 1.7)),
            float(rng.uniform(3.4, 4.8)),
            rng.uniform(0.7, 1.3),
        )
        clumps, spread = rng.normal(0, 0.5, (5, 3)), rng.uniform(0.5, 0.85, 5)
        y = float(at) - mount.s
        if not keep or abs(y) > 220 or min(abs(at - each) for each in CROSSINGS_Y) < STOP_Y + 12 or _near(build, x, y):
            continue
        build.box((x - 0.13, x + 0.13), (y - 0.13, y + 0.13), (0, top), Surface.METAL, (0.05, 0.035, 0.025))
        for clump, share in zip(clumps, spread, strict=True):
            shade = tuple(float(v) for v in np.array([0.10, 0.13, 0.035]) * tint)
            build.ball(np.array([x, y, top]) + clump * size, size * float(share), shade)
