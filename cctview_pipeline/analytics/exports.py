"""``cctview export``: figures and the road as files for other programs, for one's own use. What may be published is another
question, and has another command (privacy/publication.py).

::

    from cctview_pipeline.analytics.exports import export_figures
    from cctview_pipeline.resources.lake import open_lake

    export_figures(open_lake(), "csv", Path("figures"))
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa

from cctview_pipeline.cameras.attribution import FILE, attributions
from cctview_pipeline.campaign import Campaign
from cctview_pipeline.errors import ConfigurationError, NotFoundError
from cctview_pipeline.files import whole_folder
from cctview_pipeline.formats.about import about
from cctview_pipeline.formats.data_dictionary import data_dictionary
from cctview_pipeline.formats.data_package import Beside, Form, package_files
from cctview_pipeline.formats.figures import KEYS, Figures, days_with_figures, of_days, read_day
from cctview_pipeline.formats.geojson import cameras_geojson, links_geojson
from cctview_pipeline.formats.gmns import gmns_files
from cctview_pipeline.formats.sumo import read_detectors, sumo_files
from cctview_pipeline.formats.tmg import hourly_volumes, read_stations, write_volumes
from cctview_pipeline.lake import Lake
from cctview_pipeline.lake.schemas import TABLES
from cctview_pipeline.roads import RoadNetwork

FORMS = {
    "csv": "CSV files of all figures, with a datapackage.json",
    "parquet": "Parquet files of all figures, with a datapackage.json",
    "geojson": "cameras and the ways between them",
    "gmns": "cameras and ways as node.csv and link.csv",
    "sumo": "counts as SUMO's edge data and detector files",
    "tmg": "hourly volumes as FHWA's volume records",
}
INSIDE = "These are the campaign's own figures, with groups of any size: `cctview publish` makes what may be handed on."

Files = Iterator[tuple[str, bytes]]


@dataclass(frozen=True)
class Exported:
    """days: that the files are of; files: their paths below the folder."""

    days: tuple[date, ...]
    files: tuple[str, ...]


def export_figures(lake: Lake, form: str, out: Path, begin: date | None = None, end: date | None = None) -> Exported:
    """Write the local days of [begin, end) that have figures in one of FORMS to a new folder, whole or not at all.

    Raises CctviewError for a form that is none, for days without figures, for what the campaign does not say (``[[sumo]]``,
    ``[[tmg]]``), and where ``out`` is there and not empty.
    """
    if form not in FORMS:
        raise NotFoundError(f"There is no format named '{form}': use {', '.join(FORMS)}.")
    campaign = lake.require_campaign()
    days = _days(lake, form, begin, end)
    names = []
    with whole_folder(out) as folder:
        whose = attributions(campaign, days)
        for name, content in (*_files(lake, campaign, form, days, whose), *_beside(whose, form)):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
            names.append(name)
    return Exported(tuple(days), tuple(sorted(set(names))))


def _days(lake: Lake, form: str, begin: date | None, end: date | None) -> list[date]:
    try:
        return days_with_figures(lake, begin, end)
    except NotFoundError:
        if form in ("geojson", "gmns"):  # the road is there without figures
            return []
        raise


def _files(lake: Lake, campaign: Campaign, form: str, days: Sequence[date], whose: Sequence[str]) -> Files:
    match form:
        case "csv" | "parquet":
            return _package(lake, campaign, days, "csv" if form == "csv" else "parquet", whose)
        case "geojson":
            return _geojson(lake, campaign, days, whose)
        case "gmns":
            return iter(gmns_files(campaign.name, campaign.cameras, RoadNetwork.of(campaign).edges).items())
        case "sumo":
            return _sumo(lake, campaign, days)
        case _:
            return _tmg(lake, campaign, days)


def _beside(whose: Sequence[str], form: str) -> Files:
    """Whose the pictures are, for files that can't say it themselves; a package says it in its own."""
    if whose and form not in ("csv", "parquet"):
        yield FILE, "".join(f"{sentence}\n" for sentence in whose).encode()


def _package(lake: Lake, campaign: Campaign, days: Sequence[date], form: Form, whose: Sequence[str]) -> Files:
    read = {day: read_day(lake, day, KEYS) for day in days}
    tables = [
        Figures(name, TABLES[name].description, of_days({day: tables[name] for day, tables in read.items()}), key)
        for name, key in KEYS.items()
    ]
    quality = [each["data_quality"] for each in read.values()]
    said = replace(about(campaign, days, datetime.now(UTC), quality, privacy=INSIDE), attribution=tuple(whose))
    readme = data_dictionary(said, tables).encode()
    return package_files(said, campaign.cameras, tables, form, [Beside("README.md", "text/markdown", "What it all is.", readme)])


def _geojson(lake: Lake, campaign: Campaign, days: Sequence[date], whose: Sequence[str]) -> Files:
    quality = [read_day(lake, day, ["data_quality"])["data_quality"] for day in days]
    yield "cameras.geojson", cameras_geojson(campaign.cameras, pa.concat_tables(quality) if quality else None, whose)
    yield "links.geojson", links_geojson(RoadNetwork.of(campaign).edges, whose)


def _sumo(lake: Lake, campaign: Campaign, days: Sequence[date]) -> Files:
    detectors = read_detectors(campaign.sumo, campaign.source)
    if not detectors:
        raise ConfigurationError(
            f"{campaign.source} does not say which edges of a SUMO network its cameras see: add camera, carriageway and edge "
            "under a [[sumo]] each."
        )
    for each in detectors:
        campaign.camera(each.camera)
    for day in days:
        yield from sumo_files(str(day), read_day(lake, day, ("bins", "flows", "speeds", "vehicle_counts")), detectors).items()


def _tmg(lake: Lake, campaign: Campaign, days: Sequence[date]) -> Files:
    stations = read_stations(campaign.tmg, campaign.source)
    if not stations:
        raise ConfigurationError(
            f"{campaign.source} does not say which stations its cameras are: add camera, state, functional_class and station "
            "under a [[tmg]] each."
        )
    for each in stations:
        campaign.camera(each.camera)
    records = [record for day in days for record in hourly_volumes(read_day(lake, day, ["flows"])["flows"], stations)]
    yield f"{min(days)}--{max(days)}.vol", write_volumes(records)
