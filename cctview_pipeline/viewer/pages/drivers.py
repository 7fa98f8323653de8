"""What a system like this can do to a driver, in figures that were measured with it."""

from importlib.resources import files
from tomllib import loads

from fastapi import APIRouter, Request
from starlette.responses import Response

from cctview_pipeline.viewer.shared import page

router = APIRouter()


@router.get("/drivers")
def drivers(request: Request) -> Response:
    """What a driver may want to know of such cameras."""
    return page(request, "drivers.html", facts=loads(files("cctview_pipeline.viewer").joinpath("facts.toml").read_text()))
