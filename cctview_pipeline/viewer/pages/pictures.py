"""Frames and crops, each by a signed address that only an answer gives out."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from cctview_pipeline.ids import DetectionId, FrameId
from cctview_pipeline.lake import Partition
from cctview_pipeline.lake.layout import format_hour
from cctview_pipeline.viewer.law import Refused
from cctview_pipeline.viewer.reading import NotThere
from cctview_pipeline.viewer.sessions import Session
from cctview_pipeline.viewer.shared import camera_named, hour_named, session_of, viewer_of

router = APIRouter()
KEPT = {"Cache-Control": "private, max-age=300"}
"""Browsers of one person may keep it for five minutes, beyond its lifetime too."""
GONE = "This picture is gone: it was erased, its lifetime is over, or its hour was made anew."


@router.get("/cameras/{camera}/{hour}/frames/{name}.jpeg")
def frame(request: Request, camera: str, hour: str, name: str, k: str = "") -> Response:
    """A frame, to a session that was shown its address."""
    check_signed(request, k)
    place = Partition.camera_hour(camera_named(request, camera).id, hour_named(hour))
    known(FrameId.parse, name)
    return _picture(request, "raw_frames", place, "frame_id", name, "jpeg", "image/jpeg")


@router.get("/crops/{camera}/{hour}/{name}.png")
def crop(request: Request, camera: str, hour: str, name: str, k: str = "") -> Response:
    """A crop, to a session that was shown its address."""
    check_signed(request, k)
    place = Partition.camera_hour(camera_named(request, camera).id, hour_named(hour))
    known(DetectionId.parse, name)
    return _picture(request, "crops", place, "detection_id", name, "image", "image/png")


def crop_address(session: Session, partition: Partition, detection_id: str) -> str:
    """The address of a crop, signed for one session."""
    path = f"/crops/{partition.camera}/{format_hour(partition.begin)}/{detection_id}.png"
    return f"{path}?k={session.sign(path)}"


def check_signed(request: Request, signature: str) -> None:
    """Raises Refused where no answer of this session has given the address out."""
    session = session_of(request)
    if session is None or not session.purpose or not session.signed(request.url.path, signature):
        raise Refused("A picture can be had only from a page that shows it, in the session that asked.")


def known(parse, identifier: str) -> None:
    """Raises NotThere for what parse does not take for an id."""
    try:
        parse(identifier)
    except ValueError as error:
        raise NotThere("There is no picture of that name.") from error


def _picture(request: Request, table: str, place: Partition, column: str, name: str, picture: str, kind: str) -> Response:
    data = viewer_of(request).reading.picture(table, place, column, name, picture)
    if data is None:
        raise NotThere(GONE)
    return Response(data, media_type=kind, headers=KEPT)
