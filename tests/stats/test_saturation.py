"""A saturating law is found again, within its bounds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.optimize import curve_fit

from alchemy.errors import UserError
from alchemy.stats.saturation import RATES, saturation

SIZES = 2.0 ** np.arange(8)


def law(x, plateau, drop, rate):
    return plateau - drop * x**-rate


@settings(deadline=None)
@given(st.floats(0.3, 0.99), st.floats(0.05, 0.3), st.sampled_from(RATES[40:90].tolist()))
@example(0.6, 0.2, 0.05).via("the slowest rate that is tried")
@example(0.6, 0.2, 4.0).via("the fastest")
def test_a_curve_without_noise_gives_its_law(plateau, drop, rate):
    fit = saturation(SIZES * 7, law(SIZES, plateau, drop, rate))
    assert fit.plateau[0] == pytest.approx(plateau, abs=1e-6) and fit.drop[0] == pytest.approx(drop, abs=1e-6)
    assert fit.rate[0] == pytest.approx(rate)
    np.testing.assert_allclose(fit.at(SIZES)[0], law(SIZES, plateau, drop, rate), atol=1e-6)


@pytest.mark.parametrize("true", [(0.8, 0.4, 0.6), (1.2, 0.9, 0.3), (1.02, 0.5, 0.8)], ids=str)
def test_it_misses_no_more_than_an_optimiser_does(true):
    """Within the bounds, also where the law without them has a plateau above 1."""
    rng = np.random.default_rng(0)
    curves = law(SIZES, *true) + rng.normal(scale=0.01, size=(8, len(SIZES)))
    fit = saturation(SIZES, curves)
    for row, curve in enumerate(curves):
        bounds = ([0, 0, RATES[0]], [1, 5, RATES[-1]])
        best, _ = curve_fit(law, SIZES, curve, p0=(0.8, 0.4, 0.6), bounds=bounds)
        missed = [((curve - fitted) ** 2).sum() for fitted in (fit.at(SIZES)[row], law(SIZES, *best))]
        assert missed[0] <= missed[1] * 1.05 and fit.plateau[row] == pytest.approx(best[0], abs=0.02)


def test_what_does_not_bend_excludes_no_plateau_and_what_is_flat_is_its_own():
    fit = saturation(SIZES, np.stack([0.3 + 0.09 * np.arange(8), np.full(8, 0.4), 0.6 - 0.05 * np.arange(8)]))
    assert fit.plateau[0] == 1 and fit.plateau[1] == pytest.approx(0.4) and fit.plateau[2] == pytest.approx(0.425)
    assert (fit.drop >= 0).all()


@pytest.mark.parametrize(
    ("budget", "curves", "message"),
    [
        ([1, 2], [[0, 1]], "three or more"),
        ([1, 3, 2], [[0, 1, 1]], "increasing"),
        ([1, 1, 2], [[0, 1, 1]], "increasing"),
        ([0, 1, 2], [[0, 1, 1]], "positive"),
        ([-1, 1, 2], [[0, 1, 1]], "positive"),
        ([1, 2, 4], [[0, 1]], "3 budgets"),
    ],
)
def test_what_cannot_be_fitted_is_the_users_error(budget, curves, message):
    with pytest.raises(UserError, match=message):
        saturation(np.array(budget), np.array(curves))
