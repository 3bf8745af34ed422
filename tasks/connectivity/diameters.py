"""Graphs whose diameters are chosen, and not left to chance: random graphs of some density nearly all have the same.

A component is a path as long as its diameter, with other nodes grown on it, and shortcuts that leave the diameter as it is. A graph
stands as the distances between its nodes: who is next to whom is where they are 1.

Dimension letters: `g` graphs, `u` nodes of each.
"""

from __future__ import annotations

import numpy as np

from alchemy.errors import UserError

APART = -1
"""Stands for the distance between nodes of two components."""


def drawn(rng: np.random.Generator, count: int, nodes: int, diameters: tuple[int, int]) -> np.ndarray:
    """Distances in graphs of several components, int8 (g, u, u) with g = count, `APART` between components.

    The largest component has half of the nodes or more, and a diameter that is drawn uniformly from those between the two, both
    included, that so many nodes can have; the others have at most that of the upper one. Raises `UserError` if no component can have
    the lower.
    """
    low, high = diameters
    if not 2 <= low <= min(high, nodes - 3):
        raise UserError(f"diameters {low} to {high}: expected a lower one of 2 to {nodes - 3} for {nodes} nodes")
    graphs = np.full((count, nodes, nodes), APART, np.int8)
    for graph in graphs:
        size, start, least = int(rng.integers(max(low + 1, nodes // 2), nodes - 1)), 0, low
        while start < nodes:
            inside = slice(start, start + size)
            diameter = int(rng.integers(min(least, size - 1), min(high, size - 1) + 1))
            graph[inside, inside] = component(rng, size, diameter)
            start, least = start + size, 2
            size = int(rng.integers(1, nodes - start + 1)) if start < nodes else 0
    return graphs


def component(rng: np.random.Generator, size: int, diameter: int) -> np.ndarray:
    """Distances in a connected graph of a diameter below its size, int8 (u, u) with u = size; of diameter 1 or 0 all are next to all."""
    if diameter <= 1:
        return 1 - np.eye(size, dtype=np.int8)
    place, grown = np.arange(size), diameter + 1
    away = np.abs(place[:, None] - place).astype(np.int8)  # of the path; what is not grown yet is written below
    for node in range(grown, size):
        near = np.flatnonzero(away[:node, :node].max(axis=1) < diameter)
        away[node, :node] = away[near[rng.integers(len(near))], :node] + 1
        away[:node, node] = away[node, :node]
    for one, other in rng.integers(size, size=(rng.integers(size), 2)):
        across = away[:, [one]] + 1 + away[[other]]
        shorter = np.minimum(away, np.minimum(across, across.T))
        if one != other and shorter.max() == diameter:
            away = shorter
    return away


def chains(nodes: int, length: int) -> np.ndarray:
    """Distances in a graph of paths of `length` nodes each, int8 (1, u, u) with u = nodes; raises `UserError` if they do not add up."""
    if length < 1 or nodes % length:
        raise UserError(f"chains of {length} nodes do not add up to {nodes}")
    place = np.arange(nodes)
    same = place[:, None] // length == place // length
    return np.where(same, np.abs(place[:, None] - place), APART).astype(np.int8)[None]


def relabelled(rng: np.random.Generator, shapes: np.ndarray, count: int) -> np.ndarray:
    """So many graphs, each one of the shapes (g, u, u) with its nodes in a random order: (count, u, u)."""
    graphs = shapes[rng.integers(len(shapes), size=count)]
    order = rng.permuted(np.tile(np.arange(shapes.shape[1]), (count, 1)), axis=1)
    return np.take_along_axis(np.take_along_axis(graphs, order[:, :, None], 1), order[:, None], 2)
