"""What a text is up to the names of its letters: they are numbered in the order in which they first stand there.

Dimension letters: `n` texts, `t` letters of a text.
"""

from __future__ import annotations

import numpy as np


def renamed(text: np.ndarray) -> np.ndarray:
    """Texts int8 (n, t) with letters 0, 1, ... in order of first appearance, int8 (n, t)."""
    n, letters = len(text), int(text.max(initial=0)) + 1
    name, row, count = np.full((letters, n), -1, np.int8), np.arange(n), np.zeros(n, np.int8)
    again = np.empty(text.shape[::-1], np.int8)
    for place, letter in enumerate(text.T.astype(np.intp)):
        known = name[letter, row]
        again[place] = np.where(known < 0, count, known)
        name[letter, row] = again[place]
        count += known < 0
    return again.T
