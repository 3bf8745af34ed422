"""A claim on searches and thoughts as one curve: its parameter can be told, each check can fail, and the gate leaves it open."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from alchemy.report.claim import judge
from alchemy.stats.verdict import Verdict
from experiments.world import searches_as_thoughts as claim
from tasks.origins import laws

STEPS = tuple(range(3, 10))
FAMILY = np.array([[laws.found(5, 2, budget, worth) for budget in STEPS] for worth in claim.WORTH])
QUESTIONS = 1200


def seeds(values):
    return np.broadcast_to(np.asarray(values, float), (10, *np.shape(values))).copy()


def curve(worth):
    return FAMILY[np.abs(claim.WORTH - worth).argmin()]


def drawn(worth, seed=0, n=10):
    """Curves of so many questions for each of `n` seeds, as the law says."""
    exact = np.concatenate([curve(worth), [1.0]])
    counts = np.random.default_rng(seed).multinomial(QUESTIONS, np.diff(exact, prepend=0.0), size=n)
    return counts.cumsum(axis=1)[:, :-1] / QUESTIONS


SAME = claim.Measured(
    STEPS,
    {claim.LOOKED: seeds(curve(1.0)), claim.FAILED: seeds(curve(0.7)), claim.THOUGHT: seeds(curve(0.98))},
    FAMILY,
    {way: seeds(0.99) for way in claim.WAYS},
    {way: seeds(1.0) for way in claim.WAYS},
)


def verdict_on(solved=(), shortest=()):
    changed = replace(SAME, solved={**SAME.solved, **dict(solved)}, shortest={**SAME.shortest, **dict(shortest)})
    return judge(claim.CLAIM, claim.check(changed)).verdict


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, Verdict.HOLDS),
        ({"solved": {claim.THOUGHT: seeds(curve(0.86))}}, Verdict.FAILS),
        ({"solved": {claim.THOUGHT: seeds(0.8 * curve(1.0))}}, Verdict.FAILS),
        ({"solved": {claim.THOUGHT: seeds(1 - np.exp(-(np.array(STEPS) - 2) / 3))}}, Verdict.FAILS),
        ({"solved": {claim.THOUGHT: seeds(np.minimum(curve(1.0), 0.8))}}, Verdict.FAILS),
        ({"solved": {claim.LOOKED: seeds(curve(1.0) - 0.1)}}, Verdict.FAILS),
        ({"solved": {claim.FAILED: seeds(curve(1.0))}}, Verdict.FAILS),
        ({"solved": {claim.FAILED: seeds(curve(0.62))}}, Verdict.FAILS),
        ({"shortest": {claim.THOUGHT: seeds(0.8)}}, Verdict.UNDECIDED),
        ({"shortest": {claim.LOOKED: seeds(0.8)}}, Verdict.UNDECIDED),
    ],
)
def test_each_check_can_fail_and_each_gate_leaves_it_open(changes, verdict):
    assert verdict_on(**changes) == verdict


@pytest.mark.parametrize("worth", [1.0, 0.95, 0.9, 0.7, 0.5])
def test_what_a_step_is_worth_can_be_told(worth):
    """Of drawn questions, to three times .015, without bias, and no law of this kind is taken for another."""
    found = claim.WORTH[claim.nearest_of(FAMILY, drawn(worth, n=200))]
    assert found.mean() == pytest.approx(worth, abs=0.005) and found.std() < 0.016
    assert np.abs(found - worth).max() < 0.05
    assert np.quantile(claim.off(FAMILY, drawn(worth, n=200)), 0.95) < 0.035


def test_drawn_seeds_hold_and_a_rate_that_is_off_is_told():
    solved = {claim.LOOKED: drawn(1.0), claim.FAILED: drawn(0.7, 1), claim.THOUGHT: drawn(0.97, 2)}
    assert verdict_on(solved) == Verdict.HOLDS
    assert verdict_on({**solved, claim.THOUGHT: drawn(0.85, 2)}) == Verdict.FAILS
    assert verdict_on({**solved, claim.FAILED: drawn(0.8, 1)}) == Verdict.FAILS


def test_the_law_is_that_of_a_searcher_whose_steps_are_lost_at_times():
    """By playing it: questions take 3, 5, ... steps, and each step is made with probability .8."""
    rng, law = np.random.default_rng(0), laws.searches(5, 2)
    take = rng.choice(len(law), size=20_000, p=law / law.sum())
    made = (rng.random((20_000, 9)) < 0.8).cumsum(axis=1)
    for budget, share in zip(STEPS, curve(0.8), strict=True):
        assert (made[:, budget - 1] >= take).mean() == pytest.approx(share, abs=0.015)


def test_steps_that_are_lost_for_good_are_no_slower_steps():
    """Who errs in so many steps of a hundred and never comes back: the law of one parameter is off, and foretells too much."""
    few, law = np.array(STEPS) <= claim.NEAR, np.diff(curve(1.0), prepend=0.0)
    for lost, off in ((0.02, 0.05), (0.04, 0.10)):
        solved = (law * (1 - lost) ** np.array(STEPS)).cumsum()[None]
        assert claim.off(FAMILY, solved)[0] > off
        foretold = FAMILY[claim.nearest_of(FAMILY[:, few], solved[:, few])]
        assert foretold[0, -1] - solved[0, -1] > off


def test_one_parameter_is_not_enough_for_anything_concave():
    rivals = claim.exponentials(STEPS)
    assert (np.diff(rivals, axis=1) > 0).all() and (np.diff(rivals, n=2, axis=1) < 0).all()
    for worth in (1.0, 0.95, 0.9):
        assert claim.off(rivals, curve(worth)[None])[0] > 0.07
        assert claim.off(FAMILY, curve(worth)[None])[0] == 0
    assert claim.off(FAMILY, rivals[200:201])[0] > 0.05
