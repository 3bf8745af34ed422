"""What a connectivity problem is up to the names of its nodes: a key that isomorphic problems share.

Nodes are coloured by what they are asked (start, candidate or neither), then again and again by their own colour and the
colours of their neighbours, until no colour splits any more (colour refinement, Weisfeiler and Leman 1968); the key is a
hash of the colours there are. It is exact for trees, for cycles and for bridges, as it is for all connected graphs of up to
six nodes with a start (`tests/tasks/test_structure.py` compares it with every renaming). In general it is an invariant:
isomorphic problems have one key, but two problems whose nodes refinement cannot tell apart, such as larger regular graphs,
share a key as well.

Dimension letters as in `tasks/connectivity/networks.py`: `n` problems, `u` nodes of a graph, `m` edges.
"""

from __future__ import annotations

import numpy as np

from alchemy.problem.arrays import flat
from alchemy.problem.split import splitmix64
from tasks.connectivity.networks import BLOCK, neighbours

START, CANDIDATE = 1, 2
"""What a node is asked; 0 is nothing."""
NEXT = np.uint64(1 << 63)
"""Added to a colour that is a neighbour's."""


def keys(edges: np.ndarray, start: np.ndarray | None = None, candidates: np.ndarray | None = None) -> np.ndarray:
    """uint64 (n,) from edges int (n, m, 2) padded with -1, start int (n,) and candidates int (n, k), by name.

    Without a start or candidates, of the graphs alone.
    """
    result = np.empty(len(edges), np.uint64)
    for first in range(0, len(edges), BLOCK):
        rows = slice(first, first + BLOCK)
        number, size = _numbered(edges[rows])
        asked = np.zeros(number.shape, np.uint64)
        row = np.arange(len(number))
        for k in range(0 if candidates is None else candidates.shape[1]):
            asked[row, candidates[rows, k]] = CANDIDATE
        if start is not None:
            asked[row, start[rows]] = START
        result[rows] = _refined(_renamed(edges[rows], number), _by_number(asked, number, size))
    return result


def _numbered(edges: np.ndarray) -> tuple[np.ndarray, int]:
    """The number that each name has among the names of its graph, int (n, names), -1 for none; and the most nodes."""
    there = np.zeros((len(edges), int(edges.max(initial=0)) + 1), bool)
    row = np.broadcast_to(np.arange(len(edges))[:, None, None], edges.shape)
    there[row[edges >= 0], edges[edges >= 0]] = True
    number = np.where(there, np.cumsum(there, axis=1) - 1, -1)
    return number, int(there.sum(axis=1).max(initial=0))


def _renamed(edges: np.ndarray, number: np.ndarray) -> np.ndarray:
    """Edges by the numbers of their nodes."""
    names = flat(edges).astype(np.intp)
    return np.where(names < 0, -1, np.take_along_axis(number, np.maximum(names, 0), axis=1)).reshape(edges.shape)


def _by_number(values: np.ndarray, number: np.ndarray, size: int) -> np.ndarray:
    """Values (n, names) of the nodes by number, (n, size), moved up by one; 0 where a graph has fewer nodes."""
    row, name = np.nonzero(number >= 0)
    placed = np.zeros((len(values), size), values.dtype)
    placed[row, number[row, name]] = values[row, name] + values.dtype.type(1)
    return placed


def _refined(edges: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """Hashes uint64 (n,) of graphs by their refined colours; edges int (n, m, 2), colour uint64 (n, u), 0 for no node."""
    near = neighbours(edges, colour.shape[1])
    there, result = colour > 0, np.empty(len(edges), np.uint64)
    colour = splitmix64(colour) * there
    left, number = np.arange(len(edges)), _kinds(colour)
    while left.size:
        finer = _round(near[left], colour) * there[left]
        kinds = _kinds(finer)
        done = kinds == number  # by the graph itself, whatever its neighbours in the block do
        result[left[done]] = splitmix64((splitmix64(finer[done]) * there[left[done]]).sum(axis=1, dtype=np.uint64))
        left, colour, number = left[~done], finer[~done], kinds[~done]
    return result


def _round(near: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """Each node's colour by its own and those of its neighbours, as a multiset; near int (n, u, k), colour (n, u)."""
    seen = np.concatenate([splitmix64(colour ^ NEXT), np.zeros((len(colour), 1), np.uint64)], axis=1)
    around = np.zeros_like(colour)
    for slot in np.moveaxis(near, 2, 0):
        around += np.take_along_axis(seen, slot, axis=1)
    return splitmix64(splitmix64(colour) ^ around)


def _kinds(colour: np.ndarray) -> np.ndarray:
    """How many different colours each graph has, int (n,)."""
    return (np.diff(np.sort(colour, axis=1), axis=1) > 0).sum(axis=1)
