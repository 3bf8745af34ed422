"""Multipliers and captures, worked out by hand, seed by seed."""

from __future__ import annotations

import numpy as np
import pytest

from alchemy.errors import UserError
from alchemy.testtime.multiplier import capture, largest_multiplier, multiplier
from alchemy.testtime.replay import Curve

SIZES = np.array([1, 2, 4, 8, 16])
RISING = [0.1, 0.2, 0.4, 0.6, 0.7]


def uniform(*accuracy):
    """A baseline whose seeds have these accuracies at SIZES on either of two problems, at 10 FLOPs an answer."""
    right = np.array(accuracy).T[:, :, None] + np.array([-0.01, 0.01])
    return Curve(SIZES, right, 10.0 * SIZES[:, None, None] * np.ones(right.shape))


def arm(accuracy, flops):
    """An arm with these means over two problems, a number a seed."""
    right, paid = (np.atleast_1d(np.array(values, float))[:, None] for values in (accuracy, flops))
    return right + np.array([0.02, -0.02]), paid * np.array([0.5, 1.5])


@pytest.mark.parametrize(
    ("accuracy", "flops", "k"),
    [
        (0.4, 40, 1.0),
        (0.4, 20, 2.0),
        (0.6, 160, 0.5),
        (0.5, 20, 10 * np.sqrt(32) / 20),
        (0.7, 40, 4.0),
        (0.1, 10, 1.0),
        (0.4, 0.5, 80.0),
    ],
)
def test_k_is_read_off_the_uniform_curve_in_log_budget(accuracy, flops, k):
    np.testing.assert_allclose(multiplier(uniform(RISING), *arm(accuracy, flops)), [k])


def test_every_seed_has_its_own_curve_and_its_own_k():
    """The second seed's baseline needs twice the budget for .4, and its arm pays half as much."""
    curves = uniform(RISING, [0.05, 0.1, 0.2, 0.4, 0.6])
    np.testing.assert_allclose(multiplier(curves, *arm([0.4, 0.4], [40, 20])), [1.0, 4.0])
    np.testing.assert_allclose(multiplier(curves, *arm([0.7, 0.7], [40, 20])), [4.0, np.inf])


def test_a_dent_in_the_uniform_curve_is_made_monotone():
    """.4 and .2 pool at .3 each, so .3 is first reached at the first of the two."""
    np.testing.assert_allclose(multiplier(uniform([0.1, 0.4, 0.2, 0.6, 0.7]), *arm(0.3, 20)), [1.0])


def test_k_is_censored_where_the_curve_says_no_more():
    assert multiplier(uniform(RISING), *arm(0.8, 40)).tolist() == [np.inf]
    assert multiplier(uniform(RISING), *arm(0.05, 40)).tolist() == [0.0]
    near_one = uniform([0.5, 0.9, 0.97, 0.98, 0.99])
    assert multiplier(near_one, *arm(0.985, 20)).tolist() == [np.inf], "beyond .97 hardly any budget buys anything"
    np.testing.assert_allclose(multiplier(near_one, *arm(0.97, 20)), [2.0])


def test_the_largest_k_is_that_of_the_curves_end_or_of_the_ceiling():
    np.testing.assert_allclose(largest_multiplier(uniform(RISING), *arm(0.8, 40)), [4.0])
    np.testing.assert_allclose(largest_multiplier(uniform([0.5, 0.9, 0.97, 0.98, 0.99]), *arm(0.985, 20)), [2.0])


def test_an_arm_that_tries_twice_as_often_as_it_pays_for_has_a_k_of_two():
    """pass@n of independent tries, whose chances differ between problems and seeds."""
    rng = np.random.default_rng(0)
    p = rng.beta(1, 6, (3, 6000)) * np.array([[0.9], [1.0], [1.1]])
    right = np.stack([1 - (1 - p) ** size for size in SIZES])
    cost = 10.0 * SIZES[:, None, None] * np.ones((5, *p.shape))
    other = (rng.random((8, *p.shape)) < p).any(axis=0).astype(float)
    np.testing.assert_allclose(multiplier(Curve(SIZES, right, cost), other, np.full(p.shape, 40.0)), 2, rtol=0.06)


def test_an_arm_of_another_shape_is_one_clear_line_and_one_that_pays_nothing_has_no_k():
    with pytest.raises(UserError, match="shape"):
        multiplier(uniform(RISING), np.zeros((1, 3)), np.ones((1, 3)))
    for shapes in (((1, 2), (1, 3)), ((1, 3), (1, 2)), ((2, 2), (1, 2)), ((1, 2), (2, 2))):
        with pytest.raises(UserError, match="expected an arm of shape"):
            multiplier(uniform(RISING), *map(np.ones, shapes))
    assert np.isnan(multiplier(uniform(RISING), *arm(0.0, 0))).all()


def test_a_capture_is_the_quotient_of_mean_gains():
    """Seeds: .2 of .4, all, a loss of .1 against .2, and an oracle that gains nothing or loses."""
    gain = np.array([[0.1, 0.3], [0.5, 0.1], [-0.3, 0.1], [0.2, 0.2], [0.2, 0.2]])
    oracle = np.array([[0.6, 0.2], [0.1, 0.5], [0.0, 0.4], [0.1, -0.1], [-0.2, 0.0]])
    np.testing.assert_allclose(capture(gain, oracle), [0.5, 1.0, -0.5, np.nan, np.nan])


def test_a_difference_of_gains_gives_the_difference_of_captures():
    rng = np.random.default_rng(0)
    facts, online, oracle = rng.normal(0.2, 0.1, (3, 4, 50))
    difference = capture(facts, oracle) - capture(online, oracle)
    np.testing.assert_allclose(capture(facts - online, oracle), difference)


def test_gains_of_other_problems_are_one_clear_line():
    with pytest.raises(UserError, match="same seeds and problems"):
        capture(np.ones((1, 2)), np.ones((1, 3)))
