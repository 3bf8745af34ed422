"""Every function that divides a budget, against its definition written out problem by problem."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logit

from alchemy.errors import UserError
from alchemy.stats.regression import Regression
from alchemy.testtime.allocation import allocated, carried, expected, explained, folds, guessed, spend, success


def test_chances_of_a_few_tries():
    np.testing.assert_allclose(success(np.array([0.5, 0.1]), [0, 1, 3]), [[0, 0.5, 0.875], [0, 0.1, 0.271]])
    assert success(0.25, [2]).tolist() == [1 - 0.75**2]


def test_what_is_left_of_a_budget_upgrades_the_first_problems():
    """Nine alike at sizes 1 and 4, of which only 4 is worth anything: 18 answers are three times 4 and six times 1."""
    values = np.tile([0.0, 1.0], (9, 1))
    assert spend(values, np.array([1, 4]), 2).tolist() == [4] * 3 + [1] * 6
    assert spend(values, np.array([1, 4]), 2.2).tolist() == [4] * 3 + [1] * 6, "a fourth would need 21 of 19.8"
    assert spend(values, np.array([1, 4]), 1).tolist() == [1] * 9
    assert spend(values, np.array([1, 4]), 4).tolist() == [4] * 9


def test_a_budget_that_buys_all_that_helps_is_not_used_up():
    values = np.array([[0.0, 0.5, 0.5], [0.2, 0.2, 0.1], [0.0, 0.4, 0.9]])
    assert spend(values, np.array([0, 2, 5]), 5).tolist() == [2, 0, 5]


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 10_000), mean=st.integers(0, 6))
def test_a_problem_gets_more_where_the_next_answers_gain_more(seed, mean):
    """No exchange of steps between two problems that costs nothing gains anything, where gains diminish."""
    rng, sizes = np.random.default_rng(seed), np.arange(7)
    gains = -np.sort(-rng.random((8, 6)), axis=1)
    values = np.concatenate([np.zeros((8, 1)), gains.cumsum(axis=1)], axis=1)
    counts = spend(values, sizes, mean)
    assert counts.sum() == 8 * mean
    last = [gains[row, count - 1] if count else np.inf for row, count in enumerate(counts)]
    following = [gains[row, count] if count < 6 else -np.inf for row, count in enumerate(counts)]
    assert max(following) <= min(last) + 1e-9


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10_000), mean=st.integers(0, 9))
def test_the_unit_of_values_moves_nothing(seed, mean):
    values, sizes = np.random.default_rng(seed).random((9, 4)), np.array([0, 1, 3, 9])
    counts = spend(values, sizes, mean)
    assert counts.sum() <= 9 * mean
    for scale in (2.0**-8, 2.0**8):
        assert spend(scale * values, sizes, mean).tolist() == counts.tolist()


def by_quantile(estimate, known, curves, bins):
    """Means of curves of the same quantile, and of one more curve that is the mean of all."""
    edges = sorted({float(np.quantile(known, share / bins)) for share in range(1, bins)})

    def kind(value):
        return sum(value >= edge for edge in edges)

    rows = []
    for value in estimate:
        group = [curve for other, curve in zip(known, curves, strict=True) if kind(other) == kind(value)]
        rows.append((np.sum(group, axis=0) + curves.mean(axis=0)) / (len(group) + 1))
    return np.array(rows)


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10_000), bins=st.integers(1, 5))
def test_what_to_expect_is_the_mean_of_a_quantile(seed, bins):
    rng = np.random.default_rng(seed)
    known, curves = rng.integers(0, 6, 23) / 5, rng.random((23, 3))
    estimate = np.concatenate([known[:5], [-1.0, 2.0, 0.5]])
    np.testing.assert_allclose(expected(estimate, known, curves, bins), by_quantile(estimate, known, curves, bins))
    default = expected(estimate, known, curves)
    np.testing.assert_allclose(default, by_quantile(estimate, known, curves, 12))


def test_each_half_is_allocated_by_what_the_other_half_says():
    rng, sizes = np.random.default_rng(0), np.array([0, 1, 3])
    estimate, curves = rng.random((2, 11)), np.sort(rng.random((3, 2, 11)), axis=0)
    assert folds(5).tolist() == [True, False, True, False, True]
    values = np.empty((2, 11, 3))
    for half in (folds(11), ~folds(11)):
        known = estimate[:, ~half].ravel()
        other = np.array([curves[:, seed, row] for seed in range(2) for row in np.flatnonzero(~half)])
        for seed in range(2):
            values[seed, half] = by_quantile(estimate[seed, half], known, other, 3)
    counts = [spend(seed_values, sizes, 1.5) for seed_values in values]
    np.testing.assert_array_equal(allocated(estimate, curves, sizes, 1.5, bins=3), counts)


def test_other_problems_may_say_what_an_estimate_is_worth():
    rng, sizes = np.random.default_rng(0), np.array([0, 1, 3])
    estimate, known, curves = rng.random((2, 7)), rng.random((2, 9)), np.sort(rng.random((3, 2, 9)), axis=0)
    other = np.array([curves[:, seed, row] for seed in range(2) for row in range(9)])
    counts = [spend(by_quantile(row, known.ravel(), other, 4), sizes, 1) for row in estimate]
    unused = np.full((3, 2, 7), np.nan)
    given_others = allocated(estimate, unused, sizes, 1, known=known, known_curves=curves, bins=4)
    np.testing.assert_array_equal(given_others, counts)


def test_facts_of_one_half_foretell_the_shares_of_the_other():
    rng = np.random.default_rng(0)
    facts, shifted = ({"x": rng.normal(size=(2, n)), "v": rng.normal(size=(2, n, 2))} for n in (20, 6))
    share = rng.random((2, 20))
    guess, further = guessed(facts, share), carried(facts, share, shifted)
    for seed in range(2):
        for half in (folds(20), ~folds(20)):
            known, other = ({name: fact[seed][rows] for name, fact in facts.items()} for rows in (~half, half))
            fitted = Regression.fit(known, share[seed][~half])
            np.testing.assert_allclose(guess[seed, half], fitted.guess(other))
        fitted = Regression.fit({name: fact[seed] for name, fact in facts.items()}, share[seed])
        np.testing.assert_allclose(further[seed], fitted.guess({name: fact[seed] for name, fact in shifted.items()}))


def test_explained_is_r_squared_of_logits():
    rng = np.random.default_rng(0)
    right, guess = rng.integers(0, 9, (2, 30)), rng.random((2, 30))
    guess[0, :2] = 0.0, 1.0
    scores = []
    for counts, shares in zip(right, guess, strict=True):
        truth = [logit((count + 0.5) / 9) for count in counts]
        foretold = [logit(min(max(share, 0.5 / 9), 8.5 / 9)) for share in shares]
        rest = np.mean([(a - b) ** 2 for a, b in zip(truth, foretold, strict=True)])
        scores.append(1 - rest / np.var(truth))
    assert explained(guess, right, 8) == pytest.approx(np.mean(scores))


def test_sizes_increase_and_the_least_of_them_can_be_paid():
    for sizes, mean in (([1, 1], 2), ([1, 2, 3], 2), ([3, 1], 3), ([2, 3], 1.9)):
        with pytest.raises(UserError):
            spend(np.zeros((4, 2)), np.array(sizes), mean)
    with pytest.raises(UserError, match="increasing sizes"):
        spend(np.zeros((4, 3)), np.array([1, 3, 2]), 2)
    assert spend(np.zeros((4, 2)), np.array([2, 3]), 2).tolist() == [2] * 4
