"""The graph of a campaign's cameras: its edges, and the roads that they make, each a chain of cameras without a choice.

Edges are the ``[[links]]`` of campaign.toml and those that its corridors stand for. A road is a corridor, or what links chain
together: it goes on through a camera's side into which one link leads and out of which one leads.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import pairwise

from cctview_pipeline.campaign import Camera, Campaign
from cctview_pipeline.links import FACINGS, named_side

ONWARD, BACK = "onward", "back"
"""Carriageways of a road that has no one compass direction: from its first camera to its last, and the other way."""
LETTERS = tuple(facing[0].upper() for facing in FACINGS)


@dataclass(frozen=True, kw_only=True)
class Edge:
    """From a camera to the next, for the traffic of one carriageway.

    leaves, enters: the sides of source and target, as the tracks' carriageways have them; metres: along the road as a link says,
    or along the great circle, so that an implied speed is a lower bound; road, carriageway: of which it is a part.
    """

    source: Camera
    target: Camera
    leaves: str
    enters: str
    metres: float
    road: str = ""
    carriageway: str = ""

    @property
    def pair(self) -> tuple[str, str]:
        """The ids of its cameras."""
        return self.source.id, self.target.id

    @property
    def id(self) -> str:
        """``cam-1--cam-2``: ids of cameras have no two hyphens in a row."""
        return "--".join(self.pair)


@dataclass(frozen=True)
class Road:
    """cameras: in order, one or more; metres: of each from the first; carriageways: letter, onward or back -> its edges, in the
    order in which its traffic passes them; none of what is not linked."""

    name: str
    cameras: tuple[Camera, ...]
    metres: tuple[float, ...]
    carriageways: Mapping[str, tuple[Edge, ...]]

    @property
    def ids(self) -> list[str]:
        """Of its cameras, in order."""
        return [camera.id for camera in self.cameras]

    @property
    def length(self) -> float:
        """Metres from the first camera to the last."""
        return self.metres[-1]

    def at(self, camera: str) -> float:
        """Metres of a camera from the first."""
        return self.metres[self.ids.index(camera)]

    def part(self, first: int, last: int) -> "Road":
        """Of the cameras from one place to another, exclusive."""
        cameras = self.cameras[first:last]
        inside = {camera.id for camera in cameras}
        ways = {name: tuple(e for e in edges if {*e.pair} <= inside) for name, edges in self.carriageways.items()}
        return Road(self.name, cameras, tuple(each - self.metres[first] for each in self.metres[first:last]), ways)


@dataclass(frozen=True)
class RoadNetwork:
    """edges: by target in the campaign's order, no two of one pair of cameras; roads: every camera stands at one or more."""

    edges: tuple[Edge, ...]
    roads: tuple[Road, ...]

    @classmethod
    def of(cls, campaign: Campaign) -> "RoadNetwork":
        """The same network of one campaign is made once."""
        return _network(campaign)

    @cached_property
    def _into(self) -> Mapping[str, list[Edge]]:
        return _grouped((edge.target.id, edge) for edge in self.edges)

    @cached_property
    def _out(self) -> Mapping[str, list[Edge]]:
        return _grouped((edge.source.id, edge) for edge in self.edges)

    def edges_into(self, camera_id: str) -> list[Edge]:
        """Where a camera's vehicles come from."""
        return self._into.get(camera_id, [])

    def edge(self, source: str, target: str) -> Edge | None:
        """From one camera to another; None where no link leads there."""
        return next((edge for edge in self.edges_into(target) if edge.source.id == source), None)

    def neighbours(self, camera_id: str) -> list[Camera]:
        """The cameras that its vehicles come from or go to."""
        there = [edge.source for edge in self.edges_into(camera_id)] + [edge.target for edge in self._out.get(camera_id, [])]
        return list({camera.id: camera for camera in there}.values())

    def road_of(self, camera_id: str) -> Road:
        """The first road that a camera stands at."""
        return next(road for road in self.roads if camera_id in road.ids)

    def road_past(self, cameras: Sequence[Camera]) -> Road:
        """The road at which all of these cameras stand; where none is, the way past them in this order."""
        ids = {camera.id for camera in cameras}
        whole = next((road for road in self.roads if ids.issubset(road.ids)), None)
        if whole:
            return whole
        passed = list({camera.id: camera for camera in cameras}.values())
        edges = [(one, other, self.edge(one.id, other.id)) for one, other in pairwise(passed)]
        steps = [edge.metres if edge else one.distance_m(other) for one, other, edge in edges]
        return Road(f"{passed[0].id} to {passed[-1].id}", tuple(passed), _summed(steps), {})


def heading(faces: str, source: Camera, target: Camera) -> str:
    """The compass direction, of the two that a camera's road has, that leads from source to target."""
    if faces in ("north", "south"):
        return "N" if target.latitude > source.latitude else "S"
    return "E" if target.longitude > source.longitude else "W"


@lru_cache(maxsize=8)
def _network(campaign: Campaign) -> RoadNetwork:
    corridors = _grouped((camera.corridor, camera) for camera in campaign.cameras if camera.corridor)
    corridors = {name: sorted(cameras, key=lambda camera: camera.order) for name, cameras in corridors.items()}
    linked = {link.pair: link for link in campaign.links}
    edges: dict[tuple[str, str], Edge] = {}
    for name, cameras in corridors.items():
        for one, other in pairwise(cameras):
            for edge in (_implied(name, one, other), _implied(name, other, one)):
                if edge and edge.pair not in linked:
                    edges[edge.pair] = edge
    ahead = {pair for cameras in corridors.values() for one, other in pairwise(cameras) for pair in _both(one.id, other.id)}
    apart: list[Edge] = []
    for pair, link in linked.items():
        source, target = (campaign.camera(each) for each in pair)
        leaves = named_side(source.faces, link.leaves) if link.leaves else heading(source.faces, source, target)
        enters = named_side(target.faces, link.enters) if link.enters else heading(target.faces, source, target)
        if not (leaves and enters):
            raise ValueError(f"The campaign has not looked at its link {pair}.")
        edge = Edge(source=source, target=target, leaves=leaves, enters=enters, metres=link.metres)
        if pair in ahead and leaves in LETTERS:
            edges[pair] = replace(edge, road=source.corridor, carriageway=leaves)
        else:
            apart.append(edge)
    roads = [_corridor(name, cameras, edges) for name, cameras in corridors.items()]
    chained = _chains(apart)
    on_chain = {camera.id for road in chained for camera in road.cameras}
    roads = [road for road in roads if road.carriageways or not on_chain.issuperset(road.ids)]
    on_road = {camera.id for road in (*roads, *chained) for camera in road.cameras}
    alone = [Road(each.id, (each,), (0.0,), {}) for each in campaign.cameras if each.id not in on_road]
    edges |= {edge.pair: edge for road in chained for way in road.carriageways.values() for edge in way}
    place = {camera.id: number for number, camera in enumerate(campaign.cameras)}
    ordered = sorted(edges.values(), key=lambda edge: place[edge.target.id])
    return RoadNetwork(tuple(ordered), tuple(sorted(roads, key=lambda road: road.name)) + tuple(chained) + tuple(alone))


def _implied(corridor: str, source: Camera, target: Camera) -> Edge | None:
    """What a corridor says of two cameras that follow each other; nothing where nobody knows how one of them faces."""
    if not (source.faces and target.faces):
        return None
    leaves, enters = (heading(camera.faces, source, target) for camera in (source, target))
    metres = source.distance_m(target)
    return Edge(source=source, target=target, leaves=leaves, enters=enters, metres=metres, road=corridor, carriageway=leaves)


def _corridor(name: str, cameras: Sequence[Camera], edges: Mapping[tuple[str, str], Edge]) -> Road:
    steps = [
        edges[one.id, other.id].metres if (one.id, other.id) in edges else one.distance_m(other)
        for one, other in pairwise(cameras)
    ]
    there = [edges[each] for one, other in pairwise(cameras) if (each := (one.id, other.id)) in edges]
    back = [edges[each] for one, other in pairwise(cameras[::-1]) if (each := (one.id, other.id)) in edges]
    found = _grouped((edge.carriageway, edge) for edge in (*there, *back) if edge.road == name)
    return Road(name, tuple(cameras), _summed(steps), {side: tuple(ways) for side, ways in found.items()})


def _chains(edges: Sequence[Edge]) -> list[Road]:
    """Every edge is a part of one road; two chains of the same cameras, there and back, are one."""
    chains = _split(edges)
    by_cameras = {_passed(chain): chain for chain in chains}
    ends = Counter((passed[0], passed[-1]) for passed in by_cameras)
    roads, taken = [], set()
    for passed, chain in by_cameras.items():
        if passed in taken:
            continue
        back = by_cameras.get(passed[::-1], [])
        taken |= {passed, passed[::-1]}
        via = f" via {passed[1]}" if ends[passed[0], passed[-1]] > 1 and len(passed) > 2 else ""
        name = f"{passed[0]} to {passed[-1]}{via}"
        ways = {}
        for way, label in ((chain, ONWARD), (back, BACK)):
            if way:
                letters = {side for edge in way for side in (edge.leaves, edge.enters)}
                side = letters.pop() if len(letters) == 1 and letters <= {*LETTERS} else label
                ways[side] = tuple(replace(edge, road=name, carriageway=side) for edge in way)
        cameras = (chain[0].source, *(edge.target for edge in chain))
        roads.append(Road(name, cameras, _summed([edge.metres for edge in chain]), ways))
    return roads


def _split(edges: Sequence[Edge]) -> list[list[Edge]]:
    out = _grouped(((edge.source.id, edge.leaves), edge) for edge in edges)
    into = _grouped(((edge.target.id, edge.enters), edge) for edge in edges)
    goes_on = {node for node, found in into.items() if len(found) == 1 and len(out.get(node, [])) == 1}
    begins = [edge for edge in edges if (edge.source.id, edge.leaves) not in goes_on]
    chains, taken = [], set()
    for first in (*begins, *edges):  # the rest are loops, which begin anywhere
        if first.pair in taken:
            continue
        chain = [first]
        taken.add(first.pair)
        while (node := (chain[-1].target.id, chain[-1].enters)) in goes_on:
            (after,) = out[node]
            if after.pair in taken or after.target.id in _passed(chain):
                break
            chain.append(after)
            taken.add(after.pair)
        chains.append(chain)
    return chains


def _passed(chain: Sequence[Edge]) -> tuple[str, ...]:
    return (chain[0].source.id, *(edge.target.id for edge in chain))


def _both(one: str, other: str) -> tuple[tuple[str, str], tuple[str, str]]:
    return (one, other), (other, one)


def _summed(steps: Iterable[float]) -> tuple[float, ...]:
    along = [0.0]
    for step in steps:
        along.append(along[-1] + step)
    return tuple(along)


def _grouped(pairs: Iterable[tuple]) -> dict:
    found = defaultdict(list)
    for key, value in pairs:
        found[key].append(value)
    return dict(found)
