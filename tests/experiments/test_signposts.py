"""Two kinds of chains for words of A5: what is compared, how tokens are counted, and that each check can fail."""

from __future__ import annotations

import numpy as np
import pytest

from alchemy.lab.lab import SPARE
from alchemy.problem.task import PAD
from alchemy.report.claim import judge
from alchemy.stats.verdict import Verdict
from alchemy.testtime.answers import Answers
from experiments.theory import signposts as claim
from experiments.theory.signposts import ALIKE, APART, ARMS, KINDS, SMALL, Measured, right_tokens


def measured(far=(0.95, 0.1), twice=(0.5, 0.0), able=(1.0, 1.0)):
    """Ten seeds that all score alike on words half as long again, twice as long, and of the longest of training."""
    right = {
        arm: np.tile([known, known, *scores], (10, 1))
        for arm, known, *scores in zip(ARMS, able, far, twice, strict=True)
    }
    return Measured((10, 12, 15, 20), right, {arm: np.ones((10, len(KINDS))) for arm in ARMS})


@pytest.mark.parametrize(
    ("scores", "verdict"),
    [
        ({}, Verdict.HOLDS),
        ({"far": (0.75, 0.1)}, Verdict.FAILS),
        ({"far": (0.95, 0.6)}, Verdict.FAILS),
        ({"twice": (0.5, 0.4)}, Verdict.FAILS),
        ({"far": (0.95, 0.6), "able": (1.0, 0.7)}, Verdict.UNDECIDED),
        ({"far": (0.75, 0.1), "able": (0.7, 1.0)}, Verdict.UNDECIDED),
        ({"twice": (0.5, 0.4), "able": (1.0, 0.7)}, Verdict.UNDECIDED),
    ],
)
def test_each_check_can_fail_and_each_gate_leaves_it_open(scores, verdict):
    assert judge(claim.CLAIM, claim.check(measured(**scores))).verdict == verdict


def test_both_chains_are_of_the_same_words_and_as_long():
    rng = np.random.default_rng
    batches = [SMALL.task(arm, SMALL.tested[-1]).sample(rng(0), 20) for arm in ARMS]
    np.testing.assert_array_equal(batches[0].problem["word"], batches[1].problem["word"])
    assert batches[0].tokens.shape == batches[1].tokens.shape
    assert batches[0].tokens.shape[1] + SPARE == SMALL.model.context
    apart, alike = (batch.problem["names"] for batch in batches)
    assert all(len(set(row)) == SMALL.tested[-1] for row in apart) and (alike == alike[:, :1]).all()


def test_tokens_are_counted_up_to_the_first_mistake():
    """Two models, three problems each; a mistake at a place leaves the tokens before it and itself, and no later ones."""
    task = SMALL.task(APART, 4)
    batch = task.sample(np.random.default_rng(0), 6)
    gold = batch.completions()
    assert right_tokens(answered(task, batch, gold)) == pytest.approx(expected(task, gold, gold), nan_ok=True)
    for mistakes in (
        [(0, 0), (4, 2)],
        [(1, task.step_width - 1), (3, 2 * task.step_width)],
        [(2, gold.shape[1] - 2), (5, 3)],
    ):
        said = gold.copy()
        for row, place in mistakes:
            said[row, place:] = PAD
        for cut in (said, said[:, :-2]):
            assert right_tokens(answered(task, batch, cut)) == pytest.approx(expected(task, gold, cut), nan_ok=True)


def answered(task, batch, said):
    return Answers(task, batch, said.reshape(2, 3, -1))


def expected(task, gold, said):
    """The same by going through tokens one after the other."""
    shares = np.full((2, len(KINDS)), np.nan)
    for model in range(2):
        counts = {kind: [0, 0] for kind in KINDS}
        for row in range(3 * model, 3 * model + 3):
            for place, token in enumerate(gold[row]):
                kind = KINDS[place % task.step_width] if place < task.step_width * task.length else "end"
                right = place < said.shape[1] and said[row, place] == token
                counts[kind][0] += right
                counts[kind][1] += 1
                if not right:
                    break
        for number, kind in enumerate(KINDS):
            hits, all_of_them = counts[kind]
            shares[model, number] = hits / all_of_them if all_of_them else np.nan
    return shares


def test_pictures_show_all_chains_by_length():
    right, tokens = claim.figures(measured())
    assert right.x == [10, 12, 15, 20] and set(right.measured) == set(ARMS)
    assert set(tokens.measured) == {APART, ALIKE} and tokens.groups == KINDS
