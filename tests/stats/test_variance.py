"""Components of variance by hand, against simulations, and limits that contain the truth as often as they say."""

from __future__ import annotations

import numpy as np
import pytest

from alchemy.errors import UserError
from alchemy.stats.variance import components, squares


def drawn(rng, seeds, arms, arm=1.0, seed=0.5, rest=0.7):
    """Scores (s, a) with such standard deviations."""
    return (
        arm * rng.standard_normal((1, arms))
        + seed * rng.standard_normal((seeds, 1))
        + rest * rng.standard_normal((seeds, arms))
    )


def test_sums_of_squares_by_hand():
    """Two seeds, two factors of two: means of the first factor are 1 and 5, of the second 2 and 4, of the seeds 2 and 4."""
    values = np.array([[[0.0, 0.0], [3.0, 5.0]], [[0.0, 4.0], [5.0, 7.0]]])
    parts = squares(values, ("p", "q"))
    assert parts == pytest.approx({"p": 32.0, "q": 8.0, "p x q": 0.0, "seeds": 8.0, "rest": 4.0})
    assert sum(parts.values()) == pytest.approx(((values - values.mean()) ** 2).sum())


@pytest.mark.parametrize("shape", [(3, 4), (2, 3, 2), (4, 2, 3, 2)])
def test_sums_of_squares_add_up_and_know_no_factor_that_does_nothing(shape):
    rng = np.random.default_rng(0)
    values = rng.standard_normal(shape)
    names = [f"f{axis}" for axis in range(1, values.ndim)]
    assert sum(squares(values, names).values()) == pytest.approx(((values - values.mean()) ** 2).sum())
    flat = np.broadcast_to(values.mean(axis=1, keepdims=True), shape)
    assert all(part == pytest.approx(0) for name, part in squares(flat, names).items() if "f1" in name.split(" x "))
    lifted = values + 10 * np.arange(shape[1]).reshape(-1, *[1] * (values.ndim - 2))
    others = {name: part for name, part in squares(values, names).items() if name != "f1"}
    assert {name: part for name, part in squares(lifted, names).items() if name != "f1"} == pytest.approx(others)


def test_components_by_hand():
    """Arms of 0, 2 and 4; the second seed adds 1; no rest."""
    values = np.array([[0.0, 2.0, 4.0], [1.0, 3.0, 5.0]])
    found = components(values)
    assert found[:4] == pytest.approx((4.0, 0.5, 0.0, 1.0), abs=1e-12)


def test_components_are_those_that_scores_were_drawn_with():
    rng = np.random.default_rng(1)
    found = np.array([components(drawn(rng, 6, 12))[:3] for _ in range(1000)])
    np.testing.assert_allclose(found.mean(axis=0), [1.0, 0.25, 0.49], rtol=0.08)


@pytest.mark.parametrize(("arm", "rest"), [(1.0, 0.7), (0.3, 1.0), (2.0, 0.2)])
def test_limits_contain_the_share_as_often_as_they_say(arm, rest):
    rng, truth = np.random.default_rng(2), arm**2 / (arm**2 + rest**2)
    limits = [components(drawn(rng, 6, 10, arm=arm, rest=rest), level=0.9).limits for _ in range(600)]
    assert np.mean([low <= truth <= high for low, high in limits]) == pytest.approx(0.9, abs=0.035)


def test_arms_that_differ_by_chance_alone_have_a_share_that_may_be_none():
    rng = np.random.default_rng(3)
    found = [components(drawn(rng, 6, 10, arm=0.0)) for _ in range(300)]
    assert np.mean([each.limits[0] == 0 for each in found]) > 0.95 and min(each.arms for each in found) == 0


def test_scores_that_are_all_alike_have_no_share():
    found = components(np.full((3, 4), 0.5))
    assert found[:3] == (0, 0, 0) and np.isnan([found.share, *found.limits]).all()


@pytest.mark.parametrize(
    "values", [np.zeros(4), np.zeros((1, 4)), np.zeros((4, 1)), np.array([[0.0, np.nan], [0.0, 1.0]])]
)
def test_what_has_no_components_is_the_users_error(values):
    with pytest.raises(UserError, match="two or more seeds in two or more arms"):
        components(values)
    with pytest.raises(UserError, match="expected scores by seeds and p, q"):
        squares(np.zeros((2, 2)), ("p", "q"))
