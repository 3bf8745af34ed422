"""The rules of each kind of board, as constraints between cells that can be counted.

Queens: no two in a column or diagonal. Colouring: no two neighbours of a colour. Latin squares: no two equal numbers in a row
or column. Sudoku: nor in a box. Paths: each end has one neighbour on the path, each other node on it two, and there are as many
nodes on it as on a shortest path, which leaves no room for a circle beside it.

Dimension letters: `n` problems, `k` cells, `m` pairs of cells.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations
from math import isqrt

import numpy as np

from alchemy.problem.task import Problem
from tasks.boards.spec import ON_PATH, Kind, Spec


@lru_cache(maxsize=32)
def pairs(kind: Kind, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of cells that may not have the same value, int (m,) each, the lower cell first; on a graph all pairs."""
    if kind not in ("latin", "sudoku"):
        first, second = np.triu_indices(size, 1)
        return first, second
    box = isqrt(size) if kind == "sudoku" else 0

    def meet(one: int, other: int) -> bool:
        (row, column), (row2, column2) = divmod(one, size), divmod(other, size)
        same_box = box > 0 and row // box == row2 // box and column // box == column2 // box
        return row == row2 or column == column2 or same_box

    met = np.array([pair for pair in combinations(range(size**2), 2) if meet(*pair)])
    return met[:, 0], met[:, 1]


def clash(kind: Kind, first: np.ndarray, second: np.ndarray, apart: np.ndarray | int) -> np.ndarray:
    """Whether values of two cells that are so far `apart` break the rule of a pair, bool (n, m)."""
    equal = first == second
    return equal | (abs(first.astype(int) - second) == apart) if kind == "queens" else equal


@lru_cache(maxsize=16)
def excluded(kind: Kind, size: int, values: int) -> np.ndarray:
    """Which values of which cells each value of each cell rules out, bool (k, v, k, v); on a graph, if the two are neighbours."""
    first, second = pairs(kind, size)
    value = np.arange(values)
    broken = clash(kind, value[:, None, None], value[:, None], second - first)  # (v, v, m)
    k = int(second.max()) + 1
    table = np.zeros((k, values, k, values), bool)
    table[first, :, second] = table[second, :, first] = broken.transpose(2, 0, 1)
    return table


def by_fewest(spec: Spec, problem: Problem, first: np.ndarray | None = None) -> np.ndarray:
    """The blanks in the order in which they are filled in that have the fewest values left, of several the first, int (n, b),
    padded with -1; behind the cells `first` int (n, f), -1 for any."""
    given, filled = problem["given"], problem["filled"]
    (n, k), table, rows = given.shape, excluded(spec.kind, spec.side, spec.values), np.arange(len(given))
    near = adjacent(problem["graph"]) if spec.is_graph else None
    left, open_ = np.ones((n, k, spec.values), bool), given < 0

    def fill(row: np.ndarray, cell: np.ndarray) -> None:
        out = table[cell, filled[row, cell]]
        left[row] &= ~(out if near is None else out & near[row, cell][:, :, None])

    for given_cell in range(k):
        row = np.flatnonzero(~open_[:, given_cell])
        fill(row, np.full(len(row), given_cell))
    order = np.full((n, int(open_.sum(axis=1).max(initial=0))), -1)
    for place in range(order.shape[1]):
        cell = np.where(open_, left.sum(axis=2), spec.values + 1).argmin(axis=1)
        if first is not None and place < first.shape[1]:
            cell = np.where(first[:, place] >= 0, first[:, place], cell)
        row = rows[open_.any(axis=1)]
        order[row, place] = cell[row]
        fill(row, cell[row])
        open_[row, cell[row]] = False
    return order


def adjacent(graph: np.ndarray) -> np.ndarray:
    """Who is next to whom, bool (n, k, k), from the neighbours of each node as bits, uint16 (n, k)."""
    return (graph[:, :, None] >> np.arange(graph.shape[1], dtype=np.uint16)) & 1 > 0


def conflicts(spec: Spec, problem: Problem, filled: np.ndarray) -> np.ndarray:
    """Violated constraints of boards int (n, k), int32 (n,): pairs, nodes, changed givens, and values that there are none of."""
    count = _not_allowed(spec, problem, filled).sum(axis=1)
    if spec.kind == "paths":
        on = filled == ON_PATH
        shortest = (problem["filled"] == ON_PATH).sum(axis=1)
        count = count + _wrong_nodes(problem, on).sum(axis=1) + abs(on.sum(axis=1) - shortest)
    else:
        count = count + _broken_pairs(spec, problem, filled).sum(axis=1)
    return count.astype(np.int32)


def in_conflict(spec: Spec, problem: Problem, filled: np.ndarray) -> np.ndarray:
    """Cells of boards int (n, k) that have a part in a violated constraint, bool (n, k); that a path is too long is no cell's."""
    wrong = _not_allowed(spec, problem, filled)
    if spec.kind == "paths":
        return wrong | _wrong_nodes(problem, filled == ON_PATH)
    row, pair = np.nonzero(_broken_pairs(spec, problem, filled))
    for cell in pairs(spec.kind, spec.side):
        wrong[row, cell[pair]] = True
    return wrong


def _not_allowed(spec: Spec, problem: Problem, filled: np.ndarray) -> np.ndarray:
    """Cells whose given value was changed, or whose value there is none of, bool (n, k)."""
    given = problem["given"]
    return np.asarray(((given >= 0) & (filled != given)) | (filled < 0) | (filled >= spec.values))


def _broken_pairs(spec: Spec, problem: Problem, filled: np.ndarray) -> np.ndarray:
    """Pairs of cells with values that clash, bool (n, m)."""
    first, second = pairs(spec.kind, spec.side)
    there = (filled >= 0) & (filled < spec.values)
    broken = clash(spec.kind, filled[:, first], filled[:, second], second - first) & there[:, first] & there[:, second]
    return broken & adjacent(problem["graph"])[:, first, second] if spec.is_graph else broken


def _wrong_nodes(problem: Problem, on: np.ndarray) -> np.ndarray:
    """Nodes of paths bool (n, k) that have not as many neighbours on it as they should, and ends that are not on it: bool (n, k)."""
    degree = (adjacent(problem["graph"]) & on[:, None]).sum(axis=2)
    is_end = np.zeros(on.shape, bool)
    np.put_along_axis(is_end, problem["ends"].astype(np.intp), True, axis=1)
    return (on & (degree != np.where(is_end, 1, 2))) | (is_end & ~on)
