"""Problems of `Recheck` as tokens: the prompt, hops and re-checks, the answer."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from alchemy.problem.task import EOS, PAD, Field, Problem
from tasks.recheck.judge import step_of
from tasks.recheck.spec import CLASSES, Spec


class Lines(NamedTuple):
    """Written problems."""

    tokens: np.ndarray  # int32 (n, t)
    field: np.ndarray  # int8 (n, t)
    prompt_len: np.ndarray  # int32 (n,)


def write(spec: Spec, problem: Problem) -> Lines:
    """Whole lines, as wide as the task's longest."""
    n, p, width, first = len(problem["start"]), spec.longest_prompt, spec.clean_len, int(spec.letters[0])
    zero, (think, wait, answer, any_number) = 3 + len(CLASSES), spec.mark_ids
    tokens, field = np.full((n, width), PAD, np.int32), np.full((n, width), Field.PADDING, np.int8)
    tokens[:, 0], tokens[:, 1] = problem["class"] + 3, problem["hops"] + zero
    tokens[:, 2] = np.where(problem["told"] < 0, any_number, problem["told"] + np.int32(zero))
    tokens[:, 3 : p - 2], tokens[:, p - 2] = problem["map"] + first, problem["start"] + first
    tokens[:, p - 1] = think
    field[:, :p] = [0, 1, 2, *[3] * len(spec.alphabet), 4, 5]
    hops, count = problem["hops"][:, None].astype(int), problem["rechecks"][:, None].astype(int)
    place = np.arange(width - p)
    step, end = step_of(place, hops), hops + 2 * count
    draft = np.minimum(step, hops + count - 1)
    letter = np.take_along_axis(problem["drafts"], draft, axis=1) + np.int32(first)
    waits = (place >= hops) & ((place - hops) % 2 == 0)
    parts = [place < end, place == end, place == end + 1, place == end + 2]
    tokens[:, p:] = np.select(parts, [np.where(waits, wait, letter), answer, letter, EOS], PAD)
    codes = [Field.STEP + step, Field.ANSWER, Field.ANSWER, Field.END]
    field[:, p:] = np.select(parts, codes, Field.PADDING)
    return Lines(tokens, field, np.full(n, p, np.int32))
