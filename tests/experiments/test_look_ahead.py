"""Look-ahead: one star in several texts, what a model without a teacher sees, and that each check can fail."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from alchemy.report.claim import judge
from alchemy.stats.verdict import Verdict
from experiments.theory import look_ahead as claim
from tasks.stars import Stars, laws

GUESS = laws.guess_arm(claim.SMALL.arms)


def seeds(value):
    return np.full(10, float(value))


def nodes(first, later):
    return np.tile([first] + [later] * (claim.SMALL.length - 1), (10, 1))


MEASURED = claim.Measured(
    claim.SMALL.arms,
    claim.SMALL.length,
    forward=seeds(GUESS),
    nodes=nodes(GUESS, 1.0),
    fall=seeds(0.0),
    short=seeds(1.0),
    backward=seeds(1.0),
    chain=seeds(0.99),
    teacherless=seeds(0.5),
    follow=seeds(0.9),
    ignore=seeds(0.0),
)


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, Verdict.HOLDS),
        ({"forward": seeds(GUESS + 0.11)}, Verdict.FAILS),
        ({"forward": seeds(0.0)}, Verdict.HOLDS),
        ({"nodes": nodes(1.0, 0.97)}, Verdict.FAILS),
        ({"backward": seeds(0.94)}, Verdict.FAILS),
        ({"chain": seeds(0.94)}, Verdict.FAILS),
        ({"short": seeds(0.9)}, Verdict.UNDECIDED),
        ({"forward": seeds(0.9), "fall": seeds(0.03)}, Verdict.UNDECIDED),
        ({"teacherless": seeds(0.0), "follow": seeds(0.0)}, Verdict.HOLDS),
    ],
)
def test_each_check_can_fail_and_each_gate_leaves_it_open(changes, verdict):
    assert judge(claim.CLAIM, claim.check(replace(MEASURED, **changes))).verdict == verdict


def test_the_texts_differ_in_what_is_written_alone():
    config = claim.SMALL
    batches = [task.sample(np.random.default_rng(0), 50) for task in (config.chain, config.forward, config.backward)]
    for batch in batches[1:]:
        np.testing.assert_array_equal(batch.prompts(), batches[0].prompts())
    nodes = batches[1].text[:, -config.length - 1 : -1]
    np.testing.assert_array_equal(batches[0].text[:, -config.length - 1 : -1], nodes)
    np.testing.assert_array_equal(batches[2].text[:, -config.length - 1 : -1], nodes[:, ::-1])
    assert max(config.chain.max_len, config.short.max_len) <= config.model.context
    assert batches[1].completions().shape[1] == config.length + 2, "the tokens of a path, for its loss"


def test_without_a_teacher_the_nodes_of_a_path_are_blanks_and_asked_for():
    task = Stars(arms=2, length=3, names=10, cot=False)
    batch = task.write(task.parse("C h A e E i C a H f F g c i <think>"))
    assert task.show(claim.blanked(batch)[0]) == "C h A e E i C a H f F g c i <think> <answer> <blank> <blank> <blank>"
    assert task.vocabulary.decode(batch.text[claim.path(batch)]) == "a e i"
