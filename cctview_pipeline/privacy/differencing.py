"""Which rows of a table of counts may be shown, so that nobody finds the others by subtraction.

Rows are cells and totals of cells. A row below k is never shown. If its neighbours in a total were all shown, it would be the
total minus them: so further cells are hidden, or totals withheld (complementary suppression: Cox, JASA 75, 1980).

**What holds.** Call a table possible when it has whole counts of 0 and more, agrees with every row that is shown, and has every
hidden cell on its true side of k. Then for every row that is not shown

- if its count is below k, it is 0 in one possible table and k - 1 or more in another (a cell: k - 1);
- else its counts in two possible tables differ by k - 1 or more.

So who sees all that is shown, knows that counts are whole and not negative, knows k, which rows are missing, that rows he was not
given are 0, and is even told which hidden cells are below k, learns of such a cell nothing more, and of no other row a range of
fewer than k counts. Against less knowledge the ranges are wider.

**Why.** For every such row the search finds *moves*: whole numbers added to hidden cells that sum to 0 within every shown total
and leave each cell on its side of k. True table plus move is a possible table, and a row is done when its moves reach as far as
said above. Hiding more never spoils a move, since it only takes conditions away: one pass is enough. It ends with every row done,
since a cell whose totals are all withheld moves alone. Nothing rests on a solver's tolerance, or on real numbers where only whole
ones can be.

What a move may cost is tried in this order: nothing; hiding cells; withholding totals of the most detailed set; hiding cells as
well; totals of the next set too; and so on. Moves go round a cycle in a two-way table and over the corners of a cube in a
three-way one, as in the hypercube method (Willenborg & de Waal, Elements of Statistical Disclosure Control, 2001). Fischetti and
Salazar (Management Science 47, 2001) hide the least possible by integer programming; this hides more, in seconds.

**What does not hold.** What is hidden for others' sake depends on counts: cells that have room, the largest first. Who runs this
rule on every possible table, and strikes out those for which it would have published something else, narrows the ranges (the
minimality attack: Wong, Fu, Wang and Pei, VLDB 2007). Of the cells 0, 3, 0, 4 with their total and k = 3, the total is withheld
only because both small cells are 0. Tried on random tables of 4 and 6 cells with k = 3, small enough to run through, it told 2 %
of the missing rows exactly and of 4 % more a range of fewer than k counts; how it is on large tables is not known. Who fears it
asks for no totals: every cell is then judged alone.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np

_FREE = 1 << 60
_LONGEST = 8  # cells of one move: the corners of a cube
_BRANCHES = 4
_TRIES = 12  # choices of a next cell, before a move is given up


def shown_rows(counts: np.ndarray, groups: np.ndarray, k: int) -> np.ndarray:
    """bool[n + m]: which of n cells and m totals may be shown.

    counts: int64[n], 0 and more. groups: int64[n, s], for each of s sets of totals the number, 0..m-1, of the cell's total; no
    number stands in two sets. The answer depends on the order of the cells: sort them, where it must not.
    """
    return _Suppression(counts, groups, k).run() if len(counts) else np.empty(0, bool)


@dataclass(frozen=True)
class _Loss:
    """What a move may cost. cells: whether shown ones may be hidden. sets: of how many, the most detailed, the totals may go."""

    cells: bool
    sets: int


class _Suppression:
    def __init__(self, counts: np.ndarray, groups: np.ndarray, k: int) -> None:
        self.k, self.cells, self.groups = k, len(counts), groups
        totals = int(groups.max(initial=-1)) + 1
        sums = np.zeros(totals, np.int64)
        self.members: list[np.ndarray] = [np.empty(0, np.int64)] * totals
        for column in groups.T:
            np.add.at(sums, column, counts)
            order = np.argsort(column, kind="stable")
            for part in np.split(order, np.flatnonzero(np.diff(column[order])) + 1):
                self.members[column[part[0]]] = part
        self.value = np.concatenate([counts, sums])
        self.shown = self.value >= k
        self.low, self.high = self.value.copy(), self.value.copy()  # how far moves have reached, of every row
        self.small = counts < k
        self.at = counts.copy()  # the cells, while a move is being put together
        sizes = np.array([len(np.unique(column)) for column in groups.T], np.int64)
        self.rank = np.zeros(totals, np.int64)
        for rank, column in enumerate(np.argsort(-sizes, kind="stable")):
            self.rank[groups[:, column]] = rank
        self.losses = [_Loss(cells, sets) for sets in range(groups.shape[1] + 1) for cells in (False, True)]
        self.net = np.zeros(totals, np.int64)  # what the steps of a move add to the totals
        self.size = np.array([len(each) for each in self.members], np.int64)
        self.taken = np.zeros(self.cells, bool)
        self.open = self.shown[self.cells :]  # a view: the totals that a move must leave alone
        self.waiting = deque(np.flatnonzero(~self.shown).tolist())

    def run(self) -> np.ndarray:
        while self.waiting:
            row = self.waiting.popleft()
            if not any(self._widen(row, loss) for loss in self.losses):
                raise AssertionError(f"Row {row} was not protected, though nothing is shown that could give it away.")
        return self.shown

    def _widen(self, row: int, loss: _Loss) -> bool:
        """Look for moves until the row's range is as wide as promised; False where there are none."""
        value, width = int(self.value[row]), self.k - 1
        if value < self.k:
            return self._reach(row, -value, loss) and self._reach(row, width - value, loss)
        if self.high[row] - self.low[row] >= width or self._reach(row, int(self.low[row]) + width - value, loss):
            return True
        return self._reach(row, int(self.high[row]) - width - value, loss)

    def _reach(self, row: int, far: int, loss: _Loss) -> bool:
        """Move the row by ``far``; what is shown and moves with it is hidden, if it may be and the row gets there."""
        if self.low[row] <= self.value[row] + far <= self.high[row]:
            return True
        sign, left = (1 if far > 0 else -1), abs(far)
        moved: dict[int, int] = {}
        while left and (steps := self._steps(row, sign, left, loss)):
            size = min(left, *(int(self._room(np.array([cell]), way)[0]) for cell, way in steps.items()))
            for cell, way in steps.items():
                self.at[cell] += way * size
                moved[cell] = moved.get(cell, 0) + way * size
            left -= size
        self.at[list(moved)] = self.value[list(moved)]
        if left and loss not in (self.losses[0], self.losses[-1]):
            return False  # nothing is hidden for half a way: but the first level hides nothing, and no other comes after the last
        self._note(moved)
        return not left

    def _note(self, moved: dict[int, int]) -> None:
        """A move is good for every row that it changes, not only for the one it was looked for."""
        changes = {cell: change for cell, change in moved.items() if change}
        for cell, change in list(changes.items()):
            for total in self.groups[cell].tolist():
                changes[self.cells + total] = changes.get(self.cells + total, 0) + change
        for row, change in changes.items():
            if change and self.shown[row]:
                self.shown[row] = False
                self.waiting.append(row)
            self.low[row] = min(self.low[row], self.value[row] + change)
            self.high[row] = max(self.high[row], self.value[row] + change)

    def _room(self, cells: np.ndarray, way: int) -> np.ndarray:
        """int64[n]: how far cells can go up (way 1) or down (-1) and stay on their side of k."""
        at, small = self.at[cells], self.small[cells]
        return np.where(small, self.k - 1 - at, _FREE) if way > 0 else np.where(small, at, at - self.k)

    def _steps(self, row: int, sign: int, left: int, loss: _Loss) -> dict[int, int]:
        """Cells, each 1 up or 1 down, that move the row by ``sign`` and no shown total; empty where none are found."""
        starts = np.array([row]) if row < self.cells else self.members[row - self.cells]
        starts = starts[~self.shown[starts]]
        room = self._room(starts, sign)
        starts = starts[np.argsort(-room, kind="stable")][: np.count_nonzero(room > 0)]
        for start in starts[:_BRANCHES].tolist():
            steps: dict[int, int] = {}
            self._take(steps, start, sign)
            self._tries = _TRIES
            found = self._balance(steps, left, loss, row - self.cells)
            taken = list(steps)
            self.net[self.groups[taken]], self.taken[taken] = 0, False
            if found:
                return steps
        return {}

    def _take(self, steps: dict[int, int], cell: int, way: int) -> None:
        steps[cell], self.taken[cell] = way, True
        self.net[self.groups[cell]] += way

    def _drop(self, steps: dict[int, int], cell: int) -> None:
        self.net[self.groups[cell]] -= steps.pop(cell)
        self.taken[cell] = False

    def _balance(self, steps: dict[int, int], left: int, loss: _Loss, barred: int) -> bool:
        """Take further cells until no shown total is changed. barred: a total to be changed, whose other cells stay."""
        touched = self.groups[list(steps)].ravel()
        off = touched[(self.net[touched] != 0) & self.open[touched] & (self.rank[touched] >= loss.sets)]
        if not len(off):
            return True
        if len(steps) == _LONGEST or self._tries == 0:
            return False
        self._tries -= 1
        total = off[np.lexsort((off, self.size[off]))[0]]
        way = -1 if self.net[total] > 0 else 1
        for cell in self._partners(total, way, steps, left, loss, barred):
            self._take(steps, cell, way)
            if self._balance(steps, left, loss, barred):
                return True
            self._drop(steps, cell)
        return False

    def _partners(self, total: int, way: int, steps: dict[int, int], left: int, loss: _Loss, barred: int) -> list[int]:
        """The best cells of a total to go the given way: they balance most, are hidden, have the room, are largest."""
        cells = self.members[total]
        room, shown = self._room(cells, way), self.shown[cells]
        usable = (room > 0) & ~self.taken[cells]
        if not loss.cells:
            usable &= ~shown
        if barred >= 0:
            usable &= (self.groups[cells] != barred).all(axis=1)
        cells, room, shown = cells[usable], room[usable], shown[usable]
        above = self.groups[cells]
        net = self.net[above]
        score = ((np.abs(net + way) - np.abs(net)) * self.open[above]).sum(axis=1)
        return cells[np.lexsort((-self.value[cells], room < left, shown, score))][:_BRANCHES].tolist()
