"""Chains of thought over a graph: the searches of arXiv:2505.21825, many at once.

| style | the nodes listed, the start first, the target last |
|---|---|
| `none` | nothing |
| `shortest` | a shortest path |
| `path` | the path that a randomised depth-first search ends with |
| `dfs` | that search's nodes in the order of their first visit |
| `dfs-bt` | that search's every move, steps back included |
| `bfs` | breadth-first search |
| `walk-20` | a random walk that arrives within 20 steps, or within the distance if that is more (`tasks/connectivity/walks.py`) |
| `walk_mix-20` | the same with the number of steps drawn uniformly from distance to 20 |

Depth-first search goes to a uniformly drawn neighbour that it has not visited, and back if there is none. Breadth-first
search and shortest paths take neighbours in the order of their numbers, so they are the same for the same graph.
Letters as in `tasks/connectivity/networks.py`; `w` nodes of the longest trace.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np

from alchemy.errors import UserError, nearest
from tasks.connectivity.graphs import Family
from tasks.connectivity.networks import distances, neighbours
from tasks.connectivity.walks import walk

SEARCHES = ("path", "dfs", "dfs-bt")
WALKS = ("walk", "walk_mix")
STYLES = ("none", "shortest", *SEARCHES, "bfs", *(f"{kind}-20" for kind in WALKS))


class Style(NamedTuple):
    """How a chain of thought is found."""

    kind: str
    steps: int = 0
    """Steps a walk may take."""


def style(name: str) -> Style:
    """The style called `name`; raises `UserError`."""
    walks = re.fullmatch(f"({'|'.join(WALKS)})-([1-9][0-9]{{0,3}})", name)
    if walks:
        return Style(walks[1], int(walks[2]))
    if name not in STYLES:
        raise UserError(f"trace {name!r} is unknown{nearest(name, STYLES)}")
    return Style(name)


def longest(style: Style, family: Family, far: bool) -> int:
    """Nodes of a trace at most, exact for searches between the ends of the only graph there is."""
    if style.kind in SEARCHES and far and family.longest:
        return family.longest[SEARCHES.index(style.kind)]
    apart = reach(family, far)[1]
    if style.kind in WALKS:
        return max(style.steps, apart) + 1
    return {"none": 0, "shortest": apart + 1, "dfs-bt": 2 * family.size - 2}.get(style.kind, family.size)


def reach(family: Family, far: bool) -> tuple[int, int]:
    """The least and the greatest distance of start and target, as far as the family alone tells."""
    if family.only is None:
        return 1, family.size - 1
    away = distances(neighbours(family.only, family.size), np.arange(family.size))
    return (int(away[family.ends]),) * 2 if far else (1, int(away.max()))


def traces(
    style: Style, near: np.ndarray, start: np.ndarray, target: np.ndarray, width: int, rng: np.random.Generator
) -> np.ndarray:
    """A trace from start to target in each graph, int16 (n, width) padded with -1.

    near int (g, u, k) neighbour lists with g = n or 1, start and target int (n,) in one component.
    """
    if style.kind in SEARCHES:
        return _depth_first(style.kind, near, start, target, width, rng)
    if style.kind in WALKS:
        return walk(near, start, target, style.steps, style.kind == "walk_mix", width, rng)
    if style.kind == "none":
        return np.zeros((len(start), 0), np.int16)
    find = {"shortest": _shortest, "bfs": _breadth_first}[style.kind]
    if len(near) > 1:
        return find(near, start, target, width)
    pairs, which = np.unique(start * near.shape[1] + target, return_inverse=True)  # equal questions, equal traces
    return find(near, *np.divmod(pairs, near.shape[1]), width)[which]


def _shortest(near: np.ndarray, start: np.ndarray, target: np.ndarray, width: int) -> np.ndarray:
    """At each step the first neighbour that is nearer to the target."""
    away = np.pad(distances(near, target), ((0, 0), (0, 1)), constant_values=-1)  # padding is nowhere
    listed = np.empty((len(start), width), np.int16)
    listed[:, 0] = here = start
    rows = np.arange(len(start))
    for place in range(1, width):
        around = near[rows if len(near) > 1 else 0, here]
        nearer = np.take_along_axis(away, around, axis=1) == away[rows, here][:, None] - 1
        nearer &= (here != target)[:, None]
        here = np.where(nearer.any(axis=1), around[rows, nearer.argmax(axis=1)], here)
        listed[:, place] = np.where(nearer.any(axis=1), here, -1)
    return listed


def _breadth_first(near: np.ndarray, start: np.ndarray, target: np.ndarray, width: int) -> np.ndarray:
    """The queue, up to the target."""
    n, size, _ = near.shape[0], near.shape[1], near.shape[2]
    rows = np.arange(len(start))
    fresh = np.ones((len(start), size + 1), bool)
    fresh[rows, start] = fresh[:, size] = False
    queue = np.zeros((len(start), size + 1), np.int16)  # the last column takes what is not listed
    queue[:, 0] = start
    listed = np.ones(len(start), np.intp)
    for place in range(size):
        around = near[rows if n > 1 else 0, queue[:, place]]
        for node in around.T:
            new = fresh[rows, node] & fresh[rows, target]
            queue[rows, np.where(new, listed, size)] = node
            fresh[rows, node] &= ~new
            listed += new
    return np.where(np.arange(size) < listed[:, None], queue[:, :size], -1)[:, :width]


def _depth_first(
    kind: str, near: np.ndarray, start: np.ndarray, target: np.ndarray, width: int, rng: np.random.Generator
) -> np.ndarray:
    """Randomised depth-first search, as its final stack (path), its first visits (dfs) or all its moves (dfs-bt).

    Rows that have arrived are dropped; every array of the loop is flat, addressed by where a row begins in it.
    """
    n, (shared, size, slots) = len(start), near.shape
    row, here, goal = np.arange(n), start.astype(np.intp), target.astype(np.intp)
    place = np.zeros(n, np.intp)  # of `here` on the stack
    count = np.ones(n, np.intp)  # nodes listed
    columns = [np.ascontiguousarray(near[:, :, slot]).ravel() for slot in range(slots)]
    fresh = np.ones((n, size + 1), bool)
    fresh[row, start] = fresh[:, size] = False
    stack = np.zeros((n, size), np.int16)
    listed = np.full((n, width + 1), -1, np.int16)  # the last column takes what is not listed
    stack[:, 0] = listed[:, 0] = start
    depth = np.zeros(n, np.intp)  # of the final stack
    while row.size:
        base = here + row * size if shared > 1 else here
        nodes = [column[base] for column in columns]
        free = [fresh.ravel()[row * (size + 1) + node] for node in nodes]
        choices = np.add.reduce(free, dtype=np.int16)
        left = (rng.random(row.size, dtype=np.float32) * choices).astype(np.int16)
        onward = choices > 0
        place += np.where(onward, 1, -1)
        here = stack.ravel()[row * size + place].astype(np.intp)  # where a step back leads
        for node, is_free in zip(nodes, free, strict=True):
            np.copyto(here, node, where=is_free & (left == 0))
            left -= is_free
        stack.ravel()[row * size + place] = here
        fresh.ravel()[row * (size + 1) + here] = False
        if kind != "path":
            new = onward if kind == "dfs" else np.ones(row.size, bool)
            listed.ravel()[row * (width + 1) + np.where(new, count, width)] = here
            count += new
        ended = here == goal
        if ended.any():
            depth[row[ended]] = place[ended]
            row, here, goal, place, count = (values[~ended] for values in (row, here, goal, place, count))
    if kind == "path":
        return np.where(np.arange(width) <= depth[:, None], stack[:, :width], -1)
    return listed[:, :width]
