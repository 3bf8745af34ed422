"""Trees as the order in which their operators are worked out, and what can be said of each operator from its operands.

The leaves of an expression stand in a row, with an operator in each gap between two of them. A tree says in which order the gaps are
closed: always an operator whose operands are worked out, the first of these in the row. Closing a gap joins what ends before it and
what begins behind it.

Dimension letters: `n` problems, `k` operators at most.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Combine = Callable[[int, np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""Makes the value of an operator from its number in the order, the rows it is of, and the values of its left and right operands."""


def fold(order: np.ndarray, leaves: np.ndarray, combine: Combine) -> np.ndarray:
    """Values of operators in their order, int (n, k), from those of leaves int (n, k + 1); 0 where an order int (n, k) has no more."""
    n, k = order.shape
    values, at = np.zeros((n, k), leaves.dtype), leaves.copy()  # at: of what begins at each leaf
    begin = np.tile(np.arange(k + 1, dtype=np.int8), (n, 1))  # of what ends at each leaf
    end = begin.copy()  # of what begins at each leaf
    for step in range(k):
        row = np.flatnonzero(order[:, step] >= 0)
        gap = order[row, step].astype(np.intp)
        first, last = begin[row, gap], end[row, gap + 1]
        value = combine(step, row, at[row, first], at[row, gap + 1])
        values[row, step] = at[row, first] = value
        end[row, first], begin[row, last] = last, first
    return values


def spans(order: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first and the last leaf of each operator in the order, int8 (n, k) each."""
    n, k = order.shape
    leaf = np.tile(np.arange(k + 1, dtype=np.int8), (n, 1))
    first = fold(order, leaf, lambda step, row, left, right: left)
    return first, fold(order, leaf, lambda step, row, left, right: right)


def depths(order: np.ndarray) -> np.ndarray:
    """How many operators there are at most from each to a leaf, itself counted, int8 (n, k)."""
    leaves = np.zeros((len(order), order.shape[1] + 1), np.int8)
    return fold(order, leaves, lambda step, row, left, right: 1 + np.maximum(left, right))


def leans(order: np.ndarray) -> np.ndarray:
    """Operators that are right operands less those that are left ones, int (n,)."""
    leaves = np.zeros((len(order), order.shape[1] + 1), np.int8)
    sides = fold(order, leaves, lambda step, row, left, right: 2 + np.sign(right) - np.sign(left))
    return np.where(sides > 0, sides - 2, 0).sum(axis=1)
