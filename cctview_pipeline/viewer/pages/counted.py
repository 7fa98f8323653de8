"""What a figure rests on: the passages that were counted, or the pairs of them that were timed, each with its pictures."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import pyarrow as pa
import pyarrow.compute as pc
from fastapi import APIRouter, Request
from starlette.responses import Response

from cctview_pipeline.analytics.counted import KEYS, TimedPair, counted_passages, place_of, places_before, timed_pairs
from cctview_pipeline.cameras.local_time import calendar_of
from cctview_pipeline.campaign import floor_hour
from cctview_pipeline.lake import Partition
from cctview_pipeline.lake.layout import format_hour
from cctview_pipeline.local_calendar import BIN
from cctview_pipeline.privacy.tombstones import Tombstones
from cctview_pipeline.roads import RoadNetwork
from cctview_pipeline.viewer.names import Names
from cctview_pipeline.viewer.pages.pictures import crop_address
from cctview_pipeline.viewer.reading import NotThere, Reading
from cctview_pipeline.viewer.sessions import Session
from cctview_pipeline.viewer.shared import ask, names_of, page, partition_link, viewer_of

router = APIRouter()
SHOWN, SHOWN_PAIRS = 60, 30
PASSAGES = (
    "track_id",
    "track_ids",
    "camera_id",
    "passed_at",
    "beyond_m",
    "carriageway",
    "label",
    "label_probability",
    "speed_kmh",
)
AT_A_CAMERA = tuple(table for table in KEYS if table != "travel_times")


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A vehicle that passed. fragments: of its track, that were put together; href: of its vehicle, empty once its day's key is
    gone; src: of its crop, empty once that is gone."""

    camera: str
    label: str
    probability: float
    at: datetime
    fragments: int
    speed_kmh: float | None
    href: str = ""
    src: str = ""

    @property
    def name(self) -> str:
        return self.href.rsplit("/", 1)[-1][:4] or "gone"


@dataclass(frozen=True)
class Timed:
    """seconds: from passing the one camera to passing the other; of the way between their poles, where these are known."""

    earlier: Seen
    later: Seen
    seconds: float
    probability: float


@dataclass(frozen=True)
class Question:
    """One row of a mart, and where what it rests on is. made_of: tables and their partitions, the first of which has the
    vehicles themselves."""

    table: str
    figure: Mapping
    made_of: list[tuple[str, Partition]]
    start: int


def counted_link(table: str, figure: Mapping) -> str:
    """The page of one row of a mart; empty for tables that count no vehicles."""
    if table not in KEYS:
        return ""
    said = {key: figure[key] for key in KEYS[table]} | {"began_at": _quarter(figure)}
    return f"/figures/{table}/rests-on?{urlencode(said)}"


def _quarter(figure: Mapping) -> str:
    return f"{figure['began_at']:%Y-%m-%dT%H:%MZ}"


@router.get("/figures/travel_times/rests-on")
def timed(request: Request, began_at: str, from_camera_id: str = "", to_camera_id: str = "", start: int = 0) -> Response:
    """The matches that a travel time rests on."""
    cameras = {"from_camera_id": from_camera_id, "to_camera_id": to_camera_id}
    figure = _figure(request, "travel_times", began_at, cameras)
    what = f"the matches timed from {from_camera_id} to {to_camera_id} in the 15 minutes from {_quarter(figure)}"
    session, reading = ask(request, what, ("crops", "tracks", "passages", "matches")), viewer_of(request).reading
    campaign, place = reading.require(), place_of(figure)
    edge = RoadNetwork.of(campaign).edge(from_camera_id, to_camera_id)
    if edge is None:
        raise NotThere("No link leads from the one camera to the other any more.")
    before = [each for each in places_before(figure) if campaign.covers(each.begin)]
    made_of = [("passages", place), ("matches", place), *(("passages", each) for each in before)]
    reading.look_ahead(*((table, [each]) for table, each in made_of))
    earlier = [reading.table("passages", each, PASSAGES) for each in before]
    pairs = timed_pairs(reading.table("matches", place), reading.table("passages", place, PASSAGES), earlier, figure, edge)
    question = Question("travel_times", figure, made_of, max(0, start))
    shown = pairs[question.start : question.start + SHOWN_PAIRS]
    show = _Pictures(reading, session, names_of(request), [row for pair in shown for row in (pair.earlier, pair.later)])
    rows = [Timed(show(pair.earlier), show(pair.later), pair.seconds, pair.probability) for pair in shown]
    return _page(request, question, len(pairs), pairs=rows, median=_median(pairs))


@router.get("/figures/{table}/rests-on")
def counted(
    request: Request, table: str, began_at: str, camera_id: str = "", carriageway: str = "", label: str = "", start: int = 0
) -> Response:
    """The vehicles that a number of a camera rests on."""
    if table not in AT_A_CAMERA:
        raise NotThere(f"Only {', '.join(KEYS)} are counts of vehicles.")
    keys = {"camera_id": camera_id, "carriageway": carriageway} | ({"label": label} if "label" in KEYS[table] else {})
    figure = _figure(request, table, began_at, keys)
    what = (
        f"the {label or 'vehicles'} counted by {table} at {camera_id}, {carriageway}, in the 15 minutes from {_quarter(figure)}"
    )
    session, reading, place = ask(request, what, ("crops", "tracks", "passages")), viewer_of(request).reading, place_of(figure)
    found = counted_passages(table, reading.table("passages", place, PASSAGES), figure)
    question = Question(table, figure, [("passages", place), ("tracks", place)], max(0, start))
    shown = found.sort_by([("passed_at", "ascending"), ("track_id", "ascending")]).slice(question.start, SHOWN).to_pylist()
    show = _Pictures(reading, session, names_of(request), shown)
    pieces = pc.sum(pc.list_value_length(found["track_ids"])).as_py() or 0
    return _page(request, question, found.num_rows, seen=[show(row) for row in shown], pieces=pieces)


def _figure(request: Request, table: str, began_at: str, keys: dict[str, str]) -> dict:
    """The row of a mart. Raises NotThere for one that is not in it."""
    reading = viewer_of(request).reading
    try:
        began = datetime.fromisoformat(began_at)
        day = calendar_of(reading.require()).day_of(began)
    except (ValueError, OverflowError) as error:
        raise NotThere("A quarter of an hour is written 2020-05-05T17:15Z, in UTC.") from error
    if began.tzinfo is None:
        raise NotThere("A quarter of an hour is written with its Z: 2020-05-05T17:15Z.")
    rows = reading.table(table, Partition.of_day(day))
    for name, value in {"began_at": pa.scalar(began, rows.schema.field("began_at").type), **keys}.items():
        rows = rows.filter(pc.equal(rows[name], value))
    if not rows.num_rows:
        raise NotThere("There is no such figure: its day was made anew, or it never was.")
    return rows.slice(0, 1).to_pylist()[0]


class _Pictures:
    """Makes what is shown of rows of passages: the crop is the best of a vehicle's first fragment."""

    def __init__(self, reading: Reading, session: Session, names: Names, rows: Iterable[Mapping]) -> None:
        self._session, self._names, self._best = session, names, dict[str, str]()
        wanted: dict[Partition, list[str]] = {}
        for row in rows:
            wanted.setdefault(_place(row), []).append(row["track_id"])
        for place, ids in wanted.items():
            if reading.has("crops", place):
                tracks = reading.table("tracks", place, ["track_id", "best_detection_id"])
                found = tracks.filter(pc.is_in(tracks["track_id"], pa.array(ids, pa.string()))).to_pylist()
                self._best |= {row["track_id"]: row["best_detection_id"] for row in found}

    def __call__(self, row: Mapping) -> Seen:
        name, best, place = self._names(row["track_id"]), self._best.get(row["track_id"]), _place(row)
        return Seen(
            camera=row["camera_id"],
            label=row["label"],
            probability=row["label_probability"],
            at=row["passed_at"],
            fragments=len(row["track_ids"]),
            speed_kmh=row["speed_kmh"],
            href=f"/vehicles/{place.camera}/{format_hour(place.begin)}/{name}" if name else "",
            src=crop_address(self._session, place, best) if best else "",
        )


def _place(passage: Mapping) -> Partition:
    """A passage lies in the hour of its time, and so do the tracks that it is put together of."""
    return Partition.camera_hour(passage["camera_id"], floor_hour(passage["passed_at"]))


def _median(pairs: list[TimedPair]) -> int:
    """Place of the pair in which half of all probability is reached, as the mart takes its median."""
    half, reached = sum(pair.probability for pair in pairs) / 2, 0.0
    for place, pair in enumerate(pairs):
        reached += pair.probability
        if reached >= half:
            return place
    return 0


def _page(request: Request, question: Question, total: int, **found: Any) -> Response:
    viewer, figure, table = viewer_of(request), question.figure, question.table
    nothing: dict[str, Any] = {"seen": [], "pairs": [], "pieces": 0, "median": 0}
    place = question.made_of[0][1]
    day = calendar_of(viewer.reading.require()).day_of(figure["began_at"])
    dagster = viewer.settings.dagster
    links = [
        (f"{name} of {each}", partition_link(dagster, name, f"{each.camera}|{format_hour(each.begin)}"))
        for name, each in dict.fromkeys(question.made_of)
    ]
    gone, deleted = "", Tombstones(viewer.reading.lake).get("crops", place)
    if not viewer.reading.has("crops", place):
        gone = f"They were {deleted.sentence}." if deleted else "They are not in the lake."
    quality = viewer.reading.table("data_quality", Partition.of_day(day)).to_pylist()
    return page(
        request,
        "counted.html",
        times=(figure["began_at"], figure["began_at"] + BIN),
        table=table,
        figure=figure,
        end=figure["began_at"] + BIN,
        day=day,
        total=total,
        missing=_missing(viewer.reading, question.made_of) if total != (figure["vehicles"] or 0) else "",
        gone=gone,
        links=[*links, (table, partition_link(dagster, table, str(day)))],
        frames=f"/cameras/{place.camera}/{format_hour(place.begin)}?at={figure['began_at']:%H:%M:%S}",
        start=question.start,
        step=SHOWN_PAIRS if table == "travel_times" else SHOWN,
        again=counted_link(table, figure),
        models=next((row["models"] for row in quality if row["camera_id"] == place.camera), ""),
        **(nothing | found),
    )


def _missing(reading: Reading, made_of: list[tuple[str, Partition]]) -> str:
    """Why the rows that are left are not those of the figure, in a sentence."""
    for name, place in made_of:
        if deleted := Tombstones(reading.lake).get(name, place):
            return f"The {name} of this hour were {deleted.sentence}. The figure was made before, and stays."
        if not reading.has(name, place):
            return f"The {name} of this hour are not in the lake any more. The figure was made before."
    return "Vehicles were erased, or the hour was made anew, after the figure was made: make its day again in Dagster."
