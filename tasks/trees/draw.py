"""How problems of `Trees` are drawn: any tree of a shape alike, from a list of all of them.

Dimension letters: `n` problems, `k` operators at most, `m` trees.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product

import numpy as np

from alchemy.problem.task import Problem
from tasks.trees.spec import SIGNS, Shape, Spec


def draw(spec: Spec, rng: np.random.Generator, n: int) -> Problem:
    """`leaves` int8 (n, k + 1), 1 to p - 1, `signs` int8 (n, k), by their places in `SIGNS`, both from left to right, and `order`
    int8 (n, k): the gap between two leaves that is closed in each step. Where a problem has fewer they are 0, -1 and -1."""
    most, signs = max(spec.operators), np.array([SIGNS.index(sign) for sign in spec.signs], np.int8)
    kinds = [(shape, operators) for shape in spec.shapes for operators in spec.operators]
    kind = rng.integers(len(kinds), size=n)
    leaves = rng.integers(1, spec.modulus, (n, most + 1), np.int8)
    sign = signs[rng.integers(len(signs), size=(n, most))]
    order = np.full((n, most), -1, np.int8)
    for number, (shape, operators) in enumerate(kinds):
        row, known = np.flatnonzero(kind == number), trees(shape, operators)
        order[row, :operators] = known[rng.integers(len(known), size=len(row))]
        leaves[row, operators + 1 :], sign[row, operators:] = 0, -1
    return {"leaves": leaves, "signs": sign, "order": order}


@lru_cache(maxsize=64)
def trees(shape: Shape, operators: int) -> np.ndarray:
    """All trees of a shape with so many operators, as orders int8 (m, operators)."""
    gaps = range(operators)
    if shape == "left":
        orders = [tuple(gaps)]
    elif shape == "right":
        orders = [tuple(reversed(gaps))]
    elif shape == "bent":
        sides = product((False, True), repeat=operators - 1)
        orders = [_grown(to_left) for to_left in sides if 0 < sum(to_left) < operators - 1]
    elif shape == "balanced":
        orders = [_balanced(0, operators)]
    else:
        orders = list(_every(0, operators))
    return np.array(orders, np.int8)


def _grown(to_left: tuple[bool, ...]) -> tuple[int, ...]:
    """The order of a tree in which the deepest operator is joined by a leaf at a time, on its left or its right."""
    first = last = sum(to_left)  # as many gaps are left of the deepest one
    order = [first]
    for left in to_left:
        first, last = first - left, last + (not left)
        order.append(first if left else last)
    return tuple(order)


def _balanced(first: int, last: int) -> tuple[int, ...]:
    """The order of the tree over leaves `first` to `last` that divides them in half, the larger half on the left."""
    if first == last:
        return ()
    gap = (first + last) // 2
    return (*_balanced(first, gap), *_balanced(gap + 1, last), gap)


@lru_cache(maxsize=256)
def _every(first: int, last: int) -> tuple[tuple[int, ...], ...]:
    """The orders of all trees over leaves `first` to `last`."""
    if first == last:
        return ((),)
    return tuple(
        (*left, *right, gap)
        for gap in range(first, last)
        for left in _every(first, gap)
        for right in _every(gap + 1, last)
    )
