"""Breadth-first search from a node of many graphs at once, and the paths and lists that come of it.

Dimension letters: `n` graphs, `u` nodes of a graph, `m` edges, `k` steps.
"""

from __future__ import annotations

import numpy as np

from alchemy.problem.task import Problem

NOWHERE = -1
"""In place of a node where there is none, and of a distance where nothing leads."""


def adjacency(problem: Problem, nodes: int) -> np.ndarray:
    """Whether an edge leads from a node to another, bool (n, u, u)."""
    edges = problem["edges"].astype(np.intp)
    there = np.zeros((len(edges), nodes, nodes), bool)
    there[np.arange(len(edges))[:, None], edges[..., 0], edges[..., 1]] = True
    return there


def distances(there: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Edges on the shortest path from the start int (n,) to each node, int8 (n, u); nowhere where no path leads."""
    n, nodes, _ = there.shape
    distance = np.full((n, nodes), NOWHERE, np.int8)
    frontier = np.arange(nodes) == start[:, None]
    for step in range(nodes):
        distance[frontier] = step
        frontier = (frontier[:, :, None] & there).any(axis=1) & (distance == NOWHERE)
    return distance


def reached(problem: Problem, nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """The distance from the start to each candidate, int8 (n, 2), and the candidate that is reached, int64 (n,); nowhere where
    it is neither or both."""
    distance = distances(adjacency(problem, nodes), problem["start"])
    to = np.take_along_axis(distance, problem["candidates"].astype(np.intp), axis=1)
    right = problem["candidates"][np.arange(len(to)), (to[:, 1] != NOWHERE).astype(np.intp)]
    return to, np.where((to != NOWHERE).sum(axis=1) == 1, right, NOWHERE).astype(np.int64)


def path(there: np.ndarray, start: np.ndarray, to: np.ndarray, steps: int) -> np.ndarray:
    """The nodes behind the start int (n,) on the shortest path to a node int (n,), of several the one whose first node is the
    first by name, and so on: int64 (n, steps), nowhere behind its end and where no path leads."""
    left, row = distances(there.swapaxes(1, 2), to), np.arange(len(there))
    nodes, at = np.full((len(there), steps), NOWHERE, np.int64), start.astype(np.intp)
    for step in range(steps):
        nearer = there[row, at] & (left == left[row, at][:, None] - 1) & (left >= 0)
        nodes[:, step] = np.where(nearer.any(axis=1), nearer.argmax(axis=1), NOWHERE)
        at = np.where(nodes[:, step] == NOWHERE, at, nodes[:, step])
    return nodes


def listed(there: np.ndarray, start: np.ndarray, count: int) -> np.ndarray:
    """The nodes that the start int (n,) leads to, from near to far and by name: the first ones, int64 (n, count), nowhere behind
    the last."""
    distance = distances(there, start).astype(np.int64)
    order = np.where(distance > 0, distance, len(distance[0])).argsort(axis=1, kind="stable")[:, :count]
    return np.where(np.take_along_axis(distance, order, axis=1) > 0, order, NOWHERE)
