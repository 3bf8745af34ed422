"""Fixed and endless problems: which arms there are, and that each check can fail."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from alchemy.report.claim import judge
from alchemy.stats.verdict import Verdict
from experiments.boundary import endless_data as claim
from experiments.boundary.endless_data import SHIFTED, TRAINED, UNSEEN, Arm, Measured

LOW = {UNSEEN: 0.01, **dict.fromkeys(SHIFTED, 0.0)}


def arm(trained, **scores):
    exact = {TRAINED: trained, **LOW, **{name.replace("_", " "): value for name, value in scores.items()}}
    exact = {name: np.full(10, float(value)) for name, value in exact.items()}
    return Arm(exact, exact)


MANY = arm(0.98, unseen_pairs=0.9)
MEASURED = Measured(fixed={100: arm(0.1), 10_000: arm(0.99)}, endless=arm(1.0), many=MANY, many_endless=MANY)


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, Verdict.HOLDS),
        ({"fixed": {100: arm(0.6), 10_000: arm(0.99)}}, Verdict.FAILS),
        *(({"endless": arm(1.0, **{name.replace(" ", "_"): 0.2})}, Verdict.FAILS) for name in (UNSEEN, *SHIFTED)),
        (
            {"fixed": {100: arm(0.1, three_steps=0.3), 10_000: arm(0.99)}, "endless": arm(1.0, three_steps=0.3)},
            Verdict.FAILS,
        ),
        ({"many": arm(0.98, unseen_pairs=0.4)}, Verdict.FAILS),
        ({"many": arm(0.8, unseen_pairs=0.4)}, Verdict.UNDECIDED),
        ({"endless": arm(0.85)}, Verdict.UNDECIDED),
    ],
)
def test_each_check_can_fail_and_models_that_did_not_learn_say_nothing(changes, verdict):
    assert judge(claim.CLAIM, claim.check(replace(MEASURED, **changes))).verdict == verdict


def test_pictures_have_every_arm_and_test():
    scores, follow = claim.figures(MEASURED)
    assert len(scores.measured) == len(follow.measured) == 5 and len(scores.groups) == 2 + len(SHIFTED)
    assert all(values.shape == (10, 6) for values in scores.measured.values())
