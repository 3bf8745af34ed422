"""The factor of sharing: what it is where all or nothing is shared, and what is known of it beyond the dial."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alchemy.errors import UserError
from alchemy.stats.sharing import sharing_factor

DIAL = (1.0, 1000.0)
NEEDED = st.lists(st.floats(1, 1000), min_size=1, max_size=6)


@given(NEEDED)
def test_it_is_one_where_each_needs_its_own(needed):
    np.testing.assert_allclose(sharing_factor([needed], [sum(needed)], DIAL), 1)


@given(st.floats(1, 1000), st.integers(1, 6))
def test_it_is_their_number_where_what_one_needs_is_enough_for_all(needed, count):
    np.testing.assert_allclose(sharing_factor([[needed] * count], [needed], DIAL), count)


@given(NEEDED, st.floats(1, 1000), st.floats(0.5, 2))
def test_it_has_no_unit(needed, joint, unit):
    scaled = [value * unit for value in needed], joint * unit
    np.testing.assert_allclose(sharing_factor([scaled[0]], [scaled[1]], DIAL), sharing_factor([needed], [joint], DIAL))


def test_by_hand_a_number_a_seed():
    low, high = sharing_factor([[10, 30], [20, 20]], [20, 80], DIAL)
    np.testing.assert_allclose(low, [2, 0.5])
    np.testing.assert_allclose(high, low)


@given(NEEDED, st.floats(1, 1000), st.floats(2, 900), st.floats(2, 900))
def test_a_shorter_dial_leaves_limits_around_what_a_longer_one_shows(needed, joint, first, last):
    """What is beyond the dial is given as 0 or infinite, as `crossing` does."""
    short = sorted((first, last))
    seen = np.array([*needed, joint])
    cut = np.where(seen <= short[0], 0.0, np.where(seen > short[1], inf, seen))
    low, high = sharing_factor([cut[:-1]], [cut[-1]], short)
    exact = sharing_factor([needed], [joint], DIAL).low
    assert low <= exact * (1 + 1e-9) and exact <= high * (1 + 1e-9)


def test_what_is_beyond_the_dial_by_hand():
    dial, longer = (10, 100), (10, 200)
    low, high = sharing_factor([[inf, 50], [0, 50], [50, 50], [50, 50]], [100, 100, inf, 0], dial, longer)
    np.testing.assert_allclose(low, [1.5, 0.5, 0, 10])
    np.testing.assert_allclose(high, [inf, 0.6, 0.5, inf])


def test_what_is_not_known_stays_unknown():
    assert np.isnan(sharing_factor([[np.nan, 50]], [100], DIAL)).all()


def test_other_shapes_are_refused():
    for alone, joint in (([1, 2], [1, 2]), ([[1, 2]], [1, 2]), ([[1, 2]], 1)):
        with pytest.raises(UserError, match=r"^expected alone \(s, k\) and joint \(s,\)"):
            sharing_factor(alone, joint, DIAL)
