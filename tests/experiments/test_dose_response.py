"""The claim on doses: each check can hold and can fail, and seeds that did not learn decide nothing."""

from __future__ import annotations

import numpy as np
import pytest

from alchemy.report.claim import judge
from alchemy.stats.verdict import Verdict
from experiments.trace import dose_response
from experiments.trace.dose_response import Measured, Row

SEEDS = 10


def row(follow, learned=1.0):
    """Seeds that agree."""
    return Row(*(np.full(SEEDS, float(value)) for value in (learned, follow, 1 - follow, 0, 1)))


def measured(learned=1.0, alone=0.0, by_pairs=(0.4, 0.6, 0.95, 1, 1)):
    pairs = dict(zip(dose_response.SMALL.pairs, by_pairs, strict=True))
    rows = {count: row(follow, learned) for count, follow in pairs.items()}
    return Measured(row(alone, learned), rows, {4: row(1)}, {"F1 F1": row(1)})


FAULTS = [
    ({"alone": 0.2}, "F1 F2 alone: follow"),
    ({"by_pairs": (0.4, 0.6, 0.7, 0.8, 1)}, "36 pairs: follow"),
    ({"by_pairs": (1, 0.99, 0.98, 0.97, 0.96)}, "rank correlation"),
]


def test_the_claim_can_hold():
    judged = judge(dose_response.CLAIM, dose_response.check(measured()))
    assert judged.verdict is Verdict.HOLDS and len(judged.checks) == len(FAULTS)
    assert [figure.name for figure in dose_response.figures(measured())] == ["dose_response", "dose_response_alone"]


@pytest.mark.parametrize("change, name", FAULTS)
def test_each_check_can_fail_alone(change, name):
    judged = judge(dose_response.CLAIM, dose_response.check(measured(**change)))
    assert judged.verdict is Verdict.FAILS
    outcomes = zip(judged.checks, judged.outcomes, strict=True)
    [failed] = [check.name for check, outcome in outcomes if outcome.verdict is not Verdict.HOLDS]
    assert failed.startswith(name)


def test_seeds_that_did_not_learn_decide_nothing():
    for change in ({}, *(change for change, _ in FAULTS)):
        checks = dose_response.check(measured(learned=0.5, **change))
        assert judge(dose_response.CLAIM, checks).verdict is Verdict.UNDECIDED
