"""Links learned from an hour of tracks, of cities whose cameras are shuffled and say neither where they look nor where they stand
along a road; and of the published hour.

Of each city a lake is made by `cctview backfill --network city` in FOLDER, unless it is there: a command that was stopped goes
on. Links are proposed as `cctview links propose` does, once with the cameras' places and once without. They are held against the
city's own neighbours; their travel times against the vehicles that both cameras have tracks of, from passing to passing, and
against the truth between the poles. Then vehicles are matched along the accepted links, and along the corridor as the city's
campaign has it.

    python benchmarks/links.py [--lakes FOLDER [--seeds 9000,9001,9002,9003]] [--published LAKE] [--scale 50]

LAKE: of the published hour, with tracks and features; its campaign's corridor says which links there are. What each part
measures goes to benchmarks/results/links.json, beside what the others did.
"""

import argparse
import json
import os
import platform
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pyarrow as pa
from association import match_all
from threadpoolctl import threadpool_limits

from cctview_pipeline.campaign import Campaign
from cctview_pipeline.evaluate.journeys import journey_rows, match_rows
from cctview_pipeline.evaluate.reading import CameraResults, read_camera
from cctview_pipeline.evaluate.transitions import assigned_matches, true_transitions
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.links import AWAY, TOWARDS
from cctview_pipeline.match.propose import DISCOVERIES, Proposal, Proposals, propose
from cctview_pipeline.match.propose.accepting import accept
from cctview_pipeline.match.propose.stored import hours_of_tracks, metres_apart, read_passers
from cctview_pipeline.roads import RoadNetwork, heading

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # for the made roads beside the tests
from cctview_pipeline_tests.factories.linked_roads import Route, driven

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "benchmarks" / "results" / "links.json"
SEEDS = "9000,9001,9002,9003"
GIVEN = ("raw_frames", "rejected_frames", "detections", "features", "truth_boxes", "truth_passages", "passages")

Directed = dict[tuple[str, str], tuple[str, str]]
"""Source and target -> by which direction vehicles leave and enter."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lakes", type=Path, help="where cities' lakes are, or are made, named s9000 and so on")
    parser.add_argument("--published", help="a lake of the published hour, with its tracks and features")
    parser.add_argument("--seeds", default=SEEDS, help="of the cities, separated by commas")
    parser.add_argument("--scale", type=int, default=0, help="also with so many made cameras, by tens along a road")
    asked = parser.parse_args()
    with threadpool_limits(1):
        for seed in asked.seeds.split(",") if asked.lakes else ():
            record(f"seed {seed}", city_told(Lake(str(made(asked.lakes, seed))), int(seed)))
        if asked.published:
            record("published hour", published_told(Lake(asked.published)))
        if asked.scale:
            record(f"{asked.scale} made cameras", scale_told(asked.scale))


def record(part: str, told: dict) -> None:
    """What was measured of one part, beside what was of others."""
    results = json.loads(RESULT.read_text())["results"] if RESULT.exists() else {}
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=ROOT).stdout.strip()
    at = datetime.now(UTC).isoformat(timespec="seconds")
    results[part] = {"at": at, "commit": commit, "load": round(os.getloadavg()[0], 1), **told}
    found = {
        "command": "python benchmarks/links.py --lakes FOLDER --published LAKE --scale 50",
        "machine": f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores, one of them used",
        "versions": {name: version(name) for name in ("numpy", "scipy", "pyarrow")},
        "results": results,
    }
    RESULT.write_text(json.dumps(found, indent=2) + "\n")
    print(part, json.dumps(told, indent=2))


def made(folder: Path, seed: str) -> Path:
    """The lake of a city of an hour."""
    home = folder / f"s{seed}"
    if (home / "campaign.toml").exists() and (home / "tracks").exists():
        return home
    mine = {"CCTVIEW_LAKE": f"{home}", "DAGSTER_HOME": f"{folder}/dagster-{seed}", "CCTVIEW_KEYS": f"{folder}/keys-{seed}"}
    command = [Path(sys.executable).with_name("cctview"), "backfill", "--network", "city", "--seed", seed, "--minutes", "60"]
    done = subprocess.run(command, env=os.environ | mine, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"cctview backfill failed: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return home


@contextmanager
def workshop(lake: Lake, campaign: Campaign) -> Iterator[Lake]:
    """A lake with the given one's frames, vehicles and truth, and another campaign, by which the tracks' sides are named."""
    source = Path(lake.uri.removeprefix("file://"))
    with tempfile.TemporaryDirectory() as folder:
        for name in GIVEN:
            if (source / name).exists():
                (Path(folder) / name).symlink_to(source / name)
        other = Lake(folder)
        other.write_campaign(campaign)
        for camera in campaign.cameras:
            for hour in hours_of_tracks(lake, [camera.id], campaign.hours()):
                partition = Partition.camera_hour(camera.id, hour)
                tracks = lake.read("tracks", partition)
                if not camera.faces:
                    place = tracks.schema.get_field_index("carriageway")
                    tracks = tracks.set_column(place, tracks.schema.field(place), tracks["direction"])
                other.write("tracks", partition, tracks)
        yield other


def bare(campaign: Campaign, seed: int) -> Campaign:
    """Nobody has said anything of the cameras but their places."""
    cameras = [replace(camera, faces="", corridor="", order=0) for camera in campaign.cameras]
    random.Random(seed).shuffle(cameras)
    return replace(campaign, cameras=tuple(cameras), links=())


def learned(lake: Lake, with_places: bool, at_most: float = DISCOVERIES) -> tuple[Proposals, float]:
    """What the lake's tracks propose, and the seconds that took."""
    began = time.perf_counter()
    cameras = lake.campaign().cameras
    names = [camera.id for camera in cameras]
    hours = hours_of_tracks(lake, names, lake.campaign().hours())
    found = propose(read_passers(lake, names, hours), metres_apart(cameras) if with_places else None, at_most=at_most)
    return found, time.perf_counter() - began


def true_links(campaign: Campaign) -> Directed:
    """Neighbours along the corridor, in both directions, with the sides that the cameras' facings name."""
    cameras = sorted(campaign.cameras, key=lambda camera: camera.order)
    pairs = [pair for one, other in pairwise(cameras) for pair in ((one, other), (other, one))]
    sides = {
        (one.id, other.id): [(camera.faces, heading(camera.faces, one, other)) for camera in (one, other)] for one, other in pairs
    }
    named = {pair: [AWAY if faces[0].upper() == way else TOWARDS for faces, way in ends] for pair, ends in sides.items()}
    return {pair: (leaves, enters) for pair, (leaves, enters) in named.items()}


def city_told(lake: Lake, seed: int) -> dict:
    campaign = lake.campaign()
    truth = true_links(campaign)
    with workshop(lake, bare(campaign, seed)) as nameless:
        placeless, _ = learned(nameless, with_places=False)
        found, seconds = learned(nameless, with_places=True)
        times = times_told(nameless, found.links(), truth)
        accept(nameless, found.links())
        by_links = journeys_told(nameless)
    with workshop(lake, campaign) as described:
        by_corridor = journeys_told(described)
    return {
        "with_places": links_told(found, truth),
        "without_places": links_told(placeless, truth),
        "cameras_in_order": [camera.id for camera in bare(campaign, seed).cameras],
        "seconds": round(seconds, 1),
        "travel_times": times,
        "journeys": {"accepted links, no faces": by_links, "corridor and faces": by_corridor},
    }


def links_told(found: Proposals, truth: Directed, at_most: float = DISCOVERIES) -> dict:
    """Counts of pairs of cameras, and of links one way each; with directions, of those."""
    links = {(each.source, each.target): (each.leaves, each.enters) for each in found.links(at_most)}
    pairs, true = {frozenset(pair) for pair in links}, {frozenset(pair) for pair in truth}
    return {
        "pairs_true": len(true),
        "pairs_found": len(pairs & true),
        "pairs_besides": len(pairs - true),
        "directed_true": len(truth),
        "directed_found": len([pair for pair, sides in links.items() if truth.get(pair) == sides]),
        "directed_besides": len([pair for pair, sides in links.items() if truth.get(pair) != sides]),
        "told_by_cameras_between": len([each for each in found.ways if each.by_way_of]),
        "hypotheses": found.hypotheses,
        "decoys": found.decoys,
        "largest_q": round(max((each.q for each in found.links(at_most)), default=0.0), 4),
        "least_evidence": round(min((each.score for each in found.links(at_most)), default=0.0), 1),
    }


def passings(lake: Lake, seen: CameraResults, hours: list[datetime]) -> dict[str, float]:
    """When each vehicle that a camera's track is identified as passed, s."""
    parts = [lake.read("tracks", Partition.camera_hour(seen.camera_id, hour), ["track_id", "passed_at"]) for hour in hours]
    tracks = pa.concat_tables(parts)
    passed = dict(zip(tracks["track_id"].to_pylist(), tracks["passed_at"].cast(pa.int64()).to_pylist(), strict=True))
    known = zip(seen.tracks.ids, seen.tracks.vehicle, strict=True)
    return {str(vehicle): passed[name] / 1e6 for name, vehicle in known if vehicle is not None and passed[name]}


def times_told(lake: Lake, links: Sequence[Proposal], truth: Directed) -> dict:
    """Of each true link: the proposed median, the median of vehicles that both cameras have tracks of, and that between poles."""
    hours = lake.campaign().hours()
    seen = {camera.id: read_camera(lake, camera.id, hours) for camera in lake.campaign().cameras}
    passed = {name: passings(lake, results, hours) for name, results in seen.items()}
    passing = true_transitions(lake, list(seen.values()), list(truth), hours)
    told: dict = {}
    for each in links:
        if (pair := (each.source, each.target)) not in truth:
            continue
        one, other = (passed[camera] for camera in pair)
        lags = np.array([other[vehicle] - one[vehicle] for vehicle in one.keys() & other.keys()])
        lags = lags[(lags > 0) & (lags < 600)]
        poles = float(np.median([t.passed_s for t in passing if t.way == pair]))
        told[":".join(pair)] = {
            "proposed_s": round(each.seconds, 2),
            "interval_s": [round(each.low, 2), round(each.high, 2)],
            "true_s": round(float(np.median(lags)), 2),
            "error_percent": round(100 * abs(each.seconds / np.median(lags) - 1), 2),
            "proposed_at_poles_s": None if each.at_poles is None else round(each.at_poles, 2),
            "true_at_poles_s": round(poles, 2),
            "error_at_poles_percent": None if each.at_poles is None else round(100 * abs(each.at_poles / poles - 1), 2),
            "vehicles": round(each.vehicles),
            "true_vehicles": len(lags),
        }
    errors = {
        key: [each[key] for each in told.values() if each[key] is not None] for key in ("error_percent", "error_at_poles_percent")
    }
    return {f"largest_{key}": max(values, default=None) for key, values in errors.items()} | told


def journeys_told(lake: Lake) -> dict:
    """MTMC IDF1, and the matches' precision and recall, once they are made along the campaign's links."""
    match_all(lake)
    campaign = lake.campaign()
    names, hours = [camera.id for camera in campaign.cameras], campaign.hours()
    ways = [edge.pair for edge in RoadNetwork.of(campaign).edges]
    seen = [read_camera(lake, name, hours) for name in names]
    matches, transitions = assigned_matches(lake, seen, ways, hours), true_transitions(lake, seen, ways, hours)
    rows = journey_rows(lake, seen, hours) + match_rows(seen, ways, matches, transitions)
    values = {row.metric: row.value for row in rows if row.scope == "all"}
    return {name: round(values[name], 4) for name in ("MTMC_IDF1", "IDF1", "match_precision", "match_recall")}


def published_told(lake: Lake) -> dict:
    """Which of its corridor's links are found, by the same way: nothing of the campaign is read but the cameras' places."""
    truth = true_links(lake.campaign())
    told: dict = {}
    for at_most in (DISCOVERIES, 0.05):
        found, seconds = learned(lake, True, at_most)
        ways = [{**asdict(each), "by_way_of": list(each.by_way_of)} for each in found.ways]
        told[f"q {at_most:g}"] = links_told(found, truth, at_most) | {"seconds": round(seconds, 1), "ways": ways}
    return told


def scale_told(cameras: int) -> dict:
    """How long so many made cameras take, ten along each road, with trips past three of them; no two roads share a vehicle."""
    routes = []
    for road, way in product(range(cameras // 10), (AWAY, TOWARDS)):
        along = [f"road-{road}-{place}" for place in range(10)][:: 1 if way == AWAY else -1]
        trips = [along[first : first + 3] for first in range(9)]
        routes += [Route(tuple((name, way, 70.0 * stop) for stop, name in enumerate(trip)), 330) for trip in trips]
    truth = {pair for route in routes for pair in pairwise(name for name, _, _ in route.stops)}
    groups = driven(routes, lasts=3600.0)
    began, spent = time.perf_counter(), time.process_time()
    found = propose(groups)
    links = {(each.source, each.target) for each in found.links()}
    return {
        "vehicles_an_hour_in_each_direction": round(float(np.mean([len(group) for group in groups]))),
        "seconds": round(time.perf_counter() - began, 1),
        "processor_seconds": round(time.process_time() - spent, 1),
        "largest_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "hypotheses": found.hypotheses,
        "directed_true": len(truth),
        "directed_found": len(links & truth),
        "directed_besides": len(links - truth),
    }


if __name__ == "__main__":
    main()
