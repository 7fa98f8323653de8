"""What the pipeline can do to a driver: how often a vehicle is followed across the city's six cameras, and what changes that.

All variants see the same rendered frames of one city of an evaluation seed, whose truth is known, and run through detection,
embedding, tracking, matching and journeys as the assets do, without Dagster:

- *frame rate*: every 2nd, 4th, 8th, 35th frame (the last is one a minute), each camera at another moment; with the tracker as it
  comes; with its two limits of time, for the longest step and the longest gap, so many times as long; and with these and the
  road, that is each camera's flow, known from all frames;
- *resolution*: frames to a half and a quarter by Lanczos, stored as JPEG with the camera's own quantisation tables (what
  ``largest_side`` of a campaign does), and back to 352x240 by bicubic interpolation, which the detector is made for;
- *retention*: a match only between tracks with less than the lifetime from the end of one to the beginning of the next; what
  comes before matching is as it is, and from the longest way that the gate admits on everything is;
- *looks alone*: neighbouring cameras as if on two days, and chance.

What it tells of a driver rests on the passages that lie whole inside the time, whether or not a frame shows them. Intervals are
95 %, by bootstrap over vehicles.

Run with ``python benchmarks/privacy.py --cache DIR``; DIR keeps frames, detections, features and finished variants, so that an
interrupted run goes on. The result goes to benchmarks/results/privacy.json, and as tables for a document to the terminal.
"""

import argparse
import io
import json
import os
import platform
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from PIL import Image
from PIL.JpegImagePlugin import get_sampling
from rich.progress import Progress
from threadpoolctl import threadpool_limits

from cctview_pipeline.cameras.tables import frames_table
from cctview_pipeline.campaign import HOUR, Campaign
from cctview_pipeline.city import CAMERAS, CityNetwork, CitySettings
from cctview_pipeline.detect import Detector, load_detector
from cctview_pipeline.detect.tables import cut_crops, detect_frames
from cctview_pipeline.embed import Extractor, load_extractor
from cctview_pipeline.embed.tables import embed_crops
from cctview_pipeline.evaluate.detection import detection_rows
from cctview_pipeline.evaluate.journeys import journey_rows, match_rows
from cctview_pipeline.evaluate.reading import CameraResults, microseconds, read_camera
from cctview_pipeline.evaluate.reidentification import reidentification_rows
from cctview_pipeline.evaluate.tracking import tracking_rows
from cctview_pipeline.evaluate.transitions import assigned_matches, true_transitions
from cctview_pipeline.evaluate.truth import shorter_side
from cctview_pipeline.images import encode_png
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.lake.schemas import schema_of
from cctview_pipeline.match import Ranking, evaluate_ranking, gate
from cctview_pipeline.match.gate import longest_s
from cctview_pipeline.match.journeys import chain_journeys
from cctview_pipeline.match.tables import match_tracks
from cctview_pipeline.roads import RoadNetwork
from cctview_pipeline.runtime.device import set_threads
from cctview_pipeline.track import flow, tracker
from cctview_pipeline.track.camera_hour import track_camera_hour
from cctview_pipeline.track.flow import RoadModel, fit_road_model
from cctview_pipeline.track.sightings import sightings
from cctview_pipeline.track.tracker import TrackerSettings

ROOT = Path(__file__).resolve().parent.parent
SEED, RESAMPLES, DRAWS = 9000, 2000, 10
GIVEN = ("raw_frames", "truth_boxes", "truth_passages")
FIGURES = {
    ("detection", "AP50"): "AP50",
    ("detection", "recall"): "detection recall",
    ("tracking", "IDF1"): "within-camera IDF1",
    ("journeys", "MTMC_IDF1"): "MTMC IDF1",
    ("journeys", "MTMC_IDP"): "MTMC IDP",
    ("journeys", "MTMC_IDR"): "MTMC IDR",
    ("journeys", "match_precision"): "match precision",
    ("journeys", "match_recall"): "match recall",
    ("reidentification", "rank-1"): "rank-1 by looks alone",
}
"""Of evaluate/, and what they are called here."""

SHARES = {
    "in a frame at two cameras or more": ("vehicles", "in_two_frames"),
    "linked over two cameras or more": ("vehicles", "linked"),
    "whole way without a mistake": ("vehicles", "whole"),
    "whole way without a mistake, of those at all six": ("all_six", "whole_of_six"),
    "passages linked, nobody else in the journey": ("passages", "right"),
    "passages in a wrong journey": ("passages", "wrong"),
    "passages tracked and not linked": ("passages", "alone"),
    "passages not tracked": ("passages", "missed"),
}
"""What is told of drivers, out of what, and of what: the first three of vehicles that passed two cameras or more."""


@dataclass(frozen=True)
class Variant:
    """divisor: of the frames' sides; every: which frames are there; patient: the tracker's limits of time are so many times as
    long; road_known: each camera's flow comes from all frames; lifetime_s: within which matches are possible."""

    name: str
    divisor: int = 1
    every: int = 1
    patient: bool = False
    road_known: bool = False
    lifetime_s: float | None = None


TRACKERS = {
    "": {},
    ", limits widened": {"patient": True},
    ", limits widened, road known": {"patient": True, "road_known": True},
}
VARIANTS = (
    Variant("as it is"),
    *(Variant(f"{352 // n}x{240 // n}", divisor=n) for n in (2, 4)),
    *(
        Variant(f"every {number} frame{told}", every=every, **how)
        for every, number in ((2, "2nd"), (4, "4th"), (8, "8th"), (35, "35th"))
        for told, how in TRACKERS.items()
    ),
    *(Variant(f"lifetime {s // 60} min", lifetime_s=s) for s in (60, 120, 300, 900)),
)


# --- what every variant rests on


def render(folder: Path, minutes: int) -> Lake:
    """The city's frames and truth, made once."""
    lake = Lake(str(folder))
    city = CityNetwork(CitySettings(seed=SEED, minutes=minutes))
    if lake.campaign() is None:
        settings = city.settings.as_dict()
        lake.write_campaign(
            Campaign(
                name=f"city of seed {SEED}",
                network="city",
                start=city.begin,
                end=city.begin + HOUR,
                cameras=CAMERAS,
                settings=settings,
            )
        )
    for partition in camera_hours(lake):
        if not lake.has("truth_passages", partition):
            where = (partition.camera, partition.hour)
            lake.write("raw_frames", partition, frames_table(city.read_hour(*where), "city"))
            lake.write("truth_boxes", partition, city.truth_boxes(*where))
            lake.write("truth_passages", partition, city.truth_passages(*where))
    return lake


def find_and_embed(city: Lake, folder: Path, divisor: int, detector: Detector, extractor: Extractor) -> dict:
    """Detections and features of frames with so much smaller sides, made once. Returns the bytes of such a JPEG on average."""
    lake, sizes = Lake(str(folder)), folder / "bytes.json"
    known = json.loads(sizes.read_text()) if sizes.exists() else {}
    for partition in camera_hours(city):
        if partition.camera in known:
            continue
        frames = city.read("raw_frames", partition)
        jpegs = frames["jpeg"].to_pylist()
        if divisor > 1:
            jpegs, pictures = zip(*(shrunk(jpeg, divisor) for jpeg in jpegs), strict=True)
            place = frames.schema.get_field_index("jpeg")
            frames = frames.set_column(place, frames.schema.field("jpeg"), pa.array(pictures, pa.binary()))
        found = detect_frames(detector, frames)
        lake.write("features", partition, embed_crops(extractor, cut_crops(frames, found, detector.threshold)))
        lake.write("detections", partition, found)
        known[partition.camera] = round(float(np.mean([len(jpeg) for jpeg in jpegs])))
        sizes.write_text(json.dumps(known))
    return {"mean_bytes_of_a_frame": round(np.mean(list(known.values())))}


def shrunk(jpeg: bytes, divisor: int) -> tuple[bytes, bytes]:
    """The smaller JPEG, and a PNG of what it shows in the old size."""
    with Image.open(io.BytesIO(jpeg)) as opened:
        size, tables, sampling = opened.size, opened.quantization, get_sampling(opened)
        small = opened.convert("RGB").resize([side // divisor for side in size], Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", qtables=tables, subsampling=sampling)
    with Image.open(buffer) as again:
        return buffer.getvalue(), encode_png(np.asarray(again.convert("RGB").resize(size, Image.Resampling.BICUBIC)))


def camera_hours(lake: Lake) -> list[Partition]:
    campaign = lake.campaign()
    return [Partition.camera_hour(camera.id, hour) for hour in campaign.hours() for camera in campaign.cameras]


def flows(city: Lake, found: Lake) -> dict[str, RoadModel]:
    """Each camera's, as all frames tell it."""
    seen = {p.camera: sightings(found.read("detections", p), found.read("features", p), (352, 240)) for p in camera_hours(city)}
    return {camera: fit_road_model(each, TrackerSettings().least_similarity) for camera, each in seen.items()}


# --- one variant


@contextmanager
def associated(city: Lake, found: Lake, variant: Variant, roads: dict[str, RoadModel]) -> Iterator[Lake]:
    """A lake with a variant's frames, tracks, matches and journeys, and the truth."""
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(folder)
        lake.write_campaign(city.campaign())
        for source, names in ((city, GIVEN), (found, ("detections", "features"))):
            for name in names:
                (Path(folder) / name).symlink_to(Path(source.uri.removeprefix("file://")) / name)
        if variant.every > 1:
            thin(lake, Path(folder), variant.every)
        track_all(lake, variant, roads)
        with patch.object(gate, "MAX_DURATION_S", min(gate.MAX_DURATION_S, variant.lifetime_s or gate.MAX_DURATION_S)):
            match_all(lake)
        yield lake


def thin(lake: Lake, folder: Path, every: int) -> None:
    """Only every so many frames, and what was found in them."""
    kept = {}
    cameras = camera_hours(lake)
    for number, partition in enumerate(cameras):
        frames = lake.read("raw_frames", partition).sort_by([("captured_at", "ascending"), ("frame_id", "ascending")])
        # Cameras that all sent at one moment would see again just who takes a multiple of the interval to the next.
        frames = frames.take(pa.array(range(number * every // len(cameras), frames.num_rows, every)))
        detections, features = (lake.read(name, partition) for name in ("detections", "features"))
        detections = detections.filter(pc.is_in(detections["frame_id"], frames["frame_id"].combine_chunks()))
        features = features.filter(pc.is_in(features["detection_id"], detections["detection_id"].combine_chunks()))
        kept[partition] = {"raw_frames": frames, "detections": detections, "features": features}
    for name in ("raw_frames", "detections", "features"):
        (folder / name).unlink()  # the link, not what it leads to
    for partition, tables in kept.items():
        for name, rows in tables.items():
            lake.write(name, partition, rows)


def track_all(lake: Lake, variant: Variant, roads: dict[str, RoadModel]) -> None:
    usual, times = TrackerSettings(), variant.every if variant.patient else 1
    settings = replace(usual, longest_gap_s=usual.longest_gap_s * times)
    for partition in camera_hours(lake):
        before = Partition.camera_hour(partition.camera, partition.hour - HOUR)
        names = ("raw_frames", "detections", "features", "tracks")
        now, earlier = ({name: lake.read(name, p) for name in names} for p in (partition, before))
        with ExitStack() as stack:
            stack.enter_context(patch.object(flow, "MAX_STEP_S", flow.MAX_STEP_S * times))
            if variant.road_known:
                road = roads[partition.camera]
                stack.enter_context(patch.object(tracker, "fit_road_model", lambda *arguments, road=road: road))
            found = track_camera_hour(lake.campaign().camera(partition.camera), now, earlier, settings).tracks
        lake.write("tracks", partition, found)


def match_all(lake: Lake) -> None:
    campaign = lake.campaign()
    tables = {p.camera: (lake.read("tracks", p), lake.read("features", p)) for p in camera_hours(lake)}
    parts = [schema_of("matches").empty_table()]
    for partition in camera_hours(lake):
        sources = [(edge, *tables[edge.source.id]) for edge in RoadNetwork.of(campaign).edges_into(partition.camera)]
        found = match_tracks(sources, *tables[partition.camera]).matches
        lake.write("matches", partition, found)
        parts.append(found)
    tracks = pa.concat_tables([each for each, _ in tables.values()])
    journeys = chain_journeys(tracks, pa.concat_tables(parts), schema_of("journeys").empty_table())
    lake.write("journeys", Partition.of_hour(campaign.start), journeys)


# --- what it comes to


def measure(lake: Lake, threshold: float, variant: Variant) -> dict:
    seen, ways = read_all(lake)
    hours = lake.campaign().hours()
    matches, transitions = assigned_matches(lake, seen, ways, hours), true_transitions(lake, seen, ways, hours)
    rows = journey_rows(lake, seen, hours) + match_rows(seen, ways, matches, transitions)
    rows += [] if variant.lifetime_s else detection_rows(seen, threshold) + tracking_rows(seen)
    rows += [] if variant.lifetime_s or variant.every > 1 else reidentification_rows(seen, ways)
    values = {(row.subject, row.metric): row.value for row in rows if row.scope == "all" and row.value is not None}
    figures = {name: round(values[key], 4) for key, name in FIGURES.items() if key in values}
    frames = [len(camera.times) for camera in seen]
    return {"frames": sum(frames), "figures": figures, "drivers": shares(drivers(lake, seen), SHARES)}


def read_all(lake: Lake) -> tuple[list[CameraResults], list[tuple[str, str]]]:
    """Every camera's results, and the ways from each to its neighbours."""
    campaign = lake.campaign()
    seen = [read_camera(lake, camera.id, campaign.hours()) for camera in campaign.cameras]
    return seen, [
        (camera.id, other.id) for camera in campaign.cameras for other in RoadNetwork.of(campaign).neighbours(camera.id)
    ]


def passages(lake: Lake) -> dict[str, set[str]]:
    """vehicle -> the cameras that it passed while frames were taken, from when it came into sight until it was out of it."""
    settings = CitySettings.read(lake.campaign().settings)
    network = CityNetwork(settings)
    begin, end = (int(moment.timestamp() * 1e6) for moment in (network.begin, network.end))
    found: dict[str, set[str]] = {}
    for partition in camera_hours(lake):
        table = lake.read("truth_passages", partition, ["vehicle_id", "entered_at", "left_at"])
        whole = (microseconds(table["entered_at"]) >= begin) & (microseconds(table["left_at"]) <= end)
        for vehicle in table.filter(pa.array(whole))["vehicle_id"].to_pylist():
            found.setdefault(vehicle, set()).add(partition.camera)
    return found


def drivers(lake: Lake, seen: list[CameraResults]) -> dict[str, np.ndarray]:
    """(V,) counts of each vehicle that passed a camera, as SHARES names them.

    A track is the vehicle's that it is identified as. *linked*: some journey has its tracks at two cameras or more. *whole*: some
    journey has its tracks at every camera that it passed, and nobody else's. A passage is *wrong* when a track of it is in a
    journey with a track that is not identified as this vehicle; else *right* when a journey has it at two cameras or more.
    """
    journeys = lake.read("journeys", Partition.of_hour(lake.campaign().start), ["journey_id", "track_id"])
    journey_of = dict(zip(journeys["track_id"].to_pylist(), journeys["journey_id"].to_pylist(), strict=True))
    members: dict[str, list[tuple[str, str | None]]] = {}
    tracked: dict[tuple[str, str], set[str]] = {}
    for camera in seen:
        for name, vehicle in zip(camera.tracks.ids, camera.tracks.vehicle, strict=True):
            journey = journey_of.get(name, name)
            members.setdefault(journey, []).append((camera.camera_id, vehicle))
            if vehicle:
                tracked.setdefault((vehicle, camera.camera_id), set()).add(journey)
    counted = {camera.camera_id: set(camera.truth.vehicle[camera.truth.counted].tolist()) for camera in seen}
    names = ("vehicles", "all_six", "passages", *(name for _, name in SHARES.values()))
    rows = []
    for vehicle, passed in passages(lake).items():
        row = dict.fromkeys(names, 0) | {"passages": len(passed)}
        mine = set().union(*(tracked.get((vehicle, camera), set()) for camera in counted))
        at = {journey: {camera for camera, who in members[journey] if who == vehicle} for journey in mine}
        pure = {journey for journey in mine if all(who == vehicle for _, who in members[journey])}
        if len(passed) > 1:
            row["vehicles"], row["all_six"] = 1, int(len(passed) == len(seen))
            row["in_two_frames"] = int(sum(vehicle in counted[camera] for camera in passed) > 1)
            row["linked"] = int(any(len(cameras) > 1 for cameras in at.values()))
            row["whole"] = int(any(at[journey] >= passed for journey in pure))
            row["whole_of_six"] = row["whole"] * row["all_six"]
        for camera in passed:
            here = tracked.get((vehicle, camera), set())
            wrong, linked = not here <= pure, any(len(at[journey]) > 1 for journey in here)
            row["missed" if not here else "wrong" if wrong else "right" if linked else "alone"] += 1
        rows.append(row)
    return {name: np.array([row[name] for row in rows]) for name in names}


def shares(counts: dict[str, np.ndarray], of: dict[str, tuple[str, str]]) -> dict[str, dict]:
    """Each share with its interval: vehicles are drawn again, with everything that is counted of them."""
    some = next(iter(counts.values()))
    drawn = np.random.default_rng(0).multinomial(len(some), np.full(len(some), 1 / len(some)), RESAMPLES)
    found = {}
    for name, (whole, part) in of.items():
        total, hits = counts[whole].sum(), counts[part].sum()
        again = (drawn @ counts[part]) / np.maximum(drawn @ counts[whole], 1)
        low, high = np.quantile(again, (0.025, 0.975))
        found[name] = {
            "share": round(float(hits / max(total, 1)), 4),
            "from": round(float(low), 4),
            "to": round(float(high), 4),
            "of": int(total),
        }
    return found


def by_looks_alone(lake: Lake) -> dict:
    """Neighbours' identified tracks as if days lay between: without gates of time or road."""
    seen, ways = read_all(lake)
    chance = [retrieved(seen, ways, np.random.default_rng(draw)) for draw in range(DRAWS)]
    return {"found": retrieval([retrieved(seen, ways)]), "chance": retrieval(chance)}


def retrieved(
    seen: list[CameraResults], ways: list[tuple[str, str]], chance: np.random.Generator | None = None
) -> tuple[Ranking, np.ndarray]:
    """Where all identified tracks' vehicles stand among those of each neighbour, and the vehicle of each query.

    chance: what draws the distances instead.
    """
    known = {camera.camera_id: identified(camera) for camera in seen}
    vehicles, rankings = [], []
    for query, gallery in ways:
        (asked, looks), (among, others) = known[query], known[gallery]
        there = np.isin(asked, among)  # the rest has nothing to be found
        distances = 1 - looks[there] @ others.T if chance is None else chance.random((there.sum(), len(among)))
        rankings.append(evaluate_ranking(distances, asked[there], among))
        vehicles.append(asked[there])
    return Ranking.join(rankings), np.concatenate(vehicles)


def retrieval(draws: list[tuple[Ranking, np.ndarray]]) -> dict:
    """rank-1 and mAP over all draws; and the least and most of one."""
    joined = Ranking.join([ranking for ranking, _ in draws])
    _, vehicle = np.unique(np.concatenate([each for _, each in draws]), return_inverse=True)
    counts = {
        "queries": np.bincount(vehicle),
        "first": np.bincount(vehicle, joined.first == 1),
        "precision": np.bincount(vehicle, joined.precision),
    }
    found = shares(counts, {"rank-1": ("queries", "first"), "mAP": ("queries", "precision")})
    found["rank-1"]["of_one_draw"] = [round(limit(each.rank1 for each, _ in draws), 4) for limit in (min, max)]
    return found


def identified(camera: CameraResults) -> tuple[np.ndarray, np.ndarray]:
    """The vehicles of a camera's T identified tracks, and (T, D) their mean embeddings less the camera's, as in matching.

    They are of length 1: how long a mean is tells how often the vehicle was seen, which is no look.
    """
    images: list[list[int]] = [[] for _ in camera.tracks.ids]
    for row in np.flatnonzero(camera.assignment.kept):
        place = camera.embedding_row.get(str(camera.found.ids[row]))
        if place is not None:
            images[camera.found.track[row]].append(place)
    chosen = [i for i, vehicle in enumerate(camera.tracks.vehicle) if vehicle and images[i]]
    looks = np.stack([camera.embeddings[images[i]].astype(np.float32).mean(0) for i in chosen])
    looks -= looks.mean(0)
    return np.array([camera.tracks.vehicle[i] for i in chosen], str), looks / np.linalg.norm(looks, axis=1, keepdims=True)


def traffic(lake: Lake) -> dict:
    """What the figures rest on."""
    passed = [len(cameras) for cameras in passages(lake).values()]
    seen, _ = read_all(lake)
    sides = np.concatenate([shorter_side(camera.truth.boxes[camera.truth.counted]) for camera in seen])
    return {
        "frames": sum(len(camera.times) for camera in seen),
        "median_seconds_between_frames": round(float(np.median(np.concatenate([np.diff(c.times) for c in seen]))) / 1e6, 2),
        "vehicles": len(passed),
        "passages": sum(passed),
        "vehicles_by_cameras_passed": {str(n): passed.count(n) for n in range(1, 7)},
        "true_boxes_that_count": len(sides),
        "longest_way_in_the_gate_s": round(max(map(longest_s, RoadNetwork.of(lake.campaign()).edges))),
        "median_shorter_side_px": round(float(np.median(sides)), 1),
    }


# --- told


def markdown(results: dict[str, dict]) -> str:
    columns = ["detection recall", "within-camera IDF1", "MTMC IDF1", "MTMC IDP", "MTMC IDR", "match precision", "match recall"]
    lines = [f"| variant | {' | '.join(columns)} |", f"| --- |{' ---: |' * len(columns)}"]
    for name, found in results.items():
        values = [found["figures"].get(column) for column in columns]
        lines.append(f"| {name} | {' | '.join('-' if value is None else f'{value:.3f}' for value in values)} |")
    lines += ["", f"| variant | {' | '.join(SHARES)} |", f"| --- |{' ---: |' * len(SHARES)}"]
    for name, found in results.items():
        lines.append(f"| {name} | {' | '.join(percent(found['drivers'][share]) for share in SHARES)} |")
    return "\n".join(lines)


def percent(share: dict) -> str:
    return f"{100 * share['share']:.1f} % ({100 * share['from']:.1f}-{100 * share['to']:.1f})"


def remembered(place: Path, name: str, make) -> dict:
    """What stands under a name in a file of finished results, made and written down if it does not yet."""
    known = json.loads(place.read_text()) if place.exists() else {}
    if name not in known:
        known[name] = make()
        place.write_text(json.dumps(known, indent=1))
    return known[name]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cache", type=Path, required=True, help="a folder for what need not be made twice")
    parser.add_argument("--minutes", type=int, default=30, help="of the city's time")
    arguments = parser.parse_args()
    set_threads(1)
    load = os.getloadavg()[0]
    cache = arguments.cache / f"{SEED}-{arguments.minutes}"
    detector, extractor = load_detector("default", "cpu"), load_extractor("default", "cpu")
    divisors = sorted({variant.divisor for variant in VARIANTS})
    results, done = {}, cache / "results.json"
    with Progress() as progress, threadpool_limits(1):
        task = progress.add_task("re-identifying", total=1 + len(divisors) + len(VARIANTS) + 2)
        city = render(cache / "city", arguments.minutes)
        progress.advance(task)
        found, pictures = {}, {}
        for divisor in divisors:
            folder = cache / f"side-{divisor}"
            folder.mkdir(parents=True, exist_ok=True)
            pictures[f"{352 // divisor}x{240 // divisor}"] = find_and_embed(city, folder, divisor, detector, extractor)
            found[divisor] = Lake(str(folder))
            progress.advance(task)
        roads = flows(city, found[1])
        for variant in VARIANTS:

            def make(variant: Variant = variant) -> dict:
                with associated(city, found[variant.divisor], variant, roads) as lake:
                    return asdict(variant) | measure(lake, detector.threshold, variant)

            results[variant.name] = remembered(done, variant.name, make)
            progress.console.log(variant.name)
            progress.advance(task)
        with associated(city, found[1], VARIANTS[0], roads) as lake:
            looks = remembered(done, "by_looks_alone", lambda: by_looks_alone(lake))
            progress.advance(task)
            about = remembered(done, "traffic", lambda: traffic(lake))
    commit = subprocess.run(
        ["git", "--no-optional-locks", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    written = {
        "command": "python benchmarks/privacy.py --cache DIR",
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "commit": commit.stdout.strip(),
        "machine": f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores (one used), {_processor()}",
        "versions": {n: version(n) for n in ("torch", "openvino", "trackeval", "numpy", "scipy", "pillow")}
        | {"python": platform.python_version()},
        "models": [detector.version, extractor.version],
        "load_before": round(load, 1),
        "seed": SEED,
        "minutes": arguments.minutes,
        "faults": [],
        "traffic": about,
        "pictures": pictures,
        "results": results,
        "by_looks_alone": looks,
    }
    print(markdown(results))
    print(json.dumps(looks, indent=2))
    (ROOT / "benchmarks" / "results" / "privacy.json").write_text(json.dumps(written, indent=2) + "\n")


def _processor() -> str:
    names = [line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line]
    return names[0] if names else "unknown processor"


if __name__ == "__main__":
    main()
