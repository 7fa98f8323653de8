"""What the pipeline reaches in the synthetic city, as a user runs it: both worlds, by day, by night, in rain and in a jam.

Every setting is a city of its own, from a seed that no training has seen and nothing was chosen by, with the people who usually
walk there in streets and 200 an hour at each camera of the expressway, masks on. `cctview backfill` makes it, `cctview evaluate`
measures it.

    python benchmarks/evaluation.py                      # all, fifteen minutes of each: about half an hour on two cores
    python benchmarks/evaluation.py --only night         # one of them; the others stay as they were

The result goes to benchmarks/results/evaluation.json and, beside the one that stood there, into docs/evaluation.md.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from cctview_pipeline.files import write_whole
from cctview_pipeline.registry.manifest import find_model

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "benchmarks" / "results" / "evaluation.json"
PAGE = ROOT / "docs" / "evaluation.md"
BEGIN, END = "<!-- written by benchmarks/evaluation.py -->\n", "<!-- end -->\n"


@dataclass(frozen=True)
class Setting:
    """A city. words: what `cctview backfill` is told beside its length."""

    name: str
    words: tuple[str, ...]


SETTINGS = (
    Setting("expressway", ("--seed", "9010", "--people", "200")),
    Setting("expressway, jam", ("--seed", "9011", "--people", "200", "--faults", "jam")),
    Setting("expressway, night", ("--seed", "9012", "--people", "200", "--faults", "night")),
    Setting("expressway, rain", ("--seed", "9013", "--people", "200", "--faults", "rain")),
    Setting("expressway, 640x360", ("--seed", "9014", "--people", "200", "--sizes", "640x360")),
    Setting("streets", ("--seed", "9015", "--world", "streets")),
    Setting("streets, night", ("--seed", "9016", "--world", "streets", "--faults", "night")),
)

Figure = Callable[[dict], float | None]


def figure(subject: str, metric: str) -> Figure:
    """Of all cameras."""
    return lambda found: found.get(subject, {}).get("all", {}).get(metric, {}).get("value")


FIGURES: dict[str, Figure] = {
    "AP50": figure("detection", "AP50"),
    "precision": figure("detection", "precision"),
    "recall": figure("detection", "recall"),
    "IDF1 within a camera": figure("tracking", "IDF1"),
    "journeys MTMC IDF1": figure("journeys", "MTMC_IDF1"),
    "matches right": figure("journeys", "match_precision"),
    "matches found": figure("journeys", "match_recall"),
    "ECE": figure("calibration", "ECE"),
    "labels right": figure("labels", "right"),
    "counts off by, %": figure("counts", "relative_error_percent"),
    "GEH below 5": figure("counts", "GEH_hour_below_5"),
    "travel times off by, %": figure("travel_times", "median_error_percent"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=int, default=15, help="of each city")
    parser.add_argument("--only", choices=[setting.name for setting in SETTINGS], action="append", help="may be given twice")
    arguments = parser.parse_args()
    before = json.loads(RESULT.read_text()) if RESULT.exists() else {"results": {}}
    found = dict(before["results"])
    for setting in SETTINGS:
        if setting.name in (arguments.only or [each.name for each in SETTINGS]):
            print(f"{setting.name}: {' '.join(setting.words)}", file=sys.stderr, flush=True)
            found[setting.name] = measured(setting, arguments.minutes)
            about = {
                "command": f"python benchmarks/evaluation.py --minutes {arguments.minutes}",
                "at": datetime.now(UTC).isoformat(timespec="seconds"),
                "machine": f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores",
                "versions": {name: version(name) for name in ("dagster", "openvino", "trackeval")},
            }
            write_whole(RESULT, (json.dumps(about | {"results": found}, indent=1) + "\n").encode())
    text = page(found, before["results"])
    print(text)
    head, _, rest = PAGE.read_text().partition(BEGIN)
    _, _, tail = rest.partition(END)
    write_whole(PAGE, (head + BEGIN + text + END + tail).encode())


def measured(setting: Setting, minutes: int) -> dict:
    """Figures of a city that is made now, of which nothing is left."""
    with tempfile.TemporaryDirectory(prefix="cctview-evaluation-") as folder:
        mine = {"CCTVIEW_LAKE": f"{folder}/lake", "CCTVIEW_KEYS": f"{folder}/keys", "CCTVIEW_AUDIT": f"{folder}/audit.jsonl"}
        mine |= {"DAGSTER_HOME": f"{folder}/dagster"}
        begun = time.perf_counter()
        run(mine, "backfill", "--network", "city", "--minutes", str(minutes), *setting.words)
        seconds = time.perf_counter() - begun
        told = json.loads(run(mine, "evaluate", "--json"))
    return {
        "words": " ".join(setting.words),
        "minutes": minutes,
        "models": [find_model("default", task).version for task in ("detector", "extractor")],
        "commit": commit(),
        "seconds": round(seconds),
        "figures": {name: value(told) for name, value in FIGURES.items()},
    }


def run(environment: dict[str, str], *words: str) -> str:
    """What a command prints. Ends this program, with what it said, when it fails."""
    command = [sys.executable, "-m", "cctview_pipeline", *words]
    done = subprocess.run(command, env=os.environ | environment, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"cctview {' '.join(words)} failed: {done.stdout[-1000:]}{done.stderr[-2000:]}")
    return done.stdout


def commit() -> str:
    """The short hash of what is measured."""
    return subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=ROOT).stdout.strip()


def page(found: dict, before: dict) -> str:
    """Markdown: a row a setting, every figure with the last one in brackets where it is another."""
    lines = [f"| | {' | '.join(FIGURES)} |", "| --- |" + " ---: |" * len(FIGURES)]
    for name, each in found.items():
        last = before.get(name, {}).get("figures", {})
        cells = [cell(value, last.get(figure)) for figure, value in each["figures"].items()]
        lines.append(f"| {name} ({each['words'].split()[1]}) | {' | '.join(cells)} |")
    made = sorted({f"{each['commit']} with {' and '.join(each['models'])}, {each['minutes']} minutes" for each in found.values()})
    return "\n".join([*lines, "", f"In brackets the seed, and the figure before. Made at {'; at '.join(made)}.", ""])


def cell(value: float | None, last: float | None) -> str:
    text = written(value)
    return text if last is None or written(last) == text else f"{text} ({written(last)})"


def written(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}" if abs(value) > 1.5 else f"{value:.3f}"


if __name__ == "__main__":
    main()
