"""What follows from a step that was changed: the hops that remain from its letter, then drafts and an answer that repeat.

A -> B -> C -> D, three hops:    B C D <wait> D <answer> D      gold
                                 B A B <wait> B <answer> B      follows from the second hop with A for C

Dimension letters: `n` problems, `m` tokens of a completion.
"""

from __future__ import annotations

import numpy as np

from alchemy.problem.task import EOS, PAD, Field, Problem
from tasks.recheck.judge import step_of


def fields(hops: np.ndarray, completion: np.ndarray, answer_mark: int) -> np.ndarray:
    """The fields of well formed completions int32 (n, m), which have any number of re-checks: int8 (n, m)."""
    place = np.arange(completion.shape[1])
    mark = np.where(completion == answer_mark, place, -1).max(axis=1, initial=-1)[:, None]
    ended = np.cumsum((completion == EOS) | (completion == PAD), axis=1)
    parts = [place < mark, ended == 0, (completion == EOS) & (ended == 1)]
    codes = [Field.STEP + step_of(place, hops[:, None].astype(int)), Field.ANSWER, Field.END]
    return np.select(parts, codes, Field.PADDING).astype(np.int8)


def follow(problem: Problem, completion: np.ndarray, field: np.ndarray, step: int, letters: np.ndarray) -> np.ndarray:
    """Well formed completions int32 (n, m) up to and with a step, then what follows from its letter.

    field int8 (n, m) of theirs; letters int (a,), the ids of the alphabet's.
    """
    written, first = completion.copy(), int(letters[0])
    is_letter = np.isin(completion, letters)
    rows = np.arange(len(completion))
    at = np.where((field == Field.STEP + step) & is_letter, completion, 0).max(axis=1) - first
    there = at >= 0
    for code in [*range(Field.STEP + step + 1, int(field.max(initial=0)) + 1), Field.ANSWER]:
        hops_on = (code >= Field.STEP) & (code - Field.STEP < problem["hops"]) & there
        at = np.where(hops_on, problem["map"][rows, np.where(there, at, 0)], at)
        written = np.where((field == code) & is_letter & there[:, None], at[:, None] + first, written)
    return written.astype(np.int32)
