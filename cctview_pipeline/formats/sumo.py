"""Counts for SUMO: edge data for routeSampler.py, detector definitions and counts for flowrouter.py and dfrouter.

Which edge of a network a camera's carriageway is, only who has the network knows: ``[[sumo]]`` in campaign.toml::

    [[sumo]]
    camera = "735-683-N"
    carriageway = "N"
    edge = "-23425634#3"
    lane = 0        # of the edge, 0 is the outermost
    pos = 12.5      # metres along the edge

Times count from the beginning of the local day, also where clocks change in it. A quarter of an hour without enough coverage has
no edge, and no line: 0 would be a count.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Annotated, Any, Literal, TypeAlias
from xml.sax.saxutils import quoteattr

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, StrictFloat, StrictInt

from cctview_pipeline.errors import ConfigurationError, printable
from cctview_pipeline.formats.figures import CLASSES, USABLE
from cctview_pipeline.settings import CLOSED, Text, read_rows

Carriageway: TypeAlias = Literal["N", "S", "E", "W", "towards", "away"]
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>'


@dataclass(frozen=True, kw_only=True)
class Detector:
    """One ``[[sumo]]``: where a camera's carriageway lies in a SUMO network."""

    __pydantic_config__ = CLOSED

    camera: Annotated[Text, Field(examples=["735-683-N"])]
    """The camera's id."""
    carriageway: Annotated[Carriageway, Field(title="N, S, E, W, towards or away", examples=["N"])]
    """N, S, E or W; towards or away where the camera faces nobody knows."""
    edge: Annotated[Text, Field(examples=["-23425634#3"])]
    """The edge of the SUMO network that its traffic drives on."""
    lane: Annotated[StrictInt, Field(ge=0, le=99, examples=[0])] = 0
    """The detector's lane on the edge, 0 is the outermost."""
    pos: Annotated[StrictFloat, Field(ge=-100_000, le=100_000, examples=[12.5])] = 0.0
    """The detector's place on the edge, m; from its end where negative."""

    @property
    def id(self) -> str:
        return f"{self.camera}_{self.carriageway}"


def read_detectors(tables: Iterable[object], source: str = "campaign.toml") -> tuple[Detector, ...]:
    """``[[sumo]]`` as parsed from TOML. Raises ConfigurationError, with the mend, for what is none, and for what is named
    twice."""
    found = read_rows(Detector, tables, source, "sumo")
    for what in ("id", "edge"):
        values = [getattr(each, what) for each in found]
        if twice := next((value for value in values if values.count(value) > 1), None):
            raise ConfigurationError(f"{source}: [[sumo]] names '{printable(twice)}' twice: one detector an edge, take one out.")
    return found


def edge_data(flows: pa.Table, speeds: pa.Table, detectors: Sequence[Detector], midnight: pa.Scalar) -> bytes:
    """Edge data of one local day, which begins at ``midnight``.

    ``entered`` (vehicles in the quarter, whole) and, where it is known, ``speed`` (m/s).
    """
    edges = {(str(each.camera), str(each.carriageway)): each.edge for each in detectors}
    kmh = {_key(row): row["space_mean_kmh"] for row in _usable(speeds, "space_mean_kmh", detectors, midnight)}
    at: dict[int, list[str]] = {}
    for row in _usable(flows, "expanded", detectors, midnight):
        speed = f' speed="{kmh[_key(row)] / 3.6:.2f}"' if _key(row) in kmh else ""
        edge = quoteattr(edges[row["camera_id"], row["carriageway"]])
        at.setdefault(row["second"], []).append(f'    <edge id={edge} entered="{round(row["expanded"])}"{speed}/>')
    lines = [_HEAD, "<data>"]
    for begin, found in sorted(at.items()):
        lines += [f'  <interval id="cctview" begin="{begin}" end="{begin + 900}">', *found, "  </interval>"]
    return _text([*lines, "</data>"])


def detector_definitions(detectors: Sequence[Detector]) -> bytes:
    """detectors.xml. A count is of all lanes of its carriageway: one detector, on one lane, stands for them."""
    lines = (
        f'  <detectorDefinition id={quoteattr(each.id)} lane={quoteattr(f"{each.edge}_{each.lane}")} pos="{each.pos:g}"/>'
        for each in detectors
    )
    return _text([_HEAD, "<detectors>", *lines, "</detectors>"])


def detector_counts(counts: pa.Table, speeds: pa.Table, detectors: Sequence[Detector], midnight: pa.Scalar) -> bytes:
    """``Detector;Time;qPKW;qLKW;vPKW;vLKW`` of one local day: Time in minutes, q in vehicles of the quarter (PKW are cars and
    motorcycles, LKW buses and trucks), v in km/h of both.

    The speeds' columns are left out of a file in which one would be missing, for SUMO's readers know no empty value. A quarter in
    which one label cannot be used has no line.
    """
    names = {(str(each.camera), str(each.carriageway)): each.id for each in detectors}
    usable: dict[tuple[str, str, int], dict[str, float]] = {}
    for row in _usable(counts, "expanded", detectors, midnight):
        usable.setdefault(_key(row), {})[row["label"]] = row["expanded"]
    kmh = {_key(row): row["space_mean_kmh"] for row in _usable(speeds, "space_mean_kmh", detectors, midnight)}
    whole = {key: labels for key, labels in usable.items() if labels.keys() >= set(chain(*CLASSES.values()))}
    with_speeds = all(key in kmh for key in whole)
    lines = ["Detector;Time;qPKW;qLKW" + (";vPKW;vLKW" if with_speeds else "")]
    for key, labels in sorted(whole.items(), key=lambda each: (each[0][2], each[0])):
        light, heavy = (round(sum(labels[label] for label in group)) for group in (CLASSES["light"], CLASSES["heavy"]))
        speed = f";{kmh[key]:.1f};{kmh[key]:.1f}" if with_speeds else ""
        lines.append(f"{names[key[0], key[1]]};{key[2] // 60};{light};{heavy}{speed}")
    return _text(lines)


def sumo_files(day: str, tables: Mapping[str, pa.Table], detectors: Sequence[Detector]) -> dict[str, bytes]:
    """File name -> content for one local day, YYYY-MM-DD, of its tables of figures."""
    midnight = pc.min(tables["bins"]["began_at"])
    return {
        f"edgedata-{day}.xml": edge_data(tables["flows"], tables["speeds"], detectors, midnight),
        f"detectors-{day}.csv": detector_counts(tables["vehicle_counts"], tables["speeds"], detectors, midnight),
        "detectors.xml": detector_definitions(detectors),
    }


def _usable(day: pa.Table, value: str, detectors: Sequence[Detector], midnight: pa.Scalar) -> Iterator[dict[str, Any]]:
    """The rows of these detectors whose value stands for its quarter. second: since the local day began."""
    kept = pc.and_(pc.is_in(day["status"], pa.array(USABLE)), pc.is_valid(day[value]))
    rows = day.filter(pc.and_(kept, pc.is_in(day["camera_id"], pa.array([each.camera for each in detectors], pa.string()))))
    rows = rows.append_column("second", pc.seconds_between(midnight, rows["began_at"]))
    names = [name for name in ("camera_id", "carriageway", "label", "second", value) if name in rows.column_names]
    places = {(each.camera, each.carriageway) for each in detectors}
    return (row for row in rows.select(names).to_pylist() if (row["camera_id"], row["carriageway"]) in places)


def _key(row: dict[str, Any]) -> tuple[str, str, int]:
    return row["camera_id"], row["carriageway"], row["second"]


def _text(lines: Sequence[str]) -> bytes:
    return ("\n".join(lines) + "\n").encode()
