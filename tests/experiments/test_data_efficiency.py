"""Documents of equal problems and a third of the tokens, and what would refute that thoughts are worth three times these."""

from __future__ import annotations

import numpy as np
import pytest

from alchemy.lab.lab import Lab
from alchemy.problem.task import PAD, Field
from alchemy.progress import Progress
from alchemy.report.claim import judge
from alchemy.stats.verdict import Verdict
from experiments.thinking import data_efficiency as claim
from experiments.thinking import documents

RIGHT = {
    claim.ANSWERS: ([1.0, 0.9, 0.4], [1.0, 0.7, 0.2], [1.0, 0.9, 0.4]),
    claim.BEFORE: ([1.0, 1.0, 0.9], [1.0, 1.0, 0.9], [0.5, 0.1, 0.1]),
    claim.BEHIND: ([1.0, 0.1, 0.0], [1.0, 0.7, 0.5], [1.0, 0.1, 0.0]),
    claim.FILLER: ([0.9, 0.1, 0.0], [0.9, 0.2, 0.0], [0.5, 0.1, 0.0]),
    claim.SWAPPED: ([0.9, 0.1, 0.0], [0.9, 0.6, 0.1], [0.5, 0.1, 0.0]),
}
"""Right answers by steps, as models write, after fine-tuning, and at once: as promised."""


def measured(**changes):
    """Ten equal seeds, with the scores of some arms changed, by the last word of their names."""
    rows = {name: changes.get(name.split()[-1], values) for name, values in RIGHT.items()}
    tiled = {name: [np.tile(values, (10, 1)) for values in scores] for name, scores in rows.items()}
    return claim.Measured(
        {name: claim.Arm(at_once, written, tuned, at_once) for name, (written, tuned, at_once) in tiled.items()}
    )


@pytest.mark.parametrize(
    ("changes", "broken"),
    [
        ({}, []),
        ({"before": ([1.0, 1.0, 0.9], [1.0, 0.7, 0.3], [0.5, 0.1, 0.1])}, [0, 4]),
        ({"before": ([1.0, 0.8, 0.6], [1.0, 1.0, 0.9], [0.5, 0.1, 0.1])}, [1]),
        ({"fillers": ([0.9, 0.1, 0.0], [0.9, 0.9, 0.9], [0.5, 0.1, 0.0])}, [2]),
        ({"thoughts": ([0.9, 0.1, 0.0], [0.9, 0.9, 0.9], [0.5, 0.1, 0.0])}, [3]),
        ({"behind": ([1.0, 0.1, 0.0], [1.0, 0.9, 0.9], [1.0, 0.1, 0.0])}, [4]),
        ({"before": ([1.0, 1.0, 0.9], [1.0, 1.0, 0.9], [1.0, 0.9, 0.4])}, [5]),
    ],
)
def test_each_check_can_fail(changes, broken):
    checks = claim.check(measured(**changes))
    within = [((check.low <= check.values) & (check.values <= check.high)).all() for check in checks]
    assert len(checks) == 6 and [place for place, held in enumerate(within) if not held] == broken
    assert judge(claim.CLAIM, checks).verdict == (Verdict.FAILS if broken else Verdict.HOLDS)


def test_models_that_did_not_learn_one_step_judge_nothing():
    checks = claim.check(measured(answers=([0.8, 0.1, 0.0], [1.0, 0.7, 0.2], [0.8, 0.1, 0.0])))
    assert [check.passed.any() for check in checks] == [False, False, True, True, True, False]
    assert judge(claim.CLAIM, checks).verdict == Verdict.UNDECIDED


def test_problems_of_each_number_of_steps_are_as_frequent():
    tasks = documents.problems((8, 32, 128), 900)
    assert [len(task.compositions) for task in tasks] == [8, 32, 128]
    assert [{len(name.split()) for name in task.compositions} for task in tasks] == [{1}, {2}, {3}]
    batch = documents.mixed(tasks).sample(np.random.default_rng(0), 6000)
    steps = 1 + np.array([len({code for code in row if code >= Field.STEP}) for row in batch.field])
    assert np.allclose(np.bincount(steps)[1:] / 6000, 1 / 3, atol=0.03) and (batch.text != PAD).any()
    assert documents.problems((8, 32, 128), 901)[1].compositions != tasks[1].compositions


def test_documents_have_the_tokens_that_they_are_given(tmp_path):
    """Answers alone all of them; with thoughts a third, to a chunk of training."""
    lab, train = Lab(tmp_path, Progress(quiet=True)), claim.SMALL.train
    task = documents.mixed(documents.problems((8, 32, 128), 900))
    assert documents.steps_for(lab, task, "answer", train, 1) == train.steps
    steps = documents.steps_for(lab, task, "thought first", train, 3)
    lengths = [(documents.lines_of(lab, task, kind, 2000, 0).text != PAD).sum() for kind in ("answer", "thought first")]
    wanted = train.steps * lengths[0] / lengths[1] / 3
    assert wanted - train.chunk <= steps <= wanted and steps % train.chunk == 0
