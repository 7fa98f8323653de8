"""What is kept, for how long, who asked for it, and how somebody has it erased."""

from datetime import UTC, datetime, timedelta
from itertools import islice

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from cctview_pipeline.campaign import parse_time
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.lake.schemas import TABLES
from cctview_pipeline.policy import Policy
from cctview_pipeline.privacy.audit import AuditLog, operating_user
from cctview_pipeline.privacy.compliance.facts import BESIDE, words
from cctview_pipeline.privacy.erasures import RECORDS, RULES
from cctview_pipeline.viewer.door import TOO_MANY
from cctview_pipeline.viewer.law import Refused
from cctview_pipeline.viewer.reading import NotThere
from cctview_pipeline.viewer.shared import camera_named, clock_of, page, session_of, viewer_of

router = APIRouter()
REQUEST = "erasure request"
LONGEST = timedelta(hours=24)
MAX_AN_HOUR = 20
SHOWN = 12


@router.get("/kept")
def kept(request: Request) -> Response:
    """What is kept, for how long, and how to have it erased."""
    return _page(request)


@router.post("/kept/requests")
def ask_for_erasure(
    request: Request, camera: str = Form(), begin: str = Form(), end: str = Form(), words: str = Form("")
) -> Response:
    """A camera and a time, written to the audit log; its number there is the receipt. Whoever runs the lake carries it out."""
    viewer, known = viewer_of(request), camera_named(request, camera)
    try:
        first, last = parse_time(begin), parse_time(end)
    except CctviewError as error:
        raise NotThere(str(error)) from error
    if first is None or last is None or not first < last <= first + LONGEST:
        raise NotThere("A request names a beginning and an end after it, within a day.")
    said = f"{known.id} from {first:%Y-%m-%dT%H:%M:%SZ} to {last:%Y-%m-%dT%H:%M:%SZ}"
    about = f"{said}: {' '.join(words.split())[:300]}" if words.strip() else said
    session = session_of(request)
    try:
        entry = viewer.log.append(
            REQUEST, about, user=session.user if session else operating_user(), lake=viewer.reading.lake.uri, admit=_few
        )
    except CctviewError as error:
        raise Refused(str(error)) from error
    span = f"--from {first:%Y-%m-%dT%H:%M:%SZ} --to {last:%Y-%m-%dT%H:%M:%SZ}"
    command = f"cctview erase --request {entry.number} --camera {known.id} {span}"
    return _page(request, receipt=entry.number, command=command)


def _few(entries) -> None:
    """A form that anybody can send fills no log."""
    since = datetime.now(UTC) - timedelta(hours=1)
    recent = 0
    for entry in entries:
        if entry.time <= since:
            return
        recent += entry.kind == REQUEST
        if recent >= MAX_AN_HOUR:
            raise CctviewError(TOO_MANY)


def _page(request: Request, receipt: int = 0, command: str = "") -> Response:
    viewer = viewer_of(request)
    campaign = viewer.reading.require()
    policy, clock = Policy.of(campaign), clock_of(request)
    tables = [(spec.name, spec.description, words(policy.lifetime(spec.name)), spec.name in RULES) for spec in TABLES.values()]
    beside = [(name, what, words(policy.lifetime(name))) for name, what in BESIDE.items()]
    entries, trouble = _newest(viewer.log)
    erasures = [key for key in viewer.reading.lake.storage.list(RECORDS) if key.endswith(".json")]
    return page(
        request,
        "kept.html",
        times=(entries[-1].time, entries[0].time) if entries else None,
        policy=policy,
        tables=tables,
        beside=beside,
        entries=entries,
        trouble=trouble,
        head=str(entries[0].head) if entries else "",
        erasures=len(erasures),
        cameras=campaign.cameras,
        example=[clock.written(campaign.start + later) for later in (timedelta(), timedelta(minutes=10))],
        receipt=receipt,
        command=command,
        requests=[entry for entry in entries if entry.kind == REQUEST],
    )


def _newest(log: AuditLog) -> tuple[list, str]:
    """The newest entries, and what is wrong with the log where they can't be read."""
    try:
        return list(islice(log.newest(), SHOWN)), ""
    except CctviewError as error:
        return [], str(error)
