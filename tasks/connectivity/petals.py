"""Depth-first search through a bridge, a petal at a time: the same law as step by step, many times as fast.

At a hub up to four doors are open: the short route, the long route, the dead end, and, from behind, the route that was
left out of the petal before. A search takes them in a uniformly random order up to the first that leads on, so what it
lists from one hub to the next depends on that order and on the route left out before, and on nothing else.
"""

from __future__ import annotations

from functools import cache
from itertools import permutations
from typing import NamedTuple

import numpy as np


class Legs(NamedTuple):
    """What a search lists from a hub to the next, by the route left out before and the order of the doors."""

    nodes: np.ndarray  # int16 (2, orders, w): numbers less that of the hub, padded; out of the first petal, too
    length: np.ndarray  # intp (2, orders)
    left_out: np.ndarray  # intp (orders,): 0 short, 1 long


def search(
    kind: str, depth: int, short: int, long: int, dead: int, n: int, width: int, rng: np.random.Generator
) -> np.ndarray:
    """Searches from end to end of `tasks.connectivity.graphs.bridge`, int16 (n, width) padded with -1; kind path, dfs or dfs-bt."""
    listed = np.full((n, width + 1), -1, np.int16)  # the last column takes the padding
    listed[:, 0] = 0
    begin = np.arange(n) * (width + 1)
    left_out, count = np.zeros(n, np.intp), np.ones(n, np.intp)
    hub = 0
    for petal in range(depth):
        legs = _legs(kind, short, long, dead, petal > 0)
        order = rng.integers(len(legs.left_out), size=n)
        case = left_out * len(legs.left_out) + order
        length = legs.length.ravel()[case]
        place = np.arange(legs.nodes.shape[2])
        into = np.where(place < length[:, None], count[:, None] + place, width)
        into += begin[:, None]
        listed.ravel()[into] = legs.nodes.reshape(-1, place.size)[case] + np.int16(hub)
        count += length
        left_out = legs.left_out[order]
        hub += short + long + dead - 1
    return listed[:, :width]


@cache
def _legs(kind: str, short: int, long: int, dead: int, inner: bool) -> Legs:
    """The legs from the first hub, or from an inner one; nodes numbered as in `tasks.connectivity.graphs.bridge`."""
    middle, top = short + long - 1, short + long + dead - 1
    routes = (range(1, short), range(middle - 1, short - 1, -1))
    behind = [[node - top for node in reversed(route)] for route in routes]
    legs, orders = [], list(permutations(range(4)))
    for left_out in range(2):
        detours = {2: [*range(top - 1, middle - 1, -1)], 3: behind[left_out] if inner else []}
        legs.append([_leg(kind, order, routes, detours, top) for order in orders])
    width = max(len(leg) for by_order in legs for leg in by_order)
    nodes = [[leg + [0] * (width - len(leg)) for leg in by_order] for by_order in legs]
    onward = [next(door for door in order if door < 2) for order in orders]
    length = np.array([[len(leg) for leg in by_order] for by_order in legs])
    return Legs(np.array(nodes, np.int16), length, 1 - np.array(onward))


def _leg(
    kind: str, order: tuple[int, ...], routes: tuple[range, range], detours: dict[int, list[int]], top: int
) -> list[int]:
    """What a search lists behind a hub that tries its doors in this order: 0 short, 1 long, the others detours."""
    onward = next(door for door in order if door < 2)
    listed: list[int] = []
    for door in order[: order.index(onward)] if kind != "path" else ():
        listed += detours[door]
        if kind == "dfs-bt" and detours[door]:
            listed += [*detours[door][-2::-1], 0]
    return [*listed, *routes[onward], top]
