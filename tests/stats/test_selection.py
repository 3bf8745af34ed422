"""What is chosen on one half of the problems and measured on the other."""

from __future__ import annotations

import numpy as np
import pytest

from alchemy.errors import UserError
from alchemy.stats.selection import halves, largest, largest_gap


def test_each_half_chooses_for_the_other():
    first, second = np.array([[1.0, 2.0], [3.0, 0.0]]), np.array([[5.0, 4.0], [7.0, 8.0]])
    np.testing.assert_array_equal(largest(first, second), [(4 + 1) / 2, (7 + 0) / 2])


def test_a_large_option_is_found_and_noise_alone_counts_for_nothing():
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(300, 20, 400))
    first, second = halves(noise)
    assert abs(largest(first, second).mean()) < 0.01 and abs(largest_gap(first, second).mean()) < 0.01
    assert noise.mean(axis=2).max(axis=1).mean() > 0.08, "the plain maximum is biased"
    noise[:, 3] -= 0.5
    first, second = halves(noise)
    assert largest_gap(first, second).mean() == pytest.approx(0.5, abs=0.01)
    assert abs(largest(first, second).mean()) < 0.01


def test_options_without_a_number_are_not_chosen():
    options = np.array([[np.nan, 1.0, 2.0]])
    assert largest(options, options).tolist() == [2.0]
    assert np.isnan(largest(options[:, :1], options[:, :1])).all()


def test_infinite_options_stay_infinite():
    options = np.array([[np.inf, 1.0]])
    assert largest(options, options).tolist() == [np.inf]


def test_halves_of_an_odd_number_of_problems():
    first, second = halves(np.array([[1.0, 2.0, 6.0]]))
    assert first.tolist() == [1.0] and second.tolist() == [4.0]
    assert halves(np.array([1.0, 2.0])) == (1, 2) and halves(np.array([1.0, 2.0, 3.0, 6.0])) == (1.5, 4.5)


def test_bad_input_is_one_clear_line():
    with pytest.raises(UserError, match=r"^expected two or more problems"):
        halves(np.ones((2, 1)))
    for first, second in (
        (np.ones(3), np.ones(3)),
        (np.ones((2, 0)), np.ones((2, 0))),
        (np.ones((2, 1)), np.ones((2, 2))),
    ):
        with pytest.raises(UserError, match=r"^expected options"):
            largest(first, second)
