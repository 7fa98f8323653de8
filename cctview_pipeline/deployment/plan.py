"""The arithmetic of a deployment: districts, groups, runs, cores, store and database of so many cameras and days.

Every line stands beside its formula, which is the arithmetic itself with its numbers in it.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

from cctview_pipeline.campaign import MAX_PARTITIONS
from cctview_pipeline.deployment.figures import Figures
from cctview_pipeline.errors import ConfigurationError

GROUP = 25
"""Cameras of a group, as groups.py fills them."""
DISTRICT = 100
"""Cameras of a district, where its hours leave room for as many."""
STAGES_OF_GROUP, STAGES_OF_DISTRICT = 3, 2
"""Runs an hour: frames, vision and tracking of each group; matches and journeys of each district. A district of one group makes
frames to matches in one run."""
UPKEEP = 24 + 24 + 1
"""Runs a day of each district that make no table: what is over, what Dagster keeps of old runs, drift."""
GB = 1e9


@dataclass(frozen=True, kw_only=True)
class Asked:
    """cameras; days: for how long the plan and each campaign's window are; hours: of the day that are collected; busy: the share
    of the day for which cores may work; runs_kept_days: for how long Dagster keeps runs; gpu_seconds: of a device, a camera-hour
    of vision, 0 where none is used. Raises ConfigurationError for what no campaign can be."""

    cameras: int
    days: int
    hours: float = 24.0
    busy: float = 0.7
    runs_kept_days: float = 14.0
    gpu_seconds: float = 0.0

    def __post_init__(self) -> None:
        if self.cameras < 1 or self.days < 1:
            raise ConfigurationError(f"{self.cameras} cameras, {self.days} days: plan for one of each at least.")
        if not 0 < self.hours <= 24 or not 0 < self.busy <= 1:
            raise ConfigurationError("A day has up to 24 hours, and cores are busy for a share of it from 0 to 1.")
        if self.runs_kept_days < 1 or self.gpu_seconds < 0:
            raise ConfigurationError("Runs are kept for a day at least, and a device's seconds are 0 or more.")
        if 24 * self.days > MAX_PARTITIONS:
            raise ConfigurationError(
                f"{self.days} days are {24 * self.days:,} hours of one camera, more than the {MAX_PARTITIONS:,} partitions of a "
                "campaign: plan for fewer days; old hours stay in the lake."
            )


@dataclass(frozen=True, kw_only=True)
class Prices:
    """What the user pays, in a currency of theirs; None where nothing was said, and then nothing is reckoned."""

    core_hour: float | None = None
    gpu_hour: float | None = None
    store_gb_month: float | None = None
    database_gb_month: float | None = None


@dataclass(frozen=True, kw_only=True)
class Line:
    """key: for programs; formula: the value's arithmetic with its numbers, units as words between."""

    section: str
    key: str
    name: str
    value: float
    unit: str
    formula: str


@dataclass(frozen=True)
class Plan:
    """figures: what was reckoned from; unknown: what was not reckoned, and what it needs."""

    asked: Asked
    figures: Figures
    lines: tuple[Line, ...]
    unknown: tuple[str, ...]

    def __getitem__(self, key: str) -> float:
        return next(line.value for line in self.lines if line.key == key)

    def as_dict(self) -> dict:
        """For JSON."""
        figures = asdict(self.figures) | {"core_seconds": self.figures.core_seconds}
        lines = [asdict(line) for line in self.lines]
        return {"asked": asdict(self.asked), "figures": figures, "lines": lines, "unknown": list(self.unknown)}


def make_plan(asked: Asked, figures: Figures, prices: Prices) -> Plan:
    """Every line in the order in which it is reckoned."""
    lines: list[Line] = []
    for section in (_partitions, _runs, _work, _store, _database):
        lines += section(asked, figures, {line.key: line.value for line in lines})
    known = {line.key: line.value for line in lines}
    lines += _costs(asked, known, prices)
    return Plan(asked, figures, tuple(lines), tuple(_unknown(asked, prices)))


def district_cameras(days: int) -> int:
    """How many cameras a district may have: DISTRICT, or as many whole groups, or cameras, as its hours leave room for."""
    room = MAX_PARTITIONS // (24 * days)
    if room >= DISTRICT:
        return DISTRICT
    return room // GROUP * GROUP or room


def _partitions(asked: Asked, figures: Figures, known: dict[str, float]) -> Iterator[Line]:
    most = district_cameras(asked.days)
    districts = math.ceil(asked.cameras / most)
    each = math.ceil(asked.cameras / districts)
    groups = math.ceil(each / GROUP)
    room = f"floor({_n(MAX_PARTITIONS)} partitions / (24 hours x {asked.days} days))"
    cut = (
        f"min({DISTRICT}, {room} cameras)"
        if most in (DISTRICT, MAX_PARTITIONS // (24 * asked.days))
        else (f"floor({room} / {GROUP} of a group) x {GROUP} cameras")
    )
    line = _section("Districts and partitions")
    yield line("cameras_a_district_at_most", "cameras of a district, at most", most, "cameras", cut)
    yield line("districts", "districts", districts, "", f"ceil({_n(asked.cameras)} cameras / {_n(most)})")
    yield line(
        "cameras_a_district",
        "cameras of a district",
        each,
        "cameras",
        f"ceil({_n(asked.cameras)} cameras / {_n(districts)} districts)",
    )
    yield line("groups_a_district", "camera groups of a district", groups, "", f"ceil({_n(each)} cameras / {GROUP} of a group)")
    yield line("groups", "camera groups", groups * districts, "", f"{_n(groups)} groups x {_n(districts)} districts")
    size = each * 24 * asked.days
    yield line(
        "partitions",
        "partitions of a district's tables",
        size,
        "of 100,000",
        f"{_n(each)} cameras x 24 hours x {asked.days} days",
    )
    hours = asked.cameras * asked.hours
    yield line("camera_hours", "camera-hours a day", hours, "", f"{_n(asked.cameras)} cameras x {_n(asked.hours)} hours")


def _runs(asked: Asked, figures: Figures, known: dict[str, float]) -> Iterator[Line]:
    groups, districts = known["groups_a_district"], known["districts"]
    line = _section("Runs")
    if groups > 1:
        runs = districts * (asked.hours * (STAGES_OF_GROUP * groups + STAGES_OF_DISTRICT) + 1 + UPKEEP)
        an_hour = f"({STAGES_OF_GROUP} stages x {_n(groups)} groups + {STAGES_OF_DISTRICT} of all)"
    else:
        runs, an_hour = districts * (asked.hours * STAGES_OF_DISTRICT + 1 + UPKEEP), f"{STAGES_OF_DISTRICT}"
    formula = f"{_n(districts)} districts x ({_n(asked.hours)} hours x {an_hour} + 1 of figures + {UPKEEP} of upkeep)"
    yield line("runs_a_day", "runs a day", runs, "", formula)
    yield line("between_runs", "seconds between two, on average", 86_400 / runs, "s", f"86400 s / {_n(runs)} runs")
    burst = districts * groups
    yield line("burst", "runs that begin at the full hour", burst, "", f"{_n(districts)} districts x {_n(groups)} groups")


def _work(asked: Asked, figures: Figures, known: dict[str, float]) -> Iterator[Line]:
    a_camera_hour, hours = figures.core_seconds, known["camera_hours"]
    line = _section("Processors")
    core_hours = a_camera_hour * hours / 3600
    formula = f"{_n(a_camera_hour)} core-seconds x {_n(hours)} camera-hours / 3600"
    yield line("core_hours", "core-hours a day", core_hours, "h", formula)
    cores = math.ceil(core_hours / (24 * asked.busy))
    yield line("cores", "cores", cores, "", f"ceil({_n(core_hours)} core-hours / (24 hours x {asked.busy:g} busy))")
    if asked.gpu_seconds:
        gpu = asked.gpu_seconds * hours / 3600
        yield line("gpu_hours", "GPU hours a day", gpu, "h", f"{asked.gpu_seconds:g} s x {_n(hours)} camera-hours / 3600")
        devices = math.ceil(gpu / (24 * asked.busy))
        yield line("gpus", "GPUs", devices, "", f"ceil({_n(gpu)} hours / (24 hours x {asked.busy:g} busy))")


def _store(asked: Asked, figures: Figures, known: dict[str, float]) -> Iterator[Line]:
    hours, line = known["camera_hours"], _section("Store")
    a_day = sum(each.bytes for each in figures.tables.values())
    yield line(
        "store_a_day", "written a day", a_day * hours / GB, "GB", f"{_n(a_day)} bytes x {_n(hours)} camera-hours / 1000000000"
    )
    kept = _kept(asked, figures)
    total = sum(days * size for days, size in kept.items())
    terms = " + ".join(f"{days:g} days x {_n(size)}" for days, size in sorted(kept.items()))
    formula = f"({terms} bytes) x {_n(hours)} camera-hours / 1000000000"
    yield line("store", f"held after {asked.days} days, by the lifetimes", total * hours / GB, "GB", formula)
    if endless := _for_ever(figures):
        formula = f"{_n(endless)} bytes x {_n(hours)} camera-hours / 1000000000"
        yield line("store_a_day_for_ever", "of it, growth a day that has no end", endless * hours / GB, "GB", formula)


def _kept(asked: Asked, figures: Figures) -> dict[float, float]:
    """For so many days -> bytes of a camera-hour that are kept for so long, within the plan's."""
    found: dict[float, float] = {}
    for each in figures.tables.values():
        days = float(asked.days if each.lifetime_days is None else min(each.lifetime_days, asked.days))
        found[days] = found.get(days, 0.0) + each.bytes
    return found


def _for_ever(figures: Figures) -> float:
    return sum(each.bytes for each in figures.tables.values() if each.lifetime_days is None)


def _database(asked: Asked, figures: Figures, known: dict[str, float]) -> Iterator[Line]:
    hours, line = known["camera_hours"], _section("Dagster's database")
    yield line("rows", "rows a day", figures.rows * hours, "", f"{_n(figures.rows)} rows x {_n(hours)} camera-hours")
    a_day = figures.row_bytes * hours / GB
    yield line(
        "database_a_day",
        "written a day, with indices",
        a_day,
        "GB",
        f"{_n(figures.row_bytes)} bytes x {_n(hours)} camera-hours / 1000000000",
    )
    yield line(
        "database",
        "held, as runs are kept",
        a_day * min(asked.runs_kept_days, asked.days),
        "GB",
        f"{_n(a_day)} GB x min({asked.runs_kept_days:g}, {asked.days} days)",
    )


def _costs(asked: Asked, known: dict[str, float], prices: Prices) -> Iterator[Line]:
    """For the days of the plan. Cores are paid as they stand, not as they work."""
    line, days = _section("Cost"), asked.days
    paid = f"over {days} days"
    if prices.core_hour is not None:
        price, cores = prices.core_hour, known["cores"]
        yield line(
            "cost_cores",
            f"cores {paid}",
            cores * 24 * days * price,
            "",
            f"{_n(cores)} cores x 24 hours x {days} days x {_n(price)}",
        )
    if prices.gpu_hour is not None and "gpus" in known:
        price, devices = prices.gpu_hour, known["gpus"]
        yield line(
            "cost_gpus",
            f"GPUs {paid}",
            devices * 24 * days * price,
            "",
            f"{_n(devices)} GPUs x 24 hours x {days} days x {_n(price)}",
        )
    for key, what, price_ in (("store", "store", prices.store_gb_month), ("database", "database", prices.database_gb_month)):
        if price_ is not None:
            gb = known[key]
            yield line(f"cost_{key}", f"{what} a month, as full as it gets", gb * price_, "", f"{_n(gb)} GB x {_n(price_)}")


def _unknown(asked: Asked, prices: Prices) -> Iterator[str]:
    yield "Store: without figures and reports, which are small and kept for ever: they are of days, and measured are hours."
    if not asked.gpu_seconds:
        yield "GPU hours: none was measured. Give a device's seconds a camera-hour of vision with --gpu-seconds."
    if all(price is None for price in vars(prices).values()):
        yield "Cost: no price is known here. Give yours: --price-core-hour, --price-gpu-hour, --price-store, --price-database."


def _n(value: float) -> str:
    """A number in a formula."""
    return f"{value:,.0f}" if value >= 1000 or value == int(value) else f"{value:.4g}"


def _section(section: str) -> Callable[[str, str, float, str, str], Line]:
    def line(key: str, name: str, value: float, unit: str, formula: str) -> Line:
        return Line(section=section, key=key, name=name, value=float(value), unit=unit, formula=formula)

    return line
