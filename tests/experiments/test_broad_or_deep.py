"""The checks hold where few deep compositions are learned sooner without traces, and notice where breadth does not decide."""

from __future__ import annotations

import numpy as np
import pytest

from alchemy.report.claim import judge
from alchemy.stats.verdict import Verdict
from experiments.boundary import broad_or_deep
from experiments.boundary.broad_or_deep import CELLS, CLAIM, DEEP, FEW, MANY, SHALLOW, Arm, Measured

SEEDS = 5


def arm(*right):
    values = np.tile(right, (SEEDS, 1))
    return Arm(values, values)


def measured(few=(0.0, 0.9, 1.0), few_alone=(0.8, 1.0, 1.0), many=(0.0, 0.7, 1.0), many_alone=(0.0, 0.0, 0.1)):
    arms = {cell: {"trace": arm(0, 0, 0), "answer": arm(0, 0, 0)} for cell in CELLS}
    arms[FEW, DEEP] = {"trace": arm(*few), "answer": arm(*few_alone), "filler": arm(*few_alone)}
    arms[MANY, SHALLOW] = {"trace": arm(*many), "answer": arm(*many_alone)}
    return Measured((75, 150, 300), arms)


def test_models_that_are_as_predicted_satisfy_every_check_and_are_drawn():
    assert judge(CLAIM, broad_or_deep.check(measured())).verdict is Verdict.HOLDS
    assert len(broad_or_deep.figures(measured())) == 4


@pytest.mark.parametrize(
    ("found", "broken"),
    [
        (measured(few=(0.7, 1.0, 1.0)), ["answers alone - traces"]),
        (measured(few_alone=(0.8, 0.8, 1.0)), ["few deep: right, traces"]),
        (measured(many_alone=(0.0, 0.0, 0.6)), ["many shallow, 300"]),
        (measured(many_alone=(0.1, 0.0, 0.0)), ["many shallow: right, answers"]),
    ],
)
def test_others_break_the_check_that_is_about_them(found, broken):
    checks = broad_or_deep.check(found)
    violated = [check.name for check in checks if ((check.values < check.low) | (check.values > check.high)).all()]
    assert all(check.passed.all() for check in checks)
    assert len(violated) == 1 and (broken[0] in violated[0] or violated[0].startswith(broken[0]))


def test_seeds_that_learn_in_no_time_do_not_count():
    assert not broad_or_deep.check(measured(few=(0.0, 0.0, 0.5)))[0].passed.any()
