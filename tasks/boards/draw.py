"""Problems of `Boards`: a graph where there is one, a solution, and which cells of it are blank, until solutions are as many as asked.

As the solution is drawn before the blanks, any solution of a problem is as likely to be the one it records, and a problem is as
likely as it has solutions (on a graph: beside others of the same graph).

Dimension letters: `n` problems, `k` cells.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from alchemy.errors import UserError
from alchemy.problem.task import Problem
from tasks.boards.search import dug, grids
from tasks.boards.sets import MOST_ROWS, Solutions, blocks, listed, solutions, with_values
from tasks.boards.spec import Spec

PATIENCE = 1 << 20
"""Boards drawn without a problem before there is said to be none."""
PROBED, PROBED_SEARCHED = 1 << 10, 1 << 5
"""Boards drawn to see whether a task has problems, of listed ones and of those that are searched."""
DUG_AT_ONCE = 1 << 9
"""Boards that are blanked cell by cell at the same time."""


def draw(spec: Spec, rng: np.random.Generator, n: int) -> Problem:
    """Problems of the task, or of its pool, with a solution drawn anew."""
    if not spec.pool:
        return _draw(spec, rng, n)
    pool = _pool(spec)
    row = rng.integers(spec.pool, size=n)
    return with_solution(spec, {name: values[row] for name, values in pool.items()}, rng.random(n))


def with_solution(spec: Spec, problem: Problem, chance: np.ndarray) -> Problem:
    """The problems with as many solutions as they have, and of these the one that chance float (n,) in [0, 1) falls on."""
    filled, count = np.empty_like(problem["given"]), np.empty(len(chance), np.int32)
    for rows, part in blocks(spec, problem):
        found = solutions(spec, part)
        count[rows], filled[rows] = _chosen(found, chance[rows])
    return {**problem, "filled": filled, "solutions": count}


def _chosen(found: Solutions, chance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How many solutions there are, and the one that chance falls on, of none any board."""
    count = found.count()
    return count, np.where((count > 0)[:, None], found.nth((chance * count).astype(np.int64)), np.int8(-1))


@lru_cache(maxsize=16)
def _pool(spec: Spec) -> Problem:
    """The problems that a task with a pool has."""
    return _draw(spec, np.random.default_rng(0), spec.pool)


def _draw(spec: Spec, rng: np.random.Generator, n: int) -> Problem:
    kept: list[Problem] = []
    have, drawn = 0, 0
    while have < n or not kept:
        size = int(min(MOST_ROWS, max(64, 1.2 * (n - have) * (drawn + 1) / (have + 1))))
        problem = _tried(spec, rng, size)
        least, most = spec.solutions
        right = np.flatnonzero((problem["solutions"] >= least) & (problem["solutions"] <= most))[: n - have]
        kept.append({name: values[right] for name, values in problem.items()})
        have, drawn = have + len(right), drawn + size
        if drawn > PATIENCE * (have + 1):
            raise UserError(
                f"found {have} of {n} boards with {least} to {most} solutions in {drawn} draws: {spec} has too few"
            )
    return {name: np.concatenate([part[name] for part in kept]) for name in kept[0]}


@lru_cache(maxsize=256)
def can_be_found(spec: Spec) -> bool:
    """Whether any of some boards has as many solutions as the task asks for."""
    count = _tried(spec, np.random.default_rng(0), PROBED if spec.is_listed else PROBED_SEARCHED)["solutions"]
    return bool(((count >= spec.solutions[0]) & (count <= spec.solutions[1])).any())


def _tried(spec: Spec, rng: np.random.Generator, n: int) -> Problem:
    """Problems with any number of solutions, 0 on graphs that have none."""
    if spec.is_graph:
        return _on_graphs(spec, _graphs(spec, rng, n), rng.random(n), _blanks(spec, rng, n))
    if spec.is_listed:
        boards = listed(spec.kind, spec.side).boards
        filled = boards[rng.integers(len(boards), size=n)]
        blank = _blanks(spec, rng, n)
    elif spec.solutions == (1, 1) and spec.places == "scattered":
        return _dug(spec, rng, n)
    else:
        filled, blank = grids(rng, n), _blanks(spec, rng, n)
    problem = {"given": np.where(blank, np.int8(-1), filled), "filled": filled}
    count = np.empty(n, np.int32)
    for rows, part in blocks(spec, problem):
        count[rows] = solutions(spec, part, spec.solutions[1] + 1).count()  # of those that are searched, no more
    return {**problem, "solutions": count}


def _dug(spec: Spec, rng: np.random.Generator, n: int) -> Problem:
    """Boards that are too many to be listed, blanked cell by cell with one solution left; said to have none where fewer cells
    than asked for can be blank."""
    filled, order = grids(rng, n), np.argsort(rng.random((n, spec.cells)), axis=1)
    asked = np.array(spec.blank_counts)[rng.integers(len(spec.blank_counts), size=n)]
    blank = np.concatenate(
        [dug(filled[at], order[at], asked[at]) for at in np.array_split(np.arange(n), -(-n // DUG_AT_ONCE))]
    )
    given = np.where(blank, np.int8(-1), filled)
    return {"given": given, "filled": filled, "solutions": (blank.sum(axis=1) == asked).astype(np.int32)}


def _on_graphs(spec: Spec, graphs: Problem, chance: np.ndarray, blank: np.ndarray) -> Problem:
    """Problems of the graphs, with the solution that chance float (n,) falls on, and blanks bool (n, k)."""
    filled, count = np.empty(blank.shape, np.int8), np.empty(len(chance), np.int32)
    boards = listed(spec.kind, spec.side)
    for rows, part in blocks(spec, {**graphs, "given": np.full(blank.shape, -1, np.int8)}):
        found = solutions(spec, part)
        there, filled[rows] = _chosen(found, chance[rows])
        given = np.where(blank[rows], np.int8(-1), filled[rows])
        count[rows] = np.where(there > 0, Solutions(boards, with_values(boards, found.sets, given)).count(), 0)
    return {**graphs, "given": np.where(blank, np.int8(-1), filled), "filled": filled, "solutions": count}


def _graphs(spec: Spec, rng: np.random.Generator, n: int) -> Problem:
    """Erdos-Renyi graphs as the neighbours of each node, and two nodes that are not neighbours as the ends of paths."""
    if not spec.is_graph:
        return {}
    k = spec.cells
    first, second = np.triu_indices(k, 1)
    edge = rng.random((n, len(first))) < spec.density
    graph = np.zeros((n, k), np.uint16)
    if spec.kind == "paths":
        ends = np.argsort(rng.random((n, k)), axis=1)[:, :2].astype(np.int8)
        low, high = ends.min(axis=1, keepdims=True), ends.max(axis=1, keepdims=True)
        edge &= (first != low) | (second != high)
    for column, (one, other) in enumerate(zip(first, second, strict=True)):
        graph[:, one] |= edge[:, column].astype(np.uint16) << np.uint16(other)
        graph[:, other] |= edge[:, column].astype(np.uint16) << np.uint16(one)
    return {"graph": graph} | ({"ends": ends} if spec.kind == "paths" else {})


def _blanks(spec: Spec, rng: np.random.Generator, n: int) -> np.ndarray:
    """Which cells are not given, bool (n, k)."""
    k = spec.cells
    count = np.array(spec.blank_counts)[rng.integers(len(spec.blank_counts), size=n)][:, None]
    if spec.places == "together":
        return (np.arange(k) - rng.integers(k, size=(n, 1))) % k < count
    return np.argsort(np.argsort(rng.random((n, k)), axis=1), axis=1) < count
