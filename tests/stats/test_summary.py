"""Numbers a seed from curves a seed."""

from __future__ import annotations

from math import inf, nan

import numpy as np
import pytest

from alchemy.errors import UserError
from alchemy.stats.summary import crossing, largest_deviation


def test_crossing_interpolates_in_log_x_for_each_seed():
    curves = np.array([[0.9, 0.7, 0.3, 0.1], [0.9, 0.5, 0.3, 0.1], [0.9, 0.8, 0.8, 0.2]])
    sizes = crossing([1, 2, 8, 16], curves, 0.5)
    np.testing.assert_allclose(sizes, [4.0, 2.0, 8 * 2**0.5])
    np.testing.assert_allclose(crossing([1, 2, 8, 16], 1 - curves, 0.5), sizes)


def test_crossings_off_the_dial():
    curves = np.array([[0.9, 0.9, 0.9], [0.1, 0.9, 0.1], [0.5, 0.6, 0.4], [0.9, nan, 0.1]])
    np.testing.assert_array_equal(crossing([1, 2, 4], curves, 0.5, falling=True), [inf, 0, 0, nan])
    np.testing.assert_array_equal(crossing([1, 2, 4], curves[:1], 0.95, falling=False), [inf])
    partly = np.array([[nan, 0.9, 0.1], [0.9, 0.1, nan]])
    assert np.isnan(crossing([1, 2, 4], partly, 0.5, falling=True)).all(), "wherever the missing value is"


def test_the_median_curve_tells_the_side():
    curves = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9]])
    bent = np.array([[0.6, 0.9, 0.1], [0.5, 0.9, 0.5]])
    np.testing.assert_allclose(crossing([1, 2, 4], bent[:1], 0.5), [2 * 2**0.5])
    np.testing.assert_allclose(crossing([1, 2, 4], bent[1:], 0.7), [2**0.5])  # ends of one height: it rises
    assert crossing([1, 2], curves, 0.5)[2] == 0 and np.isfinite(crossing([1, 2], curves, 0.5)).all()


def test_bad_input_is_one_clear_line():
    for x, curve in (
        ([1], [[1]]),
        ([0, 1], [[1, 2]]),
        ([2, 1], [[1, 2]]),
        ([1, 1], [[1, 2]]),
        ([1, 3, 2], [[1, 2, 3]]),
        ([1, 2], [[1, 2, 3]]),
        ([1, 2], [1, 2]),
    ):
        with pytest.raises(UserError, match=r"^expected"):
            crossing(x, curve, 0.5)


def test_the_largest_deviation_of_each_seed_from_a_law():
    values = [[0.1, 0.2, nan], [0.5, 0.1, 0.3]]
    np.testing.assert_allclose(largest_deviation(np.array(values), [0.1, 0.3]), [0.2, 0.2, nan])
    with pytest.raises(UserError, match=r"^expected values \(k, s\) and a law \(k,\)"):
        largest_deviation(np.array(values), [0.1])
