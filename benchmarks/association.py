"""What each ingredient of the association is worth, and what simpler methods reach, on cities whose truth is known.

Every variant matches the whole lake again, and tracks it again where the tracker changes, from its detections and features, with
one thing left out or done more simply, and is measured as ``cctview evaluate`` does. *Perfect input* is the truth's boxes that
count, each with a random look that its vehicle alone has.

Run with ``python benchmarks/association.py --lake LAKE [--lake LAKE ...]`` on lakes that were backfilled from the city. The
result goes to benchmarks/results/association.json, and as a table for a document to the terminal. With --brief only the
simpler methods and perfect input, to benchmarks/results/association-brief.json; with --only NAME that variant beside the one as
shipped, to benchmarks/results/association-some.json.
"""

import argparse
import json
import os
import platform
import tempfile
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from rich.progress import Progress
from threadpoolctl import threadpool_limits

from cctview_pipeline.campaign import HOUR
from cctview_pipeline.evaluate.journeys import calibration_rows, journey_rows, match_rows
from cctview_pipeline.evaluate.reading import read_camera
from cctview_pipeline.evaluate.tracking import tracking_rows
from cctview_pipeline.evaluate.traffic import travel_time_rows
from cctview_pipeline.evaluate.transitions import assigned_matches, true_transitions
from cctview_pipeline.evaluate.truth import counts
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.lake.schemas import schema_of
from cctview_pipeline.match import belief, matching, pairs
from cctview_pipeline.match.journeys import chain_journeys
from cctview_pipeline.match.tables import match_tracks
from cctview_pipeline.roads import RoadNetwork
from cctview_pipeline.track import passage, tracker, views
from cctview_pipeline.track import tables as track_tables
from cctview_pipeline.track.camera_hour import track_camera_hour
from cctview_pipeline.track.flow import RoadModel
from cctview_pipeline.track.motion import UNKNOWN
from cctview_pipeline.track.tracker import TrackerSettings

ROOT = Path(__file__).resolve().parent.parent
GIVEN = ("raw_frames", "rejected_frames", "truth_boxes", "truth_passages")
INPUTS = ("detections", "features")
FIGURES = {
    ("tracking", "HOTA"): 3,
    ("tracking", "IDF1"): 3,
    ("journeys", "MTMC_IDF1"): 3,
    ("journeys", "match_precision"): 3,
    ("journeys", "match_recall"): 3,
    ("calibration", "ECE"): 3,
    ("travel_times", "cell_error_s"): 1,
}
"""And the digits that are told of each."""

Change = tuple[object, str, object]
"""Of a module or class: what is put in the place of which name."""

USUAL = TrackerSettings()


def placed_as(change: Callable) -> list[Change]:
    """What the tracker knows of every sighting, changed."""
    original = tracker.place
    return [(module, "place", lambda seen, flow: change(original(seen, flow))) for module in (tracker, track_tables)]


def paired_as(change: Callable) -> list[Change]:
    """What is known of every pair, changed."""
    original = pairs.pair_up
    return [(pairs, "pair_up", lambda *arguments: change(original(*arguments)))]


def without_cues(*left_out: int) -> Callable:
    def change(found: pairs.Pairs) -> pairs.Pairs:
        cues = found.cues.copy()
        cues[list(left_out)] = np.nan
        return replace(found, cues=cues)

    return change


def without_paces(found: pairs.Pairs) -> pairs.Pairs:
    known = without_cues(belief.PACE)(found)
    return replace(known, paces=0 * found.paces, pace_errors=np.full_like(found.pace_errors, pairs.UNKNOWN_PACE))


def only_times(found: pairs.Pairs) -> pairs.Pairs:
    known = without_paces(without_cues(belief.APPEARANCE, belief.SIZE)(found))
    return replace(known, lanes=0 * found.lanes, same_label=np.ones_like(found.same_label))


def any_time(self: belief.EdgeModel, found: pairs.Pairs) -> np.ndarray:
    """As if any travel time that the gate admits were as likely as any other."""
    return np.full(len(found), -np.log(np.ptp(found.gap) + 1))


def greedy(found: pairs.Pairs, probability: np.ndarray) -> np.ndarray:
    """The likeliest pair first, and so on while both its tracks are free and it is likelier than no match."""
    nothing = 1 - np.bincount(found.query, probability, found.queries)
    return one_to_one(found, np.argsort(-probability, kind="stable"), probability > nothing[found.query])


def likeliest(found: pairs.Pairs, probability: np.ndarray) -> np.ndarray:
    """The same, however unlikely it is."""
    return one_to_one(found, np.argsort(-probability, kind="stable"), np.ones(len(found), bool))


def nearest(found: pairs.Pairs, probability: np.ndarray) -> np.ndarray:
    """The pair that looks most alike first, and so on."""
    return one_to_one(found, np.argsort(found.cues[belief.APPEARANCE], kind="stable"), np.ones(len(found), bool))


def one_to_one(found: pairs.Pairs, order: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    chosen, queries, gallery = np.zeros(len(found), bool), set(), set()
    for pair in order[allowed[order]]:
        query, earlier = int(found.query[pair]), int(found.gallery[pair])
        if query not in queries and earlier not in gallery:
            chosen[pair] = True
            queries.add(query)
            gallery.add(earlier)
    return chosen


def each_query_alone(found: pairs.Pairs, log_odds: np.ndarray) -> np.ndarray:
    """Probabilities as if several queries could be one track."""
    odds = np.exp(np.minimum(log_odds, 30.0))
    return odds / (1 + np.bincount(found.query, odds, found.queries)[found.query])


def alike(placed):
    """Every vehicle looks like every other, once the flow is learned."""
    same = np.zeros_like(placed.seen.embeddings)
    same[:, 0] = 1
    return replace(placed, seen=replace(placed.seen, embeddings=same))


MOTION_COST = tracker.motion_cost
TRACKING = {
    "tracking without appearance": (placed_as(alike), USUAL),
    "tracking without motion": ([(tracker, "motion_cost", lambda *a: np.where(np.isinf(MOTION_COST(*a)), np.inf, 0.0))], USUAL),
    "tracking without a learned flow": ([(tracker, "fit_road_model", lambda *a: RoadModel((None, None)))], USUAL),
    "tracking without lanes": (placed_as(lambda placed: replace(placed, lane=0 * placed.lane)), USUAL),
    "tracking without sizes": (placed_as(lambda placed: replace(placed, size=0 * placed.size)), USUAL),
    "tracking without a track's own pace": ([(tracker, "motion_of", lambda *a: UNKNOWN)], USUAL),
    "tracking without bridging missed frames": ([], replace(USUAL, longest_gap_s=2.6)),
    "tracking with 5 % on every pace": ([(passage, "PACE_ERROR", 0.05)], USUAL),
    "tracking without boxes below the threshold": ([(views, "UNSURE_FROM", np.inf)], USUAL),
}
MATCHING = {
    "matching by appearance only, inside the gate": [(matching, "assign", nearest)],
    "matching by travel time only": [*paired_as(only_times), (matching, "assign", likeliest)],
    "matching without appearance": paired_as(without_cues(belief.APPEARANCE)),
    "matching without travel times": [(belief.EdgeModel, "log_density", any_time)],
    "matching without paces": paired_as(without_paces),
    "matching without sizes": paired_as(without_cues(belief.SIZE)),
    "matching without lanes": paired_as(lambda found: replace(found, lanes=0 * found.lanes)),
    "matching without labels": paired_as(lambda found: replace(found, same_label=np.ones_like(found.same_label))),
    "matching without the hour's course": [(belief, "STEP_STD", 1e-4), (belief, "DRIFT_STD", 1e-4)],
    "matching by what is believed beforehand": [(matching, "learn_edge", lambda before, found: before)],
    "matching, each query alone": [(matching, "marginals", each_query_alone)],
    "matching, greedy": [(matching, "assign", greedy)],
}


SIMPLER = {"matching by appearance only, inside the gate", "matching by travel time only", "matching, greedy"}


@contextmanager
def changed(changes: list[Change]) -> Iterator[None]:
    with ExitStack() as stack:
        for place, name, value in changes:
            stack.enter_context(patch.object(place, name, value))
        yield


@contextmanager
def workshop(lake: Lake, perfect: bool) -> Iterator[Lake]:
    """A lake for one variant's tracks, with the given one's frames and truth, and its detections and features or perfect ones."""
    source = Path(lake.uri.removeprefix("file://"))
    with tempfile.TemporaryDirectory() as folder:
        for name in GIVEN if perfect else (*GIVEN, *INPUTS):
            (Path(folder) / name).symlink_to(source / name)
        (Path(folder) / "campaign.toml").write_bytes((source / "campaign.toml").read_bytes())
        made = Lake(folder)
        if perfect:
            for partition in _camera_hours(lake):
                found, features = _perfect(lake, partition)
                made.write("detections", partition, found)
                made.write("features", partition, features)
        yield made


def _perfect(lake: Lake, partition: Partition, dimension: int = 64) -> tuple[pa.Table, pa.Table]:
    truth = lake.read("truth_boxes", partition)
    order = lake.read("raw_frames", partition, ["frame_id", "captured_at"])["frame_id"].combine_chunks()
    boxes = np.stack([truth[name].to_numpy() for name in ("x1", "y1", "x2", "y2")], axis=1)
    counted = counts(boxes, truth["visible_fraction"].to_numpy())
    truth = truth.filter(pc.and_(pa.array(counted), pc.is_in(truth["frame_id"], order)))
    ids = [f"{frame}--detections--{row}" for row, frame in enumerate(truth["frame_id"].to_pylist())]
    rng = np.random.default_rng(0)
    vehicles = truth["vehicle_id"].to_pylist()
    looks = {
        name: np.random.default_rng(int(name.replace("v", "").replace("-", ""))).normal(size=dimension) for name in set(vehicles)
    }
    vectors = np.array([looks[name] for name in vehicles]).reshape(-1, dimension) + 0.1 * rng.normal(size=(len(ids), dimension))
    columns = {name: truth[name] for name in ("frame_id", "camera_id", "captured_at", "x1", "y1", "x2", "y2", "label")}
    columns |= {"detection_id": ids, "score": np.ones(len(ids), np.float32), "model": ["truth"] * len(ids)}
    schema, embedded = schema_of("detections"), schema_of("features", dimension)
    unit = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)
    embeddings = pa.FixedSizeListArray.from_arrays(pa.array(unit.ravel()), type=embedded.field("embedding").type)
    texts = [pa.array(column, pa.string()) for column in (ids, ["truth"] * len(ids))]
    made = pa.table([texts[0], embeddings, *texts[1:]], schema=embedded)
    return pa.table({name: columns[name] for name in schema.names}, schema), made


def track_all(lake: Lake, settings: TrackerSettings) -> float:
    """Track the whole lake. Returns the seconds it took, on one core."""
    seconds = 0.0
    for partition in _camera_hours(lake):
        before = Partition.camera_hour(partition.camera, partition.hour - HOUR)
        now, earlier = ({name: lake.read(name, p) for name in ("raw_frames", *INPUTS, "tracks")} for p in (partition, before))
        began = time.perf_counter()
        found = track_camera_hour(lake.campaign().camera(partition.camera), now, earlier, settings).tracks
        seconds += time.perf_counter() - began
        lake.write("tracks", partition, found)
    return seconds


def match_all(lake: Lake) -> float:
    """Match and chain the whole lake. Returns the seconds that matching took, on one core."""
    campaign, seconds = lake.campaign(), 0.0
    for partition in _camera_hours(lake):
        own, features = lake.read("tracks", partition), lake.read("features", partition)
        sources = []
        for edge in RoadNetwork.of(campaign).edges_into(partition.camera):
            places = [Partition.camera_hour(edge.source.id, hour) for hour in (partition.hour - HOUR, partition.hour)]
            known = [place for place in places if lake.has("features", place)]
            vectors = [lake.read("features", place) for place in known]
            sources.append((edge, pa.concat_tables([lake.read("tracks", place) for place in known]), pa.concat_tables(vectors)))
        began = time.perf_counter()
        found = match_tracks(sources, own, features).matches
        seconds += time.perf_counter() - began
        lake.write("matches", partition, found)
    journeys = schema_of("journeys").empty_table()
    for hour in campaign.hours():
        places = [Partition.camera_hour(camera.id, hour) for camera in campaign.cameras]
        tracks, matches = (pa.concat_tables([lake.read(name, place) for place in places]) for name in ("tracks", "matches"))
        journeys = chain_journeys(tracks, matches, journeys)
        lake.write("journeys", Partition.of_hour(hour), journeys)
    return seconds


def _camera_hours(lake: Lake) -> list[Partition]:
    campaign = lake.campaign()
    return [Partition.camera_hour(camera.id, hour) for hour in campaign.hours() for camera in campaign.cameras]


def measure(lake: Lake) -> dict[str, float | None]:
    """FIGURES of a lake that was tracked and matched."""
    campaign = lake.campaign()
    hours, names = campaign.hours(), [camera.id for camera in campaign.cameras]
    ways = [(name, other.id) for name in names for other in RoadNetwork.of(campaign).neighbours(name)]
    seen = [read_camera(lake, name, hours) for name in names]
    matches, transitions = assigned_matches(lake, seen, ways, hours), true_transitions(lake, seen, ways, hours)
    rows = tracking_rows(seen) + journey_rows(lake, seen, hours) + match_rows(seen, ways, matches, transitions)
    rows += calibration_rows(matches) + travel_time_rows(ways, matches, transitions)
    values = {(row.subject, row.metric): row.value for row in rows if row.scope == "all"}
    return {" ".join(key): None if values[key] is None else round(values[key], 4) for key in FIGURES}


def variants(lake: Lake, brief: bool, only: Collection[str]) -> Iterator[tuple[str, dict]]:
    """Each variant's name and figures, the one as shipped first."""
    wanted = lambda name: name in only if only else not brief or name in SIMPLER  # noqa: E731
    matched = {name: changes for name, changes in MATCHING.items() if wanted(name)}
    with workshop(lake, perfect=False) as made:
        tracking_s = track_all(made, USUAL)
        for name, changes in ({"as shipped": []} | matched).items():
            with changed(changes):
                matching_s = match_all(made)
            yield (
                name,
                measure(made) | ({} if changes else {"tracking_s": round(tracking_s, 1), "matching_s": round(matching_s, 1)}),
            )
        for name, (changes, settings) in {name: each for name, each in TRACKING.items() if wanted(name)}.items():
            with changed(changes):
                track_all(made, settings)
            match_all(made)
            yield name, measure(made)
    if only:
        return
    with workshop(lake, perfect=True) as made:
        track_all(made, USUAL)
        match_all(made)
        yield "perfect input", measure(made)


def markdown(results: dict[str, dict[str, dict]]) -> str:
    lines = []
    for lake, variants in results.items():
        lines += [f"**{lake}**", "", f"| variant | {' | '.join(' '.join(key).replace('_', ' ') for key in FIGURES)} |"]
        lines.append(f"| --- |{' ---: |' * len(FIGURES)}")
        for name, figures in variants.items():
            values = [(figures[f"{subject} {metric}"], digits) for (subject, metric), digits in FIGURES.items()]
            cells = ["-" if value is None else f"{value:.{digits}f}" for value, digits in values]
            lines.append(f"| {name} | {' | '.join(cells)} |")
        lines.append("")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--lake", action="append", required=True, help="a lake with the city's truth; may be given several times")
    parser.add_argument("--brief", action="store_true", help="only the simpler methods and perfect input")
    parser.add_argument(
        "--only", action="append", default=[], help="a variant beside the one as shipped; may be given several times"
    )
    arguments = parser.parse_args()
    lakes, load = [Lake(uri) for uri in arguments.lake], os.getloadavg()[0]
    results: dict[str, dict[str, dict]] = {}
    with Progress() as progress, threadpool_limits(1):
        task = progress.add_task(
            "associating",
            total=len(lakes)
            * (1 + len(arguments.only) or 2 + (len(SIMPLER) if arguments.brief else len(TRACKING) + len(MATCHING))),
        )
        for lake in lakes:
            settings = lake.campaign().settings
            label = f"seed {settings['seed']}, {', '.join(settings.get('faults', [])) or 'ordinary traffic'}"
            results[label] = {}
            for name, figures in variants(lake, arguments.brief, arguments.only):
                results[label][name] = figures
                progress.advance(task)
    written = {
        "command": " ".join(
            ["python benchmarks/association.py", *["--lake LAKE"] * len(lakes), *["--brief"] * arguments.brief]
            + [f"--only '{name}'" for name in arguments.only]
        ),
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores, {_processor()}",
        "versions": {name: version(name) for name in ("trackeval", "numpy", "scipy")} | {"python": platform.python_version()},
        "models": sorted({model for lake in lakes for name in INPUTS for model in _models(lake, name)}),
        "load_before": round(load, 1),
        "results": results,
    }
    print(markdown(results))
    kind = "-some" if arguments.only else "-brief" * arguments.brief
    (ROOT / "benchmarks" / "results" / f"association{kind}.json").write_text(json.dumps(written, indent=2) + "\n")


def _models(lake: Lake, table: str) -> set[str]:
    return {model for partition in _camera_hours(lake) for model in pc.unique(lake.read(table, partition)["model"]).to_pylist()}


def _processor() -> str:
    names = [line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line]
    return names[0] if names else "unknown processor"


if __name__ == "__main__":
    main()
