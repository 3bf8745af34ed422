"""What the claims on words of groups have in common: training words without the tested ones, and labels at every letter.

Two letters make few short words, and words of a training line begin with nearly all of them. So that a tested word is not
one that was learned by heart, no training word begins with a held-out word of a tested length.

Dimension letters: `n` words, `t` letters of a word and the token behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from alchemy.learning.data import Examples
from alchemy.problem.split import Split
from tasks.groups import Groups


def training_words(task: Groups, split: Split, rng: np.random.Generator, n: int, tested: Sequence[int]) -> np.ndarray:
    """Words int8 (n, length) that begin with no held-out word of the tested lengths, nor are one themselves."""
    found: list[np.ndarray] = []
    while sum(map(len, found)) < n:
        words = task.draw(rng, max(n, 64))["word"]
        for length in {*tested, task.length}:
            begin = words[:, :length]
            words = words[~split.part(replace(task, length=length).identity({"word": begin}))]
        found.append(words)
    return np.concatenate(found)[:n]


def tagged(task: Groups, words: np.ndarray) -> Examples:
    """Words with a target behind every letter: the element so far, in place of the next letter; nothing else is scored."""
    tokens = task.write({"word": words}).prompts()
    target, weight = tokens[..., 0].copy(), np.ones(tokens.shape[:2], bool)
    target[:, 1:] = task.states(words) + np.int32(task.zero)
    weight[:, 0] = False
    return Examples(tokens, weight, target)
