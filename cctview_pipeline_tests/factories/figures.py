"""A plausible day of every table of figures that agree with one another, and a lake that holds some of them.

Three cameras of one road. The first sees everything; the second has a worse hour (expanded), a bad half hour (insufficient) and
an outage (no_data) in its morning; over the third an anomaly lies for an hour (flagged)::

    day = figures(date(2020, 5, 5))
    day["flows"].filter(...)
    lake = figures_lake(tmp_path / "lake", [date(2020, 5, 5), date(2020, 5, 6)])

Values are drawn, with the day as the seed.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa

from cctview_pipeline.campaign import Camera
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.lake.marts import BY_DAY, MIN_EXPANDED, MIN_OBSERVED, STATUSES
from cctview_pipeline_tests.factories.tables import NORTH, SOUTH, campaign

THIRD = Camera(id="cam-3", name="Third", latitude=40.73, longitude=-73.98, faces="north", corridor="road", order=3)
CAMERAS = (NORTH, SOUTH, THIRD)
"""In the order in which southbound traffic passes them."""
NEW_YORK = ZoneInfo("America/New_York")
DAY = date(2020, 5, 5)
SPRING, AUTUMN = date(2020, 3, 8), date(2020, 11, 1)
"""New York's days of 23 and of 25 hours."""
QUARTER = timedelta(minutes=15)
WAYS = ("N", "S")
SHARES = {"car": 0.86, "bus": 0.02, "truck": 0.1, "motorcycle": 0.02}
BUSIEST = 190.0
"""Vehicles in a quarter of an hour of one carriageway."""
SEEN = {
    (SOUTH.id, 8): 0.8,
    (SOUTH.id, 9): 0.3,
    (SOUTH.id, 10): 0.0,
}
"""Share of a camera's local hour that was seen, where it was not all."""
FLAGGED = {(THIRD.id, 14)}

Rows = list[dict[str, Any]]


def figures(day: date = DAY, zone: ZoneInfo = NEW_YORK, cameras: Sequence[Camera] = CAMERAS) -> dict[str, pa.Table]:
    """Every table of BY_DAY for one local day."""
    made = _Day(day, zone, tuple(cameras), np.random.default_rng(day.toordinal()))
    rows = made.rows()
    return {spec.name: pa.Table.from_pylist(rows[spec.name], spec.schema) for spec in BY_DAY}


def figures_lake(
    folder: Path, days: Sequence[date] = (DAY,), tables: Sequence[str] = tuple(s.name for s in BY_DAY), **changes: Any
) -> Lake:
    """A lake with a campaign of these cameras and the figures of these days. changes: of the campaign."""
    lake = Lake(str(folder))
    begin = datetime.combine(min(days), time(), UTC)
    end = datetime.combine(max(days) + timedelta(days=2), time(), UTC)
    lake.write_campaign(campaign(**({"start": begin, "end": end, "cameras": CAMERAS} | changes)))
    for day in days:
        made = figures(day)
        for name in tables:
            lake.write(name, Partition.of_day(day), made[name])
    return lake


@dataclass(frozen=True)
class _Bin:
    at: datetime
    local: datetime

    @property
    def keys(self) -> dict[str, Any]:
        return {"began_at": self.at, "local_at": self.local.isoformat(timespec="minutes")}


@dataclass
class _Day:
    day: date
    zone: ZoneInfo
    cameras: tuple[Camera, ...]
    draw: np.random.Generator

    def rows(self) -> dict[str, Rows]:
        bins = list(self._bins())
        counts = list(self._counts(bins))
        flows = list(_flows(counts, self.draw))
        by_place = {(row["camera_id"], row["carriageway"], row["began_at"]): row for row in flows}
        times = list(self._travel_times(bins, by_place))
        return {
            "bins": [self._bin(each) for each in bins],
            "anomalies": list(self._anomalies(bins)),
            "vehicle_counts": counts,
            "flows": flows,
            "turning_movements": [_movement(row) for row in flows],
            "approach_queues": [_queue(row) for row in flows],
            "speeds": [self._speed(row) for row in flows],
            "travel_times": times,
            "corridor_speeds": list(self._corridor_speeds(times)),
            "reliability": list(self._reliability(times)),
            "corridor_od": list(self._corridor_od(bins)),
            "segment_performance": [_performance(row, by_place) for row in times],
            "data_quality": [self._quality(camera, flows) for camera in self.cameras],
            "throughput": [_throughput(each.at) for each in bins if each.local.minute == 0],
        }

    def _bins(self) -> Iterator[_Bin]:
        at = datetime.combine(self.day, time(), self.zone).astimezone(UTC)
        end = datetime.combine(self.day + timedelta(days=1), time(), self.zone).astimezone(UTC)
        while at < end:
            yield _Bin(at, at.astimezone(self.zone))
            at += QUARTER

    def _bin(self, each: _Bin) -> dict[str, Any]:
        hour = each.local.hour
        of_day = ("night", "am", "midday", "pm", "evening")[int(np.searchsorted([6, 10, 16, 20], hour, side="right"))]
        return each.keys | {
            "local_date": each.local.date(),
            "local_time": f"{each.local:%H:%M}",
            "utc_offset_min": int(each.local.utcoffset().total_seconds() // 60),
            "weekday": each.local.isoweekday(),
            "holiday": None,
            "period": "weekend" if each.local.isoweekday() > 5 else of_day,
        }

    def _anomalies(self, bins: list[_Bin]) -> Iterator[dict[str, Any]]:
        for camera, hour in FLAGGED:
            hit = [each.at for each in bins if each.local.hour == hour]
            said = {"kind": "declared", "problem": "do-not-use", "investigation": "confirmed", "note": "Paint on the lens."}
            yield {"camera_id": camera, "began_at": hit[0], "ended_at": hit[-1] + QUARTER} | said

    def _counts(self, bins: list[_Bin]) -> Iterator[dict[str, Any]]:
        for camera, way, (label, share), each in itertools.product(self.cameras, WAYS, SHARES.items(), bins):
            seen = SEEN.get((camera.id, each.local.hour), 1.0)
            status = "flagged" if (camera.id, each.local.hour) in FLAGGED else _status(seen)
            true = self.draw.poisson(_volume(each.local, way) * share)
            vehicles = None if seen == 0 else int(self.draw.binomial(true, seen))
            keys = {"camera_id": camera.id, "carriageway": way, "label": label} | each.keys
            yield keys | {"vehicles": vehicles, "coverage": seen, "status": status} | _expanded(vehicles, seen)

    def _speed(self, flow: dict[str, Any]) -> dict[str, Any]:
        kept = ("camera_id", "carriageway", "began_at", "local_at", "coverage", "status")
        row = {name: flow[name] for name in kept}
        if flow["vehicles"] is None:
            return row | {"vehicles": None}
        known = int(self.draw.binomial(flow["vehicles"], 0.9))
        if not known:
            return row | {"vehicles": 0}
        mean = float(self.draw.normal(72, 6))
        numbers = {"space_mean_kmh": mean, "p15_kmh": mean - 9, "p50_kmh": mean + 1, "p85_kmh": mean + 10, "error_kmh": 2.5}
        return row | {"vehicles": known} | numbers

    def _travel_times(self, bins: list[_Bin], flows: dict[tuple, dict[str, Any]]) -> Iterator[dict[str, Any]]:
        for way, (one, other) in itertools.product(WAYS, itertools.pairwise(self.cameras)):
            source, target = (one, other) if way == "S" else (other, one)
            for each in bins:
                up, down = (flows[camera.id, way, each.at] for camera in (source, target))
                yield self._travel_time(source, target, way, each, up, down)

    def _travel_time(
        self, source: Camera, target: Camera, way: str, each: _Bin, up: dict[str, Any], down: dict[str, Any]
    ) -> dict[str, Any]:
        metres = source.distance_m(target)
        row = {"from_camera_id": source.id, "to_camera_id": target.id, "carriageway": way, "metres": metres} | each.keys
        worse = min(up, down, key=lambda flow: flow["coverage"])
        status = "flagged" if "flagged" in (up["status"], down["status"]) else worse["status"]
        row |= {"coverage": worse["coverage"], "status": status}
        if up["vehicles"] is None or down["vehicles"] is None:
            return row | {"vehicles": None}
        matched = int(self.draw.binomial(min(up["vehicles"], down["vehicles"]), 0.7))
        row |= {"vehicles": matched}
        if not matched:
            return row
        mean = metres / (float(self.draw.normal(68, 4)) / 3.6)
        parts = {5: 0.8, 15: 0.88, 25: 0.92, 75: 1.06, 80: 1.08, 85: 1.12, 95: 1.3}
        row |= {f"p{percent}_s": mean * part for percent, part in parts.items()}
        row |= {"mean_s": mean, "median_s": mean * 0.98, "median_lower_s": mean * 0.95, "median_upper_s": mean * 1.02}
        rates = {"match_rate_down": matched / down["vehicles"], "match_rate_up": matched / up["vehicles"]}
        other = {"effective": matched * 0.8, "mean_probability": 0.8, "filtered_share": 0.1, "filtered_median_s": mean * 0.97}
        return row | rates | other | {"space_mean_kmh": metres / mean * 3.6}

    def _corridor_speeds(self, times: Rows) -> Iterator[dict[str, Any]]:
        places = dict(zip((camera.id for camera in self.cameras), (0.0, 1400.0, 2800.0), strict=False))
        for row, third in itertools.product(times, range(3)):
            began = row["began_at"] + third * timedelta(minutes=5)
            known = row["vehicles"] is not None
            yield {
                "corridor": "road",
                "carriageway": row["carriageway"],
                "from_camera_id": row["from_camera_id"],
                "to_camera_id": row["to_camera_id"],
                "from_m": places[row["from_camera_id"]],
                "to_m": places[row["to_camera_id"]],
                "began_at": began,
                "local_at": began.astimezone(self.zone).isoformat(timespec="minutes"),
                "vehicles": row["vehicles"] // 3 if known else None,
                "speed_kmh": row.get("space_mean_kmh"),
                "coverage": row["coverage"],
                "status": row["status"],
                "missing": None if known else "offline",
            }

    def _reliability(self, times: Rows) -> Iterator[dict[str, Any]]:
        for (source, target, way), group in itertools.groupby(
            times, key=lambda row: (row["from_camera_id"], row["to_camera_id"], row["carriageway"])
        ):
            means = [row["mean_s"] for row in group if "mean_s" in row]
            free, p50, p80, p95 = (float(np.percentile(means, percent)) for percent in (15, 50, 80, 95))
            for period, bins in {"am": 16, "all": len(means), "pm": 3}.items():
                yield {
                    "corridor": "road",
                    "carriageway": way,
                    "from_camera_id": source,
                    "to_camera_id": target,
                    "period": period,
                    "first_day": self.day,
                    "days": 1,
                    "bins": bins,
                    "bins_possible": 16 if period != "all" else 96,
                    "free_flow_s": free,
                    "mean_s": float(np.mean(means)),
                    "p50_s": p50,
                    "p80_s": p80,
                    "p95_s": p95,
                    "tti": float(np.mean(means)) / free,
                    "lottr": p80 / p50,
                    "status": "observed",
                }

    def _corridor_od(self, bins: list[_Bin]) -> Iterator[dict[str, Any]]:
        for one, other in itertools.combinations(self.cameras, 2):
            for each in (each for each in bins if each.local.minute == 0):
                rows = {"corridor": "road", "origin": one.id, "destination": other.id} | each.keys
                yield rows | {"journeys": int(self.draw.poisson(30)), "expanded": 50.0, "match_rate": 0.6}

    def _quality(self, camera: Camera, flows: Rows) -> dict[str, Any]:
        mine = [row for row in flows if row["camera_id"] == camera.id and row["carriageway"] == WAYS[0]]
        numbers = {f"bins_{status}": sum(row["status"] == status for row in mine) for status in STATUSES}
        return numbers | {
            "camera_id": camera.id,
            "local_date": self.day,
            "verdict": "good",
            "accuracy": 0.04,
            "completeness": (numbers["bins_observed"] + numbers["bins_expanded"]) / len(mine),
            "validity": 0.98,
            "timeliness_s": 4.2,
            "coverage": float(np.mean([row["coverage"] for row in mine])),
            "accessibility": 1.0,
            "excluded": "",
            "models": "detector@0123456789ab, tracker@1",
        }


def _volume(local: datetime, way: str) -> float:
    """Vehicles in a quarter of an hour: few at night, two peaks, the morning's southbound."""
    hour = local.hour + local.minute / 60
    peak = 8.5 if way == "S" else 17.5
    return BUSIEST * (0.03 + 0.55 * np.exp(-(((hour - 13) / 5) ** 2)) + 0.4 * np.exp(-(((hour - peak) / 1.5) ** 2)))


def _status(seen: float) -> str:
    if seen >= MIN_OBSERVED:
        return "observed"
    return "expanded" if seen >= MIN_EXPANDED else "insufficient" if seen else "no_data"


def _expanded(vehicles: int | None, seen: float) -> dict[str, float | None]:
    if vehicles is None or seen < MIN_EXPANDED:
        return dict.fromkeys(("expanded", "lower", "upper"))
    spread = 1.645 * np.sqrt(vehicles) / seen
    return {"expanded": vehicles / seen, "lower": max(vehicles / seen - spread, 0.0), "upper": vehicles / seen + spread}


def _flows(counts: Rows, draw: np.random.Generator) -> Iterator[dict[str, Any]]:
    """The counts of all labels together, with what flows has besides."""
    grouped: dict[tuple, Rows] = {}
    for row in counts:
        grouped.setdefault((row["camera_id"], row["carriageway"], row["began_at"]), []).append(row)
    totals = {key: sum(row["vehicles"] or 0 for row in group) for key, group in grouped.items()}
    for (camera, way, at), group in grouped.items():
        first, total = group[0], totals[camera, way, at]
        kept = ("camera_id", "carriageway", "began_at", "local_at", "coverage", "status")
        row = {name: first[name] for name in kept}
        if first["vehicles"] is None:
            yield row | {"vehicles": None}
            continue
        both = total + totals[camera, "S" if way == "N" else "N", at]
        heavy = sum(each["vehicles"] for each in group if each["label"] in ("bus", "truck"))
        second = total * float(draw.normal(1, 0.05))
        yield (
            row
            | {"vehicles": total, "in_view_count": second}
            | _expanded(total, first["coverage"])
            | {
                "flow_per_h": 4 * total / first["coverage"],
                "disagreement": (second - total) / total if total else None,
                "balance": float(draw.normal(1, 0.05)),
                "heavy_share": heavy / total if total else None,
                "heavy_lower": heavy / total * 0.8 if total else None,
                "heavy_upper": heavy / total * 1.2 if total else None,
                "directional_share": total / both if both else None,
                "peak_hour_factor": _peak_hour_factor(camera, way, at, totals),
            }
        )


def _peak_hour_factor(camera: str, way: str, at: datetime, totals: dict[tuple, int]) -> float | None:
    begin = at.replace(minute=0)
    four = [totals[camera, way, begin + n * QUARTER] for n in range(4)]
    return sum(four) / (4 * max(four)) if max(four) else None


def _movement(flow: dict[str, Any]) -> dict[str, Any]:
    """As if everybody on a carriageway drove straight on, in cars."""
    same = ("camera_id", "began_at", "local_at", "coverage", "status", "quality_note")
    come, go = {"N": "SN", "S": "NS", "E": "WE", "W": "EW"}[flow["carriageway"]]
    counted = flow.get("vehicles")
    return {name: flow.get(name) for name in same} | {
        "view": "352x240",
        "approach": come,
        "exit": go,
        "turn": "through",
        "label": "car",
        "vehicles": None if counted is None else float(counted),
        "estimated": flow.get("expanded"),
        "error": None if flow.get("expanded") is None else 0.5,
        "lower": None,
        "upper": None,
        "seen_whole": 0.8,
    }


def _queue(flow: dict[str, Any]) -> dict[str, Any]:
    same = ("camera_id", "began_at", "local_at", "coverage", "status", "quality_note")
    seen = flow.get("vehicles") is not None
    return {name: flow.get(name) for name in same} | {
        "view": "352x240",
        "approach": {"N": "S", "S": "N", "E": "W", "W": "E"}[flow["carriageway"]],
        "stops": 2.0 if seen else None,
        "stops_expanded": 2.0 if flow.get("expanded") is not None else None,
        "mean_stood_s": 20.0 if flow.get("expanded") is not None else None,
        "longest_queue": 1.0 if seen else None,
    }


def _performance(row: dict[str, Any], flows: dict[tuple, dict[str, Any]]) -> dict[str, Any]:
    kept = ("from_camera_id", "to_camera_id", "carriageway", "began_at", "local_at", "status")
    made = {name: row[name] for name in kept}
    vehicles = flows[row["to_camera_id"], row["carriageway"], row["began_at"]].get("expanded")
    if vehicles is None or "mean_s" not in row:
        return made
    km, hours = vehicles * row["metres"] / 1000, vehicles * row["mean_s"] / 3600
    delay = max(0.0, hours - km / 60)
    return made | {
        "vehicles": vehicles,
        "vehicle_km": km,
        "vehicle_h": hours,
        "delay_h": delay,
        "speed_kmh": km / hours if hours else None,
    }


def _throughput(at: datetime) -> dict[str, Any]:
    return {"asset": "detections", "began_at": at, "partitions": 3, "rows": 4000, "bytes": 250_000, "seconds": 12.5}
