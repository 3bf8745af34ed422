"""Neighbour lists of many small graphs, what is how far from what in them, and drawing until a condition holds.

Beside the project's letters: `g` graphs, one for each of `n` rows or a single one that all rows share; `u` nodes of a
graph; `m` edges; `k` neighbours of the node that has most.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from alchemy.errors import UserError

BLOCK = 1 << 12  # rows made at once, so that they stay in the cache
PATIENCE = 10_000  # draws per accepted draw before a condition counts as impossible


def neighbours(edges: np.ndarray, size: int) -> np.ndarray:
    """Who is next to whom: int (g, u, k), in increasing order, padded with `size`.

    edges int (g, m, 2) of simple graphs with `size` nodes, rows padded with -1 at their end.
    """
    tails = np.concatenate([edges[..., 0], edges[..., 1]], axis=1).astype(np.intp)
    heads = np.concatenate([edges[..., 1], edges[..., 0]], axis=1)
    arcs = np.sort(np.where(heads < 0, size * size, tails * size + heads), axis=1)
    row = np.broadcast_to(np.arange(len(arcs))[:, None], arcs.shape)
    inside = arcs < size * size
    node = (row * size + arcs // size)[inside]
    degree = np.bincount(node, minlength=len(arcs) * size)
    first = np.cumsum(degree) - degree
    table = np.full((len(arcs) * size, int(degree.max(initial=0))), size, np.intp)
    table[node, np.arange(node.size) - first[node]] = (arcs % size)[inside]
    return table.reshape(len(arcs), size, table.shape[1])


def distances(near: np.ndarray, source: np.ndarray) -> np.ndarray:
    """Edges between a node and every other, int16 (n, u), -1 where there is no path.

    near int (g, u, k) neighbour lists with g = n or 1, source int (n,).
    """
    n, size, row = len(source), near.shape[1], np.arange(len(source))[:, None]
    away = np.full((n, size), -1, np.int16)
    away[row[:, 0], source] = 0
    reached = np.zeros((n, size + 1), bool)  # the last column stands for the padding
    reached[row[:, 0], source] = True
    step = 0
    while True:
        step += 1
        touched = np.zeros((n, size), bool)
        for slot in np.moveaxis(near, 2, 0):
            touched |= reached[row, slot]
        touched &= away < 0
        if not touched.any():
            return away
        away[touched] = step
        reached[:, :size] |= touched


def connected(near: np.ndarray) -> np.ndarray:
    """Which graphs are in one piece, bool (g,)."""
    return (distances(near, np.zeros(len(near), np.intp)) >= 0).all(axis=1)


def far_ends(near: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two nodes far apart in each graph, int (g,) each: the node farthest from node 0, and the one farthest from that.

    In a tree no two nodes are farther apart. Among nodes equally far the one of the lowest number is taken.
    """
    first = distances(near, np.zeros(len(near), np.intp)).argmax(axis=1)
    return first, distances(near, first).argmax(axis=1)


def accepted(n: int, propose: Callable[[int], tuple[np.ndarray, ...]], description: str) -> tuple[np.ndarray, ...]:
    """`n` rows of what `propose` lets pass: given a number of draws, it returns arrays of those that meet a condition.

    Raises `UserError`, with a `description` of what was wanted, when practically none do.
    """
    parts: list[tuple[np.ndarray, ...]] = []
    n_accepted = n_drawn = 0
    while n_accepted < n or not parts:
        if n_drawn > PATIENCE * (n_accepted + 8):
            raise UserError(f"{description}: found {n_accepted} in {n_drawn} draws")
        size = min(BLOCK, int((n - n_accepted) * 1.1 * (n_drawn + 1) / (n_accepted + 1)) + 16)
        parts.append(propose(size))
        n_drawn += size
        n_accepted += len(parts[-1][0])
    return tuple(np.concatenate(column)[:n] for column in zip(*parts, strict=True))
