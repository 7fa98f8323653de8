"""From any place of a way: by which gate its vehicle came in, and by which it will leave, as others went that were there.

A Markov chain over small parts of the ground and ways of heading, with the gates as the states in which it ends (Kemeny and
Snell, Finite Markov Chains, 1960, chapter 3): forwards for the exits, backwards for the entries. What is seen of a way decides
more than where it is by the parts that it passes: who has begun to turn is where, and heads as, only those are who turn. Where a
track breaks off it says nothing of what comes next, and is left out of the shares; where nobody ever went on, nothing is known.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import coo_matrix, identity
from scipy.sparse.linalg import spsolve

from cctview_pipeline.track.movements.gates import Ends
from cctview_pipeline.track.movements.paths import Path

CELL_M, CELL_SHARE = 4.0, 0.1
"""A part of the ground is so long and wide, and far away this share of its distance."""
HEADINGS = 12
"""Ways of heading that are told apart."""


@dataclass(frozen=True)
class Chain:
    """paths: of vehicles; those that are odd teach nothing, and nothing is known of them; entries, exits: their gates."""

    paths: list[Path]
    entries: Ends
    exits: Ends

    @cached_property
    def _states(self) -> tuple[list[np.ndarray], int]:
        """Of each path the numbers of its points' states, without repeats; and how many states there are."""
        keys = [states_of(path) for path in self.paths]
        joined = np.concatenate([np.zeros((0, 3), np.int64), *keys])
        if not len(joined):
            return [np.zeros(0, np.int64) for _ in keys], 0
        found, number = np.unique(joined, axis=0, return_inverse=True)
        parts = np.split(number.ravel(), np.cumsum([len(each) for each in keys])[:-1])
        return [each[np.concatenate([[True], np.diff(each) != 0])] if len(each) else each for each in parts], len(found)

    def entered(self) -> np.ndarray:
        """(P, E + 1): the probability of every entry for each path, and last that nothing is known; of who did not move, all of
        that."""
        return self._ends(self.entries, [each[::-1] for each in self._states[0]])

    def leaves(self) -> np.ndarray:
        """(P, X + 1): likewise of every exit."""
        return self._ends(self.exits, self._states[0])

    def _ends(self, ends: Ends, ways: list[np.ndarray]) -> np.ndarray:
        """ways: of each path its states, in the order in which they lead to the ends."""
        count, gates = self._states[1], len(ends.gates)
        absorbed = _absorbed(ways, ends, count)
        found = np.zeros((len(ways), gates + 1))
        for row, (way, gate) in enumerate(zip(ways, ends.of_path.tolist(), strict=True)):
            if gate >= 0:
                found[row, gate] = 1.0
            elif len(way):
                found[row] = absorbed[way[-1]]
            else:
                found[row, -1] = 1.0
        return found


def states_of(path: Path) -> np.ndarray:
    """(K, 3) numbers of the parts of the ground and the ways of heading at the points of a path."""
    if not path.moved or path.odd:
        return np.zeros((0, 3), np.int64)
    x, ahead = path.places.T
    # Rows grow with the distance; where that begins, both rules have one row's edge.
    turn = CELL_M / CELL_SHARE
    row = np.where(ahead < turn, ahead / CELL_M, turn / CELL_M + np.log(np.maximum(ahead, turn) / turn) / CELL_SHARE)
    wide = np.maximum(CELL_M, CELL_SHARE * ahead)
    octant = np.round(path.heading / (2 * np.pi / HEADINGS)) % HEADINGS
    return np.stack([np.floor(x / wide + 0.5), np.floor(row), octant], axis=1).astype(np.int64)


def _absorbed(ways: list[np.ndarray], ends: Ends, count: int) -> np.ndarray:
    """(S, G + 1): from every state, where the chain ends."""
    gates = len(ends.gates)
    steps = [np.stack([each[:-1], each[1:]]) for each in ways if len(each) > 1]
    one, other = np.concatenate([np.zeros((2, 0), np.int64), *steps], axis=1)
    finished = [(way[-1], gate) for way, gate in zip(ways, ends.of_path.tolist(), strict=True) if gate >= 0 and len(way)]
    last, gate = np.array(finished, np.int64).reshape(-1, 2).T
    out = np.bincount(one, minlength=count) + np.bincount(last, minlength=count)
    share = 1.0 / np.maximum(out, 1)
    onward = coo_matrix((share[one], (one, other)), shape=(count, count)).tocsc()
    goal = np.zeros((count, gates + 1))
    np.add.at(goal, (last, gate), share[last])
    goal[out == 0, gates] = 1.0
    # A ring of states without a way out would have no answer: a little of every step is lost to what is not known.
    lost = 1e-6
    goal[:, gates] += lost * (out > 0)
    found = np.asarray(spsolve(identity(count, format="csc") - (1 - lost) * onward, goal)).reshape(count, gates + 1)
    found = np.clip(found, 0, None)
    return found / np.maximum(found.sum(axis=1, keepdims=True), 1e-12)
