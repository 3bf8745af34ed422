"""Sudoku of 9 rows: all solutions of many boards at once, by elimination and branching, and solved boards to begin with.

Each cell has a set of candidates, as bits. A cell with one candidate takes it from its peers; a number that has one cell left in
a row, column or box goes there; where neither says more, the cell with the fewest candidates is tried with each of them. Boards
of many problems are worked on side by side.

Dimension letters: `n` problems, `b` boards in work, `s` solutions that a problem has at most.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

SIDE, BOX, CELLS = 9, 3, 81
ALL = np.uint16((1 << SIDE) - 1)
GRIDS = 64
"""Solved boards from which others are made by symmetries."""
AT_ONCE = 1 << 8
"""Boards in work at the same time."""
MOST_BLANKED = 24
"""Cells that are blanked together, as long as that leaves one solution."""


@dataclass(frozen=True, eq=False)
class Found:
    """Solutions of each problem, one after the other."""

    boards: np.ndarray  # int8 (n, s, 81), padded with -1
    sets: np.ndarray  # uint64 (n, 1): a bit for each solution

    def having(self, cell: np.ndarray, value: np.ndarray) -> np.ndarray:
        """Those with a value in a cell, uint64 (n, 1); all where it is -1."""
        rows = np.arange(len(self.boards))
        held = (self.boards[rows, :, cell] == np.asarray(value)[:, None]) | (np.asarray(value) < 0)[:, None]
        bits = held.astype(np.uint64) << np.arange(held.shape[1], dtype=np.uint64)
        return np.bitwise_or.reduce(bits, axis=1, keepdims=True)

    def at(self, place: np.ndarray) -> np.ndarray:
        """The solution at a place of each problem, int8 (n, 81)."""
        return self.boards[np.arange(len(self.boards)), np.minimum(place, self.boards.shape[1] - 1)]


def found(given: np.ndarray, most: int) -> Found:
    """The solutions of boards int8 (n, 81), -1 for blanks, in the order of their values; of more than `most` (at most 64), some."""
    owner, solved = search(given, most)
    order = np.lexsort((*solved.T[::-1], owner))
    owner, solved = owner[order], solved[order]
    place = np.arange(len(owner)) - np.searchsorted(owner, owner)
    owner, solved, place = owner[place < most], solved[place < most], place[place < most]
    boards = np.full((len(given), max(1, int(place.max(initial=0)) + 1), CELLS), -1, np.int8)
    boards[owner, place] = solved
    bits = (boards[:, :, 0] >= 0).astype(np.uint64) << np.arange(boards.shape[1], dtype=np.uint64)
    return Found(boards, np.bitwise_or.reduce(bits, axis=1, keepdims=True))


def search(given: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Solutions int8 (m, 81) of boards int8 (n, 81) and the problem that each solves, int (m,); of a problem with more than
    `most` at least so many."""
    waiting, owner, count = _candidates(given), np.arange(len(given)), np.zeros(len(given), int)
    owners, boards = [np.zeros(0, int)], [np.zeros((0, CELLS), np.int8)]
    while len(waiting):
        open_, alive = _eliminated(waiting[-AT_ONCE:])  # those that are furthest, so that few are ever waiting
        open_, at = open_[alive], owner[-AT_ONCE:][alive]
        left = np.bitwise_count(open_)
        done = (left == 1).all(axis=1)
        owners.append(at[done])
        boards.append(np.bitwise_count(open_[done] - np.uint16(1)).astype(np.int8))
        count += np.bincount(at[done], minlength=len(count))
        open_, at = _branched(open_[~done], at[~done], left[~done])
        waiting, owner = np.concatenate([waiting[:-AT_ONCE], open_]), np.concatenate([owner[:-AT_ONCE], at])
        on = count[owner] < most
        waiting, owner = waiting[on], owner[on]
    return np.concatenate(owners), np.concatenate(boards)


def _candidates(given: np.ndarray) -> np.ndarray:
    """The numbers that boards int8 (n, 81) leave to each cell by itself, as bits: uint16 (n, 81)."""
    return np.where(given >= 0, np.uint16(1) << np.maximum(given, 0).astype(np.uint16), ALL)


def dug(filled: np.ndarray, order: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Which cells are blank if cells int (n, 81) of solved boards int8 (n, 81) are blanked in this order, each that leaves one
    solution, until so many are, int (n,): bool (n, 81); of boards without any such cell left, fewer."""
    n, rank = len(filled), np.argsort(order, axis=1)
    blank, tried, step = np.zeros(filled.shape, bool), np.zeros(n, int), np.full(n, MOST_BLANKED)
    while (active := np.flatnonzero((blank.sum(axis=1) < count) & (tried < CELLS))).size:
        size = np.minimum(step[active], (count - blank.sum(axis=1))[active])
        place = rank[active] - tried[active, None]
        more = blank[active] | ((place >= 0) & (place < size[:, None]))
        owner, _ = search(np.where(more, np.int8(-1), filled[active]), 2)
        one = np.bincount(owner, minlength=len(active)) == 1
        blank[active[one]] = more[one]
        tried[active] += np.where(one, size, size == 1)  # one cell that leaves more than one solution stays
        step[active] = np.where(one, size, np.maximum(1, size // 2))
    return blank


def _eliminated(open_: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Candidates uint16 (b, 81) after all that the two rules say, and which boards are still possible, bool (b,)."""
    open_, alive = open_.copy(), np.ones(len(open_), bool)
    active = np.arange(len(open_))
    while active.size:
        now = open_[active]
        groups = now[:, GROUPS]  # (b, 27, 9)
        single = np.where(np.bitwise_count(groups) == 1, groups, np.uint16(0))
        once, twice = _once(single)
        seen, more = _once(groups)
        possible = (twice == 0).all(axis=1) & (seen == ALL).all(axis=1) & (now > 0).all(axis=1)
        taken = np.bitwise_or.reduce(once[:, OF_CELL], axis=2)
        kept = np.where(np.bitwise_count(now) == 1, now, now & ~taken)
        only = np.bitwise_or.reduce((seen & ~more)[:, OF_CELL], axis=2) & kept
        kept = np.where(only > 0, only, kept)
        alive[active[~possible]] = False
        open_[active] = kept
        active = active[possible & (kept != now).any(axis=1)]
    return open_, alive


def _once(groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bits that are in any of nine sets, and those that are in two or more, uint16 (b, 27) each."""
    seen, more = np.zeros((2, *groups.shape[:2]), np.uint16)
    for place in range(SIDE):
        more |= seen & groups[:, :, place]
        seen |= groups[:, :, place]
    return seen, more


def _branched(open_: np.ndarray, owner: np.ndarray, left: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Boards with the cell of the fewest candidates, two at least, tried with each of them."""
    cell = np.where(left > 1, left, SIDE + 1).argmin(axis=1)
    choices = open_[np.arange(len(open_)), cell][:, None] & (np.uint16(1) << np.arange(SIDE, dtype=np.uint16))
    row, value = np.nonzero(choices)
    boards = open_[row]
    boards[np.arange(len(row)), cell[row]] = choices[row, value]
    return boards, owner[row]


def _groups() -> np.ndarray:
    """The cells of rows, columns and boxes, int (27, 9)."""
    cell = np.arange(CELLS).reshape(SIDE, SIDE)
    boxes = cell.reshape(BOX, BOX, BOX, BOX).swapaxes(1, 2).reshape(SIDE, SIDE)
    return np.concatenate([cell, cell.T, boxes])


GROUPS = _groups()
OF_CELL = np.array([np.flatnonzero(np.equal(GROUPS, cell).any(axis=1)) for cell in range(CELLS)])
"""The row, column and box of each cell, int (81, 3)."""


@lru_cache(maxsize=1)
def solved_grids() -> np.ndarray:
    """Solved boards, always the same, int8 (GRIDS, 81): numbers at random places until a solution is found."""
    rng = np.random.default_rng(0)
    solved: list[np.ndarray] = []
    while len(solved) < GRIDS:
        given = np.full((1, CELLS), -1, np.int8)
        box = rng.permuted(np.tile(np.arange(SIDE), (BOX, 1)), axis=1)
        for place in range(BOX):  # the boxes of a diagonal do not meet
            given[0, GROUPS[2 * SIDE + 4 * place]] = box[place]
        solved.append(_some_solution(_candidates(given), rng))
    return np.concatenate(solved)


def _some_solution(open_: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A solution of one board with candidates uint16 (1, 81), found by trying numbers in a random order: int8 (1, 81)."""
    stack = [open_]
    while stack:
        open_, alive = _eliminated(stack.pop())
        left = np.bitwise_count(open_)
        if alive[0] and (left == 1).all():
            return np.bitwise_count(open_ - np.uint16(1)).astype(np.int8)
        if alive[0]:
            boards, _ = _branched(open_, np.zeros(1, int), left)
            stack += [boards[place : place + 1] for place in rng.permutation(len(boards))]
    raise AssertionError("a board with three filled boxes on its diagonal has a solution")


def grids(rng: np.random.Generator, n: int) -> np.ndarray:
    """Solved boards int8 (n, 81): any of `solved_grids` under a random symmetry, of which there are 1,218,998,108,160."""
    board = solved_grids()[rng.integers(GRIDS, size=n)].reshape(n, SIDE, SIDE)
    row = np.arange(n)[:, None]
    board = np.where(rng.random((n, 1, 1)) < 0.5, board, board.swapaxes(1, 2))
    board = board[row, _lines(rng, n)].swapaxes(1, 2)
    board = board[row, _lines(rng, n)]
    number = rng.permuted(np.tile(np.arange(SIDE, dtype=np.int8), (n, 1)), axis=1)
    return np.take_along_axis(number, board.reshape(n, CELLS).astype(np.intp), axis=1)


def _lines(rng: np.random.Generator, n: int) -> np.ndarray:
    """Orders of lines that keep those of a box together, int (n, 9)."""
    band = rng.permuted(np.tile(np.arange(BOX), (n, 1)), axis=1)
    within = rng.permuted(np.tile(np.arange(BOX), (n, BOX, 1)), axis=2)
    return (BOX * band[:, :, None] + np.take_along_axis(within, band[:, :, None], axis=1)).reshape(n, SIDE)
