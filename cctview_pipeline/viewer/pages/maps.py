"""Tiles of a map out of the file that was configured. They tell nothing about vehicles."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from cctview_pipeline.viewer.reading import NotThere
from cctview_pipeline.viewer.shared import viewer_of

router = APIRouter()
KEPT = {"Cache-Control": "private, max-age=86400"}


@router.get("/tiles/{z}/{x}/{y}")
def tile(request: Request, z: int, x: int, y: int) -> Response:
    """A tile of the map, from the file that --tiles names."""
    tiles = viewer_of(request).settings.tiles
    if tiles is None or tiles.file is None:
        raise NotThere("There are no tiles here: see --tiles.")
    data = tiles.file.tile(z, x, y)
    if data is None:
        return Response(status_code=204)  # beyond the map's edge: no fault that a browser should tell of
    return Response(data, media_type=tiles.file.kind, headers=KEPT)
