"""One and three: that each check can fail."""

from __future__ import annotations

import numpy as np
import pytest

from alchemy.report.claim import judge
from alchemy.stats.verdict import Verdict
from experiments.theory import one_and_three as claim
from experiments.theory.one_and_three import Measured


@pytest.mark.parametrize(
    ("right", "kept", "verdict"),
    [
        (1.0, (0.5, 1.0, 0.9, 1.0), Verdict.HOLDS),
        (1.0, (0.9, 1.0, 0.5, 1.0), Verdict.HOLDS),
        (1.0, (0.5, 0.4, 0.5, 1.0), Verdict.FAILS),
        (1.0, (0.9, 1.0, 0.9, 1.0), Verdict.FAILS),
        (0.5, (0.5, 1.0, 0.9, 1.0), Verdict.UNDECIDED),
    ],
)
def test_each_check_can_fail(right, kept, verdict):
    measured = Measured(np.full(10, right), np.tile(kept, (10, 1)))
    assert judge(claim.CLAIM, claim.check(measured)).verdict == verdict
