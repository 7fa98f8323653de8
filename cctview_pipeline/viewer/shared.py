"""What every page needs: the application's parts, the visitor's session, templates, and how things are written."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context, select_autoescape
from jinja2.runtime import Context
from markupsafe import Markup
from starlette.responses import HTMLResponse

from cctview_pipeline.analytics import report
from cctview_pipeline.analytics.clock import Clock
from cctview_pipeline.analytics.report.space_time import SIDES
from cctview_pipeline.cameras.attribution import attributions
from cctview_pipeline.cameras.local_time import calendar_of
from cctview_pipeline.campaign import Camera, Campaign
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.lake.layout import format_hour, parse_day, parse_hour
from cctview_pipeline.privacy.audit import AuditLog, operating_user
from cctview_pipeline.privacy.keys import KeyStore
from cctview_pipeline.viewer.law import ABOUT_VEHICLES, Law, NeedsPurpose
from cctview_pipeline.viewer.names import Names
from cctview_pipeline.viewer.reading import NotThere, Reading
from cctview_pipeline.viewer.sessions import COOKIE, Session, Sessions, Tries
from cctview_pipeline.viewer.settings import ViewerSettings

MARKS = Path(report.__file__).parent / "marks"
"""How drawings look here and in a daily report; the legends lie beside its templates."""
MENU = (
    ("/", "Corridor"),
    ("/cameras", "Cameras"),
    ("/figures", "Figures"),
    ("/search", "Search"),
    ("/kept", "What is kept"),
    ("/drivers", "What it can do to a driver"),
)


@dataclass(kw_only=True)
class Viewer:
    """One a process."""

    settings: ViewerSettings
    reading: Reading
    keys: KeyStore
    law: Law
    sessions: Sessions
    log: AuditLog
    templates: Environment
    tries: Tries = field(default_factory=Tries)


def viewer_of(request: Request) -> Viewer:
    """The application that a request came to."""
    return request.app.state.viewer


def session_of(request: Request) -> Session | None:
    """The session of its cookie; None without a known one."""
    return viewer_of(request).sessions.find(request.cookies.get(COOKIE))


def comes_in(request: Request) -> None:
    """Where there are tokens, nobody sees a page without one. Raises NeedsPurpose."""
    if viewer_of(request).settings.tokens and session_of(request) is None:
        raise NeedsPurpose("a token")


def names_of(request: Request) -> Names:
    """By which pseudonyms vehicles are shown."""
    return Names(viewer_of(request).keys)


def clock_of(request: Request) -> Clock:
    """Of the campaign's cameras. Raises NotThere in an empty lake."""
    return _clock(viewer_of(request).reading.require())


def _clock(campaign: Campaign | None) -> Clock:
    return Clock(calendar_of(campaign).zone if campaign else ZoneInfo("UTC"))


def ask(request: Request, question: str, tables: tuple[str, ...] = ABOUT_VEHICLES) -> Session:
    """Before anything about vehicles is shown. Raises EmptyLake where there is none to ask about."""
    viewer_of(request).reading.require()
    return viewer_of(request).law.ask(session_of(request), question, tables)


def templates() -> Environment:
    """The pages' templates, with the filters that they use. An undefined name in one is an error."""
    environment = Environment(
        loader=FileSystemLoader([Path(__file__).parent / "templates", MARKS.parent]),
        autoescape=select_autoescape(default=True, default_for_string=True),
        auto_reload=False,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "at": lambda time: f"{time:%H:%M:%S}.{time.microsecond // 1000:03d}",
        "hourkey": format_hour,
        "many": lambda label, count: label if count == 1 else f"{label}{'es' if label.endswith('s') else 's'}",
        "weekday": lambda day: f"{day:%A} {day}",
        "percent": lambda share: f"{100 * share:.0f} %",
        "way": lambda letter: SIDES.get(letter, letter),
    }
    for name in ("minute", "second", "moment", "stamp"):
        environment.filters |= {name: _shown(name), f"{name}_text": _written(name)}
    return environment


def _shown(name: str) -> Callable[[Context, datetime], Markup]:
    """A filter that makes an element of a time."""

    @pass_context
    def shown(context: Context, time: datetime) -> Markup:
        return context["clock"].html(time, getattr(context["clock"], name)(time))

    return shown


def _written(name: str) -> Callable[[Context, datetime], str]:
    """The same as a text, for where no element can stand."""

    @pass_context
    def written(context: Context, time: datetime) -> str:
        return getattr(context["clock"], name)(time)

    return written


def page(
    request: Request, template: str, status: int = 200, times: tuple[datetime, datetime] | None = None, **context: Any
) -> HTMLResponse:
    """A page, or with the header ``X-Part`` the one part of it that changes. times: the first and last moment that it shows, for
    the zone's name; all hours of the campaign where a page says none."""
    viewer, session = viewer_of(request), session_of(request)
    try:
        campaign = viewer.reading.campaign()
    except CctviewError:  # the page says already what is in the way
        campaign = None
    clock = _clock(campaign)
    if times is None and campaign is not None:
        times = campaign.start, campaign.end or datetime.now(UTC)
    alone = "" if viewer.settings.tokens else operating_user()
    shared = {
        "menu": MENU, "here": request.url.path, "campaign": campaign, "session": session, "part": "x-part" in request.headers,
        "attributions": attributions(campaign) if campaign else (), "clock": clock, "zone": clock.name(*times) if times else "",
        "synthetic": campaign is not None and campaign.network == "city", "dagster": viewer.settings.dagster,
        "asks_for_token": bool(viewer.settings.tokens), "user": session.user if session else alone,
    }  # fmt: skip
    return HTMLResponse(viewer.templates.get_template(template).render(shared | context), status)


def camera_named(request: Request, camera: str) -> Camera:
    """Raises NotThere for one that the campaign does not have."""
    campaign = viewer_of(request).reading.require()
    try:
        return campaign.camera(camera)
    except CctviewError as error:
        raise NotThere("This campaign has no camera of that name.") from error


def hour_named(text: str) -> datetime:
    """``2020-05-05T17``. Raises NotThere for anything else."""
    try:
        return parse_hour(text)
    except ValueError as error:
        raise NotThere("An hour is written 2020-05-05T17, in UTC.") from error


def day_named(text: str) -> date | None:
    """``2020-05-05``; None for no text. Raises NotThere for anything else."""
    try:
        return parse_day(text) if text else None
    except ValueError as error:
        raise NotThere("A day is written 2020-05-05.") from error


def moment_named(text: str, hour: datetime) -> datetime | None:
    """``17:04:02.5`` of an hour, or how many seconds into it; None for no time at all or one outside."""
    try:
        if text.replace(".", "", 1).isdigit():
            at = hour + timedelta(seconds=float(text))
        else:
            time = datetime.strptime(text[:12], "%H:%M:%S.%f" if "." in text else "%H:%M:%S").time()
            at = datetime.combine(hour.date(), time, UTC)
    except (ValueError, OverflowError):
        return None
    return at if hour <= at < hour + timedelta(hours=1) else None


def partition_link(dagster: str, table: str, partition: str) -> str:
    """Dagster's page of the partition that made a row."""
    return f"{dagster}/assets/{table}?view=partitions&partition={partition.replace('|', '%7C')}"
