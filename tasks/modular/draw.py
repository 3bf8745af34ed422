"""How problems of `Modular` are drawn, and what their text would be without noise.

Dimension letters: `n` problems, `k` factors.
"""

from __future__ import annotations

import numpy as np

from alchemy.problem.task import Problem
from tasks.modular.spec import Spec


def draw(spec: Spec, rng: np.random.Generator, n: int) -> Problem:
    """`n` problems; with other dials of noise these are the same ones, differently written.

    `factors` 1 to p - 1 and those that are `shown`, int16 (n, k); `term` 0 to p - 1 and `written`, the product in the trace,
    int16 (n,). What is wrong is any other number from 1 to p - 1.
    """
    p = spec.modulus
    factors = rng.integers(1, p, (n, spec.factors), np.int16)
    term = rng.integers(p, size=n, dtype=np.int16)
    place = rng.integers(spec.factors, size=n)
    chance, offset = rng.random((2, n)), rng.integers(1, p - 1, (2, n), np.int16)
    row = np.flatnonzero(chance[0] < spec.prompt_noise)
    shown = factors.copy()
    shown[row, place[row]] = other(factors[row, place[row]], offset[0, row], p)
    product = spec.product(factors)
    written = np.where(chance[1] < spec.trace_noise, other(product, offset[1], p), product)
    return {"factors": factors, "shown": shown, "term": term, "written": written}


def clean(spec: Spec, problem: Problem) -> Problem:
    """The same problems, shown and written as they are."""
    return {**problem, "shown": problem["factors"], "written": spec.product(problem["factors"])}


def other(value: np.ndarray, offset: np.ndarray, p: int) -> np.ndarray:
    """The number that is `offset` steps further, 1 to p - 2, on the circle 1, ..., p - 1."""
    return (value - 1 + offset) % (p - 1) + 1
