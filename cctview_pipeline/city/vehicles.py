"""What drives: kinds of vehicles with their real dimensions, and what tells one vehicle from the next."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Kind:
    """label: as a detector calls it; share: of the traffic; length, width, height: (mean, standard deviation) m;
    speed: of its drivers' desired speed, relative to a car's."""

    name: str
    label: str
    share: float
    length: tuple[float, float]
    width: tuple[float, float]
    height: tuple[float, float]
    speed: float


KINDS = (
    Kind(name="car", label="car", share=0.44, length=(4.65, 0.25), width=(1.82, 0.04), height=(1.45, 0.04), speed=1.0),
    Kind(name="suv", label="car", share=0.36, length=(4.75, 0.20), width=(1.92, 0.05), height=(1.74, 0.06), speed=1.0),
    Kind(name="van", label="car", share=0.09, length=(5.40, 0.35), width=(2.00, 0.04), height=(2.15, 0.20), speed=0.96),
    Kind(name="truck", label="truck", share=0.05, length=(7.80, 1.20), width=(2.40, 0.08), height=(3.20, 0.25), speed=0.90),
    Kind(name="bus", label="bus", share=0.03, length=(11.60, 0.50), width=(2.55, 0.02), height=(3.10, 0.10), speed=0.90),
    Kind(
        name="motorcycle",
        label="motorcycle",
        share=0.03,
        length=(2.15, 0.10),
        width=(0.80, 0.05),
        height=(1.45, 0.06),
        speed=1.08,
    ),
)

# Shares of paints on North American roads (PPG and Axalta colour popularity reports, about 2018-2022), as linear
# reflectances: four of five vehicles are white, black, grey or silver.
PAINTS = (
    ("white", 0.25, (0.62, 0.62, 0.60)),
    ("black", 0.21, (0.022, 0.022, 0.025)),
    ("grey", 0.19, (0.11, 0.115, 0.12)),
    ("silver", 0.13, (0.38, 0.39, 0.40)),
    ("blue", 0.085, (0.030, 0.065, 0.19)),
    ("red", 0.075, (0.30, 0.022, 0.022)),
    ("beige", 0.025, (0.36, 0.29, 0.20)),
    ("green", 0.020, (0.035, 0.10, 0.055)),
    ("yellow", 0.015, (0.62, 0.40, 0.03)),
)


@dataclass(frozen=True, kw_only=True)
class Vehicle:
    """One vehicle. number: unique in its city; length_m, width_m, height_m: of the body.

    paint, second: linear RGB reflectances of the body and of the roof or stripe; roof: plain, second, rack or sign;
    stripe: share of the side's height that is painted in ``second``, 0 for none; bonnet, cabin, rake: proportions of
    the body; glass: how dark the windows are; dirt: 0..1.
    """

    number: int
    kind: Kind
    length_m: float
    width_m: float
    height_m: float
    paint: tuple[float, float, float]
    second: tuple[float, float, float]
    roof: str
    stripe: float
    bonnet: float
    cabin: float
    rake: float
    glass: float
    dirt: float


def draw_vehicle(seed: int, number: int, kind: int, length_m: float) -> Vehicle:
    """The vehicle of this number in the city of this seed; kind: index into KINDS; length_m: as the traffic knows it."""
    rng = np.random.default_rng((seed, 7, number))
    made = KINDS[kind]
    width, height = (
        mean + deviation * float(np.clip(rng.standard_normal(), -2, 2)) for mean, deviation in (made.width, made.height)
    )
    paint = _paint(rng, made)
    red, green, blue = paint
    second = _paint(rng, made) if rng.random() < 0.6 else (0.25 * red, 0.25 * green, 0.25 * blue)
    roofs = {"car": (0.86, 0.10, 0.01, 0.03), "suv": (0.45, 0.10, 0.45, 0.0), "van": (0.7, 0.1, 0.2, 0.0)}
    roof = rng.choice(["plain", "second", "rack", "sign"], p=roofs.get(made.name, (0.8, 0.2, 0.0, 0.0)))
    striped = {"car": 0.02, "suv": 0.03, "van": 0.35, "truck": 0.6, "bus": 0.9}.get(made.name, 0.3)
    return Vehicle(
        number=number,
        kind=made,
        length_m=length_m,
        width_m=width,
        height_m=height,
        paint=paint,
        second=second,
        roof=str(roof),
        stripe=float(rng.uniform(0.1, 0.5)) if rng.random() < striped else 0.0,
        bonnet=float(rng.uniform(0.0, 1.0)),
        cabin=float(rng.uniform(0.0, 1.0)),
        rake=float(rng.uniform(0.0, 1.0)),
        glass=float(rng.beta(2, 2)),
        dirt=float(rng.beta(1.2, 4)),
    )


def _paint(rng: np.random.Generator, kind: Kind) -> tuple[float, float, float]:
    shares = np.array([share for _, share, _ in PAINTS])
    if kind.name in ("van", "truck", "bus"):
        shares = shares * np.array([2.2, 0.4, 0.6, 1.0, 1.2, 0.8, 0.5, 1.0, 1.5])
    colour = np.array(PAINTS[rng.choice(len(PAINTS), p=shares / shares.sum())][2])
    red, green, blue = np.clip(colour * rng.lognormal(0, 0.22) * rng.lognormal(0, 0.05, 3), 0.008, 0.85).tolist()
    return red, green, blue
