"""The application: what all pages share, and what a user reads when something is in the way.

::

    from cctview_pipeline.viewer import ViewerSettings, create_app
    app = create_app(open_lake(), open_keys(), ViewerSettings())
"""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from cctview_pipeline.errors import CctviewError
from cctview_pipeline.lake import Lake
from cctview_pipeline.privacy.audit import AuditLog
from cctview_pipeline.privacy.keys import KeyStore
from cctview_pipeline.viewer.budget import TooMuch
from cctview_pipeline.viewer.door import Door
from cctview_pipeline.viewer.law import Law, NeedsPurpose, Refused
from cctview_pipeline.viewer.pages import (
    cameras,
    counted,
    drivers,
    entry,
    figures,
    home,
    journeys,
    kept,
    maps,
    pictures,
    report,
    search,
    vehicles,
)
from cctview_pipeline.viewer.reading import EmptyLake, NotThere, Reading
from cctview_pipeline.viewer.sessions import Sessions
from cctview_pipeline.viewer.settings import ViewerSettings
from cctview_pipeline.viewer.shared import MARKS, Viewer, comes_in, page, templates

STATIC = Path(__file__).parent / "static"
PAGES = (home, cameras, vehicles, journeys, search, counted, figures, kept, drivers, entry, pictures, maps, report)


def create_app(lake: Lake, keys: KeyStore, settings: ViewerSettings, log: AuditLog | None = None) -> FastAPI:
    """lake, keys: opened as for a command; log: the project's own when left out."""
    app = FastAPI(title="CCTView", docs_url=None, redoc_url=None, openapi_url=None)
    log = log or AuditLog()
    app.state.viewer = Viewer(
        settings=settings,
        reading=Reading(lake=lake),
        keys=keys,
        law=Law(lake, log),
        sessions=Sessions(),
        log=log,
        templates=templates(),
    )
    for each in PAGES:
        app.include_router(each.router, dependencies=[] if each is entry else [Depends(comes_in)])
    app.mount("/static/marks", StaticFiles(directory=MARKS))
    app.mount("/static", StaticFiles(directory=STATIC))
    app.add_exception_handler(NeedsPurpose, _ask_what_for)
    app.add_exception_handler(EmptyLake, _empty)
    for kind, status in ((NotThere, 404), (Refused, 403), (TooMuch, 503), (CctviewError, 503)):
        app.add_exception_handler(kind, _told(status))
    app.add_exception_handler(RequestValidationError, lambda request, error: _told(404)(request, NotThere(NO_ADDRESS)))
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _bug)
    app.add_middleware(Door, settings=settings)
    return app


NO_ADDRESS = "There is no such page."
TITLES = {403: "Not allowed", 404: "Not here", 503: "Cannot be answered now"}


def _ask_what_for(request: Request, error: Exception) -> Response:
    if request.method != "GET" or request.url.path.endswith((".jpeg", ".png")):
        return PlainTextResponse("Say what for first: open /purpose.", 403)
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(f"/purpose?next={quote(here, safe='')}", 303)


def _empty(request: Request, error: Exception) -> Response:
    """What one would do next."""
    if request.url.path.endswith((".jpeg", ".png")):
        return PlainTextResponse(str(error), 404)
    return page(request, "empty.html", 404, lake=request.app.state.viewer.reading.lake.uri)


def _told(status: int) -> Callable[[Request, Exception], Response]:
    """The sentence as a page."""

    def handler(request: Request, error: Exception) -> Response:
        if request.url.path.endswith((".jpeg", ".png")):
            return PlainTextResponse(str(error), status)
        return page(request, "message.html", status, title=TITLES[status], sentence=str(error))

    return handler


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException), "It is registered for these alone."
    return (
        _told(404)(request, NotThere(NO_ADDRESS)) if error.status_code in (404, 405) else PlainTextResponse("", error.status_code)
    )


def _bug(request: Request, error: Exception) -> Response:
    """What nobody thought of. Its own words are for the log."""
    return PlainTextResponse("This page failed; what happened stands in the viewer's output. The others still work.", 500)
