"""The checks hold where a reward for length brings out traces and leaves them wrong, and notice where it does not."""

from __future__ import annotations

import numpy as np
import pytest

from alchemy.report.claim import judge
from alchemy.stats.verdict import Verdict
from experiments.boundary import form_and_answer
from experiments.boundary.form_and_answer import ANSWER, BEFORE, CLAIM, LEASHED, LENGTH, RANDOM, Measured
from experiments.theory.odds_law import Written

SEEDS, Q = 5, 5


def cell(long, exact=1.0):
    """Models of which a share of samples has a trace, a share of these right; the others guess."""
    right = long * exact + (1 - long * exact) / Q
    return Written(*(np.full(SEEDS, share) for share in (long, right, right, long, exact, 1 / Q)))


def measured(answer=(0.95, 1.0), length=(1.0, 0.4), random=(0.15, 0.9)):
    cells = {BEFORE: cell(0.125), ANSWER: cell(*answer), LENGTH: cell(*length), RANDOM: cell(*random)}
    return Measured(Q, {**cells, LEASHED: cell(0.9, 0.5)})


def test_models_that_are_as_predicted_satisfy_every_check_and_are_drawn():
    assert judge(CLAIM, form_and_answer.check(measured())).verdict is Verdict.HOLDS
    assert len(form_and_answer.figures(measured())) == 1


@pytest.mark.parametrize(
    ("found", "broken"),
    [
        (measured(answer=(0.4, 1.0)), [f"{ANSWER}: rise", "right: for right answers - for length"]),
        (measured(length=(0.5, 1.0)), [f"{LENGTH}: rise"]),
        (measured(length=(0.95, 1.0)), ["right: for right answers - for length"]),
        (measured(random=(0.4, 0.3)), ["at random: rise of samples with"]),
        (measured(random=(0.27, 1.0)), ["at random: rise of right"]),
    ],
)
def test_others_break_the_check_that_is_about_them(found, broken):
    for check in form_and_answer.check(found):
        violated = (check.values < check.low) | (check.values > check.high)
        assert violated.all() == any(name in check.name for name in broken), check.name
        assert check.passed.all()
