"""Entropy by hand, and Fano's inequality where it is met and where it is slack."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import entropy

from alchemy.stats.information import conditional_entropy, fano_bound


def spread(error, kinds=10):
    """The joint distribution where a wrong letter is any of the others alike."""
    even = np.full((kinds, kinds), error / (kinds - 1)) / kinds
    np.fill_diagonal(even, (1 - error) / kinds)
    return even


def pattern(error, kinds=10):
    """The joint distribution where a wrong letter is always the next one."""
    return ((1 - error) * np.eye(kinds) + error * np.roll(np.eye(kinds), 1, axis=1)) / kinds


def test_what_is_known_for_sure_leaves_nothing_open():
    assert conditional_entropy(np.eye(4) / 4) == 0.0
    assert conditional_entropy(np.full((4, 2), 1 / 8)) == pytest.approx(np.log(4))


def test_entropy_as_scipy_has_it():
    joint = np.random.default_rng(0).random((5, 6))
    joint /= joint.sum()
    assert conditional_entropy(joint) == pytest.approx(entropy(joint.ravel()) - entropy(joint.sum(axis=0)))


@pytest.mark.parametrize("error", [0.05, 0.3, 0.6])
def test_fanos_bound_is_met_by_errors_without_pattern_and_slack_with_one(error):
    assert fano_bound(conditional_entropy(spread(error)), 10) == pytest.approx(error, abs=1e-3)
    assert fano_bound(conditional_entropy(pattern(error)), 10) < 0.7 * error


def test_no_distribution_makes_fewer_errors_than_the_bound():
    rng = np.random.default_rng(0)
    for concentration in np.geomspace(0.01, 10, 30):
        joint = rng.dirichlet(np.full(100, concentration)).reshape(10, 10) + rng.random() * np.eye(10)
        joint /= joint.sum()
        assert 1 - np.trace(joint) >= fano_bound(conditional_entropy(joint), 10) - 1e-6


@pytest.mark.parametrize("symbols", [2, 3, 10])
def test_fanos_bound_from_nothing_lost_to_everything(symbols):
    assert fano_bound(0.0, symbols) == pytest.approx(0, abs=1e-6)
    assert fano_bound(np.log(symbols), symbols) == pytest.approx(1 - 1 / symbols)
    assert fano_bound(99.0, symbols) == pytest.approx(1 - 1 / symbols)
    for error in (0.1, 0.9 * (1 - 1 / symbols)):
        lost = entropy([error, 1 - error]) + error * np.log(symbols - 1)
        assert fano_bound(lost, symbols) == pytest.approx(error, abs=1e-6)
