"""Slopes by hand, and against scipy's regression."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import linregress, spearmanr

from alchemy.stats.slopes import pairwise_slope, rank_correlation, slope, slope_within_problems


def test_the_mean_slope_over_pairs_of_budgets():
    curves = np.array([[0.1, 0.2, 0.4], [0.0, 0.5, 0.5]])
    np.testing.assert_allclose(pairwise_slope(np.array([1, 2, 4]), curves), [0.1, (0.5 + 0.5 / 3 + 0) / 3])


def test_least_squares_as_scipy_has_it():
    x, curves = np.array([1.0, 2.0, 5.0, 9.0]), np.random.default_rng(0).random((3, 4))
    np.testing.assert_allclose(slope(x, curves), [linregress(x, curve).slope for curve in curves])


def test_within_problems_what_differs_between_them_is_no_slope():
    """Two problems whose own slopes are 1 and 3, with intercepts that would turn the slope over all round."""
    x = np.array([[[0, 1], [4, 5]]])
    y = np.array([[[10.0, 11.0], [-8.0, -5.0]]])
    assert slope_within_problems(x, y) == pytest.approx([2.0])
    assert linregress(x.ravel(), y.ravel()).slope < 0


def test_length_that_tells_the_kind_is_no_effect():
    """Where hard problems are long whatever is written, all chains together show a slope, and none does within problems."""
    rng = np.random.default_rng(0)
    hard = rng.random(4000) < 0.5
    count = rng.poisson(np.where(hard, 4, 1)[None, :, None], size=(2, 4000, 6))
    right = (rng.random(count.shape) < np.where(hard, 0.2, 0.9)[None, :, None]).astype(float)
    assert linregress(count.ravel(), right.ravel()).slope < -0.05
    assert np.abs(slope_within_problems(count, right)).max() < 0.01


def test_a_length_that_never_varies_has_no_slope():
    assert np.isnan(slope_within_problems(np.ones((1, 3, 4)), np.random.default_rng(0).random((1, 3, 4)))).all()


def test_rank_correlation_as_scipy_has_it():
    x, curves = (
        np.array([1, 4, 12, 36, 108]),
        np.array([[0.1, 0.6, 0.9, 1, 1], [0.6, 0.1, 0.9, 0.9, 0.2], [1, 0.9, 0.8, 0.7, 0]]),
    )
    np.testing.assert_allclose(rank_correlation(x, curves), [spearmanr(x, curve).statistic for curve in curves])


def test_two_budgets_have_a_rank_correlation():
    assert rank_correlation(np.array([1, 2]), np.array([[0.1, 0.2], [0.2, 0.1]])) == pytest.approx([1, -1])


def test_a_curve_that_does_not_vary_has_no_rank_correlation():
    assert np.isnan(rank_correlation(np.arange(3), np.ones((1, 3)))).all()
