"""Campaigns of many cameras, with links between those that follow each other on a road."""

from collections.abc import Iterable
from dataclasses import replace

from cctview_pipeline.campaign import Camera, Campaign
from cctview_pipeline.links import Link
from cctview_pipeline_tests.factories.tables import campaign


def camera(name: str, east: float, north: float, group: str = "") -> Camera:
    """east, north: km from a place in New York."""
    return Camera(id=name, name=name, latitude=40.7 + north / 111, longitude=-74.0 + east / 84, faces="", group=group)


def streets(across: int, along: int, keep: Iterable[tuple[int, int]] = ()) -> Campaign:
    """Crossings of streets a kilometre apart, each linked with the next along both of its streets, there and back. keep: only
    these crossings; their cameras' numbers say nothing of where they stand."""
    places = [(x, y) for x in range(across) for y in range(along)]
    chosen = [place for place in places if not keep or place in set(keep)]
    shuffled = sorted(chosen, key=lambda place: (place[0] * 7919 + place[1] * 104729) % 1009)
    name = {place: f"cam-{number}" for number, place in enumerate(shuffled)}
    links = [
        Link(from_camera=name[one], to_camera=name[other], metres=1200.0, leaves=side, enters=side)
        for x, y in chosen
        for nearby in ((x + 1, y), (x, y + 1))
        if nearby in name
        for one, other, side in (((x, y), nearby, "away"), (nearby, (x, y), "towards"))
    ]
    return campaign(cameras=tuple(camera(name[place], *place) for place in shuffled), links=tuple(links))


def without_links(count: int) -> Campaign:
    """Cameras in a row, half a kilometre apart, of which nobody knows more than the place."""
    return campaign(cameras=tuple(camera(f"cam-{number}", number / 2, 0) for number in range(count)))


def in_groups(*sizes: int) -> Campaign:
    """Groups ``group-1``, ``group-2`` ... of so many cameras, in a row."""
    names = [f"group-{number}" for number, size in enumerate(sizes, 1) for _ in range(size)]
    return campaign(cameras=tuple(camera(f"cam-{n}", n / 2, 0, group) for n, group in enumerate(names)))


def with_cameras(of: Campaign, *more: Camera) -> Campaign:
    """The same campaign with cameras at the end of its file."""
    return replace(of, cameras=(*of.cameras, *more))
