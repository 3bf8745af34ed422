"""What would refute that thoughts of erring teachers are worth three times the tokens."""

from __future__ import annotations

import numpy as np
import pytest

from alchemy.report.claim import judge
from alchemy.stats.verdict import Verdict
from experiments.thinking import noisy_teachers as claim

RIGHT = {
    claim.ANSWERS: (0.0, [1.0, 0.7, 0.2]),
    claim.RIGHT: (0.0, [1.0, 1.0, 0.9]),
    claim.GOOD: (0.1, [1.0, 0.9, 0.8]),
    claim.POOR: (0.5, [1.0, 0.8, 0.5]),
}
"""Wrong thoughts, and right answers by steps after fine-tuning: as promised."""


def measured(learned=1.0, **changes):
    """Ten equal seeds, with some arms changed, by a word of their names."""
    arms = {}
    for name, values in RIGHT.items():
        [(wrong, right)] = [values, *(new for word, new in changes.items() if word in name)][-1:]
        tiled, gate = np.tile(right, (10, 1)), np.full((10, 3), learned)
        arms[name] = claim.Arm(np.full(10, wrong), tiled, tiled, gate)
    return claim.Measured(arms)


@pytest.mark.parametrize(
    ("changes", "broken"),
    [
        ({}, []),
        ({"good": (0.1, [1.0, 0.7, 0.3])}, [0]),
        ({"poor": (0.5, [1.0, 0.7, 0.3])}, [1]),
        ({"poor": (0.5, [1.0, 1.0, 0.9])}, [2]),
        ({"answers": (0.0, [1.0, 0.9, 0.9])}, [0, 1]),
    ],
)
def test_each_check_can_fail(changes, broken):
    checks = claim.check(measured(**changes))
    within = [((check.low <= check.values) & (check.values <= check.high)).all() for check in checks]
    assert len(checks) == 3 and [place for place, held in enumerate(within) if not held] == broken
    assert judge(claim.CLAIM, checks).verdict == (Verdict.FAILS if broken else Verdict.HOLDS)


@pytest.mark.parametrize(
    ("changes", "judging"),
    [
        ({"learned": 0.8}, [False, False, True]),
        ({"good": (0.5, [1.0, 0.9, 0.8])}, [False, True, True]),
        ({"poor": (0.2, [1.0, 0.8, 0.5])}, [True, False, False]),
    ],
)
def test_teachers_that_err_otherwise_judge_nothing(changes, judging):
    checks = claim.check(measured(**changes))
    assert [bool(check.passed.any()) for check in checks] == judging
