"""Wilson's interval, against scipy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from alchemy.errors import UserError
from alchemy.stats.proportion import wilson


@settings(deadline=None)
@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.sampled_from([0.8, 0.95]))
def test_equals_scipy(counts, level):
    expected = stats.binomtest(*counts).proportion_ci(level, method="wilson")
    np.testing.assert_allclose(wilson(*counts, level), expected, atol=1e-12)


def test_nothing_and_all_end_at_the_bounds():
    assert wilson(0, 50)[0] == 0 and wilson(50, 50)[1] == 1


@pytest.mark.parametrize("arguments", [(3, 2), (-1, 2), (0, 0), (1, 2, 95), (1, 2, 1), (1, 2, 0)])
def test_bad_input_is_one_clear_line(arguments):
    with pytest.raises(UserError, match=r"^expected"):
        wilson(*arguments)
