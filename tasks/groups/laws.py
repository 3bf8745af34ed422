"""What is scored without following the order of a word's letters: by guessing, by counting, by reading the last letters.

The best guess of someone who knows the last m of n letters is as often right as that of someone who knows nothing of n - m
letters: whatever the known end does, it takes different elements to different ones. The same is so of someone who knows,
besides, how often each letter stands in the rest. So both floors are of one number, that of the letters out of sight. In a
commutative group who counts knows everything; in A5 hardly more than who guesses. All are exact: over words, counted by
dynamic programming over elements and, for counts, over the number of b.

Dimension letters: `g` elements of a group, `n` letters.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from tasks.groups.table import group


@lru_cache(maxsize=512)
def words(name: str, pair: int, length: int) -> np.ndarray:
    """The share of words of so many letters that have so many b and lead to each element: float (length + 1, g)."""
    table = group(name, pair)
    shares = np.zeros((length + 1, table.order))
    shares[0, 0] = 1
    for _ in range(length):
        longer = np.zeros_like(shares)
        np.add.at(longer.T, table.step[:, 0], shares.T / 2)
        np.add.at(longer[1:].T, table.step[:, 1], shares[:-1].T / 2)
        shares = longer
    return shares


def guess(name: str, pair: int, unseen: int) -> float:
    """Right answers of the best reader of all but so many letters at the beginning, whatever the length."""
    return float(words(name, pair, unseen).sum(axis=0).max())


def count(name: str, pair: int, unseen: int) -> float:
    """The same of a reader who knows, besides, how many of these letters are b: with all letters unseen, who counts."""
    return float(words(name, pair, unseen).max(axis=1).sum())


def window(name: str, pair: int, length: int, letters: int) -> float:
    """Right answers of the best reader of the last so many letters of a word."""
    return guess(name, pair, max(0, length - letters))
