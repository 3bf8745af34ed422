"""Boards under symmetries: other names for values, turned boards of queens, nodes of a path in another order.

Dimension letters: `n` problems, `k` cells.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from alchemy.problem.task import Problem
from tasks.boards.constraints import adjacent
from tasks.boards.spec import Spec

TURNS = 8


def relabelled(
    spec: Spec, problem: Problem, rng: np.random.Generator
) -> tuple[Problem, Callable[[np.ndarray], np.ndarray]]:
    """The problems under a symmetry drawn for each, and what takes boards int (n, k) back.

    Numbers and colours are permuted, boards of queens turned and reflected, nodes of paths put in another order. A board of
    queens that is no solution may come back as another one that is none: two queens of a column have no rows of their own in a
    board that is turned by 90 degrees.
    """
    n = len(problem["given"])
    if spec.kind == "queens":
        turn = rng.integers(TURNS, size=n)
        back = np.array([0, 1, 2, 3, 4, 6, 5, 7])[turn]
        boards = {name: turned(problem[name], turn) for name in ("given", "filled")}
        return {**problem, **boards}, lambda filled: _completed(turned(filled, back))
    if spec.kind == "paths":
        order = np.argsort(rng.random((n, spec.cells)), axis=1)
        place = np.argsort(order, axis=1)
        return _reordered(problem, order, place), lambda filled: np.take_along_axis(filled, place, axis=1)
    name = rng.permuted(np.tile(np.arange(spec.values, dtype=np.int8), (n, 1)), axis=1)
    back = np.argsort(name, axis=1).astype(np.int8)
    boards = {key: _renamed(problem[key], name) for key in ("given", "filled")}
    return {**problem, **boards}, lambda filled: _renamed(filled, back)


def turned(board: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """Boards of queens int (n, k), -1 for none, under the symmetry int (n,) of each: rows reversed (1), columns reversed (2),
    rows and columns exchanged before that (4), or several of them. Of two queens that come to one row one is left."""
    n, k = board.shape
    row, column = np.broadcast_to(np.arange(k), (n, k)), board.astype(np.intp)
    there = column >= 0
    swap, turn = turn[:, None] & 4 > 0, turn[:, None]
    row, column = np.where(swap, column, row), np.where(swap, row, column)
    row, column = np.where(turn & 1, k - 1 - row, row), np.where(turn & 2, k - 1 - column, column)
    result = np.full((n, k), -1, board.dtype)
    problem = np.broadcast_to(np.arange(n)[:, None], (n, k))
    result[problem[there], row[there]] = column[there]
    return result


def _completed(board: np.ndarray) -> np.ndarray:
    """Boards int (n, k) with the queen of some other row in the column of each that lacks one, so that they are no solutions."""
    return np.where(board < 0, board.max(axis=1, keepdims=True), board)


def _renamed(board: np.ndarray, name: np.ndarray) -> np.ndarray:
    """Values of boards int (n, k) under names int8 (n, v); blanks stay."""
    return np.where(board < 0, np.int8(-1), np.take_along_axis(name, np.maximum(board, 0).astype(np.intp), axis=1))


def _reordered(problem: Problem, order: np.ndarray, place: np.ndarray) -> Problem:
    """Paths whose node `order[i]` becomes the i-th, so that node i is at `place[i]`; int (n, k) each."""
    boards = {name: np.take_along_axis(problem[name], order, axis=1) for name in ("given", "filled")}
    near = np.take_along_axis(adjacent(problem["graph"]), order[:, :, None], axis=1)
    near = np.take_along_axis(near, order[:, None, :], axis=2)
    bits = np.uint16(1) << np.arange(order.shape[1], dtype=np.uint16)
    ends = np.take_along_axis(place, problem["ends"].astype(np.intp), axis=1).astype(np.int8)
    return {**problem, **boards, "graph": (near * bits).sum(axis=2, dtype=np.uint16), "ends": ends}
