"""A claim on searches and steps of thought: what a step keeps can be told, each check can fail, and the gate leaves it open."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from alchemy.report.claim import judge
from alchemy.stats.verdict import Verdict
from experiments.world import looked_up_or_thought
from tasks.origins import laws


def seeds(values):
    return np.broadcast_to(np.asarray(values, float), (10, *np.shape(values))).copy()


def verdict_on(changes):
    return judge(looked_up_or_thought.CLAIM, looked_up_or_thought.check(replace(SAME, **changes))).verdict


LAW = laws.searches(5, 2)[:11]


def kept(share, per_step):
    """Questions of each half that take so many steps, those answered, and shares ended and right within so many."""
    beyond = np.maximum(np.arange(11) - 3, 0)
    steps = seeds(np.broadcast_to(600 * LAW, (2, 11)))
    right = steps * share * per_step**beyond
    return steps, right, seeds(np.broadcast_to((LAW * share * per_step**beyond).cumsum(), (2, 11)))


LOOKED, THOUGHT = kept(0.98, 0.96), kept(0.95, 0.9)
SAME = looked_up_or_thought.Measured(
    *({"looked up": looked, "thought": thought} for looked, thought in zip(LOOKED, THOUGHT, strict=True)),
    second=seeds(0.9),
    law=LAW,
)


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, Verdict.HOLDS),
        (
            {"right": {**SAME.right, "thought": LOOKED[1]}, "within": {**SAME.within, "thought": LOOKED[2]}},
            Verdict.FAILS,
        ),
        ({"within": {**SAME.within, "looked up": LOOKED[2] - 0.08}}, Verdict.FAILS),
        ({"within": {**SAME.within, "thought": THOUGHT[2] + 0.08}}, Verdict.FAILS),
        ({"second": seeds(0.5)}, Verdict.UNDECIDED),
    ],
)
def test_each_check_of_looked_up_or_thought_can_fail_and_its_gate_leaves_it_open(changes, verdict):
    assert verdict_on(changes) == verdict


def test_halves_that_do_not_agree_on_what_a_step_keeps_refute_that_it_can_be_told():
    steps, right, within = kept(0.98, 0.85)
    apart = {"looked up": np.stack([LOOKED[1][:, 0], right[:, 1]], axis=1), "thought": SAME.right["thought"]}
    assert (steps == LOOKED[0]).all() and within.shape == LOOKED[2].shape
    assert verdict_on({"right": apart}) == Verdict.FAILS


@pytest.mark.parametrize(("share", "per_step"), [(1.0, 0.99), (0.9, 0.93), (0.7, 0.8)])
def test_what_a_step_keeps_can_be_told(share, per_step):
    """Of 600 drawn questions, to within what they leave open."""
    rng = np.random.default_rng(1)
    steps = rng.multinomial(600, LAW / LAW.sum()).astype(float)
    right = rng.binomial(steps.astype(int), share * per_step ** np.maximum(np.arange(11) - 3, 0)).astype(float)
    first, second = looked_up_or_thought.fitted(steps, right)
    assert first == pytest.approx(share, abs=0.06) and second == pytest.approx(per_step, abs=0.03)


def test_halves_are_apart_and_whole():
    first, second = looked_up_or_thought.halves_of(slice(10, None), 50)
    assert [*range(50)[first], *range(50)[second]] == [*range(10, 50)] and len(range(50)[first]) == 20
