"""Turning movements against the truth of the city's streets: vehicles by approach and exit.

The truth counts who crossed the stop line of a camera's crossing, on every way that begins or ends at an arm which the camera
shows, also where it does not show the turn itself. Nothing is left out for that: an engineer asks for all of them."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa

from cctview_pipeline.evaluate.reading import microseconds, read
from cctview_pipeline.evaluate.report import ALL, Row, measured
from cctview_pipeline.evaluate.traffic import GOOD_GEH, HOUR_S, LEAST_OBSERVED, QUARTER_S
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.lake.marts import LEAST_FOLLOWED, LEAST_WHOLE
from cctview_pipeline.track.movements.naming import COMPASS, SIDES

Way = tuple[str, str]
"""Approach and exit."""
LONGEST_FRAME_US = 10 * 1_000_000


@dataclass(frozen=True, kw_only=True)
class MovementHour:
    """One camera's hour. true, found: vehicles an hour by way, found of the view that shows a way best; told: of found
    those whose number a user is told; true_vehicles,
    found_vehicles: of all ways, as they were counted; stops, found_stops: who stood; unassigned: share of the vehicles that
    moved."""

    camera: str
    true: Mapping[Way, float]
    found: Mapping[Way, float]
    told: Mapping[Way, float]
    true_vehicles: int
    true_stops: int
    found_stops: float
    unassigned: float


def movement_rows(lake: Lake, cameras: list[str], hours: list[datetime]) -> list[Row]:
    """Over all, by camera, and by camera and way. GEH_hour: medians of sqrt(2 (M - C)^2 / (M + C)) of vehicles an hour M found
    and C true, over ways and hours that have any; GEH_hour_below_5: the share. GEH_approach_below_5, GEH_exit_below_5: the same
    of all ways together that begin, or end, at one arm. GEH_told_below_5: of the ways alone
    whose number a user is told. Nothing where the truth knows no movements, as on the expressway."""
    found = [each for camera in cameras for hour in hours if (each := movement_hour(lake, camera, hour))]
    rows = _told(ALL, found)
    for camera in dict.fromkeys(each.camera for each in found):
        mine = [each for each in found if each.camera == camera]
        rows += _told(camera, mine)
        for way in sorted({way for each in mine for way in (*each.true, *each.found)}):
            rows += _told_of_way(f"{camera} {way[0]}>{way[1]}", mine, way)
    return rows


def movement_hour(lake: Lake, camera: str, hour: datetime) -> MovementHour | None:
    """None where the truth has none, or half a quarter was not seen."""
    place = Partition.camera_hour(camera, hour)
    if not (lake.has("truth_movements", place) and lake.has("camera_flows", place)):
        return None
    truth, times = lake.read("truth_movements", place), _times(lake, camera, hour)
    shown = _shown(truth, times)
    truth = truth.filter(pa.array(shown))
    observed = float(np.minimum(np.diff(times, append=times[-1:]), LONGEST_FRAME_US).sum() / 1e6)
    if not truth.num_rows or observed < LEAST_OBSERVED * QUARTER_S:
        return None
    true = Counter(zip(truth["approach"].to_pylist(), truth["exit"].to_pylist(), strict=True))
    flows, seen, queues = (lake.read(name, place) for name in ("camera_flows", "movements_seen", "queues_seen"))
    per_hour = {way: count * HOUR_S / observed for way, count in true.items()}
    return MovementHour(
        camera=camera,
        true=per_hour,
        found=_found(seen, queues, per_hour),
        told=_found(seen, queues, per_hour, (LEAST_WHOLE, LEAST_FOLLOWED)),
        true_vehicles=truth.num_rows,
        true_stops=int(np.sum(truth["stops"].to_numpy())),
        found_stops=float(np.sum(queues["stops"].to_numpy())),
        unassigned=float(np.mean(flows["unassigned"].to_numpy())) if flows.num_rows else 1.0,
    )


def geh(found: float, true: float) -> float:
    """Of vehicles an hour."""
    return float(np.sqrt(2 * (found - true) ** 2 / (found + true))) if found + true else 0.0


def _times(lake: Lake, camera: str, hour: datetime) -> np.ndarray:
    return np.sort(microseconds(read(lake, "raw_frames", camera, [hour], ["captured_at"])["captured_at"]))


def _shown(truth: pa.Table, times: np.ndarray) -> np.ndarray:
    """Who crossed while the camera sent frames."""
    crossed, known = microseconds(truth["crossed_at"]), np.concatenate([[-LONGEST_FRAME_US], times])
    return crossed - known[np.searchsorted(known, crossed, "right") - 1] <= LONGEST_FRAME_US


def _found(
    seen: pa.Table, queues: pa.Table, true: Mapping[Way, float], least: tuple[float, float] = (0.0, 0.0)
) -> dict[Way, float]:
    """Vehicles an hour by way, by the compass: of each way in the view that shows most. least: share and
    vehicles that were seen from end to end."""
    shown: dict[str, dict[tuple[str, datetime], float]] = defaultdict(dict)
    for row in queues.to_pylist():
        shown[row["view"]][row["view"], row["began_at"]] = row["seen_s"]
    by_view: dict[str, Counter] = defaultdict(Counter)
    whole: Counter = Counter()
    for row in seen.to_pylist():
        by_view[row["view"]][row["approach"], row["exit"]] += row["shared"]
        whole[row["view"], row["approach"], row["exit"]] += row["whole"]
    found: dict[Way, float] = {}
    for view, sums in by_view.items():
        seconds = sum(shown[view].values())
        flows = {
            way: count * HOUR_S / seconds
            for way, count in sums.items()
            if seconds and whole[view, *way] >= max(least[0] * count, least[1])
        }
        for way, flow in _by_compass(flows, true).items():
            found[way] = max(flow, found.get(way, 0.0))
    return found


def _by_compass(flows: Mapping[Way, float], true: Mapping[Way, float]) -> dict[Way, float]:
    """Ways that are named by the picture's sides turned as fits the truth best: how the view faces was nobody's to find."""
    if all(arm in COMPASS for way in flows for arm in way):
        return dict(flows)
    turned = [{(_arm(a, by), _arm(b, by)): flow for (a, b), flow in flows.items()} for by in range(4)]
    return min(turned, key=lambda each: sum(geh(flow, true.get(way, 0.0)) for way, flow in each.items()))


def _arm(name: str, by: int) -> str:
    return COMPASS[(SIDES.index(name.split("-")[1]) + by) % 4]


def _told(scope: str, hours: list[MovementHour]) -> list[Row]:
    true_vehicles = sum(each.true_vehicles for each in hours)
    if not hours:
        return []
    ways = [geh(each.found.get(way, 0.0), each.true.get(way, 0.0)) for each in hours for way in {*each.true, *each.found}]
    told = [geh(flow, each.true.get(way, 0.0)) for each in hours for way, flow in each.told.items()]
    true, found = (sum(sum(flows.values()) for flows in side) for side in zip(*((h.true, h.found) for h in hours), strict=True))
    values = {
        "relative_error_percent": 100 * (found - true) / true if true else None,
        "GEH_hour": float(np.median(ways)),
        "GEH_hour_below_5": _below(ways),
        "GEH_approach_below_5": _below(_at_arms(hours, 0)),
        "GEH_exit_below_5": _below(_at_arms(hours, 1)),
        "GEH_told_below_5": _below(told),
        "told_movements": float(len(told)),
        "unassigned": float(np.mean([each.unassigned for each in hours])),
        "true_stops": float(sum(each.true_stops for each in hours)),
        "counted_stops": float(sum(each.found_stops for each in hours)),
    }
    return measured("movements", scope, true_vehicles, values)


def _told_of_way(scope: str, hours: list[MovementHour], way: Way) -> list[Row]:
    true, found = (
        float(np.mean([flows.get(way, 0.0) for flows in side])) for side in zip(*((h.true, h.found) for h in hours), strict=True)
    )
    values = {"true_per_h": true, "counted_per_h": found, "GEH_hour": geh(found, true)}
    return measured("movements", scope, max(round(true * len(hours)), 1), values)


def _at_arms(hours: Iterable[MovementHour], end: int) -> list[float]:
    found = []
    for hour in hours:
        sums: list[dict[str, float]] = [defaultdict(float), defaultdict(float)]
        for side, flows in zip(sums, (hour.true, hour.found), strict=True):
            for way, flow in flows.items():
                side[way[end]] += flow
        found += [geh(sums[1][arm], sums[0][arm]) for arm in sorted({*sums[0], *sums[1]})]
    return found


def _below(values: list[float]) -> float | None:
    return float(np.mean(np.array(values) < GOOD_GEH)) if values else None
