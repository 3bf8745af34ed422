"""How problems of `Reachability` are drawn: one half, its twin under other names, and which of the two roots is the start.

Dimension letters: `n` problems, `k` edges that a half may have, `m` edges of a half, `h` nodes of a half.
"""

from __future__ import annotations

import numpy as np

from alchemy.problem.arrays import flat
from alchemy.problem.task import Problem
from tasks.reachability.spec import Spec


def draw(spec: Spec, rng: np.random.Generator, n: int) -> Problem:
    """`edges` int8 (n, 2 m, 2): tail and head by name, as written; `start` int8 (n,); `candidates` int8 (n, 2), as written."""
    edges = _half(spec, rng, n)
    depth = np.array(spec.depths)[rng.integers(len(spec.depths), size=n)]
    width = np.array((1, *spec.widths))[depth]
    place = np.searchsorted(spec.distance, depth) + (rng.random(n) * width).astype(np.intp)
    names = rng.permuted(np.tile(np.arange(spec.nodes, dtype=np.int8), (n, 1)), axis=1).reshape(n, 2, spec.half)
    both = np.concatenate([_named(names[:, twin], edges) for twin in (0, 1)], axis=1)
    order = rng.random(both.shape[:2]).argsort(axis=1, kind="stable")
    candidates = np.take_along_axis(names, place[:, None, None], axis=2)[..., 0]
    candidates = np.where(rng.random((n, 1)) < 0.5, candidates, candidates[:, ::-1])
    return {
        "edges": np.take_along_axis(both, order[..., None], axis=1),
        "start": names[:, 0, 0].copy(),
        "candidates": candidates,
    }


def _half(spec: Spec, rng: np.random.Generator, n: int) -> np.ndarray:
    """Edges of halves by the places of their nodes, int (n, m, 2): to every node but the root one from any node a step nearer to
    it, and further ones, any alike."""
    heads, chance = spec.pairs[:, 1], rng.random((n, len(spec.pairs)))
    first = np.stack([np.where(heads == node, chance, 2).argmin(axis=1) for node in range(1, spec.half)], axis=1)
    chosen = np.zeros(chance.shape, bool)
    np.put_along_axis(chosen, first, True, axis=1)
    further = np.where(chosen, 2, rng.random(chance.shape)).argsort(axis=1, kind="stable")[:, : spec.extra]
    np.put_along_axis(chosen, further, True, axis=1)
    return spec.pairs[np.nonzero(chosen)[1].reshape(n, spec.half - 1 + spec.extra)]


def _named(names: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Edges int (n, m, 2) by names int8 (n, h) in place of places."""
    return np.take_along_axis(names, flat(edges), axis=1).reshape(edges.shape)
