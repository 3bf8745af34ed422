"""Problems of `Groups` as tokens, and what follows from an element that was changed.

Dimension letters: `n` problems, `k` steps of a chain, `m` tokens of a completion.
"""

from __future__ import annotations

import numpy as np

from alchemy.problem.arrays import flat
from alchemy.problem.task import EOS, PAD, Batch, Field, Problem
from tasks.groups.spec import LOAD, TEXT_FORMAT, THINK, Spec


def write(spec: Spec, problem: Problem) -> Batch:
    """Whole lines, all of one shape: the word, the steps of the chain, and the answer."""
    word, p, end = problem["word"], spec.longest_prompt, spec.longest_prompt + spec.chain_length * spec.step_width
    text, field = np.empty((len(word), spec.clean_len), np.int32), np.empty((len(word), spec.clean_len), np.int8)
    letters = word + np.int32(spec.first_letter)
    if spec.numbered:
        letters = spec.first_name + np.int32(spec.names) * word + problem["names"]
    text[:, spec.named : p - 1 : 1 + spec.named], text[:, p - 1] = letters, spec.vocabulary.index[THINK]
    states = spec.states(word) + np.int32(spec.zero)
    steps = text[:, p:end].reshape(len(word), spec.chain_length, spec.step_width)
    steps[:, :, -1] = states[:, spec.shown[: spec.chain_length]]
    if spec.named:
        names = problem["names"] + np.int32(spec.first_name)
        text[:, : p - 1 : 2] = names
        steps[:, :, -3] = names[:, : spec.chain_length]
    if spec.has_names:
        steps[:, :, -2] = letters[:, : spec.chain_length]
    if spec.trace == "signposts":
        steps[:, :, 0], steps[:, :, 1] = spec.vocabulary.index[LOAD], names[:, : spec.chain_length]
    text[:, p:end] = flat(steps)
    text[:, end:] = spec.vocabulary.index[TEXT_FORMAT.answer_mark], 0, EOS
    text[:, end + 1] = states[:, -1]
    of_steps = Field.STEP + np.repeat(np.arange(spec.chain_length), spec.step_width)
    field[:] = [*[0] * (p - 1), 1, *of_steps, Field.ANSWER, Field.ANSWER, Field.END]
    return Batch(text[..., None], np.full(len(word), p, np.int32), field, problem)


def follow(spec: Spec, problem: Problem, gold: np.ndarray, completion: np.ndarray, step: int) -> np.ndarray:
    """Gold completions int32 (n, m) that begin as the given ones, with the elements that the rest of the word leads to from
    that of a step; padding where the step says no element of the group."""
    if step >= spec.chain_length:
        return np.full_like(gold, PAD)
    width, elements = gold.shape[1], np.arange(1, spec.chain_length + 1) * spec.step_width - 1
    given = np.pad(completion[:, :width], ((0, 0), (0, max(0, width - completion.shape[1]))), constant_values=PAD)
    said = given[:, elements[step]] - spec.zero
    known = (said >= 0) & (said < spec.table.order)
    state, at = np.where(known, said, 0), spec.shown[step]
    states = np.column_stack([state, spec.onwards(state, problem["word"][:, at + 1 :])]) + spec.zero
    followed = np.column_stack([given[:, : elements[step] + 1], gold[:, elements[step] + 1 :]])
    followed[:, elements[step + 1 :]] = states[:, spec.shown[step + 1 :] - at]
    followed[:, elements[-1] + 2] = states[:, -1]
    followed[~known] = PAD
    return followed
