"""How well vehicles are told apart: on later minutes of known cameras, on a camera that was left out, and in the city.

- agreement with the published features: centred cosine in their space, and the share of crops whose published nearest neighbour
  is among the five nearest;
- the same vehicle in the next frame ranked first among all sightings within ten seconds, beside the published features
  themselves (by Euclidean distance and by angle) and a colour histogram;
- the city, development seeds: rank-1 and mAP at the next camera, beside a histogram and the same network taught without the city
  and without tracks, which is its likeness alone, since the two towers have nothing in common; what storing embeddings as float16
  does to ranks; and k-reciprocal re-ranking.

Run with ``python benchmarks/embed_quality.py --data DIR [--unseen MODELS]``. DIR is a folder of the published layout; MODELS is
where ``CCTVIEW_MODELS=MODELS cctview train extractor --data DIR --without CAMERA`` put its weights. The result goes to
benchmarks/results/embed-quality.json.
"""

import argparse
import json
import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path

import numpy as np

from cctview_pipeline.city import CAMERAS
from cctview_pipeline.embed import Extractor, load_extractor
from cctview_pipeline.embed.network import LIKENESS
from cctview_pipeline.match import Ranking, evaluate_ranking, rerank, track_distances
from cctview_pipeline.registry.manifest import find_model, read_facts
from cctview_pipeline.training.extractor.assessment import (
    Embed,
    agreement,
    centred_cosine,
    city_ranking,
    colour_histogram,
    embedded,
    next_frame_rank1,
)
from cctview_pipeline.training.extractor.city_crops import draw_city_crops
from cctview_pipeline.training.extractor.lessons import RealVehicles, SyntheticVehicles, load_recorded, published_basis
from cctview_pipeline.training.extractor.recipe import DEVELOPMENT_CITIES, MINUTES_A_CITY

ROOT = Path(__file__).resolve().parent.parent


def recorded(extractor: Extractor, cameras: list[RealVehicles], basis: tuple[np.ndarray, np.ndarray]) -> dict:
    cosines = [centred_cosine(extractor.embed(list(c.crops), space="veri"), c, basis) for c in cameras]
    contenders: dict[str, Embed] = {
        "default": embedded(extractor),
        "default, in the published space": embedded(extractor, "veri"),
        "published features": lambda camera: camera.features,
        "published features, by angle": lambda camera: camera.seen.embeddings,
        "colour histogram": colour_histogram,
    }
    rows = {}
    for name, embed in contenders.items():
        found, queries = next_frame_rank1(embed, cameras)
        rows[name] = {"published nearest in top 5": round(agreement(embed, cameras), 4), "next frame first": round(found, 4)}
    cosine = float(np.average(cosines, weights=[len(c.crops) for c in cameras]))
    return {"crops": sum(len(c.crops) for c in cameras), "queries": queries, "centred cosine": round(cosine, 4), "rows": rows}


def reranked(vectors: np.ndarray, city: SyntheticVehicles) -> dict[bool, Ranking]:
    """As :func:`city_ranking`, one way, with k-reciprocal re-ranking inside a gate of three minutes."""
    rankings = {False: [], True: []}
    for seed in np.unique(city.seeds):
        at = {}
        for camera in CAMERAS:
            rows = np.flatnonzero((city.seeds == seed) & (city.cameras == camera.id))
            vehicles = np.unique(city.vehicles[rows])
            tracks = [rows[city.vehicles[rows] == vehicle] for vehicle in vehicles]
            at[camera.id] = vehicles, [vectors[t] for t in tracks], np.array([city.times[t].mean() for t in tracks])
        for first, second in pairwise(camera.id for camera in CAMERAS):
            (asked, queries, when), (among, gallery, then) = at[first], at[second]
            admits = np.abs(when[:, None] - then[None, :]) < 180
            distances = track_distances(queries, gallery)
            again = rerank(distances, track_distances(queries, queries), track_distances(gallery, gallery), admits, k1=8, k2=2)
            for changed, values in ((False, distances), (True, again)):
                rankings[changed].append(evaluate_ranking(values, asked, among, admits=admits))
    return {changed: Ranking.join(found) for changed, found in rankings.items()}


def quality(ranking: Ranking) -> dict:
    return {
        "rank-1": round(ranking.rank1, 4),
        "rank-5": round(ranking.rank5, 4),
        "mAP": round(ranking.mean_average_precision, 4),
        "queries": len(ranking.first),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True, help="a folder of the published layout")
    parser.add_argument("--unseen", default="", help="a models folder whose default-extractor left a camera out")
    arguments = parser.parse_args()
    cameras, basis = load_recorded(arguments.data), published_basis(arguments.data)
    later = [camera.select(camera.minutes >= 45) for camera in cameras]
    extractor = load_extractor(device="cpu")
    results = {"later minutes of known cameras": {"model": extractor.version} | recorded(extractor, later, basis)}
    for camera in later:
        results[f"of these, {camera.camera_id}"] = recorded(extractor, [camera], basis)
    if arguments.unseen:
        os.environ["CCTVIEW_MODELS"] = arguments.unseen
        left_out = read_facts(find_model("default", "extractor"))["recipe"]["without"]
        stranger = load_extractor(device="cpu")
        unseen = [camera for camera in later if camera.camera_id in left_out]
        title = f"later minutes of {', '.join(left_out)}, by weights that never saw it"
        results[title] = {"model": stranger.version} | recorded(stranger, unseen, basis)
    drawn = ROOT / "var" / "training" / "city-crops"
    city = SyntheticVehicles.of(draw_city_crops(DEVELOPMENT_CITIES, MINUTES_A_CITY, drawn))
    vectors = extractor.embed(list(city.crops))
    gated = reranked(vectors, city)
    stored = vectors.astype(np.float16).astype(np.float32)
    histogram = colour_histogram(
        RealVehicles(camera_id="", crops=city.crops, seen=None, features=np.zeros(0), minutes=np.zeros(0))
    ).astype(np.float32)
    likeness = vectors[:, :LIKENESS]
    rows = {
        "default": quality(city_ranking(vectors, city)),
        "default, stored as float16": quality(city_ranking(stored, city)),
        "without city and tracks: its likeness alone": quality(city_ranking(likeness, city)),
        "colour histogram": quality(city_ranking(histogram, city)),
        "default, inside a gate of 3 minutes": quality(gated[False]),
        "the same, re-ranked": quality(gated[True]),
    }
    results["the city, at the next camera"] = rows
    written = {
        "command": "python benchmarks/embed_quality.py --data DIR --unseen MODELS",
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": platform.machine(),
        "versions": {name: version(name) for name in ("torch", "numpy")},
        "results": results,
    }
    print(json.dumps(written, indent=2))
    (ROOT / "benchmarks" / "results" / "embed-quality.json").write_text(json.dumps(written, indent=2) + "\n")


if __name__ == "__main__":
    main()
