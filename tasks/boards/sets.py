"""Exact sets of solutions: all boards that obey the rules are listed once, and a problem's are a set of bits among them.

A set has a bit for each listed board. What a cell holds, and on a graph what its neighbours are, are such sets as well, made
once; the solutions of a problem are what is in all of them, so that a problem takes some dozen words of 64 bits. Queens of 8
rows have 92 boards, Sudoku of 4 rows 288, Latin squares of 4 and 5 rows 576 and 161,280. On graphs all colourings of the nodes
are listed, 3^k, or all sets of nodes, 2^k. Sudoku of 9 rows is searched instead (`tasks/boards/search.py`).

Dimension letters: `n` problems, `k` cells, `m` listed boards, `w` words of 64 of them, `v` values.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Protocol

import numpy as np

from alchemy.problem.task import Problem
from tasks.boards.constraints import clash, pairs
from tasks.boards.search import found
from tasks.boards.spec import COLOURS, MOST_SEARCHED, ON_PATH, Kind, Spec

BLOCK_WORDS, MOST_ROWS = 1 << 16, 1 << 14
"""Words of the sets of problems that are worked on at once, so that they stay in the cache, and problems at most."""
SPARSE, KNOWN = 1 << 9, 4
"""Of sets of more words than these few are left once so many cells are known, and only those are gone through."""


class BoardList(Protocol):
    """Boards among which solutions are a set."""

    def having(self, cell: np.ndarray, value: np.ndarray) -> np.ndarray:
        """For each problem the set of boards with that value in that cell, of all where it is -1: uint64 (n, w)."""

    def at(self, place: np.ndarray) -> np.ndarray:
        """For each problem the board at a place, int8 (n, k)."""


@dataclass(frozen=True, eq=False)
class Listed:
    """All boards that obey the rules which hold for every problem."""

    boards: np.ndarray  # int8 (m, k), in the order of their values
    by_value: np.ndarray  # uint64 (k, v + 1, w): those with a value in a cell; the last, which is -1 as well, all
    by_neighbours: tuple[np.ndarray, ...]
    """For each node, by its neighbours as bits (those before it for colours), the boards that are right around it, uint64
    (2^j, w); of paths twice as many, as a node inside the path and as an end of it."""

    def having(self, cell: np.ndarray, value: np.ndarray) -> np.ndarray:
        return self.by_value[cell, value]

    def at(self, place: np.ndarray) -> np.ndarray:
        return self.boards[np.minimum(place, len(self.boards) - 1)]


@dataclass(frozen=True, eq=False)
class Solutions:
    """The solutions of each of some problems."""

    boards: BoardList
    sets: np.ndarray  # uint64 (n, w)

    def count(self) -> np.ndarray:
        """How many there are, int64 (n,)."""
        return np.bitwise_count(self.sets).sum(axis=1, dtype=np.int64)

    def where(self, cell: np.ndarray, value: np.ndarray) -> Solutions:
        """Those with a value in a cell, int (n,) each; all where it is -1."""
        return Solutions(self.boards, self.sets & self.boards.having(cell, value))

    def nth(self, number: np.ndarray) -> np.ndarray:
        """The solution of each problem that so many others precede, int8 (n, k), any board where there are not as many."""
        counts = np.bitwise_count(self.sets).astype(np.int64)
        before = np.cumsum(counts, axis=1)
        row, word = np.arange(len(counts)), (before[:, :-1] <= number[:, None]).sum(axis=1)
        left = number - before[row, word] + counts[row, word]
        bits = np.unpackbits(self.sets[row, word].astype("<u8")[:, None].view(np.uint8), axis=1, bitorder="little")
        return self.boards.at(64 * word + (np.cumsum(bits, axis=1)[:, :-1] <= left[:, None]).sum(axis=1))


def blocks(spec: Spec, problem: Problem) -> Iterator[tuple[slice, Problem]]:
    """Problems some at a time, so that their sets stay in the cache."""
    words = len(listed(spec.kind, spec.side).by_value[0, 0]) if spec.is_listed else BLOCK_WORDS // SPARSE
    size, n = max(1, min(MOST_ROWS, BLOCK_WORDS // words)), len(problem["given"])
    for start in range(0, n, size):
        rows = slice(start, start + size)
        yield rows, {name: values[rows] for name, values in problem.items()}


def solutions(spec: Spec, problem: Problem, most: int = MOST_SEARCHED + 1) -> Solutions:
    """What solves problems: `given` int8 (n, k), and on a graph `graph` uint16 (n, k) and `ends` int8 (n, 2).

    Where boards are searched and not listed, some `most` of those that have more.
    """
    if not spec.is_listed:
        searched = found(problem["given"], most)
        return Solutions(searched, searched.sets)
    boards = listed(spec.kind, spec.side)
    return Solutions(boards, with_values(boards, _right_around(boards, spec, problem), problem["given"]))


def with_values(boards: Listed, sets: np.ndarray, given: np.ndarray) -> np.ndarray:
    """What of sets uint64 (n, w) has all values of boards int8 (n, k), -1 for blanks."""
    cell = np.argsort(given < 0, axis=1, kind="stable")[:, : int((given >= 0).sum(axis=1).max(initial=0))]
    value = np.take_along_axis(given, cell, axis=1)
    dense = KNOWN if sets.shape[1] > SPARSE else cell.shape[1]
    for place in range(min(dense, cell.shape[1])):
        sets = sets & boards.by_value[cell[:, place], value[:, place]]
    if cell.shape[1] > dense:
        row, word = np.nonzero(sets)
        left = sets[row, word]
        for place in range(dense, cell.shape[1]):
            left &= boards.by_value[cell[row, place], value[row, place], word]
        sets = np.zeros_like(sets)
        sets[row, word] = left
    return sets


def _right_around(boards: Listed, spec: Spec, problem: Problem) -> np.ndarray:
    """Boards that are right by the graph of each problem, uint64 (n, w)."""
    n, k = problem["given"].shape
    sets = np.repeat(boards.by_value[0, -1:], n, axis=0)
    if not spec.is_graph:
        return sets
    graph = problem["graph"].astype(np.intp)
    for cell in range(k):
        near = graph[:, cell]
        if spec.kind == "colouring":
            sets &= boards.by_neighbours[cell][near & ((1 << cell) - 1)]
        else:
            is_end = (problem["ends"] == cell).any(axis=1)
            sets &= boards.by_neighbours[cell][near + (is_end << k)]
    if spec.kind == "paths":
        left = np.ones(n, bool)
        for nodes in _by_count(k):  # of the shortest that there are, all
            some = sets & nodes
            has = left & (some != 0).any(axis=1)
            sets[has] = some[has]
            left &= ~has
    return sets


@lru_cache(maxsize=16)
def listed(kind: Kind, size: int) -> Listed:
    """The boards of a kind and size, and the sets that solutions are made of."""
    if kind == "paths":
        boards = np.array(list(product((0, ON_PATH), repeat=size)), np.int8)
    elif kind == "colouring":
        boards = np.array(list(product(range(COLOURS), repeat=size)), np.int8)
    else:
        boards = _without_clash(kind, size)
    values = {"colouring": COLOURS, "paths": 2}.get(kind, size)
    holds = [[packed(column == value) for value in range(values)] for column in boards.T]
    everything = packed(np.ones(len(boards), bool))
    by_value = np.array([[*sets, everything] for sets in holds])
    around = {"colouring": _coloured, "paths": _along}.get(kind)
    return Listed(boards, by_value, around(boards) if around else ())


def packed(holds: np.ndarray) -> np.ndarray:
    """Bool (..., m) as sets of bits, uint64 (..., w)."""
    padding = [(0, 0)] * (holds.ndim - 1) + [(0, -holds.shape[-1] % 64)]
    return np.packbits(np.pad(holds, padding), axis=-1, bitorder="little").view("<u8").astype(np.uint64)


def _without_clash(kind: Kind, size: int) -> np.ndarray:
    """All boards without two cells that clash, cell by cell, int8 (m, k)."""
    first, second = pairs(kind, size)
    boards = np.zeros((1, 0), np.int8)
    for cell in range(second.max() + 1):
        value = np.tile(np.arange(size, dtype=np.int8), len(boards))
        boards = np.repeat(boards, size, axis=0)
        others = first[second == cell]
        fits = ~clash(kind, boards[:, others], value[:, None], cell - others).any(axis=1)
        boards = np.column_stack([boards[fits], value[fits]])
    return boards


def _coloured(boards: np.ndarray) -> tuple[np.ndarray, ...]:
    """For each node, by which of the nodes before it are next to it, the colourings in which none has its colour."""
    tables = []
    for cell in range(boards.shape[1]):
        table = packed(np.ones((1, len(boards)), bool))
        for other in range(cell):
            differs = packed(boards[:, cell] != boards[:, other])
            table = np.concatenate([table, table & differs])
        tables.append(table)
    return tuple(tables)


def _along(boards: np.ndarray) -> tuple[np.ndarray, ...]:
    """For each node, by its neighbours, and then again as an end, the sets of nodes in which it is right by itself."""
    k = boards.shape[1]
    near = (np.arange(1 << k)[:, None] >> np.arange(k)) & 1
    degree = near @ boards.T.astype(int)  # (2^k, m)
    on = boards == ON_PATH
    return tuple(
        np.concatenate([packed(~on[:, cell] | (degree == 2)), packed(on[:, cell] & (degree == 1))]) for cell in range(k)
    )


@lru_cache(maxsize=16)
def _by_count(size: int) -> np.ndarray:
    """The sets of 1, 2, ... nodes, uint64 (k, w)."""
    count = listed("paths", size).boards.sum(axis=1)
    return packed(count == np.arange(1, size + 1)[:, None])
