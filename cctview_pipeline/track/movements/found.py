"""A view's movements, found: who came in by which gate and left by which, each vehicle with its probabilities."""

from dataclasses import dataclass

import numpy as np

from cctview_pipeline.track.movements.chain import Chain
from cctview_pipeline.track.movements.gates import Ends, find_gates
from cctview_pipeline.track.movements.joining import joined
from cctview_pipeline.track.movements.naming import U_TURN, Movement, Rose, grid_of, in_company, turn_of
from cctview_pipeline.track.movements.oncoming import without_oncoming
from cctview_pipeline.track.movements.paths import Path, ViewPaths, path_of

WHOLE = 2
"""A movement is believed of which so many vehicles were seen from gate to gate;"""
SHARE = 0.04
"""or that has this share of the approach's vehicles, as the chain has it."""
BACK = 0.1
"""A way that leads back must have been seen whole by this share of those of its entry: tracks that jump to oncoming traffic look
like it, and few roads have a place to turn."""
AMONG = 80
"""Whole ways among which the most usual is looked for."""


@dataclass(frozen=True, kw_only=True)
class FoundView:
    """One view. vehicles: V, each the places of its tracks; paths: V; entries, exits: gates; movements: M, by name; weights:
    (V, M) the probability of each movement, whose sum falls short of 1 by what is not known; lines: of each movement the most
    usual way, (K, 2) m."""

    view: ViewPaths
    vehicles: list[list[int]]
    paths: list[Path]
    entries: Ends
    exits: Ends
    movements: list[Movement]
    weights: np.ndarray
    lines: list[np.ndarray]

    @property
    def moved(self) -> np.ndarray:
        """(V,) bool."""
        return np.array([path.moved for path in self.paths], bool)

    @property
    def unassigned(self) -> float:
        """Of the vehicles that moved the share of whose movement nothing is known."""
        moved = self.moved
        return float(1 - self.weights[moved].sum(axis=1).mean()) if moved.any() else 0.0


def find(view: ViewPaths, faces: str) -> FoundView:
    """faces: how the camera does, or empty."""
    view = without_oncoming(view)
    vehicles = joined(view)
    paths = [path_of(np.concatenate([view.paths[each].rows for each in members]), view.seen, view.ground) for members in vehicles]
    entries, exits = (find_gates(view, paths, first) for first in (True, False))
    chain = Chain(paths, entries, exits)
    came, went = chain.entered(), chain.leaves()
    rose = Rose(grid_of(np.concatenate([np.zeros(0), *(path.heading for path in paths)])), faces)
    named = _named(came, went, entries, exits, rose)
    movements = sorted(set(named.values()))
    weights = np.zeros((len(paths), len(movements)))
    for (entry, exit), movement in named.items():
        weights[:, movements.index(movement)] += came[:, entry] * went[:, exit]
    whole = [{pair for pair, each in named.items() if each == movement} for movement in movements]
    lines = [_usual(paths, weights[:, place], _seen_whole(entries, exits, pairs)) for place, pairs in enumerate(whole)]
    return FoundView(
        view=view,
        vehicles=vehicles,
        paths=paths,
        entries=entries,
        exits=exits,
        movements=movements,
        weights=weights,
        lines=lines,
    )


def _named(came: np.ndarray, went: np.ndarray, entries: Ends, exits: Ends, rose: Rose) -> dict[tuple[int, int], Movement]:
    """Pairs of gates that are believed to be movements."""
    flow = came.T @ went
    turns = {}
    for entry, gate in enumerate(entries.gates):
        for exit, other in enumerate(exits.gates):
            whole = int(((entries.of_path == entry) & (exits.of_path == exit)).sum())
            turn = turn_of(gate.heading, other.heading)
            much = flow[entry, exit] >= max(SHARE * flow[entry].sum(), WHOLE) and turn != U_TURN
            least = max(WHOLE, BACK * gate.ends) if turn == U_TURN else WHOLE
            if whole >= least or much:
                turns[entry, exit] = turn
    gates = {pair: (entries.gates[pair[0]], exits.gates[pair[1]]) for pair in turns}
    forth = [gates[pair] for pair, turn in turns.items() if turn != U_TURN]
    return {
        pair: rose.movement(*gates[pair], turn if turn == U_TURN else in_company(*gates[pair], forth))
        for pair, turn in turns.items()
    }


def _seen_whole(entries: Ends, exits: Ends, pairs: set[tuple[int, int]]) -> np.ndarray:
    """(V,) bool: from gate to gate."""
    return np.array([pair in pairs for pair in zip(entries.of_path.tolist(), exits.of_path.tolist(), strict=True)], bool)


def _usual(paths: list[Path], weights: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """(K, 2) m: of the ways of a movement that which is nearest to the others; those seen whole where there are any, else of the
    longest."""
    chosen = np.flatnonzero(whole)
    if not len(chosen):
        length = weights * np.array([len(path.places) for path in paths])
        return paths[int(length.argmax())].places
    chosen = chosen[np.linspace(0, len(chosen) - 1, min(AMONG, len(chosen))).round().astype(int)]
    ways = [_even(paths[each].places) for each in chosen]
    apart = np.array([[np.linalg.norm(one - other, axis=1).mean() for other in ways] for one in ways])
    return paths[int(chosen[np.median(apart, axis=1).argmin()])].places


def _even(places: np.ndarray, count: int = 16) -> np.ndarray:
    """(count, 2): so many points of a way, evenly along it."""
    at = np.linspace(0, len(places) - 1, count)
    return np.stack([np.interp(at, np.arange(len(places)), places[:, axis]) for axis in (0, 1)], axis=1)
