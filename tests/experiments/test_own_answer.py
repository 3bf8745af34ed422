"""What would refute that a verifier that solves first adds its own answer and no more."""

from __future__ import annotations

import numpy as np
import pytest

from alchemy.report.claim import judge
from alchemy.stats.verdict import Verdict
from experiments.thinking import own_answer as claim

SIZES = 2 ** np.arange(7)
BEST = {
    claim.THINKING: np.linspace(0.4, 0.9, 7),
    claim.SAMPLED: np.linspace(0.4, 0.92, 7),
    claim.AT_ONCE: np.full(7, 0.4),
    claim.EXACT: np.linspace(0.4, 1.0, 7),
}
ALONE = {"vote": np.full(7, 0.6), "policy": 0.5, "own": 0.9, "own_vote": 0.92, "trained_on": 0.9}


def measured(one=0.4, any=0.95, best=(), **alone):
    """Ten equal seeds as promised, but for what is changed."""
    values = {name: np.multiply.outer(value, np.ones(10)) for name, value in {**ALONE, **alone}.items()}
    gates = claim.Gates(np.full(10, one), np.full(10, any))
    tiled = {name: np.multiply.outer(curve, np.ones(10)) for name, curve in {**BEST, **dict(best)}.items()}
    return claim.Measured(gates=gates, sizes=SIZES, best=tiled, **values)


@pytest.mark.parametrize(
    ("changes", "broken"),
    [
        ({}, []),
        ({"best": {claim.THINKING: np.linspace(0.85, 0.9, 7)}}, [0]),
        ({"best": {claim.AT_ONCE: np.full(7, 0.85)}}, [1]),
        ({"own": 0.87}, [2]),
        ({"trained_on": 0.87}, [3]),
        ({"own_vote": 0.89}, [4]),
    ],
)
def test_each_check_can_fail(changes, broken):
    checks = claim.check(measured(**changes))
    within = [((check.low <= check.values) & (check.values <= check.high)).all() for check in checks]
    assert len(checks) == 5 and [place for place, held in enumerate(within) if not held] == broken
    assert judge(claim.CLAIM, checks).verdict == (Verdict.FAILS if broken else Verdict.HOLDS)


@pytest.mark.parametrize("gates", [{"one": 0.02}, {"one": 0.9}, {"any": 0.7}])
def test_policies_whose_samples_leave_nothing_to_choose_judge_nothing(gates):
    checks = claim.check(measured(**gates))
    assert not any(check.passed.any() for check in checks)
    assert judge(claim.CLAIM, checks).verdict == Verdict.UNDECIDED
