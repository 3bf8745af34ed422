"""The text of a chain of thought over elements: where each token comes from, and how a completion is judged.

A P P L [F1] [F2] <think>  ->  N C C Y [F2] <answer> C C Y N         two steps
A P P L [F1] <answer>      ->  N C C Y                               one step, dialect dataalchemy
A P P L [F1] <think>       ->  <answer> N C C Y                      one step, dialect uniform
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Literal, NamedTuple

import numpy as np

from alchemy.problem.split import hash_rows
from alchemy.problem.task import (
    EOS,
    PAD,
    Field,
    Judgement,
    Problem,
)

BLOCK = 1 << 13
"""Lines written at once, so that what they are put together from stays in the cache."""

Dialect = Literal["dataalchemy", "uniform"]


class Layout(NamedTuple):
    """What all lines of one element length and one number of steps share."""

    cells: np.ndarray  # intp (t,): the column of [states (k + 1, l), ops (k,), <think>, <answer>, EOS] to copy
    field: np.ndarray  # int8 (t,)
    prompt_len: int
    direct: bool  # the prompt already holds `<answer>`


@cache
def layout(length: int, steps: int, cot: bool, dialect: Dialect) -> Layout:
    """The layout of lines with elements of `length` letters and `steps` transformations."""
    first_op = (steps + 1) * length
    think, answer, end = range(first_op + steps, first_op + steps + 3)
    reasons = cot and steps > 1
    direct = dialect == "dataalchemy" and not reasons

    def state(j: int) -> list[int]:
        return list(range(j * length, (j + 1) * length))

    def remaining(j: int) -> list[int]:
        return list(range(first_op + j, first_op + steps))

    parts = [(0, state(0)), (1, remaining(0)), (2, [answer if direct else think])]
    for j in range(1, steps if reasons else 1):
        parts.append((Field.STEP + j - 1, state(j) + remaining(j) + [think] * (j < steps - 1)))
    parts += [(Field.ANSWER, [answer] * (not direct) + state(steps)), (Field.END, [end])]
    cells = np.array([cell for _, columns in parts for cell in columns])
    field = np.array([code for code, columns in parts for _ in columns], np.int8)
    return Layout(cells, field, length + steps + 1, direct)


def groups(problem: Problem) -> Iterator[tuple[np.ndarray | slice, int, int]]:
    """Rows of equal element length and equal number of steps, at most `BLOCK` at once: (rows, length, steps)."""
    has_step, has_letter = problem["ops"] >= 0, problem["element"] >= 0
    if has_step.all() and has_letter.all():
        for start in range(0, len(has_step), BLOCK):
            yield slice(start, start + BLOCK), has_letter.shape[1], has_step.shape[1]
        return
    key = has_letter.sum(axis=1) * (has_step.shape[1] + 1) + has_step.sum(axis=1)
    for value in np.flatnonzero(np.bincount(key)):
        length, steps = divmod(int(value), has_step.shape[1] + 1)
        rows = np.flatnonzero(key == value)
        for start in range(0, len(rows), BLOCK):
            yield rows[start : start + BLOCK], length, steps


class Gold(NamedTuple):
    """Correct completions and how to read them."""

    tokens: np.ndarray  # int32 (n, m)
    field: np.ndarray  # int8 (n, m)
    steps: np.ndarray  # int (n,): transformations of the problem
    direct: np.ndarray  # bool (n,): the answer starts at once


def judge(gold: Gold, completion: np.ndarray, kinds: np.ndarray, answer_mark: int) -> Judgement:
    """Compare completions int32 (n, m) with the only right ones; kinds int (v,) is what sort of symbol each id is."""
    width = max(gold.tokens.shape[1], completion.shape[1])
    right, given = _widen(gold.tokens, width), _until_end(_widen(completion, width))
    right_reasoning, right_answer = _parts(right, gold.direct, answer_mark)
    given_reasoning, given_answer = _parts(given, gold.direct, answer_mark)

    answer = (right_answer == given_answer).all(axis=1)
    differs = right_reasoning != given_reasoning
    reasons = (right_reasoning != PAD).any(axis=1)
    trace = ~differs.any(axis=1) | ~reasons
    code = np.take_along_axis(_widen(gold.field, width), differs.argmax(axis=1)[:, None], axis=1)[:, 0]
    step = np.where(code >= Field.STEP, code - Field.STEP, gold.steps - 2)  # beyond the last step: it went on too long
    first_wrong = np.where(trace, gold.steps - ~answer, step).astype(np.int32)
    well_formed = (kinds[right] == kinds[given]).all(axis=1)
    return Judgement(answer, trace, first_wrong, well_formed)


def said(completion: np.ndarray, direct: bool, answer_mark: int) -> np.ndarray:
    """A hash of the answer in completions int32 (n, m), -1 where there is none: int64 (n,)."""
    given = _until_end(_widen(completion, max(1, completion.shape[1])))
    _, answer = _parts(given, np.full(len(given), direct), answer_mark)
    hashed = (hash_rows(answer, answer != PAD) >> np.uint64(1)).astype(np.int64)
    return np.where((answer != PAD).any(axis=1), hashed, -1)


def _widen(rows: np.ndarray, width: int) -> np.ndarray:
    """Rows (n, m) padded with PAD to (n, width)."""
    return np.pad(rows, ((0, 0), (0, width - rows.shape[1])), constant_values=PAD)


def _until_end(tokens: np.ndarray) -> np.ndarray:
    """Tokens (n, m) with everything behind the first EOS or PAD blanked."""
    over = np.cumsum((tokens == EOS) | (tokens == PAD), axis=1, dtype=np.int16)
    return np.where((over == 0) | ((over == 1) & (tokens == EOS)), tokens, PAD)


def _parts(tokens: np.ndarray, direct: np.ndarray, answer_mark: int) -> tuple[np.ndarray, np.ndarray]:
    """(reasoning, answer) int32 (n, m) each, left-aligned: before and behind the last `<answer>`, without EOS.

    A completion without the mark is all answer where the prompt already held it, else all reasoning.
    """
    place = np.arange(tokens.shape[1])
    text = np.where(tokens == EOS, PAD, tokens)
    mark = np.where(text == answer_mark, place, -1).max(axis=1)
    stop = np.where(mark >= 0, mark, np.where(direct, 0, len(place)))[:, None]
    start = np.where((mark < 0) & direct, 0, stop[:, 0] + 1)[:, None]
    index = start + place
    answer = np.take_along_axis(text, np.minimum(index, len(place) - 1), axis=1)
    return np.where(place < stop, text, PAD), np.where(index < len(place), answer, PAD)
