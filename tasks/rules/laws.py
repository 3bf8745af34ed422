"""What readers who know nothing, or who know some rules by heart, say: exact predictors to compare models with.

A permutation drawn at random has a letter in a cycle of any length alike. So after k applications a letter is itself again with
the number of divisors of k, of those up to the number of letters, over the number of letters: a guess without reading the
rule. Any other letter is less likely.

The Bayes predictor that knows m rules takes the shown one for a copy of one of them, any as likely, in which each image was
replaced with probability `noise` by any other letter, and says the answer with the same noise (arXiv:2306.15063, section 2,
with rules in place of weights). Without noise a rule that is not among its own would be impossible. The predictor that
knows all permutations is the same with all of them, and all but certain of what is shown.

Dimension letters: `n` problems, `a` letters of a rule, `m` rules.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import permutations

import numpy as np

from alchemy.errors import UserError
from alchemy.problem.task import Problem

MOST_LETTERS = 8
"""Letters of the longest rules of which all are listed."""
BLOCK = 256  # problems beside all rules at once


def own_letter(letters: int, times: int) -> float:
    """How often so many applications of a random rule lead back to the letter."""
    return sum(times % length == 0 for length in range(1, letters + 1)) / letters


@lru_cache(maxsize=8)
def every(letters: int) -> np.ndarray:
    """All rules, int8 (m, a); raises `UserError` where they are too many to be listed."""
    if letters > MOST_LETTERS:
        raise UserError(
            f"rules of {letters} letters are too many to be listed: expected at most {MOST_LETTERS} letters"
        )
    return np.array(list(permutations(range(letters))), np.int8)


def predicted(rules: np.ndarray, problem: Problem, noise: float) -> np.ndarray:
    """How likely the predictor that knows rules int8 (m, a) takes each letter to be the answer, float (n, a)."""
    letters, n = rules.shape[1], len(problem["rule"])
    likely = np.empty((n, letters))
    for start in range(0, n, BLOCK):
        rows = slice(start, start + BLOCK)
        weights = posterior(rules, problem["rule"][rows], noise)
        for row, (times, letter) in enumerate(zip(problem["times"][rows], problem["letter"][rows], strict=True), start):
            at = np.full(len(rules), letter, np.intp)
            for _ in range(times):
                at = rules[np.arange(len(rules)), at].astype(np.intp)
            likely[row] = np.bincount(at, weights[row - start], letters)
    return (1 - noise) * likely + noise * (1 - likely) / (letters - 1)


def posterior(rules: np.ndarray, shown: np.ndarray, noise: float) -> np.ndarray:
    """How likely shown rules int8 (n, a) are copies of each of the known ones int8 (m, a): float (n, m), rows add up to 1."""
    if not 0 < noise < 1:
        raise UserError(f"noise {noise} is outside (0, 1)")
    differ = (shown[:, None] != rules[None]).sum(axis=2)
    odds = noise / (rules.shape[1] - 1) / (1 - noise)
    weights = odds ** (differ - differ.min(axis=1, keepdims=True)).astype(float)
    return weights / weights.sum(axis=1, keepdims=True)
