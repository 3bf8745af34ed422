"""Steps along the edges of stars: from a node to the one before it or behind it, of every node at once.

Dimension letters: `n` stars, `a` arms, `l` nodes of an arm beside the centre.
"""

from __future__ import annotations

import numpy as np

from alchemy.problem.arrays import flat
from alchemy.problem.task import Problem
from tasks.stars.spec import MOST_NAMES

NOWHERE = -1
"""In place of a node where there is none."""


def back(problem: Problem) -> np.ndarray:
    """The node before each node, int8 (n, MOST_NAMES + 1): nowhere for the centre, for names without a node, and from nowhere,
    the last column."""
    return _table(problem, *edges(problem)[::-1])


def onward(problem: Problem) -> np.ndarray:
    """The node behind each node other than the centre, of the same shape: nowhere from the centre and from the ends of arms."""
    table = _table(problem, *edges(problem))
    table[np.arange(len(table)), problem["centre"]] = NOWHERE
    return table


def edges(problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    """Tail and head of each edge, arm by arm and outwards, int8 (n, a * l) each."""
    arms = problem["arms"]
    tails = np.empty_like(arms)
    tails[:, :, 0], tails[:, :, 1:] = problem["centre"][:, None], arms[:, :, :-1]
    return flat(tails), flat(arms)


def walk(table: np.ndarray, start: np.ndarray, steps: int) -> np.ndarray:
    """The nodes after 1, 2, ... steps by a table from nodes int (n,), int8 (n, steps)."""
    nodes, at, row = np.empty((len(start), steps), np.int8), start, np.arange(len(start))
    for step in range(steps):
        nodes[:, step] = at = table[row, at]
    return nodes


def _table(problem: Problem, source: np.ndarray, to: np.ndarray) -> np.ndarray:
    table = np.full((len(problem["centre"]), MOST_NAMES + 1), NOWHERE, np.int8)
    np.put_along_axis(table, source.astype(np.intp), to, axis=1)
    return table
