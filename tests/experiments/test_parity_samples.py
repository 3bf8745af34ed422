"""Samples that a parity takes: how they are counted, and that each check can fail."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from alchemy.problem.task import PAD
from alchemy.report.claim import judge
from alchemy.stats.verdict import Verdict
from experiments.theory import parity_samples as claim
from experiments.theory.parity_samples import LEARNED, SMALL, WINDOW, Arm, Measured, steps_needed

NEVER = np.inf


def arm(lines, right=1.0, budget=640_000):
    return Arm(np.full(10, float(lines)), budget, np.full(10, right))


def measured(**changes):
    """Lines as they were in trials, with changes by kind of line and number of bits such as `at_once4`."""
    arms = {
        **{f"at_once{bits}": arm(lines) for bits, lines in ((2, 6_000), (3, 23_000), (4, 300_000))},
        **{f"with_steps{bits}": arm(lines) for bits, lines in ((2, 4_000), (4, 5_000), (8, 6_000), (16, 7_000))},
        **changes,
    }
    at_once, with_steps = (
        {int(name.removeprefix(kind)): arm for name, arm in arms.items() if name.startswith(kind)}
        for kind in ("at_once", "with_steps")
    )
    return Measured(at_once, with_steps, SMALL.compared, arm(30_000))


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, Verdict.HOLDS),
        ({"at_once4": arm(NEVER, right=0.5)}, Verdict.HOLDS),  # it took its budget at least
        ({"at_once4": arm(NEVER, right=0.5, budget=50_000)}, Verdict.FAILS),  # which says too little here
        ({"at_once4": arm(50_000)}, Verdict.FAILS),
        ({"at_once3": arm(NEVER, right=0.5)}, Verdict.UNDECIDED),
        ({"with_steps16": arm(13_000)}, Verdict.FAILS),
        ({"with_steps16": arm(NEVER)}, Verdict.FAILS),
        ({"with_steps4": arm(20_000)}, Verdict.FAILS),
        ({"with_steps4": arm(NEVER)}, Verdict.FAILS),
        ({"with_steps2": arm(NEVER, right=0.5), "with_steps16": arm(NEVER)}, Verdict.UNDECIDED),
    ],
)
def test_each_check_can_fail_and_each_gate_leaves_it_open(changes, verdict):
    assert judge(claim.CLAIM, claim.check(measured(**changes))).verdict == verdict


def test_a_parity_is_learned_where_the_mean_of_the_last_steps_falls_below_the_bound():
    nats = np.full((3, 4 * WINDOW), 2 * LEARNED)
    nats[0, 17:] = 0.0  # below from the step on whose window has more than half of its steps in the zeros
    nats[1, 5] = 0.0  # a single good step is none
    expected = 17 + WINDOW // 2 + 1
    np.testing.assert_array_equal(steps_needed(nats), [expected, NEVER, NEVER])


def test_lines_of_a_parity_share_their_problems_and_secrets_grow():
    few, many = SMALL.task(2, True), SMALL.task(4, False)
    assert set(few.summed) < set(many.summed)
    digits = few.draw(np.random.default_rng(0), 20)["digits"]
    np.testing.assert_array_equal(digits, many.draw(np.random.default_rng(0), 20)["digits"])


@pytest.mark.parametrize("traced", [True, False])
def test_tokens_of_a_line_are_those_that_are_scored(traced):
    task = SMALL.task(4, traced)
    lines = task.sample(np.random.default_rng(1), 30)
    assert (lines.text[:, task.longest_prompt :] != PAD).sum(axis=1).tolist() == [claim.tokens_of(task)] * 30
    assert task.max_len <= SMALL.context(traced) <= SMALL.model.context


def test_pictures_show_every_arm():
    curves, bars = claim.figures(replace(measured(), further=arm(NEVER)))
    assert curves.x == [2, 3, 4, 8, 16]
    assert len(bars.groups) == 8
