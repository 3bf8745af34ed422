"""Hops in a text: where a place leads to, and how far one gets.

A hop goes to the letter behind the last time that this letter stood before. Equal letters never stand side by side, so
that each hop goes back, and to another letter. Places count from 0; -1 is where there is none.

Dimension letters: `n` texts, `t` letters of a text, `k` hops.
"""

from __future__ import annotations

import numpy as np


def hop(text: np.ndarray, at: np.ndarray) -> np.ndarray:
    """The places that one hop leads to from places int (n,) of texts int8 (n, t), -1 also from -1: int16 (n,)."""
    last, at = text.shape[1] - 1, at[:, None].astype(np.int16)
    letter = np.take_along_axis(text, np.maximum(at, 0).astype(np.intp), axis=1)
    before = (text == letter) & (np.arange(last + 1, dtype=np.int16) < at)
    back = before[:, ::-1].argmax(axis=1).astype(np.int16)  # from the end to the nearest one
    return np.where(before.any(axis=1), last + 1 - back, -1).astype(np.int16)


def walk(text: np.ndarray, start: np.ndarray, hops: int) -> np.ndarray:
    """The places after each of so many hops from places int (n,): int16 (n, hops)."""
    places, at = np.empty((len(text), hops), np.int16), start
    for number in range(hops):
        places[:, number] = at = hop(text, at)
    return places


def leads(text: np.ndarray) -> np.ndarray:
    """The place that one hop leads to from each place, -1 where there is none: int16 (n, t)."""
    return np.stack([hop(text, np.full(len(text), place)) for place in range(text.shape[1])], axis=1)


def from_everywhere(text: np.ndarray, hops: np.ndarray) -> np.ndarray:
    """The place after so many hops int (n,) from each place, -1 where there is none: int16 (n, t)."""
    to, at = leads(text), np.broadcast_to(np.arange(text.shape[1], dtype=np.int16), text.shape)
    for number in range(int(hops.max(initial=0))):
        further = np.where(at < 0, -1, np.take_along_axis(to, np.maximum(at, 0).astype(np.intp), axis=1))
        at = np.where(number < hops[:, None], further, at)
    return at


def reach(text: np.ndarray) -> np.ndarray:
    """How many hops can be taken from each place, int16 (n, t)."""
    to, row, count = leads(text), np.arange(len(text)), np.zeros(text.shape, np.int16)
    for place in range(text.shape[1]):
        count[:, place] = np.where(to[:, place] < 0, 0, count[row, to[:, place]] + 1)
    return count
