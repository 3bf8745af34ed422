r"""Graph families: one component as a list of edges, many drawn at once.

Nodes of a component are numbered from 0; what a reader sees are names, given later. All families but the grid are those
of arXiv:2505.21825, where only the bridge occurs in the published results, and the two-path graph in the theory.

A bridge of depth 2 with hubs `h`; every petal has a long route, a short one, and a dead end on its first hub:

      o--o--o     o--o--o        long = 4
     /       \   /       \
    h----o----h-----o-----h      short = 2
    |         |
    o--o      o--o               dead = 2
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from inspect import signature
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from alchemy.errors import UserError, nearest
from alchemy.problem.arrays import flat
from tasks.connectivity.networks import accepted, connected, neighbours

MAX_NODES = 1 << 12
"""Nodes of a component at most."""
Edges = Callable[[np.random.Generator, int], np.ndarray]


class Family(NamedTuple):
    """A distribution over connected graphs that have the same number of nodes."""

    size: int
    """Nodes of a component."""
    max_edges: int
    """Edges of a component, at most."""
    edges: Edges
    """Components, int16 (n, max_edges, 2), rows padded with -1 at their end; `only`, if there is just one."""
    only: np.ndarray | None = None
    """The edges of the only such graph, int16 (1, max_edges, 2), if there is just one."""
    ends: tuple[int, int] | None = None
    """Two nodes far apart; None where that depends on the graph."""
    longest: tuple[int, int, int] | None = None
    """Nodes of the longest path between the ends, of the longest depth-first search, and of one that lists every step
    back; None where only `size` limits them."""

    @property
    def min_edges(self) -> int:
        """Edges of a component, at least: what a connected graph needs."""
        return self.max_edges if self.only is not None else self.size - 1


def bridge(depth: int, short: int, long: int, dead: int) -> Family:
    """Petals in a chain: between consecutive hubs a short and a long route, on the first of both hubs a dead end.

    From the first hub to the last; the numbers are edges. Nodes are numbered as in the code of arXiv:2505.21825, in
    each petal hub, short route, long route, dead end, the latter two from their far ends.
    """
    middle, top = short + long - 1, short + long + dead - 1
    least = {"depth": 1, "short": 1, "long": max(2, short), "dead": 0}
    _check("bridge", depth * top + 1, least, depth, short, long, dead)
    routes = (
        (*range(short), top),
        (0, *range(middle - 1, short - 1, -1), top),
        (0, *range(top - 1, middle - 1, -1)),
    )
    petal = np.array([edge for route in routes for edge in pairwise(route)])
    edges = [edge + first for first in range(0, depth * top, top) for edge in petal]
    longest = tuple(_longest_in_bridge(depth, short, long, dead, detour) for detour in range(3))
    return _only(edges, (0, depth * top), longest)


def _longest_in_bridge(depth: int, short: int, long: int, dead: int, detour: int) -> int:
    """Nodes of the longest search from end to end that lists the nodes of a detour `detour` times.

    A search may run into the dead end of each petal it enters, and into the route it left out of the petal before.
    """
    most = {short: 0, long: 0}  # nodes so far, by the route left out of the petal before
    for petal in range(depth):
        entered = max(nodes + detour * (left_out - 1 if petal else 0) for left_out, nodes in most.items())
        most = {left_out: entered + detour * dead + taken for left_out, taken in ((short, long), (long, short))}
    return 1 + max(most.values())


def two_path(nodes: int) -> Family:
    """A simple path, from one end to the other; two of them are the two-path graph of arXiv:2505.21825."""
    _check("two-path", nodes, {"nodes": 2}, nodes)
    return _only(pairwise(range(nodes)), (0, nodes - 1), (nodes, nodes, nodes))


def cycle(nodes: int) -> Family:
    """A cycle, from a node to its antipode."""
    _check("cycle", nodes, {"nodes": 3}, nodes)
    around = nodes - nodes // 2 + 1
    return _only(pairwise([*range(nodes), 0]), (0, nodes // 2), (around, around, around))


def comb(depth: int, width: int) -> Family:
    """A path of `depth` hubs with `width` - 1 leaves each, and a last hub without; from the first hub to the last."""
    size = depth * width + 1
    _check("comb", size, {"depth": 1, "width": 1}, depth, width)
    edges = [(hub, hub + step) for hub in range(0, size - 1, width) for step in range(1, width + 1)]
    return _only(edges, (0, size - 1), (depth + 1, size, 2 * size - depth - 1))


def tree(nodes: int) -> Family:
    """A tree, uniform over those on named nodes; between two nodes that no two others exceed in distance."""
    _check("tree", nodes, {"nodes": 2}, nodes)
    child = np.arange(1, nodes)

    def edges(rng: np.random.Generator, n: int) -> np.ndarray:
        # Node i joined to min(i - 1, uniform) is uniform once nodes are named at random (Aldous 1990, SIAM J. DM 3).
        parent = np.minimum(child - 1, rng.integers(nodes, size=(n, child.size)))
        return np.stack([parent, np.broadcast_to(child, parent.shape)], axis=2).astype(np.int16)

    return Family(nodes, nodes - 1, edges)


def gnm(nodes: int, links: int) -> Family:
    """A graph with `nodes` nodes and `links` edges, uniform over the connected ones; between two nodes far apart."""
    _check("gnm", nodes, {"nodes": 2, "links": nodes - 1}, nodes, links)
    pairs = np.stack(np.triu_indices(nodes, 1), axis=1).astype(np.int16)
    if links > len(pairs):
        raise UserError(f"links {links}: {nodes} nodes have at most {len(pairs)}")

    def propose(rng: np.random.Generator, n: int) -> np.ndarray:
        key = rng.random((n, len(pairs)))
        return pairs[np.argpartition(key, links - 1, axis=1)[:, :links]]

    description = f"connected graphs of {nodes} nodes and {links} links"
    return Family(nodes, links, _if_connected(propose, nodes, description))


def grid(depth: int, width: int, holes: int) -> Family:
    """`depth` rows of `width` cells, `holes` missing, uniform over the ways to leave the rest connected.

    Between two cells far apart; without holes they are opposite corners.
    """
    _check("grid", depth * width, {"depth": 1, "width": 1, "holes": 0}, depth, width, holes)
    cells = np.arange(depth * width).reshape(depth, width)
    size = cells.size - holes
    if size < 2:
        raise UserError(f"holes {holes}: fewer than 2 cells of a {depth} by {width} grid are left")
    tails = np.concatenate([cells[:, :-1].ravel(), cells[:-1].ravel()])
    heads = np.concatenate([cells[:, 1:].ravel(), cells[1:].ravel()])

    def propose(rng: np.random.Generator, n: int) -> np.ndarray:
        there = rng.random((n, cells.size)).argsort(axis=1) >= holes
        number = np.cumsum(there, axis=1) - 1
        code = np.where(there[:, tails] & there[:, heads], number[:, tails] * size + number[:, heads], size**2)
        return _decoded(np.sort(code, axis=1), size)

    description = f"connected {depth} by {width} grids with {holes} holes"
    return Family(size, len(tails), _if_connected(propose, size, description))


def caterpillar(depth: int, width: int, matchings: int) -> Family:
    """`depth` + 1 layers of `width` nodes, between neighbouring ones the union of `matchings` perfect matchings.

    Uniform over the matchings whose union is connected; from a node of the first layer to one of the last.
    """
    size, max_edges = (depth + 1) * width, depth * width * min(matchings, width)
    least = {"depth": 1, "width": 1, "matchings": 1 if width == 1 else 2}
    _check("caterpillar", size * matchings, least, depth, width, matchings)
    upper = np.arange(depth * width).reshape(depth, width)

    def propose(rng: np.random.Generator, n: int) -> np.ndarray:
        lower = rng.random((n, matchings, depth, width)).argsort(axis=3) + upper[:, :1] + width
        code = np.sort(flat(upper * size + lower), axis=1)
        code[:, 1:][code[:, 1:] == code[:, :-1]] = size**2  # two matchings may share an edge
        return _decoded(np.sort(code, axis=1)[:, :max_edges], size)

    description = f"connected caterpillars of {matchings} matchings of {width} nodes, {depth} deep"
    return Family(size, max_edges, _if_connected(propose, size, description), ends=(0, size - 1))


FAMILIES: Mapping[str, Callable[..., Family]] = {
    "bridge": bridge,
    "two-path": two_path,
    "cycle": cycle,
    "tree": tree,
    "gnm": gnm,
    "grid": grid,
    "caterpillar": caterpillar,
    "comb": comb,
}


def family(name: str, parameters: Any) -> Family:
    """The family called `name` with its parameters from attributes of the same names; raises `UserError`."""
    return FAMILIES[name](*(getattr(parameters, parameter) for parameter in parameters_of(name)))


def parameters_of(name: str) -> tuple[str, ...]:
    """The names of a family's parameters; raises `UserError` if there is no such family."""
    if name not in FAMILIES:
        raise UserError(f"family {name!r} is unknown{nearest(name, FAMILIES)}")
    return tuple(signature(FAMILIES[name]).parameters)


def _check(kind: str, size: int, least: Mapping[str, int], *values: int) -> None:
    """Raises `UserError` where a parameter is less than it must be, or a component would be too large."""
    for (name, low), value in zip(least.items(), values, strict=True):
        if value < low:
            raise UserError(f"{name} {value}: expected at least {low} for a {kind}")
    if size > MAX_NODES:
        given = " ".join(f"{name} {value}" for name, value in zip(least, values, strict=True))
        raise UserError(f"a {kind} of {given} is too large, {size} nodes; at most {MAX_NODES}")


def _only(edges: Iterable[Any], ends: tuple[int, int], longest: tuple[int, ...]) -> Family:
    """The family of a single graph."""
    listed = np.array([tuple(edge) for edge in edges], np.int16)[None]
    return Family(int(listed.max()) + 1, listed.shape[1], lambda rng, n: listed, listed, ends, longest)


def _if_connected(propose: Edges, size: int, description: str) -> Edges:
    """The graphs of a distribution that are connected."""

    def edges(rng: np.random.Generator, n: int) -> np.ndarray:
        def draw(count: int) -> tuple[np.ndarray]:
            drawn = propose(rng, count)
            return (drawn[connected(neighbours(drawn, size))],)

        return accepted(n, draw, description)[0]

    return edges


def _decoded(code: np.ndarray, size: int) -> np.ndarray:
    """Edges int16 (n, m, 2) from one * size + two, -1 where the code is size**2 or more."""
    return np.where(code[..., None] < size**2, np.stack(np.divmod(code, size), axis=2), -1).astype(np.int16)
