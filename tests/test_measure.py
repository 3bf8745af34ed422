"""Intervals: coverage under a known model, agreement with scipy, and width where every score is the same."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from alchemy.errors import UserError
from alchemy.stats.measure import (
    Interval,
    equivalent,
    paired_difference,
    ratio,
    threshold_crossing,
    two_level,
    wilson,
)


def hierarchical(rng, s, n, seed_sd, problem_sd, noise_sd=0.3):
    """Scores (s, n) of mean 0 whose seeds and shared problems differ by the given deviations."""
    return rng.normal(0, seed_sd, (s, 1)) + rng.normal(0, problem_sd, (1, n)) + rng.normal(0, noise_sd, (s, n))


def coverage(interval, draw, truth, runs=200):
    rng = np.random.default_rng(0)
    found = [interval(draw(rng), rng) for _ in range(runs)]
    return np.mean([each.low <= truth <= each.high for each in found])


@settings(deadline=None)
@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.sampled_from([0.8, 0.95]))
def test_wilson_equals_scipy(counts, level):
    expected = stats.binomtest(*counts).proportion_ci(level, method="wilson")
    found = wilson(*counts, level)
    np.testing.assert_allclose((found.low, found.high), expected, atol=1e-12)
    assert found.mean == counts[0] / counts[1]


def test_wilson_takes_fractional_successes():
    assert wilson(9.5, 10).low > wilson(9, 10).low


@pytest.mark.parametrize(
    ("s", "seed_sd", "problem_sd"), [(20, 0.1, 0.1), (20, 0.0, 0.3), (5, 0.05, 0.3), (20, 0.1, 0.0), (1, 0.0, 0.3)]
)
def test_crossed_bootstrap_covers_the_true_mean(s, seed_sd, problem_sd):
    found = coverage(
        lambda values, rng: two_level(values, rng, resamples=300),
        lambda rng: hierarchical(rng, s, 100, seed_sd, problem_sd),
        truth=0,
    )
    assert 0.89 <= found <= 1


@pytest.mark.parametrize("s", [3, 5, 10])
def test_few_dominating_seeds_are_covered(s):
    """A plain percentile bootstrap covers 72, 83 and 90 % here."""
    found = coverage(
        lambda values, rng: two_level(values, rng, resamples=1000),
        lambda rng: hierarchical(rng, s, 100, 1.0, 0.0),
        truth=0,
        runs=300,
    )
    assert 0.9 < found < 0.99


def test_binary_scores_cover_a_known_accuracy():
    def draw(rng):
        difficulty = rng.beta(4, 2, (1, 60))
        return rng.random((5, 60)) < difficulty

    assert coverage(lambda values, rng: two_level(values, rng, resamples=300), draw, truth=4 / 6) >= 0.92


def test_bootstrap_spread_is_the_analytic_one():
    """The variance of the resampled mean has a closed form; equal kinds of problems take the multinomial path."""
    rng, level = np.random.default_rng(0), 0.6826895
    for values in (rng.normal(size=(20, 100)), 2.0 * rng.integers(0, 2, (20, 400))):
        s, n = values.shape
        interval = two_level(values, 1, level=level, resamples=20_000)
        stretch = stats.t.ppf((1 + level) / 2, s - 1) / stats.norm.ppf((1 + level) / 2) * np.sqrt(s / (s - 1))
        between = stretch**2 * values.mean(axis=1).var() / s
        spread = stretch**2 * (np.eye(s) - 1 / s) / s**2  # covariance of the seeds' weights
        within = ((spread + 1 / s**2) * np.cov(values, bias=True)).sum() / n
        assert interval.width / 2 == pytest.approx(np.sqrt(between + within), rel=0.04)


@pytest.mark.parametrize("value", [0.0, 1.0])
@pytest.mark.parametrize("seeds", [1, 5])
def test_a_boundary_never_has_zero_width(value, seeds):
    interval = two_level(np.full((seeds, 200), value), 0)
    exact = wilson(200 * value, 200)
    assert (interval.low, interval.high) == (exact.low, exact.high)
    assert interval.width > 0.01
    assert interval.seeds == seeds
    assert interval.n == 200


def test_binary_intervals_are_never_narrower_than_wilson_on_the_problems():
    values = np.random.default_rng(0).random((10, 100)) < 0.9
    interval, floor = two_level(values, 0), wilson(values.mean() * 100, 100)
    assert interval.low <= floor.low <= floor.high <= interval.high


def test_same_seed_same_interval_and_one_row_is_one_seed():
    values = np.random.default_rng(0).normal(size=300)
    assert two_level(values, 3) == two_level(values[None], np.random.default_rng(3))
    assert two_level(values, 3, level=0.8).width < two_level(values, 3).width


def test_pairing_is_narrower_than_two_intervals():
    rng = np.random.default_rng(0)
    a = hierarchical(rng, 5, 200, 0.1, 0.5, 0.05)
    b = a - 0.02 + rng.normal(0, 0.02, a.shape)
    difference = paired_difference(a, b, 0)
    assert difference.width < 0.2 * (two_level(a, 0).width + two_level(b, 0).width)
    assert difference.low < 0.02 < difference.high
    easy = rng.random((5, 200)) < 0.7
    harder = easy & (rng.random((5, 200)) < 0.95)
    assert 0 < paired_difference(easy, harder, 0).width < two_level(easy, 0).width


@pytest.mark.parametrize(("a", "b", "bounds"), [(1, 1, (-0.02, 0.02)), (1, 0, (0.97, 1)), (0, 1, (-1, -0.97))])
def test_a_constant_difference_has_width(a, b, bounds):
    interval = paired_difference(np.full((3, 200), a), np.full((3, 200), b), 0)
    assert bounds[0] <= interval.low < interval.high <= bounds[1]
    assert interval.mean == a - b


def test_paired_difference_covers_the_true_difference():
    def draw(rng):
        chance = rng.beta(2, 2, (1, 80))
        return np.stack([rng.random((4, 80)) < chance, rng.random((4, 80)) < chance * 0.8])

    assert coverage(lambda both, rng: paired_difference(*both, rng, resamples=300), draw, truth=0.1) >= 0.92


def logistic(rng, x, middle, s=5, n=200, slope=3.0):
    chance = 1 / (1 + np.exp(slope * (np.log(x) - np.log(middle))))
    return rng.random((len(x), s, n)) < chance[:, None, None]


def test_crossing_covers_the_true_place():
    x = np.geomspace(1, 32, 9)

    def cross(values, rng):
        return threshold_crossing(x, values, 0.5, rng, resamples=200)

    assert coverage(cross, lambda rng: logistic(rng, x, 6.0), truth=6.0, runs=60) >= 0.92
    rising = threshold_crossing(x, 1 - logistic(np.random.default_rng(0), x, 6.0), 0.5, 0)
    assert rising.low < 6 < rising.high


def test_crossing_interpolates_in_log_x():
    values = np.array([0.9, 0.7, 0.3, 0.1])[:, None, None] * np.ones((1, 2, 10))
    interval = threshold_crossing([1, 2, 8, 16], values, 0.5, 0)
    assert interval.mean == pytest.approx(4.0)
    assert interval.low == pytest.approx(interval.high)
    assert threshold_crossing([1, 2, 8, 16], values, 0.7, 0).mean == pytest.approx(2.0)
    assert threshold_crossing([1, 2, 8, 16], values[::-1], 0.7, 0).mean == pytest.approx(8.0)


def test_crossings_off_the_dial_are_censored():
    ones, zeros = np.ones((3, 2, 50)), np.zeros((3, 2, 50))
    never = threshold_crossing([1, 2, 4], ones, 0.5, 0, falling=True)
    before = threshold_crossing([1, 2, 4], zeros, 0.5, 0, falling=True)
    assert (never.mean, never.low, never.high) == (np.inf,) * 3
    assert (before.mean, before.low, before.high) == (0.0,) * 3
    edge = threshold_crossing([1, 2, 4], logistic(np.random.default_rng(0), np.array([1, 2, 4]), 4.0), 0.5, 0)
    assert np.isfinite(edge.low)
    assert edge.high == np.inf


def test_a_step_at_the_boundary_has_width():
    values = np.stack([np.ones((3, 100)), np.zeros((3, 100))])
    assert threshold_crossing([1, 2], values, 0.5, 0).width > 0.01


def test_equivalence_has_three_outcomes():
    interval = Interval(0.5, 0.48, 0.52, 100, 5)
    assert equivalent(interval, 0.5, 0.03) is True
    assert equivalent(interval, 0.6, 0.03) is False
    assert equivalent(interval, 0.5, 0.01) is None
    assert equivalent(Interval(np.inf, 3.0, np.inf, 100, 5), 1.0, 0.5) is False
    assert str(interval) == "0.5 [0.48, 0.52]"


def test_bad_input_is_one_clear_line():
    scores = np.ones((2, 3))
    wrong = [
        lambda: two_level(np.ones((1, 2, 3)), 0),
        lambda: two_level(np.zeros((2, 0)), 0),
        lambda: two_level([[np.nan]], 0),
        lambda: two_level(scores, 0, level=95),
        lambda: wilson(3, 2),
        lambda: paired_difference(scores, scores[:1], 0),
        lambda: threshold_crossing([1], scores[None], 0.5, 0),
        lambda: threshold_crossing([0, 1], np.ones((2, 2, 3)), 0.5, 0),
        lambda: threshold_crossing([1, 2], scores, 0.5, 0),
        lambda: equivalent(Interval(0, 0, 0, 1, 1), 0, -1),
    ]
    for call in wrong:
        with pytest.raises(UserError, match=r"^expected"):
            call()


@pytest.mark.parametrize("kind", ["binary", "real"])
def test_two_thousand_resamples_take_milliseconds(kind):
    values = np.random.default_rng(0).random((5, 1000))
    values = values < 0.7 if kind == "binary" else values
    two_level(values, 0)
    started = time.process_time()
    two_level(values, 0)
    assert time.process_time() - started < 0.25  # 10 to 25 ms on an idle core


def test_a_ratio_is_the_difference_of_logarithms():
    """Against resampling two log-normal estimates."""
    rng = np.random.default_rng(0)
    a, b = (Interval(mean, mean / 1.2, mean * 1.2, 10, 3) for mean in (12.0, 3.0))
    found = ratio(a, b)
    spread = np.log(1.2) / stats.norm.ppf(0.975)
    drawn = np.exp(rng.normal(np.log(4.0), spread * np.sqrt(2), 200_000))
    np.testing.assert_allclose(
        [found.mean, found.low, found.high], [4.0, *np.quantile(drawn, [0.025, 0.975])], rtol=0.01
    )
    censored = ratio(Interval(np.inf, 40.0, np.inf, 10, 3), b)
    assert (censored.mean, censored.high) == (np.inf, np.inf) and censored.low == pytest.approx(40 / 3.6)
    with pytest.raises(UserError, match="positive"):
        ratio(a, Interval(1.0, 0.0, 2.0, 10, 3))
