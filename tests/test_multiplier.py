"""Multipliers, equivalence and coverage against what is known exactly."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from alchemy.errors import UserError
from alchemy.stats.coverage import beta_law, power_law
from alchemy.stats.equivalence import difference_at, tost
from alchemy.testtime.multiplier import multiplier
from alchemy.testtime.replay import Curve

SIZES = np.array([1, 2, 4, 8, 16])


def uniform(accuracy, seeds=3, n=50):
    """A baseline of that accuracy for every problem, at 10 FLOPs an answer."""
    ones = np.ones((len(SIZES), seeds, n))
    return Curve(SIZES, np.array(accuracy)[:, None, None] * ones, 10.0 * SIZES[:, None, None] * ones)


def arm(accuracy, flops, seeds=3, n=50):
    return np.full((seeds, n), accuracy), np.full((seeds, n), float(flops))


RISING = [0.1, 0.2, 0.4, 0.6, 0.7]


@pytest.mark.parametrize(
    ("accuracy", "flops", "k"),
    [(0.4, 40, 1.0), (0.4, 20, 2.0), (0.6, 160, 0.5), (0.5, 20, 10 * np.sqrt(32) / 20), (0.7, 40, 4.0), (0.1, 10, 1.0)],
)
def test_k_is_read_off_the_uniform_curve_in_log_budget(accuracy, flops, k):
    found = multiplier(uniform(RISING), *arm(accuracy, flops), 0)
    np.testing.assert_allclose([found.mean, found.low, found.high], k)


def test_a_dent_in_the_uniform_curve_is_made_monotone():
    """.2 and .4 with a dent pool at .3 each, so .3 is first reached at the first of the two."""
    found = multiplier(uniform([0.1, 0.4, 0.2, 0.6, 0.7]), *arm(0.3, 20), 0)
    assert found.mean == pytest.approx(1.0)


def test_k_is_censored_where_the_curve_says_no_more():
    beyond = multiplier(uniform(RISING), *arm(0.8, 40), 0)
    assert (beyond.mean, beyond.low, beyond.high) == (np.inf,) * 3
    below = multiplier(uniform(RISING), *arm(0.05, 40), 0)
    assert (below.mean, below.low, below.high) == (0.0,) * 3
    both = multiplier(uniform([0.5, 0.9, 0.97, 0.98, 0.99]), *arm(0.985, 20), 0)
    assert (both.mean, both.high) == (np.inf, np.inf) and both.low == pytest.approx(2.0)


def test_the_interval_covers_the_true_k():
    """pass@n of independent tries: an arm that tries twice as often as it pays for has k = 2."""
    rng, covered = np.random.default_rng(0), 0
    for run in range(60):
        p = rng.beta(1, 6, (1, 150)) * np.array([[0.9], [1.0], [1.1]])
        tries = rng.random((17, *p.shape)) < p
        right = np.stack([np.maximum.accumulate(tries, axis=0)[size - 1] for size in SIZES]).astype(float)
        cost = 10.0 * SIZES[:, None, None] * np.ones((5, *p.shape))
        other = (rng.random((8, *p.shape)) < p).any(axis=0).astype(float)
        found = multiplier(Curve(SIZES, right, cost), other, np.full(p.shape, 40.0), run, resamples=200)
        covered += found.low <= 2 <= found.high
    assert covered >= 54


def test_an_arm_of_another_shape_is_one_clear_line():
    with pytest.raises(UserError, match="shape"):
        multiplier(uniform(RISING), *arm(0.5, 10, n=49), 0)
    with pytest.raises(UserError, match="pays nothing"):
        multiplier(uniform(RISING), *arm(0.0, 0), 0)


@pytest.mark.parametrize(("gap", "verdict"), [(0.0, True), (0.005, True), (0.02, None), (0.05, False), (-0.05, False)])
def test_equivalence_agrees_with_two_one_sided_t_tests(gap, verdict):
    rng = np.random.default_rng(0)
    b = rng.normal(size=(1, 1500))
    noise = rng.normal(0, 0.15, b.shape)
    a = b + gap + noise - noise.mean()
    assert tost(a, b, 0) is verdict
    inside = [
        stats.ttest_1samp((a - b)[0], edge, alternative=side).pvalue < 0.05
        for edge, side in ((-0.02, "greater"), (0.02, "less"))
    ]
    assert all(inside) is (verdict is True)
    interval = difference_at(a, b, 0)
    exact = stats.t.interval(0.9, 1499, (a - b).mean(), stats.sem((a - b)[0]))
    np.testing.assert_allclose((interval.low, interval.high), exact, atol=5e-4)


def test_a_difference_at_the_margin_is_seldom_called_equivalent():
    rng = np.random.default_rng(0)
    runs = [
        tost(b + 0.02 + rng.normal(0, 0.1, (1, 300)), b, run) for run, b in enumerate(rng.normal(size=(100, 1, 300)))
    ]
    assert np.mean([one is True for one in runs]) < 0.09


def test_coverage_beyond_the_pool_is_predicted_from_the_pool():
    """Problems with Beta chances: 64 tries say what 1,024 will do, both by the mixture and by the power law."""
    rng, alpha, beta = np.random.default_rng(0), 0.35, 3.0
    p = rng.beta(alpha, beta, 20_000)
    right = rng.binomial(64, p)
    truth = 1 - ((1 - p) ** 1024).mean()
    found = beta_law(right, 64)
    assert (found.alpha, found.beta) == pytest.approx((alpha, beta), rel=0.05)
    assert found.at(1024) == pytest.approx(truth, abs=0.01)
    assert found.at(1) == pytest.approx(p.mean(), abs=0.01)
    law = power_law(right, 64)
    assert law.a < 0 and law.b < 0 and law.at(1024) == pytest.approx(truth, abs=0.04)
    with pytest.raises(UserError, match="cannot fit"):
        power_law(np.full(9, 64), 64)
