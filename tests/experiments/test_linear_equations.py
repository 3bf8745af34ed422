"""Linear equations: what is compared is one task in three texts, and each check can fail."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from alchemy.report.claim import judge
from alchemy.stats.verdict import Verdict
from experiments.theory import linear_equations as claim
from tasks.equations import laws


def seeds(value):
    return np.full(10, float(value))


def arm(right, fall=0.0):
    return claim.Arm(seeds(right), seeds(right), seeds(fall))


FLOOR = laws.read_off(claim.SMALL.modulus, claim.SMALL.unknowns)
MEASURED = claim.Measured(arm(1.0), arm(FLOOR), arm(0.4), arm(0.99), seeds(0.95), seeds(0.02), FLOOR)


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, Verdict.HOLDS),
        ({"elimination": arm(0.97)}, Verdict.FAILS),
        ({"direct": arm(FLOOR + 0.11)}, Verdict.FAILS),
        ({"direct": arm(FLOOR, fall=0.02)}, Verdict.UNDECIDED),
        ({"direct": arm(0.9), "read_off": arm(0.5)}, Verdict.UNDECIDED),
        ({"deep": arm(0.0), "follow": seeds(0.0)}, Verdict.HOLDS),
    ],
)
def test_each_check_can_fail_and_each_gate_leaves_it_open(changes, verdict):
    assert judge(claim.CLAIM, claim.check(replace(MEASURED, **changes))).verdict == verdict


def test_the_fall_is_that_of_the_last_quarter_of_training():
    losses = np.array([[9.0, 9.0, 5.0, 3.0, 2.0, 2.0, 1.0, 0.5], [1.0] * 8])
    np.testing.assert_allclose(claim.fall(losses), [1.25, 0.0])


def test_the_texts_differ_in_the_elimination_alone():
    config = claim.SMALL
    batches = [
        task.sample(np.random.default_rng(0), 50) for task in (config.elimination, config.direct, config.read_off)
    ]
    prompts = [batch.prompts() for batch in batches]
    np.testing.assert_array_equal(prompts[0], prompts[1])
    assert prompts[2].shape == prompts[0].shape
    np.testing.assert_array_equal(batches[0].text[:, -2:], batches[1].text[:, -2:])
    assert batches[1].completions().shape[1] == claim.ANSWER_TOKENS
    alone = config.read_off.features(batches[2].problem)["shown_alone"]
    assert (alone == config.unknowns).all()
    assert config.elimination.max_len <= config.model.context
