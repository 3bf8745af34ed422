"""How a graph gets into writing: random names for its nodes, a random order and orientation of its edges.

Letters as in `tasks/connectivity/networks.py`. Nothing is shuffled through an index: what is to be shuffled stands in the low bits
of 64-bit keys whose other bits are random, so that sorting the keys is all it takes.
"""

from __future__ import annotations

import numpy as np

MAX_IDS = 1 << 15
"""Names at most, so that they are int16."""
NOWHERE = 0xFFFF
"""Stands for the name of an end that an edge does not have; -1 as int16."""


def shuffled(values: np.ndarray, rng: np.random.Generator, behind: np.ndarray | None = None) -> np.ndarray:
    """Every row in a random order of its own, uint16 or uint32 (n, w); what is `behind`, bool (n, w), comes last.

    Uniform but for keys that agree in all random bits, at odds of w**2 / 2**49 a row of uint16, w**2 / 2**33 of uint32.
    """
    keys = rng.integers(1 << 64, size=values.shape, dtype=np.uint64)
    if behind is not None:
        keys[behind] = np.iinfo(np.uint64).max
    stride = keys.itemsize // values.itemsize
    keys.view(values.dtype)[:, ::stride] = values  # on little-endian machines the low bits
    keys.sort(axis=1)
    return keys.view(values.dtype)[:, ::stride].copy()


def names(n: int, nodes: int, ids: int, reserved: int, strange: int, rng: np.random.Generator) -> np.ndarray:
    """A fresh name for every node, uint16 (n, nodes), no two alike in a row.

    `strange` nodes, any of them, get names from the last `reserved` of the `ids`, the others from those before.
    """
    usual, rare = np.split(np.arange(ids, dtype=np.uint16), [ids - reserved])
    name = shuffled(np.broadcast_to(usual, (n, usual.size)), rng)[:, : nodes - strange]
    if not strange:
        return name
    rare = shuffled(np.broadcast_to(rare, (n, rare.size)), rng)[:, :strange]
    return shuffled(np.concatenate([name, rare], axis=1), rng)


def written(
    edges: np.ndarray, name: np.ndarray, in_order: bool, low_first: bool, rng: np.random.Generator
) -> np.ndarray:
    """Edges by name, int16 (n, m, 2), in a uniformly random order and orientation, padded with -1 at the end.

    edges int (g, m, 2) of node numbers with g = n or 1, padded with -1; name uint16 (n, nodes).
    `in_order` sorts them by the lower of their names, then the higher; `low_first` writes the lower name first.
    """
    absent = None if len(edges) == 1 else edges.max(axis=2) < 0
    if absent is None:
        tail, head = (name.take(edges[0, :, side], axis=1) for side in range(2))  # unlike name[:, ...] in C order
    else:
        ends = (np.take_along_axis(name, edges[..., side].astype(np.intp), axis=1) for side in range(2))
        tail, head = (np.where(absent, np.uint16(NOWHERE), end) for end in ends)
    if in_order or low_first:
        tail, head = np.minimum(tail, head), np.maximum(tail, head)
    if in_order:
        code = tail.astype(np.uint32) << np.uint32(16) | head
        code.sort(axis=1)
        tail, head = (code >> np.uint32(16)).astype(np.uint16), code.astype(np.uint16)
    swap = np.uint16(0) if low_first else (tail ^ head) & -_coins(tail.shape, rng)
    pairs = np.empty((*tail.shape, 2), np.uint16)
    np.bitwise_xor(tail, swap, out=pairs[..., 0])
    np.bitwise_xor(head, swap, out=pairs[..., 1])
    if not in_order:
        pairs = shuffled(pairs.view(np.uint32)[..., 0], rng, absent)
    return pairs.view(np.int16).reshape(*tail.shape, 2)


def _coins(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Zeros and ones, uint16 of a shape."""
    n, m = shape
    eight = rng.integers(256, size=(n, -(-m // 8)), dtype=np.uint8)
    return np.unpackbits(eight, axis=1, count=m).astype(np.uint16)
