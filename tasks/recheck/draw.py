"""How problems of `Recheck` are drawn: maps, numbers of re-checks, and drafts that re-checks break and mend.

Dimension letters: `n` problems, `a` letters of the alphabet.
"""

from __future__ import annotations

import numpy as np

from alchemy.problem.task import Problem
from tasks.recheck.spec import CLASSES, Spec


def draw(spec: Spec, rng: np.random.Generator, n: int) -> Problem:
    """`n` problems: `class` number in CLASSES, `map` int8 (n, a), `start`, `hops`, `told` or -1, `rechecks`: int8 (n,);
    `drafts` int8 (n, hops + re-checks) letter numbers, padded with -1."""
    letters = len(spec.alphabet)
    classes = np.array([CLASSES.index(name) for name in spec.classes], np.int8)
    number = classes[rng.integers(len(classes), size=n)]
    table = maps(rng, spec.maps, n, letters)
    start = rng.integers(letters, size=n, dtype=np.int8)
    hops = np.where(number == 0, np.array(spec.hops, np.int8)[rng.integers(len(spec.hops), size=n)], np.int8(1))
    kind = kinds(number, start, letters)
    told, count = rechecks(spec, rng, kind)
    states = walk(table, start, spec.longest_walk)
    return {
        "class": number,
        "map": table,
        "start": start,
        "hops": hops,
        "told": told,
        "rechecks": count,
        "drafts": drafts(spec, rng, kind, states, hops, count),
    }


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


def rechecks(spec: Spec, rng: np.random.Generator, kind: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The number of re-checks that each prompt tells, -1 for none, and how many there are: int8 (n,)."""
    n = len(kind)
    share, number = rng.random(n), rng.integers(spec.most + 1, size=n, dtype=np.int8)
    goes_on = rng.random((n, spec.most)) < np.array(spec.again)[kind, None]
    own = np.cumprod(goes_on, axis=1).sum(axis=1, dtype=np.int8)
    if not spec.waits:
        return np.full(n, -1, np.int8), np.zeros(n, np.int8)
    told = np.full(n, spec.asked, np.int8) if spec.asked >= 0 else np.where(share < spec.told, number, np.int8(-1))
    return told, np.where(told < 0, own, told)


def drafts(
    spec: Spec, rng: np.random.Generator, kind: np.ndarray, states: np.ndarray, hops: np.ndarray, count: np.ndarray
) -> np.ndarray:
    """Hops and re-checks as letter numbers int8 (n, longest walk + most re-checks), padded with -1.

    A wrong draft is any other letter; a re-check that neither breaks nor mends it leaves a draft as it is.
    """
    n, width = states.shape[0], states.shape[1] + spec.max_rechecks
    last = hops.astype(np.intp) - 1
    gold = states[np.arange(n), last]
    written = np.concatenate([states, np.zeros((n, spec.max_rechecks), np.int8)], axis=1)
    right, breaks, mends = (np.array(dial)[kind] for dial in (spec.right, spec.breaks, spec.mends))
    chance = rng.random((n, spec.max_rechecks + 1))
    offset = rng.integers(1, len(spec.alphabet), size=(n, spec.max_rechecks + 1), dtype=np.int8)
    draft = gold
    for number in range(spec.max_rechecks + 1 if spec.noisy else 0):
        was_right = draft == gold
        stays = chance[:, number] < (np.where(was_right, 1 - breaks, mends) if number else right)
        wrong = np.where(was_right, (gold + offset[:, number]) % len(spec.alphabet), draft)
        draft = np.where(stays, gold, wrong).astype(np.int8)
        written[np.arange(n), last + number] = draft
    if not spec.noisy:
        place = np.arange(width)
        written = np.where(place > last[:, None], gold[:, None], written)
    written[np.arange(width) >= (hops + count)[:, None]] = -1
    return written
