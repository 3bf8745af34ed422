"""What must be so of a step that is changed, whatever the task."""

from __future__ import annotations

import numpy as np

from alchemy.problem.task import Field


def check_step(task, batch, step, rng):
    """Another state is well formed and wrong at its step alone; the oracle says what follows from a step.

    Behind a gold step that is the gold rest, and behind another a well formed rest that ends in an answer.
    """
    gold, field = batch.completions(), batch.completion_fields()
    here = field == Field.STEP + step
    there = here.any(axis=1)
    edited = task.other_state(batch, gold, step, rng)
    differs = edited != gold
    assert edited.dtype == np.int32 and (differs.any(axis=1) == there).all()
    assert not (differs & ~here).any() and np.isin(edited[differs], task.state_tokens).all()
    judged = task.verify(batch, edited)
    assert not judged.trace[there].any() and (judged.first_wrong_step[there] == step).all() and judged.well_formed.all()
    np.testing.assert_array_equal(task.chain_fields(batch, edited), field)

    rest, followed = task.follow(batch, gold, step), task.follow(batch, edited, step)
    np.testing.assert_array_equal(rest[there, : gold.shape[1]], gold[there])
    assert not rest[there, gold.shape[1] :].any()
    last = np.where(here, np.arange(gold.shape[1]), -1).max(axis=1)
    for row in np.flatnonzero(there):
        assert followed[row, : last[row] + 1].tolist() == edited[row, : last[row] + 1].tolist()
    judged = task.verify(batch, followed)
    assert judged.well_formed[there].all() and (judged.first_wrong_step[there] == step).all()
    assert (task.answer_ids(followed)[there] >= 0).all()
