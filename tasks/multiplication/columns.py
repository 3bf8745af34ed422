"""Long multiplication column by column, the lowest digit first: running sums, and the product that they make.

Digit k of the product is made in column k, where the sum of all left_i right_(k - i) is added to what the column before
carries over: s_k = sum_i left_i right_(k - i) + s_(k - 1) // base, and the digit is s_k mod base (arXiv:2510.00184, where s_k
is the running sum). The last digit is what the last column carries over.

Dimension letters: `n` problems, `d` digits of a factor, `s` = d * d products, `k` = 2 d - 1 columns.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Place(NamedTuple):
    """One product of two digits."""

    column: int
    left: int  # which digit of the left factor, from the lowest
    right: int
    closes: bool  # whether it is the last of its column


def places(digits: int) -> list[Place]:
    """The products of a multiplication, in order: column by column, the digit of the left factor from the lowest."""
    return [
        Place(column, left, column - left, left == min(column, digits - 1))
        for column in range(2 * digits - 1)
        for left in range(max(0, column - digits + 1), min(column, digits - 1) + 1)
    ]


def ends(digits: int) -> np.ndarray:
    """Which of the products close a column: int (k,)."""
    return np.flatnonzero([place.closes for place in places(digits)])


def running(left: np.ndarray, right: np.ndarray, base: int, written: np.ndarray | None = None) -> np.ndarray:
    """The sum of a column after each product, of factors int (n, d), the lowest digit first: int16 (n, s).

    The first sums are taken as they are `written`, int16 (n, w), and the others follow from them.
    """
    left, right = left.T.astype(np.int16), right.T.astype(np.int16)
    given = np.zeros((left.shape[1], 0), np.int16) if written is None else written
    sums, total = np.empty((len(left) ** 2, left.shape[1]), np.int16), np.zeros(left.shape[1], np.int16)
    for step, place in enumerate(places(len(left))):
        total = given[:, step] if step < given.shape[1] else total + left[place.left] * right[place.right]
        sums[step] = total
        total = total // base if place.closes else total
    return sums.T


def product(columns: np.ndarray, base: int) -> np.ndarray:
    """The digits of a product, the lowest first, from the sum of each column int16 (n, k): int16 (n, k + 1)."""
    return np.concatenate([columns % base, columns[:, -1:] // base], axis=1)


def most(base: int, digits: int) -> np.ndarray:
    """The largest sum after each product, that of factors whose digits all are the highest: int16 (s,)."""
    highest = np.full((1, digits), base - 1)
    return running(highest, highest, base)[0]
