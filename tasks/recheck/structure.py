"""What a map and a start are up to the names of the letters: a key that isomorphic problems share, and no others.

Letters are coloured by the length of the cycle that they run into and by whether they are the start, then again and again
by their own colour, their image's, and those of the letters that lead to them. With the length of the cycle known, the
colours fix a map up to names: a letter's tells the trees behind it and those along the way ahead of it.

Dimension letters: `n` problems, `a` letters of the alphabet.
"""

from __future__ import annotations

import numpy as np

from alchemy.problem.split import splitmix64

BEHIND = np.uint64(1 << 63)
"""Added to the colour of a letter that leads to another."""
BLOCK = 1 << 12  # problems at once, so that they stay in the cache


def keys(table: np.ndarray, start: np.ndarray) -> np.ndarray:
    """uint64 (n,) from maps int (n, a) and starts int (n,)."""
    blocks = range(0, len(table), BLOCK)
    hashes = [_keys(table[first : first + BLOCK].astype(np.intp), start[first : first + BLOCK]) for first in blocks]
    return np.concatenate(hashes) if hashes else np.zeros(0, np.uint64)


def _keys(table: np.ndarray, start: np.ndarray) -> np.ndarray:
    colour = _cycle_lengths(table).astype(np.uint64)
    colour[np.arange(len(table)), start] += np.uint64(table.shape[1] + 1)
    for _ in range(table.shape[1]):  # as many rounds as colours can split in
        image = np.take_along_axis(colour, table, axis=1)
        colour = splitmix64(splitmix64(splitmix64(colour) ^ image) + _behind(table, splitmix64(colour ^ BEHIND)))
    return splitmix64(splitmix64(colour).sum(axis=1, dtype=np.uint64))


def _cycle_lengths(table: np.ndarray) -> np.ndarray:
    """The length of the cycle that each letter runs into, int (n, a)."""
    letters = table.shape[1]
    at = np.broadcast_to(np.arange(letters), table.shape)
    for _ in range(letters):
        at = np.take_along_axis(table, at, axis=1)
    length, ahead = np.zeros(table.shape, np.intp), at
    for step in range(1, letters + 1):
        ahead = np.take_along_axis(table, ahead, axis=1)
        length[(ahead == at) & (length == 0)] = step
    return length


def _behind(table: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """The sum of the colours (n, a) of the letters that lead to each letter."""
    total = np.zeros_like(colour)
    row = np.arange(len(table))
    for letter in range(table.shape[1]):  # of one letter a row at a time, no two of them go to the same place
        total[row, table[:, letter]] += colour[:, letter]
    return total
