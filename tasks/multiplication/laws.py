"""What is known of the digits of a product without multiplying, digit by digit: the floors that losses and scores compare with.

All pairs of factors are counted, so everything is exact. Digits of products are not uniform: the lowest is 0 more often than
any other, and the highest is small.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from alchemy.errors import UserError
from tasks.multiplication.columns import ends, product, running

MOST_PAIRS = 10_000_000


class Floor(NamedTuple):
    """Of each digit of the product, the lowest first: float (2 d,)."""

    right: np.ndarray
    """How often the best guess is right."""
    loss: np.ndarray
    """Nats of the best guess that says how sure it is: the entropy."""


def blind(base: int, digits: int) -> Floor:
    """Who sees neither factors nor product."""
    return _floor(_digits(base, digits), None, base)


def shown_lower(base: int, digits: int) -> Floor:
    """Who sees no factors and the lower digits of the product, as a teacher shows them where these are written first."""
    written = _digits(base, digits)
    before = np.concatenate([np.zeros((len(written), 1), np.int64), written[:, :-1]], axis=1)
    return _floor(written, (before * base ** np.arange(2 * digits)).cumsum(axis=1) // base, base)


def but_one_product(base: int) -> tuple[float, float]:
    """How often who knows all of a column but one product of two digits guesses its digit, and the nats of the guess.

    Only the product modulo the base is missing, and it is distributed like the lowest digit of a product.
    """
    floor = blind(base, 1)
    return float(floor.right[0]), float(floor.loss[0])


def _digits(base: int, digits: int) -> np.ndarray:
    """The digits of the products of all pairs of factors, int64 (pairs, 2 d)."""
    pairs = base ** (2 * digits)
    if pairs > MOST_PAIRS:
        raise UserError(f"{pairs:,} pairs of factors are too many to be counted: expected at most {MOST_PAIRS:,}")
    both = np.arange(pairs)[:, None] // base ** np.arange(2 * digits) % base
    sums = running(both[:, :digits], both[:, digits:], base)
    return product(sums[:, ends(digits)], base).astype(np.int64)


def _floor(written: np.ndarray, seen: np.ndarray | None, base: int) -> Floor:
    """The floors of digits int (pairs, k), given what is seen of each beforehand, int (pairs, k)."""
    right, loss = [], []
    for place, digit in enumerate(written.T):
        key = np.zeros_like(digit) if seen is None else np.unique(seen[:, place], return_inverse=True)[1]
        counts = np.bincount(key * base + digit, minlength=(key.max() + 1) * base).reshape(-1, base)
        share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        right.append(counts.max(axis=1).sum() / len(digit))
        loss.append(-(counts * np.log(np.where(share > 0, share, 1))).sum() / len(digit))
    return Floor(np.array(right), np.array(loss))
