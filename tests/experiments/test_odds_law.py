"""The checks of the odds law hold for models that obey it, and notice models that do not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from alchemy.problem.task import PAD
from alchemy.report.claim import judge
from alchemy.stats.verdict import Verdict
from alchemy.testtime.answers import Samples
from experiments.theory import odds_law
from experiments.theory.odds_law import ABOVE, BELOW, CLAIM, ROUNDS, Measured, Written, as_many_at_random, right
from tasks.sums import Sums, laws

SEEDS = 5


def cell(q, traced, greedy=None):
    """What calibrated models that can only guess at once write."""
    greedy = laws.greedy_accuracy(q, traced) if greedy is None else greedy
    shares = (traced, laws.accuracy(q, traced), greedy, traced, 1.0 if traced else np.nan, laws.floor(q))
    return Written(*(np.full(SEEDS, value) for value in shares))


def lawful(factor=None, gain=0.0):
    """By the law, or with rounds that multiply odds by another factor, or with a gain from no traces."""
    below, above, none, at_random = {}, {}, {}, {}
    for q in (2, 5):
        few = BELOW * laws.threshold(q)
        odds = [few / (1 - few) * (factor or q) ** number for number in range(ROUNDS + 1)]
        below[q] = [cell(q, value / (1 + value)) for value in odds]
        above[q], at_random[q] = cell(q, ABOVE * laws.threshold(q)), below[q][0]
        none[q] = [cell(q, 0.0)] * ROUNDS + [cell(q, 0.0)._replace(right=np.full(SEEDS, 1 / q + gain))]
    return Measured(below, above, none, at_random)


def test_models_that_obey_the_law_satisfy_every_check_and_are_drawn():
    assert judge(CLAIM, odds_law.check(lawful())).verdict is Verdict.HOLDS
    assert len(odds_law.figures(lawful())) == 2


@pytest.mark.parametrize(
    ("measured", "broken"),
    [
        (lawful(factor=1.0), "log odds"),
        (lawful(factor=3.5), "log odds"),
        (lawful(gain=0.1), "from no traces"),
        (replace(lawful(), above={q: cell(q, ABOVE * laws.threshold(q), greedy=0.7) for q in (2, 5)}), "greedy, above"),
    ],
)
def test_models_that_do_not_break_the_check_that_is_about_it(measured, broken):
    for check in odds_law.check(measured):
        violated = (check.values < check.low) | (check.values > check.high)
        assert violated.all() == (broken in check.name), check.name
        assert check.passed.all()


def test_models_that_did_not_learn_the_trace_are_not_judged():
    measured = lawful()
    for rounds in measured.below.values():
        rounds[0] = rounds[0]._replace(gate_exact=np.full(SEEDS, 0.5))
    left = [check.passed.any() for check in odds_law.check(measured)]
    assert left == [False, True, False, True] * 2


def test_rewards_at_random_keep_as_many_lines_and_what_is_kept_is_what_was_written():
    task = Sums(traced=0.5)
    batch = task.sample(np.random.default_rng(0), 400)
    completions = batch.completions()
    completions[::3, 0] = task.zero + (completions[::3, 0] - task.zero + 1) % 5
    answer = (completions == task.answer_mark_id).argmax(axis=1)[::2] + 1
    completions[np.arange(0, 400, 2), answer] = task.zero
    samples = Samples(task, batch, completions[None, :, None])
    kept, at_random = right(samples, 0), as_many_at_random(samples, 0)
    np.testing.assert_array_equal(kept, task.verify(batch, completions).answer)
    assert at_random.sum() == kept.sum() < 400 and (at_random != kept).any()
    lines = odds_law.as_written(samples, kept)
    np.testing.assert_array_equal(lines.text[:, task.longest_prompt :], completions[kept])
    assert (lines.tokens[..., 0] != PAD).sum() == (batch.rows(kept).text != PAD).sum()
