"""How problems of `Equations` are drawn: matrices that are eliminated without exchanging rows, and any solution.

A = L U with any lower triangular L of non-zero diagonal and any upper triangular U of unit diagonal. Each matrix with such
factors has one pair of them, so uniform factors make A uniform among the (p - 1)^k p^(k (k - 1)) matrices whose leading
minors are all non-zero: each system has one solution, and its elimination needs no search for a pivot. The solution is
uniform and independent of A. With `zeros` the factors are sparse, and so is A.

Dimension letters: `n` problems, `k` unknowns.
"""

from __future__ import annotations

import numpy as np

from alchemy.problem.task import Problem
from tasks.equations.spec import Spec


def draw(spec: Spec, rng: np.random.Generator, n: int) -> Problem:
    """`matrix` int16 (n, k, k), `right` and `solution` int16 (n, k), and `asked` int16 (n,): an unknown, from 0, or -1 for all."""
    p, k = spec.modulus, spec.unknowns
    entries = rng.integers(p, size=(k, k, n), dtype=np.int16)
    pivots = rng.integers(1, p, (k, n), np.int16)
    solution = rng.integers(p, size=(k, n), dtype=np.int16)
    asked = rng.integers(k, size=n, dtype=np.int16) if spec.asked == "one" else np.full(n, -1, np.int16)
    if spec.zeros:
        entries[rng.random(entries.shape) < spec.zeros] = 0
    matrix = _product(entries, pivots) % p
    right = (matrix * solution).sum(axis=1, dtype=np.int16) % p
    columns = {"matrix": matrix.transpose(2, 0, 1), "right": right.T, "solution": solution.T, "asked": asked}
    return {name: np.ascontiguousarray(values) for name, values in columns.items()}


def _product(entries: np.ndarray, pivots: np.ndarray) -> np.ndarray:
    """L U of the entries below and above the diagonal (k, k, n), with pivots (k, n) on that of L: (k, k, n)."""
    product = np.zeros_like(entries)
    for i in range(len(entries)):
        for j in range(len(entries)):
            for inner in range(min(i, j) + 1):
                lower = pivots[i] if inner == i else entries[i, inner]
                product[i, j] += lower if inner == j else lower * entries[inner, j]
    return product
