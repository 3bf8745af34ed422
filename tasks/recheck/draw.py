"""How problems of `Recheck` are drawn: maps, numbers of re-checks, and drafts that re-checks break and mend.

Dimension letters: `n` problems, `a` letters of the alphabet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from tasks.recheck import Recheck

CLASSES = ("help", "flat", "hurt", "mend", "mixed")
"""Marks that a prompt can carry."""
KINDS = ("help", "flat", "hurt", "mend", "mixed, hurt", "mixed, mend")
"""What dials are set for; the two kinds of mixed problems share a mark."""


def kinds(number: np.ndarray, start: np.ndarray, letters: int) -> np.ndarray:
    """Numbers in KINDS of problems with class numbers and starts int8 (n,)."""
    return number + ((number == CLASSES.index("mixed")) & (start >= letters // 2))


def maps(rng: np.random.Generator, kind: str, n: int, letters: int) -> np.ndarray:
    """Random maps of letters to letters, int8 (n, a)."""
    if kind == "function":
        return rng.integers(letters, size=(n, letters), dtype=np.int8)
    order = rng.random((n, letters)).argsort(axis=1).astype(np.int8)
    if kind == "permutation":
        return order
    table = np.empty_like(order)
    np.put_along_axis(table, order.astype(np.intp), np.roll(order, -1, axis=1), axis=1)
    return table


def walk(table: np.ndarray, start: np.ndarray, hops: int) -> np.ndarray:
    """The letters after each of so many hops from the start, int8 (n, hops), under maps int8 (n, a)."""
    row, states, at = np.arange(len(start)), np.empty((len(start), hops), np.int8), start
    for hop in range(hops):
        at = table[row, at]
        states[:, hop] = at
    return states


def rechecks(task: Recheck, rng: np.random.Generator, kind: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The number of re-checks that each prompt tells, -1 for none, and how many there are: int8 (n,)."""
    n = len(kind)
    share, number = rng.random(n), rng.integers(task.most + 1, size=n, dtype=np.int8)
    goes_on = rng.random((n, task.most)) < np.array(task.again)[kind, None]
    own = np.cumprod(goes_on, axis=1).sum(axis=1, dtype=np.int8)
    if not task.waits:
        return np.full(n, -1, np.int8), np.zeros(n, np.int8)
    told = np.full(n, task.asked, np.int8) if task.asked >= 0 else np.where(share < task.told, number, np.int8(-1))
    return told, np.where(told < 0, own, told)


def drafts(
    task: Recheck, rng: np.random.Generator, kind: np.ndarray, states: np.ndarray, hops: np.ndarray, count: np.ndarray
) -> np.ndarray:
    """Hops and re-checks as letter numbers int8 (n, longest walk + most re-checks), padded with -1.

    A wrong draft is any other letter; a re-check that neither breaks nor mends it leaves a draft as it is.
    """
    n, width = states.shape[0], states.shape[1] + task.most_rechecks
    last = hops.astype(np.intp) - 1
    gold = states[np.arange(n), last]
    written = np.concatenate([states, np.zeros((n, task.most_rechecks), np.int8)], axis=1)
    right, breaks, mends = (np.array(dial)[kind] for dial in (task.right, task.breaks, task.mends))
    chance = rng.random((n, task.most_rechecks + 1))
    other = rng.integers(1, len(task.alphabet), size=(n, task.most_rechecks + 1), dtype=np.int8)
    draft = gold
    for number in range(task.most_rechecks + 1 if task.noisy else 0):
        was = draft == gold
        stays = chance[:, number] < (np.where(was, 1 - breaks, mends) if number else right)
        wrong = np.where(was, (gold + other[:, number]) % len(task.alphabet), draft)
        draft = np.where(stays, gold, wrong).astype(np.int8)
        written[np.arange(n), last + number] = draft
    if not task.noisy:
        place = np.arange(width)
        written = np.where(place > last[:, None], gold[:, None], written)
    written[np.arange(width) >= (hops + count)[:, None]] = -1
    return written
