"""What readers score who know less than a solver, exactly, from the whole set of solutions of each problem.

Who writes in each blank, for itself, what solutions have there is right as often as `share_right` says cell by cell, and makes a
solution as often as `independent` says, or always or never if it writes the most frequent value (`majority`). That is what a
model learns that has no way to decide for one of several solutions. Who guesses any values makes a solution as often as
`guessing` says, and who fills in one blank after the other with any value that breaks no rule so far, as `one_by_one` says.

Dimension letters: `n` problems, `k` cells, `v` values.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from alchemy.errors import UserError
from alchemy.problem.task import Problem
from tasks.boards.constraints import adjacent, clash, conflicts, pairs
from tasks.boards.sets import blocks, solutions
from tasks.boards.spec import Spec


def marginals(spec: Spec, problem: Problem) -> np.ndarray:
    """The share of a problem's solutions that have each value in each cell, float (n, k, v)."""
    n, k = problem["given"].shape
    share = np.empty((n, k, spec.values))
    for rows, part in blocks(spec, problem):
        found = solutions(spec, part)
        count, ones = found.count(), np.ones(len(part["given"]), np.intp)
        for cell in range(k):
            for value in range(spec.values):
                share[rows, cell, value] = found.where(cell * ones, value * ones).count() / count
    return share


def share_right(spec: Spec, problem: Problem) -> np.ndarray:
    """The share of blanks in which the most frequent value is that of a solution drawn at random, float (n,)."""
    blank = problem["given"] < 0
    return (marginals(spec, problem).max(axis=2) * blank).sum(axis=1) / blank.sum(axis=1)


def majority(spec: Spec, problem: Problem) -> np.ndarray:
    """Whether the most frequent values, the lowest of those that tie, make a solution, bool (n,)."""
    return conflicts(spec, problem, marginals(spec, problem).argmax(axis=2)) == 0


def independent(spec: Spec, problem: Problem) -> np.ndarray:
    """How often values drawn for each blank for itself, as often as solutions have them, make a solution, float (n,)."""
    share = marginals(spec, problem)
    chance = np.zeros(len(share))
    for there, board in each_solution(spec, problem):
        likely = np.take_along_axis(share, board[:, :, None].astype(np.intp), axis=2)[:, :, 0]
        chance += np.where(there, likely.prod(axis=1), 0)
    return chance


def guessing(spec: Spec, problem: Problem) -> np.ndarray:
    """How often values drawn at random for the blanks make a solution, float (n,)."""
    return problem["solutions"] / float(spec.values) ** (problem["given"] < 0).sum(axis=1)


def one_by_one(spec: Spec, problem: Problem) -> np.ndarray:
    """How often a solution comes of filling in blanks in their order, each with any value, all alike, that breaks no rule with
    what is there, float (n,); raises `UserError` for paths, whose rules are about all nodes."""
    if spec.kind == "paths":
        raise UserError("kind 'paths': expected one whose rules are about two cells at a time")
    chance = np.zeros(len(problem["given"]))
    for there, board in each_solution(spec, problem):
        choices = np.ones(len(board))
        for cell in range(spec.cells):
            choices *= np.where(problem["given"][:, cell] < 0, _allowed(spec, problem, board, cell), 1)
        chance += there / choices
    return chance


def _allowed(spec: Spec, problem: Problem, board: np.ndarray, cell: int) -> np.ndarray:
    """How many values of a cell go with the givens, and with what boards int8 (n, k) have in the cells before it, int (n,)."""
    first, second = pairs(spec.kind, spec.side)
    peers = np.concatenate([first[second == cell], second[first == cell]])
    counts = (problem["given"][:, peers] >= 0) | (peers < cell)
    if spec.is_graph:
        counts &= adjacent(problem["graph"])[:, cell, peers]
    values = np.arange(spec.values)[:, None, None]
    broken = clash(spec.kind, board[:, peers], values, abs(peers - cell)) & counts
    return spec.values - broken.any(axis=2).sum(axis=0)


def each_solution(spec: Spec, problem: Problem) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The first solution of each problem, then the second, and so on: whether there is one, bool (n,), and it, int8 (n, k)."""
    count = problem["solutions"]
    found = [(rows, solutions(spec, part)) for rows, part in blocks(spec, problem)]
    for number in range(int(count.max(initial=0))):
        there, board = number < count, np.zeros_like(problem["given"])
        for rows, some in found:
            board[rows] = some.nth(np.full(len(board[rows]), number))
        yield there, np.where(there[:, None], board, problem["filled"])
