"""Problems of `Sums` as tokens, and what follows from a sum that was changed.

Dimension letters: `n` problems, `k` places that count, `m` tokens of a completion.
"""

from __future__ import annotations

import numpy as np

from alchemy.problem.task import EOS, PAD, Batch, Field, Problem
from tasks.sums.spec import BEGIN, THINK, Spec


def write(spec: Spec, problem: Problem) -> Batch:
    """Whole lines, as wide as the longest that the task can have."""
    digits, p, stride = problem["digits"], spec.longest_prompt, spec.stride
    n = len(digits)
    sums, shown = spec.running(digits), shows(spec, problem)
    text, field = np.full((n, spec.clean_len), PAD, np.int32), np.full((n, spec.clean_len), Field.PADDING, np.int8)
    first = int(spec.opened)
    text[:, first + stride - 1 : p - 1 : stride] = digits + np.int32(spec.zero)
    text[:, p - 1], field[:, :p] = spec.vocabulary.index[THINK], [*[0] * (p - 1), 1]
    if spec.opened:
        text[:, 0] = spec.vocabulary.index[BEGIN]
    row, place = np.nonzero(shown)
    step = shown.cumsum(axis=1)[row, place] - 1
    at = p + stride * step + stride - 1
    text[row, at], field[row, at] = sums[row, place] + np.int32(spec.zero), Field.STEP + step
    if spec.hints:
        marks = hints(spec, problem)
        text[:, first : p - 1 : 2] = marks
        text[row, at - 1], field[row, at - 1] = marks[:, spec.summed][row, place], Field.STEP + step
    rows, end = np.arange(n), p + stride * shown.sum(axis=1)
    text[rows, end], text[rows, end + 1], text[rows, end + 2] = (
        spec.answer_mark_id,
        sums[:, -1] + np.int32(spec.zero),
        EOS,
    )
    field[rows, end], field[rows, end + 1], field[rows, end + 2] = Field.ANSWER, Field.ANSWER, Field.END
    return Batch(text[..., None], np.full(n, p, np.int32), field, problem)


def hints(spec: Spec, problem: Problem) -> np.ndarray:
    """The marks of the places of each problem as ids, int32 (n, places), in a row from its first one on."""
    first = spec.vocabulary.index[spec.hint_names[0]]
    return problem["first"][:, None] + np.arange(first, first + spec.places, dtype=np.int32)


def shows(spec: Spec, problem: Problem) -> np.ndarray:
    """Which of the running sums a line has, bool (n, k): those of the trace, or the last alone where there is no trace."""
    counted = problem["digits"][:, spec.summed]
    place = np.arange(counted.shape[1])
    trace = (counted != 0) | (place == 0) if spec.trace == "changes" else np.ones(counted.shape, bool)
    return np.where(problem["traced"][:, None], trace, place == place[-1])


def has_trace(spec: Spec, completion: np.ndarray) -> np.ndarray:
    """Whether completions int32 (n, m) go on behind their first number, bool (n,)."""
    behind = completion[:, spec.stride] if completion.shape[1] > spec.stride else np.full(len(completion), PAD)
    return behind != spec.answer_mark_id


def follow(spec: Spec, gold: np.ndarray, completion: np.ndarray, step: int) -> np.ndarray:
    """Gold completions int32 (n, m) that begin as the given ones: what is added to the sum of a step stays in the rest."""
    followed, end = gold.copy(), min((step + 1) * spec.stride, completion.shape[1])
    followed[:, :end] = completion[:, :end]
    number = completion[:, end - 1] - spec.zero
    added = number - (gold[:, end - 1] - spec.zero)
    later = gold[:, end:]
    is_number = later >= spec.zero
    moved = (later - spec.zero + added[:, None]) % spec.modulus + spec.zero
    followed[:, end:] = np.where(is_number, moved, later)
    followed[(number < 0) | (number >= spec.modulus)] = PAD
    return followed
