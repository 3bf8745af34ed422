"""Drawing elements: letters at random, some of them from where they are banned."""

from __future__ import annotations

import numpy as np

from tasks.symbols.layout import BLOCK


def elements(rng: np.random.Generator, possible: np.ndarray, lengths: np.ndarray, unseen: int) -> np.ndarray:
    """Letter numbers int16 (n, longest), padded with -1, uniform over what is possible at each place.

    possible bool (2, longest, v): the usual letters and the banned ones, of which each element gets `unseen`; lengths
    int (n, 1).
    """
    n, longest, letters = len(lengths), *possible.shape[1:]
    place = np.arange(longest)
    forced = _forced(rng, lengths, place, unseen) if unseen else None
    count = possible.sum(axis=2)
    choices = np.argsort(~possible, axis=2, kind="stable").astype(np.int16)  # the possible ones first
    cell = np.tile(place, (min(n, BLOCK), 1))
    first, often = cell * letters, count.take(cell)
    out = np.empty((n, longest), np.int16)
    for start in range(0, n, BLOCK):
        part = out[start : start + BLOCK]
        if forced is not None:
            cell = place + longest * forced[start : start + BLOCK]
            first, often = cell * letters, count.take(cell)
        part[:] = choices.take((rng.random(part.shape) * often[: len(part)]).astype(np.intp) + first[: len(part)])
    if lengths.min(initial=longest) < longest:
        out[place >= lengths] = -1
    return out


def _forced(rng: np.random.Generator, lengths: np.ndarray, place: np.ndarray, unseen: int) -> np.ndarray:
    """`unseen` random places of every element, int (n, longest): 1 there, 0 elsewhere."""
    key = np.where(place < lengths, rng.random((len(lengths), place.size)), np.inf)
    return (key <= np.sort(key, axis=1)[:, unseen - 1 : unseen]).astype(np.intp)
