"""How problems of `Hops` are drawn: each letter is any other than the one before, any alike.

Only texts in which that many hops can be taken from the last letter are kept, so every problem has an answer; a number of
hops is as frequent as any other all the same.

Dimension letters: `n` problems, `t` letters of a text.
"""

from __future__ import annotations

import numpy as np

from alchemy.problem.task import Problem
from tasks.hops.spec import Spec
from tasks.hops.walk import walk


def draw(spec: Spec, rng: np.random.Generator, n: int) -> Problem:
    """`text` int8 (n, t): numbers of letters; `hops` int8 (n,)."""
    hops = np.array(spec.hops, np.int8)[rng.integers(len(spec.hops), size=n)]
    text = texts(spec, rng, n)
    lost = np.flatnonzero(~has_answer(text, hops))
    while lost.size:
        text[lost] = texts(spec, rng, lost.size)
        lost = lost[~has_answer(text[lost], hops[lost])]
    return {"text": text, "hops": hops}


def texts(spec: Spec, rng: np.random.Generator, n: int) -> np.ndarray:
    """Random texts without equal neighbours, int8 (n, t)."""
    steps = rng.integers(1, spec.letters, (n, spec.length), np.int8)
    steps[:, 0] = rng.integers(spec.letters, size=n)
    return (np.cumsum(steps, axis=1, dtype=np.int16) % spec.letters).astype(np.int8)


def has_answer(text: np.ndarray, hops: np.ndarray) -> np.ndarray:
    """Whether that many hops can be taken from the last letter, bool (n,)."""
    places = walk(text, np.full(len(text), text.shape[1] - 1), int(hops.max(initial=1)))
    return places[np.arange(len(text)), hops.astype(np.intp) - 1] >= 0
