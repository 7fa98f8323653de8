"""The daily report: one HTML file with everything inside, which needs no network, no script and no viewer.

::

    report = daily_report(lake, lake.require_campaign(), date(2020, 5, 5))
    Path("report.html").write_bytes(report.html)

The same tables give the same bytes.
"""

import json
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from cctview_pipeline.analytics.clock import Clock
from cctview_pipeline.analytics.known_bias import sentence
from cctview_pipeline.analytics.report import drawings, space_time, tables
from cctview_pipeline.analytics.report.figures import FORMAT, Figures, figures_of, known, to_json, usable
from cctview_pipeline.analytics.report.hours import hourly
from cctview_pipeline.analytics.report.sources import Sources, made_tables, models_of, open_day, sources_of
from cctview_pipeline.cameras.attribution import attributions
from cctview_pipeline.cameras.local_time import calendar_of
from cctview_pipeline.campaign import Campaign
from cctview_pipeline.lake import Lake
from cctview_pipeline.lake.schemas import TABLES
from cctview_pipeline.policy import Policy

MOST_BINS = 2_500
"""Quarters of an hour of all lines; a day of more cameras is told by the hour."""
MEASURES = ("vehicle_counts", "flows", "speeds", "travel_times", "reliability")
"""Marts whose known bias a report tells."""


@dataclass(frozen=True)
class Report:
    """html: the whole file; headline: name -> a number, None where nothing is known."""

    html: bytes
    headline: Mapping[str, float | None]


def daily_report(
    lake: Lake,
    campaign: Campaign,
    day: date,
    gone: Sequence[str] = (),
    bias: Callable[[str, str], str] = sentence,
) -> Report:
    """gone: sentences about what of the day was deleted on purpose; bias: a mart's name and its models -> what is known of its
    errors. Raises NotFoundError where the marts of the day were not made."""
    calendar = calendar_of(campaign)
    with open_day(lake, campaign, calendar, day) as opened:
        figures = readable(figures_of(day, made_tables(lake, opened)))
        sources = sources_of(lake, opened)
    context = Context(
        campaign=campaign,
        figures=figures,
        sources=sources,
        clock=Clock(calendar.zone),
        holiday=calendar.holiday(day) or "",
        gone=tuple(gone),
        bias=bias,
    )
    html = environment().get_template("report.html.j2").render(c=context, t=tables, css=stylesheet())
    return Report(html.encode(), context.headline)


def readable(figures: Figures) -> Figures:
    """By the hour where quarters of an hour would be too many."""
    lines = len(figures.tables["flows"]) + len(figures.tables["travel_times"])
    return hourly(figures) if lines * len(figures.bins.began) > MOST_BINS else figures


@dataclass(frozen=True, kw_only=True)
class Context:
    """What the template speaks of."""

    campaign: Campaign
    figures: Figures
    sources: Sources
    clock: Clock
    holiday: str
    gone: tuple[str, ...]
    bias: Callable[[str, str], str]

    @property
    def title(self) -> str:
        return f"{self.campaign.name}, {self.figures.day:%A} {self.figures.day.day} {self.figures.day:%B %Y}"

    @property
    def attributions(self) -> tuple[str, ...]:
        """What the cameras' operators ask to be shown."""
        return attributions(self.campaign, [self.figures.day])

    @property
    def zone(self) -> str:
        """``EDT, UTC-4``; of a day on which clocks change, both."""
        began = self.figures.bins.began
        return self.clock.name(began[0], began[-1]) if began else ""

    @property
    def span(self) -> str:
        axis = self.figures.bins
        assert axis.end is not None
        return f"{self.clock.minute(axis.began[0])} to {self.clock.minute(axis.end)}"

    @property
    def is_part(self) -> bool:
        """Whether the campaign's window has only a part of the day."""
        began, end = self.figures.bins.began, self.figures.bins.end
        return end is None or end - began[0] < timedelta(hours=23)

    @cached_property
    def headline(self) -> dict[str, float | None]:
        t = self.figures.tables
        quality = [row.values for row in t["data_quality"]]
        counts = [n for side in t["flows"] for n in known(side.values["vehicles"])]
        return {
            "passages counted": sum(counts) if counts else None,
            "share of the time seen": _mean([row["coverage"] for row in quality]),
            "share of the quarters usable": _mean([row["completeness"] for row in quality]),
            "cameras": len(quality),
            "cameras that are good": sum(row["verdict"] == "good" for row in quality),
            "matches timed": sum(n for way in t["travel_times"] for n in known(way.values["vehicles"])),
            "anomalies": len(t["anomalies"]),
        } | {f"s along {road.title} (median)": self._whole(road) for road in self.roads}

    def _whole(self, road: space_time.Road) -> float | None:
        """Median over the quarters in which every way of a carriageway has a time, of their sum."""
        ways = {way.of[1:3] for way in road.ways}
        medians = [way.values["median_s"] for way in self.figures.tables["travel_times"] if way.of[:2] in ways]
        sums = [sum(each) for each in zip(*medians, strict=True) if None not in each]
        return round(statistics.median(sums), 1) if sums else None

    @cached_property
    def roads(self) -> list[space_time.Road]:
        return space_time.roads(self.figures)

    def diagram(self, road: space_time.Road) -> Any:
        return space_time.diagram(road, self.figures, self.clock)

    @property
    def seen(self) -> Any:
        return drawings.seen(self.figures, drawings.worst_sides(self.figures), self.clock)

    @property
    def flow_plots(self) -> Any:
        return drawings.flow_plots(self.figures, self.clock)

    @property
    def time_plots(self) -> Any:
        return drawings.time_plots(self.figures, self.clock)

    @property
    def unit(self) -> str:
        return drawings.bin_name(self.figures)

    @property
    def models(self) -> list[str]:
        return models_of(row.values for row in self.figures.tables["data_quality"])

    @property
    def biases(self) -> list[tuple[str, str]]:
        return [(measure.replace("_", " "), self.bias(measure, " ".join(self.models))) for measure in MEASURES]

    @property
    def first_things(self) -> list[str]:
        """What a reader has to know before any number."""
        said = []
        if self.is_part:
            said.append(f"The campaign's window has only a part of this day: {self.span}.")
        if any(not any(usable(side.values["status"])) for side in self.figures.tables["flows"]):
            silent = sorted({s.of[0] for s in self.figures.tables["flows"] if not any(usable(s.values["status"]))})
            said.append(f"Without a usable quarter: {', '.join(silent[:12])}{' and others' if len(silent) > 12 else ''}.")
        flagged = sum(side.values["status"].count("f") for side in self.figures.tables["flows"])
        if flagged:
            unit = "hours" if self.unit == "hour" else "quarters of an hour"
            said.append(f"Of cameras' sides {flagged} {unit} are flagged, and count nowhere: see what was excluded, below.")
        if self.campaign.network == "city":
            said.append("These are cameras of the synthetic city: nobody drove there.")
        return said

    @property
    def lifetimes(self) -> list[tuple[str, str]]:
        policy = Policy.of(self.campaign)
        tables_ = [name for name in ("raw_frames", "detections", "tracks", "matches", "passages", "coverage") if name in TABLES]
        return [(name, _lasting(policy.lifetime(name))) for name in tables_]

    @property
    def inputs(self) -> list[tuple[str, int]]:
        return [(name, len(hashes)) for name, hashes in self.sources.inputs.items()]

    @property
    def json(self) -> Markup:
        """Inside a script element: a ``<`` could end it."""
        said = {
            "format": FORMAT,
            "campaign": self.campaign.name,
            "timezone": str(self.clock.zone),
            "models": self.models,
            "made_from": self.sources.to_json(),
            **to_json(self.figures),
        }
        text = json.dumps(said, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        return Markup(text.replace("<", "\\u003c"))


def environment() -> Environment:
    """The report's templates. An undefined name in one is an error."""
    found = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {"headline": _headline}
    return found


def stylesheet() -> Markup:
    """What the report's one file carries of style."""
    here = Path(__file__).parent
    return Markup("".join((here / name).read_text() for name in ("marks/marks.css", "report.css")))


def _headline(name: str, value: float | None) -> str:
    if value is None or name.startswith("share"):
        return tables.percent(value)
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"


def _mean(values: list[float]) -> float | None:
    return round(sum(values) / len(values), 4) if values else None


def _lasting(lifetime: timedelta | None) -> str:
    if lifetime is None:
        return "kept"
    hours = lifetime // timedelta(hours=1)
    return f"{hours // 24} days" if hours % 24 == 0 and hours >= 48 else f"{hours} hours"
