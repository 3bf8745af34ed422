"""Problems of `Modular` as tokens, and the tokens of a trace read as numbers.

Dimension letters: `n` problems, `k` factors, `m` tokens of a completion.
"""

from __future__ import annotations

import numpy as np

from alchemy.problem.task import EOS, Batch, Field, Problem
from tasks.modular.spec import PLUS, TEXT_FORMAT, THINK, TIMES, Spec

PRODUCT, TERM = 0, 2
"""Where a completion with a trace has the product, and where the term."""


def write(spec: Spec, problem: Problem) -> Batch:
    """Whole lines: what is shown, what is written, and the right answer."""
    index, n = spec.vocabulary.index, len(problem["term"])
    times, plus, think, answer = (index[mark] for mark in (TIMES, PLUS, THINK, TEXT_FORMAT.answer_mark))
    term, right = problem["term"], (spec.product(problem["factors"]) + problem["term"]) % spec.modulus
    columns: list[np.ndarray | int] = []
    for factor in problem["shown"].T:
        columns += [factor + spec.zero, times]
    columns[-1:] = [plus, term + spec.zero, think]
    columns += [problem["written"] + spec.zero, plus, term + spec.zero] if spec.cot else []
    columns += [answer, right + spec.zero, EOS]
    tokens = np.stack([np.broadcast_to(column, n) for column in columns], axis=1).astype(np.int32)
    return Batch(tokens[..., None], np.full(n, spec.longest_prompt, np.int32), np.tile(_fields(spec), (n, 1)), problem)


def _fields(spec: Spec) -> np.ndarray:
    """The field of each token of a line, int8 (t,)."""
    prompt = [0] * (2 * spec.factors - 1) + [1, 1, 2]
    return np.array([*prompt, *[Field.STEP] * 3 * spec.cot, Field.ANSWER, Field.ANSWER, Field.END], np.int8)


def follow(spec: Spec, gold: np.ndarray, completion: np.ndarray) -> np.ndarray:
    """Gold completions int32 (n, m) that begin as the given ones, with the answer that follows from their trace."""
    followed = gold.copy()
    followed[:, : TERM + 1] = completion[:, : TERM + 1]
    numbers = followed[:, [PRODUCT, TERM]] - spec.zero
    sums = numbers.sum(axis=1) % spec.modulus + spec.zero
    followed[:, TERM + 2] = sums
    followed[((numbers < 0) | (numbers >= spec.modulus)).any(axis=1)] = 0
    return followed
