"""Lines with thoughts that somebody else wrote: the problems that were asked, their right answers, and how often thoughts err."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from alchemy.lab.teachers import TEMPERATURE, taught
from alchemy.problem.task import PAD, Field
from alchemy.testtime.answers import Samples
from tasks.symbols import Symbols

TASK = Symbols(length=(2,), alphabet="ABCDEFGH", compositions=("F1 F2 F1",), rotate=1)


def bench(wrong):
    """A lab whose teachers write right texts but for some in which the first letter of the thought is another, one for each seed."""
    asked = []

    def practise(teacher, task, n, round, **how):
        asked.append((n, round, how["temperature"]))
        pools = []
        for seed in teacher:
            batch = task.sample(np.random.default_rng([seed, round]), n)
            texts = batch.completions()
            first, letters = texts[:wrong, 0], np.array(task.letters)
            texts[:wrong, 0] = letters[(np.searchsorted(letters, first) + 1) % len(letters)]
            pools.append(Samples(task, batch, texts[None, :, None]))
        return pools

    return SimpleNamespace(practise=practise), asked


def test_thoughts_are_the_teachers_and_answers_the_tasks():
    lab, asked = bench(wrong=3)
    lines = taught(lab, (5, 6), TASK, 12, round=2)
    assert asked == [(12, 2, TEMPERATURE)]
    for seed, made in zip((5, 6), lines, strict=True):
        right = TASK.sample(np.random.default_rng([seed, 2]), 12)
        width = made.lines.text.shape[1]
        assert made.wrong == 3 / 12 and width == (right.text != PAD).sum(axis=1).max()
        differs = made.lines.text != right.text[:, :width]
        assert differs.sum(axis=1).tolist() == [1] * 3 + [0] * 9
        assert (made.lines.field[differs] >= Field.STEP).all()
        np.testing.assert_array_equal(made.lines.prompt_len, right.prompt_len)
