"""What the viewer's page about drivers says, taken from measured results: they are part of the package, the results are not.

python benchmarks/viewer_facts.py       # writes cctview_pipeline/viewer/facts.toml
"""

import json
from pathlib import Path

import tomlkit

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
FACTS = ROOT / "cctview_pipeline" / "viewer" / "facts.toml"

DRIVERS = (
    ("in a frame at two cameras or more", "of drivers are in a frame at two cameras or more.", "drivers"),
    ("linked over two cameras or more", "are linked by it over two cameras or more.", "drivers"),
    ("whole way without a mistake", "have their whole way known, without a mistake.", "drivers"),
    ("passages in a wrong journey", "of passages end in a journey of somebody else.", "passages"),
)
MEASURES = (
    ("as it is", "nothing: 352x240, a frame every 1.7 s"),
    ("176x120", "pictures of 176x120"),
    ("88x60", "pictures of 88x60"),
    ("every 2nd frame", "every second frame"),
    ("every 4th frame", "every fourth frame"),
    ("every 4th frame, limits widened, road known", "every fourth frame, and the system made for it"),
    ("every 8th frame, limits widened, road known", "every eighth frame, and the system made for it"),
    ("every 35th frame, limits widened, road known", "a frame a minute, and the system made for it"),
    ("lifetime 1 min", "everything deleted after a minute"),
    ("lifetime 5 min", "everything deleted after five minutes"),
)


def facts() -> tomlkit.TOMLDocument:
    privacy, association, people = (
        json.loads((RESULTS / f"{name}.json").read_text()) for name in ("privacy", "association", "people")
    )
    found, shipped = privacy["results"], association["results"]["seed 9000, ordinary traffic"]["as shipped"]
    document = tomlkit.document()
    document.add(tomlkit.comment("Written by benchmarks/viewer_facts.py from benchmarks/results: change these, not this."))
    vehicles = f"{privacy['traffic']['vehicles']:,}"
    document["drivers"] = {
        "where": f"seed {privacy['seed']}, {privacy['minutes']} minutes, {vehicles} vehicles, six cameras",
        "date": privacy["date"],
        "models": privacy["models"],
        "figures": [
            {"says": says, "value": each["share"], "low": each["from"], "high": each["to"], "of": each["of"], "unit": unit}
            for name, says, unit in DRIVERS
            for each in [found["as it is"]["drivers"][name]]
        ],
    }
    shares = lambda name, of: found[name]["drivers"][of]["share"]  # noqa: E731
    document["measures"] = [
        {
            "name": says,
            "linked": shares(name, "linked over two cameras or more"),
            "whole": shares(name, "whole way without a mistake"),
            "wrong": shares(name, "passages in a wrong journey"),
        }
        for name, says in MEASURES
    ]
    looks = found["as it is"]["figures"]["rank-1 by looks alone"]
    document["looks"] = {
        "says": f"Little. Among the vehicles of half an hour the right one looks most alike for {100 * looks:.0f} in a hundred; "
        "that vehicles keep their order, pace and lane on a road is what makes them recognisable.",
        "source": "privacy.json",
    }
    document["worth"] = {
        "says": f"{100 * shipped['journeys match_precision']:.0f} of 100 matches are right in the city, and it claims "
        f"as much: its probabilities are off by {100 * shipped['calibration ECE']:.1f} points on average. On real cameras nobody "
        "knows the truth, and there the same claim is only a claim.",
        "source": "association.json",
    }
    document["people"] = {"missed": people["results"]["city by day"]["people_missed"], "source": "people.json"}
    return document


if __name__ == "__main__":
    FACTS.write_text(tomlkit.dumps(facts()))
    print(FACTS)
