"""Budgets between problems: the best allocation by brute force, and the plan's table of multipliers."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import expit

from alchemy.errors import UserError
from alchemy.stats.regression import Regression
from alchemy.strategies.best_of_n import BestOfN
from alchemy.strategies.pilot import Pilot
from alchemy.strategies.self_consistency import SelfConsistency
from alchemy.testtime.allocation import (
    allocated,
    carried,
    expected,
    explained,
    guessed,
    spend,
    success,
)
from alchemy.testtime.multiplier import multiplier
from alchemy.testtime.replay import averaged, curve, of_answers
from alchemy.testtime.simulated_answers import simulated
from alchemy.testtime.simulated_verifiers import exact, scored


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000), st.integers(1, 6))
def test_with_diminishing_gains_it_is_the_best_there_is(seed, mean):
    """Against greedy by marginal gains p (1 - p)^(j - 1), which is optimal, one answer at a time."""
    p = np.random.default_rng(seed).beta(0.5, 1, 30)
    sizes = np.arange(20)
    counts = spend(success(p, sizes), sizes, mean)
    greedy = np.zeros(30, int)
    for _ in range(30 * mean):
        greedy[np.argmax(np.where(greedy < 19, p * (1 - p) ** greedy, -1))] += 1
    assert counts.sum() <= 30 * mean
    gained = [(1 - (1 - p) ** draws).sum() for draws in (counts, greedy)]
    assert gained[0] == pytest.approx(gained[1], abs=2e-3)


def test_without_diminishing_gains_it_is_near_the_best_there_is():
    """A vote of few is no better than one answer, so gains are not monotone; all allocations are tried."""
    rng, sizes = np.random.default_rng(0), np.array([0, 1, 3, 9])
    for _ in range(30):
        values = np.concatenate([np.zeros((5, 1)), rng.random((5, 3))], axis=1)
        counts = spend(values, sizes, 3)
        got = values[np.arange(5), np.searchsorted(sizes, counts)].sum()
        affordable = [pick for pick in itertools.product(range(4), repeat=5) if sizes[list(pick)].sum() <= 15]
        most = max(values[np.arange(5), list(pick)].sum() for pick in affordable)
        assert counts.sum() <= 15 and most - np.ptp(values) <= got <= most + 1e-9


def multiplier_of(p, mean, sizes):
    """k of spending by p itself, in closed form: the uniform curve is known at every real number of answers."""
    counts = spend(success(p, sizes), sizes, mean)
    got, grid = (1 - (1 - p) ** counts).mean(), np.geomspace(0.5, 4096, 1000)
    curve = np.array([(1 - (1 - p) ** n).mean() for n in grid])
    return float(np.interp(got, curve, grid)) / mean


@pytest.mark.parametrize(
    ("pool", "k"),
    [
        ("homogeneous", (1, 1, 1, 1)),
        ("beta 2 6", (1.05, 1.10, 1.43, None)),
        ("beta .4 1.2", (1.49, 1.58, 1.83, 3.1)),
        ("50/50", (1.0, 1.38, 1.66, 1.84)),
        ("80/20", (2.3, 3.5, 4.2, 4.6)),
    ],
)
def test_the_plan_of_the_lab_has_these_multipliers(pool, k):
    """Coverage with a perfect checker and the true p, at budgets of 4, 8, 16 and 64 answers."""
    n = 500
    middle = (np.arange(n) + 0.5) / n
    p = {
        "homogeneous": np.full(n, 0.1),
        "beta 2 6": stats.beta(2, 6).ppf(middle),
        "beta .4 1.2": stats.beta(0.4, 1.2).ppf(middle),
        "50/50": np.repeat([0.7, 0.02], n // 2),
        "80/20": np.repeat([0.9, 0.02], [n * 4 // 5, n // 5]),
    }[pool]
    for mean, known in zip((4, 8, 16, 64), k, strict=True):
        if known:
            assert multiplier_of(p, mean, np.arange(600)) == pytest.approx(known, rel=0.08)


def test_what_cannot_be_known_moves_nothing():
    """Noise as an estimate on problems that are all alike: every kind of problem has the same curve."""
    rng, sizes = np.random.default_rng(0), np.array([0, 1, 2, 4, 8, 16, 32])
    curves = np.broadcast_to(success(np.full((1, 2000), 0.1), sizes).transpose(2, 0, 1), (7, 1, 2000))
    counts = allocated(rng.random((1, 2000)), curves, sizes, 8)
    assert (counts == 8).all()


PILOTS = {"homogeneous": (0.87, 0.75, 0.50), "beta .4 1.2": (0.88, 0.79, 0.52), "80/20": (2.8, 2.7, 1.6)}
REUSED = {"homogeneous": (1.2, 1.6), "beta .4 1.2": (1.5, 1.7), "80/20": (3.4, 4.4)}


@pytest.mark.parametrize("pool", PILOTS)
def test_charging_and_reuse_decide_the_sign(pool):
    """The plan's pilots of 2, 4 and 8 answers at a budget of 16, thrown away and reused, with a perfect checker.

    It takes the share of right ones for p; ours learns what a share is worth, which pays where pools are extreme.
    """
    rng, n = np.random.default_rng(0), 1600
    p = {
        "homogeneous": np.full(n, 0.1),
        "beta .4 1.2": rng.beta(0.4, 1.2, n),
        "80/20": np.repeat([0.9, 0.02], [n * 4 // 5, n // 5])[rng.permutation(n)],
    }[pool]
    bank = simulated(p, 160, rng)
    bank = scored(bank, exact=exact(bank))
    uniform = curve(BestOfN(), bank, (1, 2, 3, 4, 6, 8, 11, 16, 22, 32, 45, 64, 90, 128, 160), 0, draws=4)
    for first, known in zip((2, 4, 8), PILOTS[pool], strict=True):
        right, ledger = averaged(Pilot("exact", first, "discarded"), bank, 16, 0, draws=3)
        assert (
            known * (0.75 if pool == "80/20" else 0.87)
            < multiplier(uniform, right, ledger.flops).mean()
            < known * (1.6 if pool == "80/20" else 1.13)
        )
        right, ledger = averaged(Pilot("exact", first, "reused"), bank, 16, 0, draws=3)
        low, high = REUSED[pool]
        assert low * (0.75 if pool == "80/20" else 0.85) < multiplier(uniform, right, ledger.flops).mean() < high * 1.15


def test_a_pilot_pays_for_what_it_draws():
    bank = simulated(np.random.default_rng(0).beta(1, 2, (2, 300)), 24, 0, tokens=(1, 1))
    for score, then in itertools.product(("", "exact"), ("reused", "discarded", "free")):
        scored_bank = scored(bank, exact=exact(bank))
        _, ledger = Pilot(score, 3, then).replay(scored_bank, 8, np.random.default_rng(0))
        count, least = ledger.written, 0 if then == "free" else 3
        assert count.min() >= least and 7 <= count.mean() <= 8
        assert (ledger.depth == (count > least).astype(int) + (least > 0)).all()
        np.testing.assert_array_equal(ledger.calls, count if score else 0 * count)
        if then == "reused":  # the first answers as they lie, no others
            drawn, _ = Pilot(score, 3, then).replay(scored_bank, 8, None)
            _, paid = Pilot(score, 3, then).replay(scored_bank, 8, None)
            strategy = BestOfN() if score else SelfConsistency()
            np.testing.assert_array_equal(drawn, strategy.replay(scored_bank, paid.written.astype(int), None)[0])
    with pytest.raises(UserError, match="expected fewer"):
        Pilot(first=9).replay(bank, 8, None)
    with pytest.raises(UserError, match="did you mean 'reused'"):
        Pilot(then="used")


def test_alike_problems_leave_nothing_to_a_policy_of_difficulty():
    """Homogeneous: an oracle of held-out answers, facts and a free pilot all have k = 1."""
    rng = np.random.default_rng(0)
    bank = simulated(np.full((3, 1500), 0.1), 64, rng, facts={"length": rng.integers(1, 9, 1500)})
    bank = scored(bank, exact=exact(bank))
    known, spent = of_answers(bank, slice(0, 32)), of_answers(bank, slice(32, None))
    sizes = np.array([0, 1, 2, 3, 4, 6, 8, 11, 16, 22, 32])
    uniform = curve(BestOfN(), spent, sizes[1:], 0)
    curves = np.concatenate([np.zeros((1, 3, 1500)), uniform.right])
    for estimate in (known.right.mean(axis=2), guessed(bank.facts, known.right.mean(axis=2))):
        right, ledger = averaged(BestOfN(), spent, allocated(estimate, curves, sizes, 8), 1)
        np.testing.assert_allclose(multiplier(uniform, right, ledger.flops), 1, atol=0.1)
    right, ledger = averaged(Pilot("exact", 4, "free"), spent, 8, 0)
    assert (multiplier(uniform, right, ledger.flops) < 1.1).all()


def test_estimates_are_worth_what_other_problems_say():
    rng = np.random.default_rng(0)
    estimate, sizes = rng.random(4000), np.array([0, 1, 4])
    curves = success(estimate**2, sizes)
    values = expected(estimate[:2000], estimate[2000:], curves[2000:], bins=40)
    np.testing.assert_allclose(values, success(estimate[:2000] ** 2, sizes), atol=0.12)
    groups = expected(np.array([0.0, 1.0, 2.0]), np.repeat([0, 1, 2], 50), np.repeat(np.eye(3), 50, axis=0))
    assert (groups.argmax(axis=1) == [0, 1, 2]).all()


def test_regression_finds_the_shares_behind_facts_and_extrapolates():
    rng = np.random.default_rng(0)
    length, rare = rng.integers(1, 9, 3000), rng.random(3000)
    name = np.where(rng.random(3000) < 0.5, "rot", "swap")

    def truth(length, rare, name):
        return expit(2 - 0.4 * length - 1.5 * rare + 0.2 * length * rare + 0.7 * (name == "rot"))

    p = truth(length, rare, name)
    known = {"length": length, "rarity": rare, "name": name}
    facts = {name: values[None] for name, values in known.items()}
    shares = rng.binomial(64, p) / 64
    np.testing.assert_allclose(guessed(facts, shares[None])[0], p, atol=0.04)
    longer = {**facts, "length": length[None] + 4}
    far = carried(facts, shares[None], longer)[0]
    assert np.abs(far - truth(length + 4, rare, name)).mean() < 0.05
    vectors = {"state": np.stack([length - 4.0, rare, (name == "rot") * 1.0], axis=1)[None]}
    assert np.abs(guessed(vectors, shares[None])[0] - p).mean() < 0.03
    assert np.abs(carried(vectors, shares[None], vectors)[0] - p).mean() < 0.03
    with pytest.raises(UserError, match="differ from those fitted"):
        Regression.fit(known, shares).guess({"length": length})


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_explained_is_the_share_of_variance_between_cells(share):
    rng = np.random.default_rng(0)
    between, within = rng.normal(0, 1.5, (2, 1, 4000))
    truth = np.sqrt(share) * between + np.sqrt(1 - share) * within
    right = rng.binomial(4000, expit(truth))
    assert explained(expit(np.sqrt(share) * between), right, 4000) == pytest.approx(share, abs=0.03)


def test_bad_input_is_one_clear_line():
    values, sizes = np.zeros((3, 2)), np.array([1, 2])
    for call, message in [
        (lambda: spend(values, np.array([2, 1]), 1), "increasing sizes"),
        (lambda: spend(values, sizes, 0.5), "less than the least"),
        (lambda: Regression.fit({}, np.zeros(3)), "no facts"),
    ]:
        with pytest.raises(UserError, match=message):
            call()
