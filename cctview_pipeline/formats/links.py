"""The ways between neighbouring cameras, as maps and networks of others name them."""

from typing import Protocol

from cctview_pipeline.campaign import Camera


class Link(Protocol):
    """From a camera to the next, for the traffic of one carriageway. metres: along the great circle, the least that any road
    between the two can measure."""

    @property
    def source(self) -> Camera: ...

    @property
    def target(self) -> Camera: ...

    @property
    def carriageway(self) -> str: ...

    @property
    def metres(self) -> float: ...


def link_id(link: Link) -> str:
    """``cam-1--cam-2``: ids of cameras have no two hyphens in a row."""
    return f"{link.source.id}--{link.target.id}"


def carriageway_of(link: Link) -> str | None:
    """Its letter; None where nobody knows how the camera faces, and so which side of the road it is."""
    return link.carriageway if link.source.faces else None
