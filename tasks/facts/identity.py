"""Which questions a split keeps together: all facts, and each composed question by itself.

Dimension letters: `n` problems, `t` tokens of a prompt.
"""

from __future__ import annotations

import numpy as np

from alchemy.problem.split import hash_rows
from alchemy.problem.task import NOISE, Batch, Problem
from tasks.facts.questions import NONE
from tasks.facts.spec import MOST_ENTITIES, MOST_RELATIONS, Spec

TOLD = np.uint64(331)
"""The identity of all facts, which is in the training part of the standard split even where .999 of it are held out."""


def identity(problem: Problem) -> np.ndarray:
    """Hash of the question, whatever the world; the same for all questions of one relation: uint64 (n,)."""
    path = problem["path"]
    codes = np.column_stack([problem["head"], path.astype(int) + MOST_ENTITIES])
    inside = np.column_stack([np.ones(len(path), bool), path != NONE])
    return np.where(inside.sum(axis=1) == 2, TOLD, hash_rows(codes, inside))


def surface(spec: Spec, batch: Batch) -> np.ndarray:
    """The same of what prompts say, noise and all, but for the instruction: uint64 (n,)."""
    width = max(2, int(batch.prompt_len.max(initial=0)))
    text, inside = batch.text[:, :width], (batch.field[:, :width] == 0) | (batch.field[:, :width] == 1)
    is_relation = text >= spec.first_relation
    relation, noise = text - spec.first_relation + MOST_ENTITIES, MOST_ENTITIES + MOST_RELATIONS
    codes = np.select([text == NOISE, is_relation], [noise, relation], text - spec.first_entity)
    entity = inside & ~is_relation & (text != NOISE)
    is_fact = (inside.sum(axis=1) == 2) & entity[:, 0] & is_relation[:, 1]
    return np.where(is_fact, TOLD, hash_rows(codes, inside))
