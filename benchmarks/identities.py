"""Links between successive frames of real clips in which it is known who is who, ours beside ByteTrack's and OC-SORT's.

DATA/jamcam has 72 clips of three London cameras through a day and a night, ten frames each, a second apart. Their vehicles
were followed at the clips' own 25 frames a second, so that it is known who is who: DATA/jamcam-identities.parquet. A *true link*
is one vehicle in two frames a second apart. It is *detected* where a box that trackers are given overlaps the vehicle by half in
both, and *found* where such boxes are in one track. A link *made* by a tracker is right where both its boxes lie on one vehicle;
where one of them lies on none that was followed, nobody knows, and it is not judged. A vehicle *moved* if its centre went 15 px
in its clip; a link made belongs there too if either of its vehicles moved. Light is by the sun's height.

In FOLDER a lake is made of the frames, as a user makes one, with every default, unless it is there; a command that was stopped
goes on. Its tracks are ours. The others get the same boxes, clip by clip, with those below the detector's threshold that ours
looks at where a track was lost; adapted (contenders.py), they know the threshold.

    python benchmarks/identities.py --lakes FOLDER [--data DATA]
    python benchmarks/identities.py --lakes FOLDER --unseen MODELS        # a models folder whose training left cameras out
    python benchmarks/identities.py --lake TITLE=LAKE                     # made of these clips by other code

With --again the lake's tracks are made anew by the code as it is now. Needs the extra ``benchmark``. What each measures goes to
benchmarks/results/identities.json, beside what the others did, and as tables for a document to the terminal.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cctview_pipeline.detect import VEHICLES
from cctview_pipeline.evaluate.reading import microseconds, read
from cctview_pipeline.evaluate.truth import GroundTruthBoxes, PredictedBoxes, assign
from cctview_pipeline.lake import Lake
from cctview_pipeline.paths import models_directory
from cctview_pipeline.registry.manifest import enter_model, find_model, list_models, read_facts
from cctview_pipeline.track.tracker import UNSURE_FROM
from cctview_pipeline.training.detector.recordings import IDENTITIES, MOVED_PX, find_recordings, known

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "benchmarks" / "results" / "identities.json"
FRAMES = "jamcam"
STEP_S = 1.0
MODELS = (("default", "detector"), ("default", "extractor"), ("people-finder", "masker"))
CORNERS = ("x1", "y1", "x2", "y2")


@dataclass(frozen=True, kw_only=True)
class Clips:
    """One camera's. times: (F,) s of its frames, in order; light: (F,); truth: who was followed, vehicle a number; moved: (N,) of
    truth; found: the boxes that trackers are given, with the lake's tracks; threshold: from which score on they are sure;
    made_by: the lake's tracker and models."""

    camera: str
    times: np.ndarray
    light: np.ndarray
    truth: GroundTruthBoxes
    moved: np.ndarray
    found: PredictedBoxes
    threshold: float
    made_by: str


Tracker = Callable[[Clips], np.ndarray]
"""(M,) the number of each box's track, or -1."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data" / "cities", help="a folder with jamcam")
    parser.add_argument("--lakes", type=Path, help="where lakes are made and kept")
    parser.add_argument("--unseen", type=Path, help="a models folder whose training left cameras out: only these are measured")
    parser.add_argument("--lake", metavar="TITLE=LAKE", help="one that is there, instead")
    parser.add_argument("--again", action="store_true", help="make the lake's tracks anew")
    asked = parser.parse_args()
    if not (asked.data / IDENTITIES).exists():
        raise SystemExit(f"There is no {IDENTITIES} in {asked.data}: name its folder by --data.")
    try:
        import_module("contenders")
    except ModuleNotFoundError as error:
        raise SystemExit(f"{error.name} is not installed: it comes with the extra `benchmark`.") from error
    if bool(asked.lakes) == bool(asked.lake):
        parser.error("give either --lakes, or --lake")
    if asked.lake:
        title, _, place = asked.lake.rpartition("=")
        lake = Lake(place)
    else:
        title, lake = own(asked)
    if not title:
        parser.error("--lake is TITLE=LAKE")
    record(title, measured(list(clips(lake, asked.data))))


def own(asked: argparse.Namespace) -> tuple[str, Lake]:
    """The lake of the weights in use, or of those that left cameras out."""
    title, cameras = "shipped weights", []
    if asked.unseen:
        use(asked.unseen, asked.lakes.absolute() / "models")
        there = {path.name.partition("--")[0] for path in (asked.data / FRAMES).iterdir()}
        cameras = sorted(there & set(read_facts(find_model("default", "detector"))["recipe"]["without"]))
        if not cameras:
            raise SystemExit(f"The detector in {asked.unseen} left no camera of {FRAMES} out: train it --without one of them.")
        title = f"{', '.join(cameras)} by a detector that never saw {'it' if len(cameras) == 1 else 'them'}"
    models = [find_model(*which).version for which in MODELS]
    home = asked.lakes.absolute() / "-".join(models)
    return title, made(home, asked.data.absolute() / FRAMES, cameras, asked.again)


def use(trained: Path, folder: Path) -> None:
    """Take a training's models in place of the shipped ones of their names, from a folder that is made of both."""
    shutil.copytree(models_directory(), folder, dirs_exist_ok=True)
    os.environ["CCTVIEW_MODELS"] = str(trained.absolute())
    entries = [(entry, read_facts(entry)) for entry in list_models() if entry.path.exists()]
    os.environ["CCTVIEW_MODELS"] = str(folder)
    for entry, facts in entries:
        enter_model(entry.name, entry.task, Path(shutil.copy(entry.path, folder)), facts)


def made(home: Path, frames: Path, cameras: list[str], again: bool) -> Lake:
    """By the commands that a user gives."""
    lake, place = home / "lake", known()["folder"][FRAMES]
    if not (lake / "campaign.toml").exists():
        at, some = ",".join(map(str, place["place"])), ("--cameras", ",".join(cameras)) if cameras else ()
        cctview(home, "init", "--network", "pictures", "--path", frames, "--at", at, "--timezone", place["zone"], *some)
    tracked = Lake(str(lake)).partitions("tracks")
    cctview(home, "backfill", *(("--again-from", "tracks") if again and tracked else ()))
    return Lake(str(lake))


def cctview(home: Path, *words: object) -> None:
    mine = {"CCTVIEW_LAKE": f"{home}/lake", "DAGSTER_HOME": f"{home}/dagster"}
    mine |= {"CCTVIEW_KEYS": f"{home}/keys", "CCTVIEW_AUDIT": f"{home}/audit.jsonl"}
    command = [sys.executable, "-m", "cctview_pipeline", *map(str, words)]
    done = subprocess.run(command, env=os.environ | mine, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"cctview {words[0]} failed: {done.stdout[-2000:]}{done.stderr[-2000:]}")


def clips(lake: Lake, data: Path) -> Iterator[Clips]:
    """Each camera's of a lake."""
    campaign = lake.require_campaign()
    light = {each.name: each.light for each in find_recordings(data / FRAMES)}
    followed = pq.read_table(data / IDENTITIES).to_pandas()
    for camera in campaign.cameras:
        frames, detections, features, tracks = (
            read(lake, table, camera.id, campaign.hours(), columns)
            for table, columns in (
                ("raw_frames", ["frame_id", "captured_at"]),
                ("detections", ["detection_id", "frame_id", "label", "score", *CORNERS]),
                ("features", ["detection_id"]),
                ("tracks", ["detection_ids", "recovered_ids", "model"]),
            )
        )
        frames = frames.sort_by("captured_at")
        # A published frame is named as its file is, any other with milliseconds and a zone.
        names = [name.removesuffix(".000Z") for name in frames["frame_id"].to_pylist()]
        sure = pc.is_in(detections["detection_id"], features["detection_id"].combine_chunks())
        weak = pc.and_(pc.is_in(detections["label"], pa.array(VEHICLES)), pc.greater_equal(detections["score"], UNSURE_FROM))
        truth, moved = _truth(followed, names)
        yield Clips(
            camera=camera.id,
            times=microseconds(frames["captured_at"]) / 1e6,
            light=np.array([light[name] for name in names], str),
            truth=truth,
            moved=moved,
            found=_found(detections.filter(pc.or_(sure, weak)), frames["frame_id"], tracks),
            threshold=pc.min(detections["score"].filter(sure)).as_py() or 1.0,
            made_by=", ".join(sorted(tracks["model"].unique().to_pylist())),
        )


def _truth(followed: pd.DataFrame, names: list[str]) -> tuple[GroundTruthBoxes, np.ndarray]:
    """And whether each one's vehicle moved. names: of the frames, in order."""
    place = {name: position for position, name in enumerate(names)}
    rows = followed.assign(frame=followed["frame_id"].map(place)).dropna(subset="frame").sort_values(["frame", "track_id"])
    some = np.array([""] * len(rows))
    truth = GroundTruthBoxes(
        frame=rows["frame"].to_numpy(np.int64),
        vehicle=pd.factorize(rows["track_id"])[0],
        boxes=rows[list(CORNERS)].to_numpy(float),
        counted=np.ones(len(rows), bool),
        label=some,
        carriageway=some,
    )
    return truth, rows["moved_px"].to_numpy() >= MOVED_PX


def _found(detections: pa.Table, order: pa.ChunkedArray, tracks: pa.Table) -> PredictedBoxes:
    """order: ids of the frames."""
    both = zip(tracks["detection_ids"].to_pylist(), tracks["recovered_ids"].to_pylist(), strict=True)
    track = {each: number for number, (ids, recovered) in enumerate(both) for each in [*ids, *(recovered or [])]}
    frame = pc.index_in(detections["frame_id"], order.combine_chunks()).to_numpy()
    rows = np.lexsort((detections["detection_id"].to_numpy(zero_copy_only=False), frame))
    ids = np.array(detections["detection_id"].to_pylist(), str)[rows]
    return PredictedBoxes(
        ids=ids,
        frame=frame[rows].astype(np.int64),
        boxes=np.stack([detections[name].to_numpy() for name in CORNERS], 1)[rows].astype(float),
        score=detections["score"].to_numpy()[rows],
        label=np.array(detections["label"].to_pylist(), str)[rows],
        track=np.array([track.get(each, -1) for each in ids], np.int64),
    )


def trackers() -> dict[str, Tracker]:
    from contenders import ON_CLIPS, SETTINGS, Given, splitting, theirs

    def beside(make: Callable, settings: dict) -> Tracker:
        def numbered(each: Clips) -> np.ndarray:
            contender, found = theirs(make, settings and settings | splitting(make, each.threshold)), each.found
            numbers, taken = np.full(len(found.ids), -1), 0
            for first, last in runs(each.times):
                rows = np.flatnonzero((found.frame >= first) & (found.frame < last))
                mine = contender(Given(each.times[first:last], found.frame[rows] - first, found.boxes[rows], found.score[rows]))
                numbers[rows] = np.where(mine < 0, -1, mine + taken)
                taken = numbers.max(initial=0) + 1
            return numbers

        return numbered

    others = {name: beside(*each) for name, each in (SETTINGS | ON_CLIPS).items()}
    return {"ours": lambda each: each.found.track} | others


def runs(times: np.ndarray) -> list[tuple[int, int]]:
    """(F,) s, in order -> first position of each clip and the one after its last."""
    ends = [0, *(np.flatnonzero(np.diff(times) > 10 * STEP_S) + 1).tolist(), len(times)]
    return list(pairwise(ends))


def successive(owner: np.ndarray, times: np.ndarray) -> np.ndarray:
    """owner: (N,) whose each box is, or -1; times: (N,) s -> (L, 2) rows of boxes of one owner a frame apart."""
    rows = np.flatnonzero(owner >= 0)
    rows = rows[np.lexsort((times[rows], owner[rows]))]
    first, then = rows[:-1], rows[1:]
    keep = (owner[first] == owner[then]) & np.isclose(times[then] - times[first], STEP_S, rtol=0, atol=0.1)
    return np.stack([first[keep], then[keep]], 1)


def judged(links: np.ndarray, hit: np.ndarray, vehicle: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """links: (L, 2) boxes that a tracker joined; hit: (M,) on which true box each lies, or -1; vehicle: (N,) of the true boxes.

    Returns (K, 2) true boxes of the links both of whose ends lie on one, and (K,) whether these are one vehicle.
    """
    ends = hit[links]
    ends = ends[(ends >= 0).all(1)]
    return ends, vehicle[ends[:, 0]] == vehicle[ends[:, 1]]


def true_links(each: Clips) -> pd.DataFrame:
    """A row a link: where it is, and whether both of its ends have a box."""
    links = successive(each.truth.vehicle, each.times[each.truth.frame])
    rows = _placed(each, links)
    for name, least in (("detected", UNSURE_FROM), ("sure", each.threshold)):
        hit = hits(each, np.where(each.found.score >= least, 0, -1))
        rows[name] = np.isin(links, hit[hit >= 0]).all(1)
    return rows


def links_of(each: Clips, tracker: Tracker) -> pd.DataFrame:
    """A row a link that a tracker made: where it is and whether it is right, where that can be judged."""
    numbers = tracker(each)
    links = successive(numbers, each.times[each.found.frame])
    ends, right = judged(links, hits(each, numbers), each.truth.vehicle)
    return _placed(each, ends).assign(right=right)


def hits(each: Clips, numbers: np.ndarray) -> np.ndarray:
    """(M,) the true box on which each box that is in a track lies, or -1."""
    return assign(each.truth, replace(each.found, track=numbers), len(each.times)).hit


def _placed(each: Clips, ends: np.ndarray) -> pd.DataFrame:
    light = each.light[each.truth.frame[ends[:, 0]]]
    return pd.DataFrame({"camera": each.camera, "light": light, "moved": each.moved[ends].any(1)})


def measured(cameras: list[Clips]) -> dict:
    """Every tracker's figures of all links, by camera and by light, and of those that moved."""
    warnings.filterwarnings("ignore", "The `ByteTrack` was deprecated", FutureWarning)
    from contenders import ON_CLIPS, SETTINGS, told

    true = pd.concat(map(true_links, cameras))
    made_by = {name: pd.concat(links_of(each, tracker) for each in cameras) for name, tracker in trackers().items()}
    both = SETTINGS | ON_CLIPS
    names = [*sorted(true["camera"].unique()), *(light for light in ("day", "dusk", "night") if light in set(true["light"]))]
    results: dict = {}
    for group in ("all", *names):
        for scope in ("all", "moved"):
            mine = _of(true, group, scope)
            by = {name: figures(_of(rows, group, scope), len(mine)) for name, rows in made_by.items()}
            ends = {"true": len(mine), "detected": int(mine["detected"].sum()), "sure": int(mine["sure"].sum())}
            results.setdefault(group, {})[scope] = ends | {"trackers": by}
    return {
        "made_by": sorted({each.made_by for each in cameras}),
        "frames": sum(len(each.times) for each in cameras),
        "clips": sum(len(runs(each.times)) for each in cameras),
        "boxes": sum(len(each.found.ids) for each in cameras),
        "thresholds": {each.camera: round(each.threshold, 3) for each in cameras},
        "adapted": {name: settings | {"sure": "from the detector's threshold"} for name, settings in told(both).items()},
        "results": results,
    }


def _of(rows: pd.DataFrame, group: str, scope: str) -> pd.DataFrame:
    mine = rows if group == "all" else rows[(rows["camera"] == group) | (rows["light"] == group)]
    return mine[mine["moved"]] if scope == "moved" else mine


def figures(links: pd.DataFrame, true: int) -> dict:
    """A right link is a true one that was found. Shares are None of none."""
    right, count = int(links["right"].sum()), len(links)
    shares = {"found": right / true if true else None, "right": right / count if count else None}
    return {"found_links": right, "made_links": count} | {name: each and round(each, 4) for name, each in shares.items()}


def record(title: str, told: dict) -> None:
    """What was measured of one lake, beside what was of others."""
    results = json.loads(RESULT.read_text())["results"] if RESULT.exists() else {}
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=ROOT).stdout.strip()
    at = datetime.now(UTC).isoformat(timespec="seconds")
    results[title] = {"at": at, "commit": commit, "load": round(os.getloadavg()[0], 1), **told}
    found = {
        "command": "python benchmarks/identities.py --lakes FOLDER",
        "machine": f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores",
        "versions": {name: version(name) for name in ("trackers", "supervision", "numpy", "scipy", "openvino")},
        "results": results,
    }
    RESULT.write_text(json.dumps(found, indent=2) + "\n")
    show(title, told["results"])


def show(title: str, results: dict) -> None:
    """A table of every tracker, and one of every camera and light."""
    every, moved = results["all"]["all"], results["all"]["moved"]
    print(f"\n**{title}**: {_ends(every)}; of vehicles that moved {_ends(moved)}\n")
    print("| tracker | found | right | links made | moved: found | right | links made |")
    print(f"|---{'|---:' * 6}|")
    for name, mine in every["trackers"].items():
        print(f"| {name} | {_cells(mine)} | {_cells(moved['trackers'][name])} |")
    names = [name for name in every["trackers"] if name == "ours" or "chosen on" in name]
    print(f"\n| found, right | true links | detected | {' | '.join(names)} |\n|---{'|---:' * (2 + len(names))}|")
    for group, scopes in results.items():
        for scope, mine in scopes.items():
            cells = " | ".join(", ".join(_shares(mine["trackers"][name])) for name in names)
            detected = mine["detected"] / max(mine["true"], 1)
            print(f"| {group}{', moved' if scope == 'moved' else ''} | {mine['true']:,} | {detected:.3f} | {cells} |")


def _ends(links: dict) -> str:
    true = max(links["true"], 1)
    return f"{links['true']:,} true links, {links['detected'] / true:.3f} detected, {links['sure'] / true:.3f} surely"


def _cells(mine: dict) -> str:
    return f"{' | '.join(_shares(mine))} | {mine['made_links']:,}"


def _shares(mine: dict) -> list[str]:
    return ["-" if mine[name] is None else f"{mine[name]:.3f}" for name in ("found", "right")]


if __name__ == "__main__":
    main()
