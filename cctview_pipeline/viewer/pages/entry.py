"""Coming in: a token where the viewer is served to others, and what for where vehicles are asked about."""

from fastapi import APIRouter, Form, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from cctview_pipeline.policy import Policy
from cctview_pipeline.privacy.access import SYNTHETIC
from cctview_pipeline.privacy.audit import operating_user
from cctview_pipeline.viewer.law import Refused
from cctview_pipeline.viewer.sessions import COOKIE, LASTS_S
from cctview_pipeline.viewer.shared import page, session_of, viewer_of

router = APIRouter()


@router.get("/health")
def health() -> Response:
    """Whether the process answers, for a load balancer."""
    return PlainTextResponse("ok")


@router.get("/purpose")
def purpose_form(request: Request, next: str = "/") -> Response:
    """Where a purpose is stated, and a token given. next: where one wanted to go."""
    return _form(request, next)


@router.post("/purpose")
def state_purpose(request: Request, purpose: str = Form(""), next: str = Form("/"), token: str = Form("")) -> Response:
    """A new session, so that nobody goes on in one that was known before."""
    viewer, session = viewer_of(request), session_of(request)
    user = session.user if session else operating_user()
    if viewer.settings.tokens and session is None:
        if not viewer.tries.another():
            return _form(request, next, "Too many tokens were tried: wait a minute.", 429)
        user = viewer.settings.who(token) or ""
        if not user:
            return _form(request, next, "That token is not known here.", 403)
    viewer.sessions.end(request.cookies.get(COOKIE))
    cookie, begun = viewer.sessions.begin(user)
    try:
        if purpose or not viewer.settings.tokens:  # with a token alone one sees the figures
            viewer.law.state(begun, purpose)
    except Refused as error:
        viewer.sessions.end(cookie)
        return _form(request, next, str(error), 403)
    answer = RedirectResponse(inside(next), 303)
    answer.set_cookie(COOKIE, cookie, max_age=LASTS_S, httponly=True, samesite="strict", secure=viewer.settings.secure, path="/")
    return answer


@router.post("/leave")
def leave(request: Request) -> Response:
    """End the session."""
    viewer_of(request).sessions.end(request.cookies.get(COOKIE))
    answer = RedirectResponse("/", 303)
    answer.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
    return answer


def inside(address: str) -> str:
    """An address of this viewer; the first page for any other."""
    outside = not address.startswith("/") or address.startswith(("//", "/\\")) or any(ord(each) < 32 for each in address)
    return "/" if outside else address


def _form(request: Request, next: str, refused: str = "", status: int = 200) -> Response:
    viewer = viewer_of(request)
    campaign = viewer.reading.campaign()
    purposes = Policy.of(campaign).purposes if campaign else ()
    if campaign and campaign.network == "city":
        purposes = (*purposes, SYNTHETIC)
    needs_token = bool(viewer.settings.tokens) and session_of(request) is None
    return page(
        request, "purpose.html", status, next=inside(next), purposes=purposes, refused=refused, needs_token=needs_token,
        limit=Policy.of(campaign).queries_an_hour if campaign else 0,
    )  # fmt: skip
