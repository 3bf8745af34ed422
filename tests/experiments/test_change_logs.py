"""Two ways to write a running parity: what is compared, and that each check can fail."""

from __future__ import annotations

import numpy as np
import pytest

from alchemy.problem.split import Split
from alchemy.problem.task import PAD
from alchemy.report.claim import judge
from alchemy.stats.verdict import Verdict
from experiments.theory import change_logs as claim
from experiments.theory.change_logs import NAMES, SMALL, Measured, side_by_side

EVERY, CHANGES = NAMES["sums"], NAMES["changes"]


def measured(every=0.5, changes=0.95, able=(1.0, 1.0)):
    """Ten seeds that all score alike at the longest, and solve what they were trained on."""

    def scores(at_longest):
        return np.tile([1.0, at_longest], (10, 1))

    right = {EVERY: scores(every), CHANGES: scores(changes)}
    gate = {name: np.full(10, share) for name, share in zip((EVERY, CHANGES), able, strict=True)}
    return Measured((12, 24), right, right, gate)


@pytest.mark.parametrize(
    ("scores", "verdict"),
    [
        ({}, Verdict.HOLDS),
        ({"every": 0.62, "changes": 1.0}, Verdict.FAILS),
        ({"changes": 0.65}, Verdict.FAILS),
        ({"every": 0.9, "able": (0.9, 1.0)}, Verdict.UNDECIDED),
        ({"changes": 0.5, "able": (1.0, 0.9)}, Verdict.UNDECIDED),
    ],
)
def test_each_check_can_fail_and_each_gate_leaves_it_open(scores, verdict):
    assert judge(claim.CLAIM, claim.check(measured(**scores))).verdict == verdict


def test_both_ways_are_of_the_same_bits_and_fit_the_model():
    every, changes = (SMALL.task(trace, 24) for trace in NAMES)
    rng = np.random.default_rng
    np.testing.assert_array_equal(every.sample(rng(0), 20).prompts(), changes.sample(rng(0), 20).prompts())
    assert every.max_len <= SMALL.model.context


def test_training_lines_are_of_every_length_and_none_is_held_out():
    split = Split()
    tasks = [SMALL.task("changes", bits) for bits in (3, 5)]
    width = SMALL.task("sums", 5).max_len
    lines = side_by_side([split.sample(task, np.random.default_rng(1), 30, "train") for task in tasks], width)
    assert lines.tokens.shape == (60, width, 1)
    assert lines.prompt_len.tolist() == [4] * 30 + [6] * 30
    for task, row in ((tasks[0], 0), (tasks[1], 30)):
        digits = lines.text[row, : task.places] - task.zero
        numbers = lines.text[row][lines.text[row] != PAD][-2] - task.zero
        assert numbers == digits.sum() % 2


def test_pictures_show_both_by_length():
    right, exact = claim.figures(measured())
    assert right.x == exact.x == [12, 24]
    assert set(right.measured) == {EVERY, CHANGES}
