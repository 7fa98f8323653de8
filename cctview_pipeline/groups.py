"""Camera groups: the parts into which a campaign's work is cut, some 25 cameras each, linked neighbours together if possible.

Who is in which group is said by name, ``group`` of a camera in campaign.toml, and never changes when cameras come or go: a camera
that nobody has put into a group joins one that has room, or begins a new one, and moves nobody. Up to 25 cameras without a group
are one.
"""

import heapq
import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from cctview_pipeline.campaign import Camera, Campaign, metres_between
from cctview_pipeline.roads import RoadNetwork

SIZE = 25
"""Cameras that a group is filled to. One hour of so many takes some minutes on a few cores, much longer than a run to start."""

Ways = Mapping[str, Mapping[str, float]]
"""Camera -> the cameras that links join it with, and how many metres away each is, in whichever direction."""


@dataclass(frozen=True)
class CameraGroup:
    """cameras: ids, in the order of Dagster's partitions."""

    name: str
    cameras: tuple[str, ...]


def groups_of(campaign: Campaign) -> tuple[CameraGroup, ...]:
    """A campaign's groups in the order of their names; every camera is in one of them. Of a campaign without cameras none."""
    members = defaultdict(list)
    for camera_id, name in _names(campaign).items():
        members[name].append(camera_id)
    return tuple(CameraGroup(name, tuple(sorted(members[name], key=natural))) for name in sorted(members, key=natural))


def grouped(campaign: Campaign) -> Campaign:
    """The same campaign with the group of every camera said; as it is where nobody has named a group and one is enough."""
    if len(campaign.cameras) <= SIZE and not any(camera.group for camera in campaign.cameras):
        return campaign
    names = _names(campaign)
    return replace(campaign, cameras=tuple(replace(camera, group=names[camera.id]) for camera in campaign.cameras))


def natural(text: str) -> tuple[tuple[str, int], ...]:
    """To sort names by: ``cam-2`` before ``cam-10``. Nothing but the name counts, so that no camera's place among the others
    changes when one comes or goes, or when campaign.toml is put into another order."""
    parts = re.findall(r"([^0-9]*)([0-9]*)", text)
    return (*((word, int(number or -1)) for word, number in parts), (text, 0))


def kept_links(campaign: Campaign, groups: Iterable[CameraGroup]) -> int:
    """How many of a campaign's links have both ends in one group."""
    group = {camera: each.name for each in groups for camera in each.cameras}
    return sum(group[edge.source.id] == group[edge.target.id] for edge in RoadNetwork.of(campaign).edges)


def _names(campaign: Campaign) -> dict[str, str]:
    """Camera -> its group, in the campaign's order."""
    names = {camera.id: camera.group for camera in campaign.cameras if camera.group}
    if not names:
        parts = _cut(campaign)
        names = {camera: f"group-{number}" for number, part in enumerate(parts, 1) for camera in part}
    elif len(names) < len(campaign.cameras):
        ways = _ways(campaign)
        for camera in campaign.cameras:
            if camera.id not in names:
                names[camera.id] = _joined(camera, names, campaign, ways)
    return {camera.id: names[camera.id] for camera in campaign.cameras}


def _joined(camera: Camera, names: Mapping[str, str], campaign: Campaign, ways: Ways) -> str:
    """The group for a newcomer: that of the nearest camera, by road and then by place, whose group has room; or a new one."""
    sizes: dict[str, int] = defaultdict(int)
    for name in names.values():
        sizes[name] += 1
    inside = {other for other, name in names.items() if sizes[name] < SIZE}
    by_road = next((other for other in _by_road(camera.id, ways) if other in inside), None)
    if by_road:
        return names[by_road]
    placed = [other for other in map(campaign.camera, inside) if other.has_place and camera.has_place]
    if placed:
        return names[min(placed, key=lambda other: (metres_between(camera, other), natural(other.id))).id]
    if inside:
        return names[min(inside, key=natural)]
    numbers = [int(found[1]) for name in sizes if (found := re.fullmatch(r"group-([0-9]{1,6})", name))]
    return f"group-{max(numbers, default=len(sizes)) + 1}"


def _by_road(begin: str, ways: Ways) -> Iterable[str]:
    """Cameras by their distance along links (Dijkstra)."""
    reached, waiting = set[str](), [(0.0, natural(begin), begin)]
    while waiting:
        metres, _, camera = heapq.heappop(waiting)
        if camera not in reached:
            reached.add(camera)
            yield camera
            for other, step in ways.get(camera, {}).items():
                heapq.heappush(waiting, (metres + step, natural(other), other))


def _ways(campaign: Campaign) -> dict[str, dict[str, float]]:
    ways: dict[str, dict[str, float]] = {camera.id: {} for camera in campaign.cameras}
    for edge in RoadNetwork.of(campaign).edges:
        for one, other in (edge.pair, edge.pair[::-1]):
            ways[one][other] = min(edge.metres, ways[one].get(other, math.inf))
    return ways


def _cut(campaign: Campaign) -> list[list[str]]:
    """A campaign's cameras in parts of at most SIZE, in the order of their first cameras.

    Roads that are joined stay whole where they fit into a group; a longer network is cut into pieces that are grown along its
    links. Pieces that lie near to one another fill a group.
    """
    ids = sorted((camera.id for camera in campaign.cameras), key=natural)
    ways = _ways(campaign)
    found = _settled(_packed([piece for joined in _components(ids, ways) for piece in _pieces(joined, ways)], campaign), ways)
    plain = [ids[begin : begin + SIZE] for begin in range(0, len(ids), SIZE)]
    best = max(found, plain, key=lambda parts: _kept(parts, ways))
    return sorted((sorted(part, key=natural) for part in best), key=lambda part: natural(part[0]))


def _kept(parts: Iterable[Sequence[str]], ways: Ways) -> int:
    return sum(other in inside for part in parts for inside in [set(part)] for one in part for other in ways[one])


def _components(ids: Sequence[str], ways: Ways) -> list[list[str]]:
    """Cameras between which there is a way along links."""
    found, met = [], set[str]()
    for camera in ids:
        if camera not in met:
            together = list(_by_road(camera, ways))
            met.update(together)
            found.append(together)
    return found


def _pieces(joined: Sequence[str], ways: Ways) -> list[list[str]]:
    """A network in connected pieces of at most SIZE, as even as can be."""
    most = math.ceil(len(joined) / math.ceil(len(joined) / SIZE))
    left, pieces = set(joined), []
    while left:
        # From a loose end, so that nothing is left alone behind it.
        piece = [min(left, key=lambda camera: (len(left.intersection(ways[camera])), natural(camera)))]
        left.discard(piece[0])
        while len(piece) < most and (edge := {other for camera in piece for other in ways[camera]} & left):
            inside = set(piece)
            # The one with most links into it, then the one that would leave least behind.
            piece.append(min(edge, key=lambda c: (-len(inside & ways[c].keys()), len(left & ways[c].keys()), natural(c))))
            left.discard(piece[-1])
        pieces.append(piece)
    return pieces


def _packed(pieces: Sequence[Sequence[str]], campaign: Campaign) -> list[list[str]]:
    """Pieces put together: to the largest the nearest that fit."""
    even = math.ceil(len(campaign.cameras) / max(1, math.ceil(len(campaign.cameras) / SIZE)))
    middle = [_middle([campaign.camera(camera) for camera in piece]) for piece in pieces]
    left, parts = sorted(range(len(pieces)), key=lambda n: (-len(pieces[n]), middle[n])), []
    while left:
        part, here = list(pieces[left[0]]), middle[left[0]]
        taken = {left[0]}
        for number in sorted(left[1:], key=lambda n: math.dist(middle[n], here)):
            if len(part) >= even:
                break
            if len(part) + len(pieces[number]) <= SIZE:
                part += pieces[number]
                taken.add(number)
        left = [number for number in left if number not in taken]
        parts.append(part)
    return parts


def _middle(cameras: Sequence[Camera]) -> tuple[float, float]:
    """Of their places, on a plane: degrees of latitude, east too."""
    latitude, longitude = (sum(getattr(c, name) for c in cameras) / len(cameras) for name in ("latitude", "longitude"))
    return longitude * math.cos(math.radians(latitude)), latitude


def _settled(parts: Sequence[Sequence[str]], ways: Ways) -> list[list[str]]:
    """The same parts after every camera has gone where most of its links lead, while there is room."""
    where = {camera: number for number, part in enumerate(parts) for camera in part}
    sizes = [len(part) for part in parts]
    for _ in range(5):
        moved = False
        for camera in sorted(where, key=natural):
            links: dict[int, int] = defaultdict(int)
            for other in ways[camera]:
                links[where[other]] += 1
            best = max((n for n in links if sizes[n] < SIZE), key=lambda n: (links[n], -n), default=where[camera])
            if links[best] > links[where[camera]]:
                sizes[where[camera]] -= 1
                sizes[best] += 1
                where[camera], moved = best, True
        if not moved:
            break
    settled: dict[int, list[str]] = defaultdict(list)
    for camera, number in where.items():
        settled[number].append(camera)
    return list(settled.values())
