"""The chance to fail in a step, and which law explains chains, on chains that fail by a known law."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from alchemy.stats.survival import hazard, held_out_gain, likeliest_rate, log_likelihood


def chains(chance, n=1200, k=16):
    """Counts of chains before each step and of those that fail in it, int (l, n) both."""
    rng = np.random.default_rng(0)
    alive, failed, left = [], [], np.full(n, k)
    for step in chance:
        alive.append(left)
        failed.append(rng.binomial(left, step))
        left = left - failed[-1]
    return np.stack(alive), np.stack(failed)


def test_the_chance_to_fail_is_that_of_the_chains_still_right():
    alive, failed = np.array([[4, 4], [3, 1], [0, 0]]), np.array([[1, 3], [2, 1], [0, 0]])
    np.testing.assert_allclose(hazard(alive, failed), [4 / 8, 3 / 4, np.nan])
    assert hazard(np.array([[1], [1]]), np.array([[0], [1]])).tolist() == [0, 1]


def test_the_likelihood_is_that_of_binomials():
    alive, failed = np.array([[5, 2], [3, 2]]), np.array([[2, 0], [1, 2]])
    rate = np.array([0.2, 0.7])
    log_likelihoods = log_likelihood(alive, failed, rate)
    law = binom.logpmf(failed, alive, 1 - np.exp(-rate)[:, None]) - binom.logpmf(failed, alive, 0.5)
    orders = -alive * np.log(2)  # binom counts orders too; those cancel against any other rate
    np.testing.assert_allclose(log_likelihoods, (law + orders).sum(axis=0))


@pytest.mark.parametrize(("growth", "sign"), [(np.ones(6), -1), (np.arange(1, 7), 1)])
def test_the_shape_that_is_true_explains_more(growth, sign):
    alive, failed = chains(-np.expm1(-0.08 * growth))
    assert likeliest_rate(alive, failed, growth) == pytest.approx(0.08, rel=0.05)
    gain = held_out_gain(alive, failed, growth=np.arange(1, 7), other=np.ones(6))
    assert sign * gain > 0.1
    assert held_out_gain(alive, failed, growth=np.ones(6), other=np.arange(1, 7)) == pytest.approx(-gain)


def test_the_rate_is_fitted_on_problems_that_do_not_judge_it():
    """Problems that judge fail always, those that fit never: the smallest rate is judged by chains that all fail."""
    alive, failed = np.full((1, 4), 10), np.array([[0, 10, 0, 10]])
    lone = held_out_gain(alive, failed, growth=np.ones(1), other=np.full(1, 1e4))
    assert lone == pytest.approx(10 * np.log(-np.expm1(-1e-4)) - 10 * np.log(-np.expm1(-1.0)))


def test_rates_are_sought_between_bounds():
    """The likeliest rate of chains that all fail would be infinite, that of chains that never do is 0."""
    alive = np.full((1, 1), 10)
    assert [likeliest_rate(alive, failed, np.ones(1)) for failed in (alive, 0 * alive)] == pytest.approx([3.0, 1e-4])
