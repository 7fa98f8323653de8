"""What turning embeddings by a day's key is worth, and what it is not worth: who can undo it, knowing how much.

Two days' embeddings of the same vehicles, each day turned by a key of its own and stored as float16. 400 vehicles of one camera
are looked for on the second day among those of the first, by their mean embeddings (rank-1, with exact 95 % intervals):

- while both keys exist, without rotation, and after the first key was destroyed (chance is 1 in 400);
- by someone who knows N other pictures on both days, and takes the orthogonal matrix that fits them best (Schönemann,
  Psychometrika 31, 1966); *another picture*: who only knows that both show the same vehicle;
- by someone who knows nothing but the stored embeddings of both days, of other vehicles on each: their principal axes, laid on
  each other by their order and by the sign of their skewness, then the same fit again and again to what lies nearest to each
  other. Once with two halves of an hour, in the same light; once with another city's hour, in another light, for a second day.

Run with ``python benchmarks/rotation.py --lake LAKE --other LAKE`` on lakes that were backfilled from the city, an hour each.
Every second picture of a vehicle at a camera stands for the first day and the others for the second, which are more alike than
those of two days. Gaussian clusters are measured too, and alone without --lake. Intervals of known pairs take the same vehicles
under several keys for independent. The result goes to benchmarks/results/rotation.json.
"""

import argparse
import json
import os
import platform
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

import numpy as np
from scipy.stats import binomtest, skew
from threadpoolctl import threadpool_limits

from cctview_pipeline.evaluate.reading import read_camera
from cctview_pipeline.lake import Lake
from cctview_pipeline.privacy.keys import DayKey

ROOT = Path(__file__).resolve().parent.parent
IDENTITIES, KNOWN, REPEATS, ROUNDS, SAMPLE = 400, (10, 64, 256, 1000), 5, 30, 6000


@dataclass(frozen=True)
class TwoDays:
    """first, second: (V, D) of length 1, the vehicles looked for, a row each; pictures_first, pictures_second: (P, D) of others,
    two of the same vehicle in a row each; kind: what they are."""

    first: np.ndarray
    second: np.ndarray
    pictures_first: np.ndarray
    pictures_second: np.ndarray
    kind: str


def clusters(dimension: int = 384, others: int = 3000) -> TwoDays:
    """Identities about a common mean, as unlike each other as vehicles are."""
    rng = np.random.default_rng(0)
    identity = 0.7 * rng.normal(size=dimension) + rng.normal(size=(IDENTITIES + others, dimension))
    first, second = (_unit(identity + 0.5 * rng.normal(size=identity.shape)) for _ in range(2))
    kind = f"Gaussian clusters, D = {dimension}"
    return TwoDays(first[:IDENTITIES], second[:IDENTITIES], first[IDENTITIES:], second[IDENTITIES:], kind)


def city(uri: str) -> TwoDays:
    """The vehicles of a city's busiest camera, and the pictures of all others at all cameras."""
    lake = Lake(uri)
    campaign, halves = lake.campaign(), {}
    for camera in campaign.cameras:
        results = read_camera(lake, camera.id, campaign.hours())
        rows_of: dict[str, list[int]] = {}
        for detection in np.flatnonzero((results.assignment.hit >= 0) & results.assignment.kept):
            row = results.embedding_row.get(str(results.found.ids[detection]))
            if row is not None:
                rows_of.setdefault(str(results.truth.vehicle[results.assignment.hit[detection]]), []).append(row)
        known = {vehicle: results.embeddings[rows].astype(np.float32) for vehicle, rows in rows_of.items() if len(rows) >= 4}
        halves[camera.id] = {vehicle: (vectors[::2], vectors[1::2]) for vehicle, vectors in known.items()}
    busiest = max(halves, key=lambda name: len(halves[name]))
    chosen = set(np.random.default_rng(0).permutation(sorted(halves[busiest]))[:IDENTITIES])
    first, second = (np.stack([_unit(halves[busiest][v][day].mean(0)) for v in sorted(chosen)]) for day in (0, 1))
    passed = sorted((vehicle, name) for name, camera in halves.items() for vehicle in camera if vehicle not in chosen)
    others = [halves[name][vehicle] for vehicle, name in passed]  # in the order in which they came into the city
    pictures = (np.concatenate([pair[day][: len(pair[1])] for pair in others]) for day in (0, 1))
    settings = campaign.settings
    kind = f"city of seed {settings['seed']}, {settings['minutes']} minutes, {busiest}, D = {first.shape[1]}"
    return TwoDays(first, second, *pictures, kind)


def measure(days: TwoDays, other: TwoDays | None) -> dict:
    dimension = days.first.shape[1]
    turns = [_key(0, number).rotation(dimension) for number in (1, 2)]
    gallery, queries = (_stored(vectors, turn) for vectors, turn in zip((days.first, days.second), turns, strict=True))
    back = turns[0].T @ turns[1]
    found = {
        "vehicles": len(gallery),
        "chance": 1 / len(gallery),
        "without rotation": rank1(days.first, days.second),
        "both keys exist": rank1(_stored(gallery, back), queries),
        "a key was destroyed": rank1(gallery, queries),
    }
    for same in (True, False):
        for count in KNOWN:
            hits = [known_pairs(days, count, same, repeat) for repeat in range(REPEATS)]
            name = f"{count} known pairs, {'the same picture' if same else 'another picture of the same vehicle'}"
            found[name] = _share(sum(hits), REPEATS * len(gallery))
    half = len(days.pictures_first) // 2
    found["nothing known, the same light"] = nothing_known(days, days.pictures_first[:half], days.pictures_first[half:])
    if other:
        found["nothing known, another light"] = nothing_known(days, days.pictures_first, other.pictures_first)
    return found


def known_pairs(days: TwoDays, count: int, same: bool, repeat: int) -> int:
    """How many of the vehicles are found by who knows so many pairs. Every repetition has other keys and other pairs."""
    turns = [_key(repeat + 1, number).rotation(days.first.shape[1]) for number in (1, 2)]
    rows = np.random.default_rng(repeat).choice(len(days.pictures_first), count, replace=False)
    before, after = days.pictures_first[rows], (days.pictures_first if same else days.pictures_second)[rows]
    turn = procrustes(_stored(before, turns[0]), _stored(after, turns[1]))
    return _hits(_stored(days.first, turns[0]) @ turn, _stored(days.second, turns[1]))


def nothing_known(days: TwoDays, before: np.ndarray, after: np.ndarray) -> dict:
    """before, after: (P, D), other vehicles' pictures of the two days, which have none in common."""
    turns = [_key(0, number).rotation(days.first.shape[1]) for number in (1, 2)]
    first, second = (_stored(vectors, turn) for vectors, turn in zip((before, after), turns, strict=True))
    turn, rng = _axes(first) @ _axes(second).T, np.random.default_rng(0)
    for _ in range(ROUNDS):
        a, b = (rng.permutation(vectors)[:SAMPLE] for vectors in (first, second))
        near = (a @ turn) @ b.T
        mutual = np.flatnonzero(near.argmax(0)[near.argmax(1)] == np.arange(len(a)))
        turn = procrustes(a[mutual], b[near.argmax(1)[mutual]])
    found = rank1(_stored(days.first, turns[0]) @ turn, _stored(days.second, turns[1]))
    return found | {"embeddings": [len(first), len(second)]}


def procrustes(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """(D, D) orthogonal, which turns (N, D) before into after as well as any can."""
    left, _, right = np.linalg.svd(before.T.astype(np.float64) @ after)
    return (left @ right).astype(np.float32)


def rank1(gallery: np.ndarray, queries: np.ndarray) -> dict:
    return _share(_hits(gallery, queries), len(queries))


def _hits(gallery: np.ndarray, queries: np.ndarray) -> int:
    return int(((queries @ gallery.T).argmax(1) == np.arange(len(queries))).sum())


def _share(hits: int, trials: int) -> dict:
    interval = binomtest(hits, trials).proportion_ci(0.95, "exact")
    return {"rank-1": round(hits / trials, 4), "from": round(interval.low, 4), "to": round(interval.high, 4), "queries": trials}


def _axes(vectors: np.ndarray) -> np.ndarray:
    """(D, D) principal axes in columns, the longest first, each towards the side where it is skewed to."""
    centred = vectors - vectors.mean(0)
    axes = np.linalg.eigh(centred.T @ centred)[1][:, ::-1]
    return axes * np.where(skew(centred @ axes, axis=0) < 0, -1, 1)


def _stored(vectors: np.ndarray, turn: np.ndarray) -> np.ndarray:
    return (vectors @ turn).astype(np.float16).astype(np.float32)


def _key(repeat: int, number: int) -> DayKey:
    """The same in every run."""
    return DayKey(date(2020, 5, 4) + timedelta(days=number), bytes([repeat, number]) * 16, datetime(2020, 5, 4, tzinfo=UTC))


def _unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


def _processor() -> str:
    names = [line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line]
    return names[0] if names else "unknown processor"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--lake", default="", help="a lake of the city, with its truth and tracks; Gaussian clusters without")
    parser.add_argument("--other", default="", help="another such lake, for a day of another light")
    arguments = parser.parse_args()
    load = os.getloadavg()[0]
    with threadpool_limits(1):
        made = [clusters(), *([city(arguments.lake)] if arguments.lake else [])]
        other = city(arguments.other) if arguments.other else None
        results = {days.kind: measure(days, other if days is not made[0] else None) for days in made}
    given = f"{' --lake LAKE' * bool(arguments.lake)}{' --other LAKE' * bool(arguments.other)}"
    written = {
        "command": f"python benchmarks/rotation.py{given}",
        "other": other.kind if other else None,
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores, {_processor()}",
        "versions": {name: version(name) for name in ("numpy", "scipy")} | {"python": platform.python_version()},
        "load_before": round(load, 1),
        "results": results,
    }
    print(json.dumps(written, indent=2))
    (ROOT / "benchmarks" / "results" / "rotation.json").write_text(json.dumps(written, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
