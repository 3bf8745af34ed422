"""Texts cut at many steps go on in one call, so far as they leave room for it.

Dimension letters: `s` seeds, `n` problems of each, `m` tokens of a completion, `t` of a text, `c` ids a position carries.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np


def continued(
    texts: Sequence[np.ndarray], most: int, context: int, write: Callable[[list[int], np.ndarray], np.ndarray]
) -> list[np.ndarray]:
    """What is written behind each of the texts int32 (s, n, t, c), t by step: int32 (s, n, m), m by step.

    `write` is given the numbers of some texts and all of these side by side, int32 (s, r, t, c). All that leave room in the
    `context` for `most` more tokens go on together, and each of the others alone, so that a short text is not cut short by
    a long one.
    """
    n = texts[0].shape[1]
    together = [k for k, text in enumerate(texts) if text.shape[2] + most <= context]
    groups = ([together] if together else []) + [[k] for k in range(len(texts)) if k not in together]
    written: dict[int, np.ndarray] = {}
    for group in groups:
        longest = max(texts[k].shape[2] for k in group)
        widened = [np.pad(texts[k], ((0, 0), (0, 0), (0, longest - texts[k].shape[2]), (0, 0))) for k in group]
        new = write(group, np.concatenate(widened, axis=1))
        written |= {k: new[:, i * n : (i + 1) * n] for i, k in enumerate(group)}
    return [written[k] for k in range(len(texts))]
