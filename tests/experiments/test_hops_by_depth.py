"""Hops by depth: what is asked at each letter, and that each check can fail."""

from __future__ import annotations

import numpy as np
import pytest

from alchemy.problem.split import Split
from alchemy.report.claim import judge
from alchemy.stats.verdict import Verdict
from experiments.theory import hops_by_depth as claim
from experiments.theory.hops_by_depth import SMALL, Measured
from tasks.hops import Hops


def shares(*right):
    """What ten models of a kind share, by the number of hops."""
    return np.tile(np.array(right, float), (10, 1))


def measured(chain=0.9, **changes):
    depths = {"two": (1.0, 0.67, 0.3), "three": (1.0, 1.0, 0.6), "four": (1.0, 1.0, 0.95), **changes}
    right = {layers: shares(*values) for layers, values in zip(SMALL.depths, depths.values(), strict=True)}
    return Measured(SMALL.hops, right, right, shares(1.0, 1.0, chain), {8: [0.8, 0.5, 0.3]})


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, Verdict.HOLDS),
        ({"two": (0.8, 0.5, 0.3)}, Verdict.FAILS),
        ({"three": (1.0, 0.8, 0.5)}, Verdict.FAILS),
        ({"four": (1.0, 1.0, 0.8)}, Verdict.FAILS),
        ({"two": (1.0, 0.9, 0.3)}, Verdict.FAILS),
        ({"three": (1.0, 1.0, 0.85)}, Verdict.FAILS),
        ({"chain": 0.65}, Verdict.FAILS),
    ],
)
def test_each_check_can_fail(changes, verdict):
    assert judge(claim.CLAIM, claim.check(measured(**changes))).verdict == verdict


def test_a_model_that_does_not_take_half_of_the_hops_says_nothing_about_more():
    checks = claim.check(measured(two=(0.5, 0.9, 0.3)))
    by_name = {check.name: check for check in checks}
    gated = by_name["hops 2: right, 3 layers - 2"]
    assert not gated.passed.any() and by_name["hops 4: right, 4 layers - 3"].passed.all()


def asked(cot):
    """What a line of two hops asks for at its letters, as words, and what it scores behind them."""
    task = Hops(letters=3, length=7, hops=(1, 2), cot=cot)
    lines = claim.labelled(task, task.write(task.parse("2 B A C A B C A <think>")))
    return task.vocabulary.decode(lines.target[0][lines.weight[0]]), task.vocabulary.decode(lines.tokens[0, :, 0])


def test_every_letter_is_asked_for_the_end_of_the_hops_from_it():
    scored, line = asked(cot=False)
    assert scored == "C A", "from the second C by A to C, from the third A by B to A; elsewhere two hops lead out"
    assert line == "2 B A C A B C A <think>"


def test_in_a_chain_every_letter_is_asked_for_the_place_after_one_hop():
    scored, line = asked(cot=True)
    assert scored == "3 2 4 5 5 B , 2 A <answer> A"
    assert line.startswith("2 B A C A B C A <think> 5 B , 2 A <answer> A")


def test_models_of_a_seed_read_the_same_texts():
    config = claim.PRESETS["smoke"]
    at_once, chain, other = (
        claim.training_texts(task, Split(), seed, 100).tokens[:, : config.length + 1]
        for task, seed in ((config.at_once, 3), (config.chain, 3), (config.at_once, 4))
    )
    np.testing.assert_array_equal(at_once, chain)
    assert (at_once != other).any(axis=1).mean() > 0.9


def test_the_label_of_the_last_letter_is_the_answer():
    batch = SMALL.at_once.sample(np.random.default_rng(0), 200)
    lines = claim.labelled(SMALL.at_once, batch)
    np.testing.assert_array_equal(lines.target[:, -1], batch.completions()[:, 1])
    assert lines.weight[:, -1].all()
    assert SMALL.chain.max_len <= SMALL.model.context


def test_the_picture_shows_every_depth_and_every_reader():
    [heat] = claim.figures(measured())
    assert heat.rows == ["last 8 letters", "2 layers", "3 layers", "4 layers", "chain,\n2 layers"]
    assert np.asarray(heat.measured).shape == (10, 5, 3)
