"""The checks hold for models that rewards elicit from, and notice those that rewards create in or leave as they were."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from alchemy.report.claim import judge
from alchemy.stats.verdict import Verdict
from experiments.boundary import created_or_elicited
from experiments.boundary.created_or_elicited import (
    BEFORE,
    CLAIM,
    FILTERED,
    NONE,
    RARE,
    REWARDED,
    SMALL,
    Measured,
)
from experiments.theory.odds_law import Written

SEEDS, Q = 5, 5


def cell(long, gain=0.0):
    """Models of which a share of samples has a trace, each right; the others guess, or are right in `gain` more."""
    right = long + (1 - long) / Q + gain
    shares = (long, right, right, long, 1.0 if long else np.nan, 1 / Q)
    return Written(*(np.full(SEEDS, share) for share in shares))


def measured(rewarded=0.9, filtered=0.95, gain=0.0):
    written = {
        RARE: {BEFORE: cell(0.125), REWARDED: cell(rewarded), FILTERED: cell(filtered)},
        NONE: {BEFORE: cell(0.0), REWARDED: cell(0.0, gain), FILTERED: cell(0.0)},
    }
    return Measured(Q, written, {name: np.full((SEEDS, 4), 0.3) for name in (RARE, NONE)})


def test_models_that_are_as_predicted_satisfy_every_check_and_are_drawn():
    assert judge(CLAIM, created_or_elicited.check(measured())).verdict is Verdict.HOLDS
    assert len(created_or_elicited.figures(measured())) == 2


@pytest.mark.parametrize(
    ("found", "broken"),
    [
        (measured(rewarded=0.125, filtered=0.3), ["GRPO: rise", "right lines kept: rise"]),
        (measured(rewarded=0.6), ["GRPO - right"]),
        (measured(gain=0.05), [f"{NONE}, GRPO"]),
    ],
)
def test_others_break_the_check_that_is_about_them(found, broken):
    for check in created_or_elicited.check(found):
        violated = (check.values < check.low) | (check.values > check.high)
        assert violated.all() == any(name in check.name for name in broken), check.name
        assert check.passed.all()


def test_models_that_were_never_calibrated_do_not_count():
    found = measured()
    found.written[RARE][BEFORE] = cell(0.125)._replace(gate_long=np.full(SEEDS, 0.3))
    passed = [check.passed.all() for check in created_or_elicited.check(found)]
    assert passed == [False, False, False, True, True]


def test_both_arms_are_rewarded_for_as_many_samples():
    for config in (SMALL, created_or_elicited.PRESETS["full"]):
        how = config.grpo
        assert how.steps * how.problems * how.group == created_or_elicited.ROUNDS * config.practice
    assert replace(SMALL.grpo, steps=1).train.batch == SMALL.round_train.batch
