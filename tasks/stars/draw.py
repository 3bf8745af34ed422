"""How problems of `Stars` are drawn: any names without repetition, and any order of the edges.

Dimension letters: `n` problems, `a` arms, `l` nodes of an arm beside the centre, `m` = a * l edges.
"""

from __future__ import annotations

import numpy as np

from alchemy.problem.task import Problem
from tasks.stars.spec import Spec


def draw(spec: Spec, rng: np.random.Generator, n: int) -> Problem:
    """`centre` int8 (n,), `arms` int8 (n, a, l): nodes outwards, of which the first arm ends in the goal; `order` int16 (n, m):
    the edges in the order in which they are written, edge i * l + j the one that ends in node j of arm i."""
    nodes = _arranged(rng, n, spec.names)[:, : spec.nodes].astype(np.int8)
    arms = nodes[:, 1:].reshape(n, spec.arms, spec.length)
    return {"centre": nodes[:, 0].copy(), "arms": arms, "order": _arranged(rng, n, spec.edges)}


def _arranged(rng: np.random.Generator, n: int, size: int) -> np.ndarray:
    """Random orders of 0 to size - 1, each alike, int16 (n, size); stable, so that ties are the same on every machine."""
    return rng.random((n, size), np.float32).argsort(axis=1, kind="stable").astype(np.int16)
