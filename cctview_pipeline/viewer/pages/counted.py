"""What a figure rests on: the tracks that were counted, or the matches that were timed, each with its pictures."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import Response

from cctview_pipeline.analytics.counted import BIN, KEYS, counted_tracks, place_of, timed_matches
from cctview_pipeline.campaign import HOUR
from cctview_pipeline.lake import Partition
from cctview_pipeline.lake.layout import format_hour
from cctview_pipeline.privacy.tombstones import Tombstones
from cctview_pipeline.viewer.names import Names
from cctview_pipeline.viewer.pages.pictures import crop_address
from cctview_pipeline.viewer.reading import NotThere, Reading
from cctview_pipeline.viewer.sessions import Session
from cctview_pipeline.viewer.shared import ask, names_of, page, partition_link, viewer_of

router = APIRouter()
SHOWN, SHOWN_MATCHES = 60, 30
TRACKS = ("track_id", "first_seen", "label", "carriageway", "continues", "quality", "best_detection_id")


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A track. href: of its vehicle, empty once its day's key is gone; src: of its crop, empty once that is gone."""

    camera: str
    label: str
    at: datetime
    href: str = ""
    src: str = ""

    @property
    def name(self) -> str:
        return self.href.rsplit("/", 1)[-1][:4] or "gone"


@dataclass(frozen=True, kw_only=True)
class Timed:
    """One match. earlier: None where its track is gone."""

    earlier: Seen | None
    later: Seen
    gap_s: float
    speed_kmh: float
    probability: float


def counted_link(table: str, figure: Mapping) -> str:
    """The page of one row of a mart; empty for tables that count no vehicles."""
    if table not in KEYS:
        return ""
    said = {key: figure[key] for key in KEYS[table]} | {"began_at": _quarter(figure)}
    return f"/figures/{table}/rests-on?{urlencode(said)}"


def _quarter(figure: Mapping) -> str:
    return f"{figure['began_at']:%Y-%m-%dT%H:%MZ}"


@router.get("/figures/vehicle_counts/rests-on")
def counted(
    request: Request, began_at: str, camera_id: str = "", carriageway: str = "", label: str = "", start: int = 0
) -> Response:
    figure = _figure(request, "vehicle_counts", began_at, {"camera_id": camera_id, "carriageway": carriageway, "label": label})
    what = f"the {label} tracks counted at {camera_id}, {carriageway}, in the 15 minutes from {_quarter(figure)}"
    session, reading, place = ask(request, what, ("crops", "tracks")), viewer_of(request).reading, place_of(figure)
    found, sightings = counted_tracks(reading.table("tracks", place, TRACKS), figure)
    rows = found.sort_by([("first_seen", "ascending"), ("track_id", "ascending")])
    show = _Pictures(reading, session, names_of(request))
    seen = [show(row, place) for row in rows.slice(max(0, start), SHOWN).to_pylist()]
    return _page(request, "vehicle_counts", figure, start, rows.num_rows, [("tracks", place)], seen=seen, sightings=sightings)


@router.get("/figures/travel_times/rests-on")
def timed(request: Request, began_at: str, from_camera_id: str = "", to_camera_id: str = "", start: int = 0) -> Response:
    cameras = {"from_camera_id": from_camera_id, "to_camera_id": to_camera_id}
    figure = _figure(request, "travel_times", began_at, cameras)
    what = f"the matches timed from {from_camera_id} to {to_camera_id} in the 15 minutes from {_quarter(figure)}"
    session, place = ask(request, what, ("crops", "tracks", "matches")), place_of(figure)
    reading, names = viewer_of(request).reading, names_of(request)
    tracks = reading.table("tracks", place, TRACKS)
    rows = timed_matches(reading.table("matches", place), tracks, figure).sort_by(
        [("gap_s", "ascending"), ("query_track_id", "ascending")]
    )
    shown = rows.slice(max(0, start), SHOWN_MATCHES).to_pylist()
    show = _Pictures(reading, session, names)
    later = _by_id(tracks, {row["query_track_id"] for row in shown})
    before = [Partition.camera_hour(from_camera_id, hour) for hour in (place.begin, place.begin - HOUR)]
    earlier: dict[str, Seen] = {}
    for there in before:
        wanted = {row["gallery_track_id"] for row in shown}
        found = _by_id(reading.table("tracks", there, TRACKS), wanted)
        earlier |= {identifier: show(row, there) for identifier, row in found.items()}
    matches = [
        Timed(
            earlier=earlier.get(row["gallery_track_id"]),
            later=show(later[row["query_track_id"]], place),
            gap_s=row["gap_s"],
            speed_kmh=row["implied_speed_kmh"],
            probability=row["probability"],
        )
        for row in shown
    ]
    made_of = [("tracks", place), ("matches", place)]
    return _page(request, "travel_times", figure, start, rows.num_rows, made_of, matches=matches)


def _figure(request: Request, table: str, began_at: str, keys: dict[str, str]) -> dict:
    """The row of a mart. Raises NotThere for one that is not in it."""
    try:
        began = datetime.fromisoformat(began_at)
        place = Partition.of_day(began.date())
    except ValueError as error:
        raise NotThere("A quarter of an hour is written 2020-05-05T17:15Z, in UTC.") from error
    for row in viewer_of(request).reading.table(table, place).to_pylist():
        if row["began_at"] == began and all(row[key] == value for key, value in keys.items()):
            return row
    raise NotThere("There is no such figure: its day was made anew, or it never was.")


class _Pictures:
    """Makes what is shown of a row of tracks."""

    def __init__(self, reading: Reading, session: Session, names: Names) -> None:
        self._reading, self._session, self._names = reading, session, names
        self._kept: dict[Partition, bool] = {}

    def __call__(self, row: Mapping, place: Partition) -> Seen:
        name = self._names(row["track_id"])
        href = f"/vehicles/{place.camera}/{format_hour(place.begin)}/{name}" if name else ""
        if place not in self._kept:
            self._kept[place] = self._reading.has("crops", place)
        src = crop_address(self._session, place, row["best_detection_id"]) if self._kept[place] else ""
        return Seen(camera=place.camera, label=row["label"], at=row["first_seen"], href=href, src=src)


def _by_id(tracks, wanted: set[str]) -> dict[str, dict]:
    """track_id -> its row."""
    return {row["track_id"]: row for row in tracks.to_pylist() if row["track_id"] in wanted}


def _page(
    request: Request, table: str, figure: dict, start: int, total: int, made_of: list[tuple[str, Partition]], **found
) -> Response:
    viewer = viewer_of(request)
    place, start = made_of[0][1], max(0, start)
    links = [(name, partition_link(viewer.settings.dagster, name, f"{p.camera}|{format_hour(p.begin)}")) for name, p in made_of]
    day = figure["began_at"].date()
    links.append((table, partition_link(viewer.settings.dagster, table, str(day))))
    gone, deleted = "", Tombstones(viewer.reading.lake).get("crops", place)
    if not viewer.reading.has("crops", place):
        gone = f"They were {deleted.sentence}." if deleted else "They are not in the lake."
    return page(
        request,
        "counted.html",
        times=(figure["began_at"], figure["began_at"] + BIN),
        table=table,
        figure=figure,
        end=figure["began_at"] + BIN,
        day=day,
        total=total,
        missing=_missing(viewer.reading, made_of) if total != (figure["vehicles"] or 0) else "",
        gone=gone,
        links=links,
        frames=f"/cameras/{place.camera}/{format_hour(place.begin)}?at={figure['began_at']:%H:%M:%S}",
        start=start,
        step=SHOWN if table == "vehicle_counts" else SHOWN_MATCHES,
        again=counted_link(table, figure),
        **({"seen": None, "matches": None, "sightings": 0} | found),
    )


def _missing(reading: Reading, made_of: list[tuple[str, Partition]]) -> str:
    """Why the rows that are left are not those of the figure, in a sentence."""
    for name, place in made_of:
        if deleted := Tombstones(reading.lake).get(name, place):
            return f"The {name} of this hour were {deleted.sentence}. The figure was made before, and stays."
        if not reading.has(name, place):
            return f"The {name} of this hour are not in the lake any more. The figure was made before."
    return "Vehicles were erased, or the hour was made anew, after the figure was made: make its day again in Dagster."
