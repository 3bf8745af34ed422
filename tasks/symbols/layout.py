"""The text of a chain of thought over elements: where each token comes from.

A P P L [F1] [F2] <think>  ->  N C C Y [F2] <answer> C C Y N         two steps
A P P L [F1] <answer>      ->  N C C Y                               one step, dialect dataalchemy
A P P L [F1] <think>       ->  <answer> N C C Y                      one step, dialect uniform
<6> A <7> P <8> P <9> L [F1] <think>  ->  <answer> <6> N <7> C <8> C <9> Y   the same, dialect hinted
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Literal, NamedTuple

import numpy as np

from alchemy.problem.task import Field, Problem

BLOCK = 1 << 13
"""Lines written at once, so that what they are put together from stays in the cache."""

Dialect = Literal["dataalchemy", "uniform", "hinted"]
HINTS = 16
"""Marks of places that the dialect hinted has; an element begins at any of them that leaves room for it."""


class Layout(NamedTuple):
    """What all lines of one element length and one number of steps share."""

    cells: (
        np.ndarray
    )  # intp (t,): the column of [states (k + 1, l), ops (k,), <think>, <answer>, EOS, hints (l,)] to copy
    field: np.ndarray  # int8 (t,)
    prompt_len: int
    direct: bool  # the prompt already holds `<answer>`


@cache
def layout(length: int, steps: int, cot: bool, dialect: Dialect) -> Layout:
    """The layout of lines with elements of `length` letters and `steps` transformations."""
    first_op = (steps + 1) * length
    think, answer, end = range(first_op + steps, first_op + steps + 3)
    reasons = cot and steps > 1
    direct, hinted = dialect == "dataalchemy" and not reasons, dialect == "hinted"

    def state(j: int) -> list[int]:
        letters = range(j * length, (j + 1) * length)
        hints = range(end + 1, end + 1 + length)
        return [cell for pair in zip(hints, letters, strict=True) for cell in pair] if hinted else list(letters)

    def remaining(j: int) -> list[int]:
        return list(range(first_op + j, first_op + steps))

    parts = [(0, state(0)), (1, remaining(0)), (2, [answer if direct else think])]
    for j in range(1, steps if reasons else 1):
        parts.append((Field.STEP + j - 1, state(j) + remaining(j) + [think] * (j < steps - 1)))
    parts += [(Field.ANSWER, [answer] * (not direct) + state(steps)), (Field.END, [end])]
    cells = np.array([cell for _, columns in parts for cell in columns])
    field = np.array([code for code, columns in parts for _ in columns], np.int8)
    return Layout(cells, field, element_width(length, dialect) + steps + 1, direct)


def element_width(length: int, dialect: Dialect) -> int:
    """Tokens of an element of `length` letters."""
    return 2 * length if dialect == "hinted" else length


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
