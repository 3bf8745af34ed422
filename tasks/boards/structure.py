"""What a problem is up to names: a key that problems share which differ by them alone.

Numbers of Latin squares and Sudoku are renamed in the order in which they stand in the board. Colours and nodes have no order:
nodes are coloured again and again by what their neighbours are, and by what the nodes are whose value is given alike (colour
refinement, as in `tasks/connectivity/structure.py`): isomorphic problems have one key, rarely others as well. Boards of queens,
whose columns have no other names, share a key with those that they are turned and reflected to.

Dimension letters: `n` problems, `k` cells.
"""

from __future__ import annotations

import numpy as np

from alchemy.problem.split import hash_rows, splitmix64
from alchemy.problem.task import Problem
from tasks.boards.constraints import adjacent
from tasks.boards.spec import Spec
from tasks.boards.symmetry import TURNS, turned

ALIKE = np.uint64(1 << 62)
NEXT = np.uint64(1 << 63)
"""Added to the colour of a node that has the same given value, and of one that is a neighbour."""


def keys(spec: Spec, problem: Problem) -> np.ndarray:
    """uint64 (n,)."""
    given = problem["given"]
    everything = np.ones(given.shape, bool)
    if spec.kind == "queens":
        turns = [hash_rows(turned(given, np.full(len(given), turn)) + 1, everything) for turn in range(TURNS)]
        return np.minimum.reduce(turns)
    if not spec.is_graph:
        return hash_rows(_in_order(given, spec.values) + 1, everything)
    return _refined(spec, problem)


def _in_order(given: np.ndarray, values: int) -> np.ndarray:
    """Boards int (n, k) whose values are renamed to 0, 1, ... in the order in which they first stand there; blanks stay -1."""
    first = np.stack(
        [np.where((given == v).any(axis=1), (given == v).argmax(axis=1), given.shape[1]) for v in range(values)]
    )
    name = np.argsort(np.argsort(first.T, axis=1, kind="stable"), axis=1)
    return np.where(given < 0, -1, np.take_along_axis(name, np.maximum(given, 0).astype(np.intp), axis=1))


def _refined(spec: Spec, problem: Problem) -> np.ndarray:
    given, near = problem["given"], adjacent(problem["graph"])
    if spec.kind == "paths":  # whose values have no other names
        is_end = (problem["ends"][:, :, None] == np.arange(spec.cells)).any(axis=1)
        colour, alike = given + 1 + 3 * is_end, np.zeros(near.shape, bool)
    else:
        colour, alike = (given >= 0).astype(int), (given[:, :, None] == given[:, None]) & (given >= 0)[:, :, None]
    colour = splitmix64(colour.astype(np.uint64))
    for _ in range(spec.cells):
        around = np.where(near, splitmix64(colour ^ NEXT)[:, None], 0).sum(axis=2, dtype=np.uint64)
        same = np.where(alike, splitmix64(colour ^ ALIKE)[:, None], 0).sum(axis=2, dtype=np.uint64)
        colour = splitmix64(splitmix64(splitmix64(colour) ^ around) + same)
    return splitmix64(splitmix64(colour).sum(axis=1, dtype=np.uint64))
