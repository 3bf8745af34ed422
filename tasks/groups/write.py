"""Problems of `Groups` as tokens, and what follows from an element that was changed.

Dimension letters: `n` problems, `k` steps of a chain, `m` tokens of a completion.
"""

from __future__ import annotations

import numpy as np

from alchemy.problem.task import EOS, PAD, Batch, Field, Problem
from tasks.groups.spec import TEXT_FORMAT, THINK, Spec


def write(spec: Spec, problem: Problem) -> Batch:
    """Whole lines, all of one shape: the word, the elements of the chain, and the answer."""
    word, p, steps = problem["word"], spec.longest_prompt, len(spec.shown) * spec.cot
    text, field = np.empty((len(word), spec.clean_len), np.int32), np.empty((len(word), spec.clean_len), np.int8)
    text[:, : p - 1], text[:, p - 1] = word + np.int32(spec.first_letter), spec.vocabulary.index[THINK]
    states = spec.states(word)
    text[:, p : p + steps] = states[:, spec.shown[:steps]] + np.int32(spec.zero)
    text[:, p + steps :] = spec.vocabulary.index[TEXT_FORMAT.answer_mark], 0, EOS
    text[:, p + steps + 1] = states[:, -1] + np.int32(spec.zero)
    field[:] = [*[0] * spec.length, 1, *Field.STEP + np.arange(steps), Field.ANSWER, Field.ANSWER, Field.END]
    return Batch(text[..., None], np.full(len(word), p, np.int32), field, problem)


def follow(spec: Spec, problem: Problem, gold: np.ndarray, completion: np.ndarray, step: int) -> np.ndarray:
    """Gold completions int32 (n, m) that begin as the given ones, with the elements that the rest of the word leads to from
    that of a step; padding where the step says no element of the group."""
    steps, width = len(spec.shown) * spec.cot, gold.shape[1]
    if step >= steps:
        return np.full_like(gold, PAD)
    given = np.pad(completion[:, :width], ((0, 0), (0, max(0, width - completion.shape[1]))), constant_values=PAD)
    said = given[:, step] - spec.zero
    known = (said >= 0) & (said < spec.table.order)
    state, at = np.where(known, said, 0), spec.shown[step]
    states = np.column_stack([state, spec.onwards(state, problem["word"][:, at + 1 :])])
    followed = np.column_stack([given[:, : step + 1], gold[:, step + 1 :]])
    followed[:, step + 1 : steps] = states[:, spec.shown[step + 1 :] - at] + spec.zero
    followed[:, steps + 1] = states[:, -1] + spec.zero
    followed[~known] = PAD
    return followed
