"""People as triangles: pedestrians who swing arms and legs, and cyclists on their bicycles.

A person's own coordinates are a vehicle's: metres, x ahead, y to the left, z up from the ground. Proportions follow body
height (Drillis and Contini 1966, as in Winter, Biomechanics and Motor Control of Human Movement, fig. 4.1), rounded.
"""

import itertools
from dataclasses import dataclass

import numpy as np

from cctview_pipeline.city.bodies import TYRE, Body, BodyBuilder, Material
from cctview_pipeline.city.vehicles import KINDS

PERSON, BICYCLE = len(KINDS), len(KINDS) + 1
"""Kinds of who is no vehicle, after those that are."""
PEOPLE_KINDS = ("person", "bicycle")
STRIDES = 8
"""So many moments of a stride, or of a turn of the pedals, have a body of their own."""

# Linear reflectances; what people wear in a city is mostly dark.
_CLOTHES = np.array(
    [
        *[(0.018, 0.018, 0.02), (0.018, 0.018, 0.02), (0.03, 0.035, 0.05), (0.06, 0.065, 0.07), (0.16, 0.16, 0.16)],
        *[(0.02, 0.03, 0.08), (0.06, 0.09, 0.17), (0.62, 0.62, 0.60), (0.55, 0.52, 0.45), (0.33, 0.25, 0.15)],
        *[(0.32, 0.03, 0.03), (0.45, 0.18, 0.02), (0.05, 0.12, 0.05), (0.10, 0.20, 0.42), (0.50, 0.55, 0.05), (0.45, 0.2, 0.25)],
    ]
)
_TROUSERS = np.array([(0.02, 0.02, 0.022), (0.03, 0.04, 0.08), (0.05, 0.075, 0.14), (0.12, 0.12, 0.12), (0.30, 0.24, 0.15)])
_SKIN = np.array([(0.48, 0.30, 0.21), (0.38, 0.22, 0.14), (0.22, 0.12, 0.07), (0.09, 0.05, 0.03)])
_HAIR = np.array([(0.012, 0.01, 0.01), (0.04, 0.025, 0.015), (0.15, 0.09, 0.04), (0.25, 0.24, 0.23)])

Point = tuple[float, float, float]
Colour = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class Person:
    """height: m; stout: 1 is slim; top, legs, skin, hair, bag: linear RGB; coat: how far down it goes, a share of the height;
    carries: a bag at the side or on the back, or nothing."""

    height: float
    stout: float
    top: Colour
    legs: Colour
    skin: Colour
    hair: Colour
    bag: Colour
    coat: float
    carries: str


def draw_person(seed: int, number: int) -> Person:
    """The person of this number in the city of this seed."""
    rng = np.random.default_rng((seed, 43, number))
    top, legs, skin, hair, bag = (_pick(rng, shades) for shades in (_CLOTHES, _TROUSERS, _SKIN, _HAIR, _CLOTHES))
    height = float(np.clip(rng.normal(1.70, 0.09), 1.5, 1.95))
    coat = float(rng.choice([0.47, 0.38, 0.25], p=[0.65, 0.2, 0.15]))
    carries = str(rng.choice(["nothing", "side", "back"], p=[0.55, 0.2, 0.25]))
    return Person(
        height=height,
        stout=float(rng.uniform(1.0, 1.45)),
        top=top,
        legs=legs,
        skin=skin,
        hair=hair,
        bag=bag,
        coat=coat,
        carries=carries,
    )


def build_person(person: Person, kind: int, stride: int) -> Body:
    """The triangles of a pedestrian or of a cyclist with the bicycle; stride: 0 to STRIDES - 1."""
    builder = BodyBuilder()
    turn = 2 * np.pi * stride / STRIDES
    (_walking if kind == PERSON else _riding)(builder, person, turn)
    return builder.body()


def _walking(builder: BodyBuilder, person: Person, turn: float) -> None:
    tall, wide = person.height, person.height * person.stout
    for side in (1, -1):
        swing = side * np.sin(turn)
        hip, foot = (0.0, side * 0.05 * wide, 0.50 * tall), (0.17 * tall * swing, side * 0.05 * tall, 0.02)
        # The leg that comes forward is bent.
        lift = 0.05 * tall * max(0.0, side * np.cos(turn))
        knee = (0.09 * tall * swing + lift, side * 0.05 * tall, 0.27 * tall + 0.3 * lift)
        ankle = (foot[0], foot[1], foot[2] + lift)
        _tube(builder, [hip, knee, ankle], [0.055 * wide, 0.04 * wide, 0.03 * tall], person.legs)
        toe = (ankle[0] + 0.06 * tall, ankle[1], ankle[2])
        _tube(builder, [(toe[0], toe[1], toe[2] + 0.05), toe], [0.04 * tall, 0.045 * tall], (0.02, 0.02, 0.02))
        shoulder = (0.0, side * 0.115 * wide, 0.80 * tall)
        hand = (-0.12 * tall * swing, side * (0.03 * tall + 0.11 * wide), 0.45 * tall)
        elbow = (-0.05 * tall * swing - 0.02, side * (0.025 * tall + 0.115 * wide), 0.62 * tall)
        _tube(builder, [shoulder, elbow, hand], [0.035 * wide, 0.03 * wide, 0.022 * tall], person.top)
        _tube(builder, [hand, (hand[0], hand[1], hand[2] - 0.05 * tall)], [0.025 * tall, 0.02 * tall], person.skin)
    spine = [(0.0, 0.0, share * tall) for share in (0.83, 0.79, 0.62, min(0.5, person.coat))]
    across = [0.06 * wide, 0.115 * wide, 0.09 * wide, 0.105 * wide]
    _tube(builder, spine, across, person.top, flat=0.62)
    if person.carries == "back":
        _tube(builder, [(-0.11 * wide, 0, 0.79 * tall), (-0.12 * wide, 0, 0.56 * tall)], [0.075 * tall, 0.085 * tall], person.bag)
    elif person.carries == "side":
        bag = [(0.0, 0.16 * wide, 0.46 * tall), (0.0, 0.17 * wide, 0.30 * tall)]
        _tube(builder, bag, [0.03 * tall, 0.09 * tall], person.bag, flat=1.8)
    _head(builder, person, (0.01, 0.0, 0.93 * tall))


def _riding(builder: BodyBuilder, person: Person, turn: float) -> None:
    size, wide = person.height / 1.75, 0.2 * person.stout
    _bicycle(builder, person.bag)
    hip, neck = (-0.22, 0.0, 0.93), (-0.22 + 0.36 * size, 0.0, 0.93 + 0.46 * size)
    for side in (1, -1):
        pedal = (0.02 + 0.16 * np.cos(turn) * side, side * 0.11, 0.28 + 0.16 * np.sin(turn) * side)
        knee = ((hip[0] + pedal[0]) / 2 + 0.26, side * 0.11, (hip[2] + pedal[2]) / 2 + 0.10)
        _tube(builder, [(hip[0], side * 0.09, hip[2]), knee, pedal], [0.09, 0.065, 0.05], person.legs)
        shoulder, grip = (neck[0], side * wide, neck[2] - 0.03), (0.42, side * 0.26, 1.02)
        _tube(builder, [shoulder, grip], [0.055, 0.04], person.top)
    middle = ((hip[0] + neck[0]) / 2 - 0.04, 0.0, (hip[2] + neck[2]) / 2)
    _tube(builder, [neck, middle, hip], [0.9 * wide, 0.8 * wide, 0.85 * wide], person.top, flat=0.65)
    if person.carries == "back":
        _tube(builder, [(neck[0] - 0.17, 0, neck[2] - 0.02), (middle[0] - 0.17, 0, middle[2])], [0.13, 0.14], person.bag)
    _head(builder, person, (neck[0] + 0.07, 0.0, neck[2] + 0.15 * size))


def _head(builder: BodyBuilder, person: Person, middle: Point) -> None:
    x, y, z = middle
    size = 0.062 * person.height
    around = [(x, y, z + shift * size) for shift in (1.2, 0.75, 0.0, -0.7, -1.5)]
    _tube(builder, around[2:], [0.95 * size, 0.8 * size, 0.6 * size], person.skin)
    _tube(builder, around[:3], [0.4 * size, 0.85 * size, 1.02 * size], person.hair)
    back = [(x - 0.45 * size, y, z + 0.4 * size), (x - 0.45 * size, y, z - 0.6 * size)]
    _tube(builder, back, [0.7 * size, 0.6 * size], person.hair)


def _bicycle(builder: BodyBuilder, colour: Colour) -> None:
    radius, half = 0.34, 0.025
    turns = np.linspace(0, 2 * np.pi, 13)
    for x in (-0.53, 0.53):
        outer, inner = ([(x + r * np.cos(a), radius + r * np.sin(a)) for a in turns] for r in (radius, radius - 0.06))
        for (ax, az), (bx, bz), (cx, cz), (dx, dz) in zip(outer, outer[1:], inner[1:], inner, strict=False):
            builder.face([(ax, 0, az), (bx, 0, bz), (cx, 0, cz), (dx, 0, dz)], TYRE, Material.MATT)
            builder.face([(ax, half, az), (bx, half, bz), (bx, -half, bz), (ax, -half, az)], TYRE, Material.MATT)
    saddle, crank, head, rear, front = (-0.2, 0.88), (0.0, 0.28), (0.38, 0.88), (-0.53, 0.34), (0.53, 0.34)
    for (ax, az), (bx, bz) in ((saddle, crank), (crank, head), (saddle, head), (saddle, rear), (crank, rear), (head, front)):
        along = np.hypot(bx - ax, bz - az)
        sx, sz = 0.022 * (bz - az) / along, -0.022 * (bx - ax) / along
        builder.face(
            [(ax + sx, 0, az + sz), (bx + sx, 0, bz + sz), (bx - sx, 0, bz - sz), (ax - sx, 0, az - sz)], colour, Material.PAINT
        )
    bar = [(0.40, 0.28, 1.0), (0.40, -0.28, 1.0), (0.40, -0.28, 1.04), (0.40, 0.28, 1.04)]
    builder.face(bar, (0.05, 0.05, 0.05), Material.MATT)


def _tube(builder: BodyBuilder, middles: list[Point], radii: list[float], colour: Colour, flat: float = 1.0) -> None:
    """Level rings of six corners around the middles, from the top down; flat: depth over width."""
    turns = 2 * np.pi * (np.arange(6) + 0.5) / 6
    rings = [
        [(x + flat * r * np.cos(a), y + r * np.sin(a), max(z, 0.0)) for a in turns]
        for (x, y, z), r in zip(middles, radii, strict=True)
    ]
    for upper, lower in itertools.pairwise(rings):
        for i in range(6):
            j = (i + 1) % 6
            builder.face([upper[i], upper[j], lower[j], lower[i]], colour, Material.MATT)
    builder.face(rings[0], colour, Material.MATT)
    builder.face(rings[-1], colour, Material.MATT)


def _pick(rng: np.random.Generator, shades: np.ndarray) -> Colour:
    shade = shades[rng.integers(len(shades))] * rng.lognormal(0, 0.25) * rng.lognormal(0, 0.08, 3)
    red, green, blue = np.clip(shade, 0.008, 0.8).tolist()
    return red, green, blue
