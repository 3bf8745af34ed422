"""Attention that is knocked out: which queries may not read which keys, in any layer.

A mask bool (t, t) is true where the query, counted first, may not read the key. The query that writes the token at a place
is the token before it. Dimension letters: `t` tokens.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np


def between(t: int, writing: Collection[int], reading: Collection[int]) -> np.ndarray:
    """What writes the tokens at places `writing` may not read those at places `reading`: bool (t, t)."""
    blocked = np.zeros((t, t), bool)
    blocked[np.ix_([place - 1 for place in writing if place], list(reading))] = True
    return blocked


def reading_only(field: np.ndarray, parts: Mapping[int, Collection[int]], always: Collection[int] = ()) -> np.ndarray:
    """What writes a part of a line reads only some parts of it, bool (t, t); parts are codes of `field` int (t,).

    `parts` has the parts read, by the part that is written; this and the places `always`, such as a cue's, are read too.
    With the operation i and the state i - 1 for each step i, the share of answers that survive is a Markov score.
    """
    t = len(field)
    blocked = np.zeros((t, t), bool)
    for written, read in parts.items():
        free = np.isin(field, [written, *read]) | np.isin(np.arange(t), list(always))
        blocked[np.flatnonzero(field[1:] == written)] = ~free
    return blocked & np.tri(t, dtype=bool)


def elsewhere(blocked: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A placebo: as many keys are blocked for each query of `blocked` bool (t, t), but others, drawn at random before it.

    Keys that were free are taken first; where too few are, some are blocked in both.
    """
    placebo = np.zeros_like(blocked)
    for query, keys in enumerate(blocked):
        order = rng.permutation(query)
        order = order[np.argsort(keys[order], kind="stable")]
        placebo[query, order[: keys[:query].sum()]] = True
    return placebo
