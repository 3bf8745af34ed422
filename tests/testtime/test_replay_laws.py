"""Laws of all replayed strategies: what a permutation, a copy or a budget of one does to their answers and bills."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alchemy.strategies.adaptive_consistency import AdaptiveConsistency
from alchemy.strategies.best_of_n import BestOfN
from alchemy.strategies.direct import Direct
from alchemy.strategies.early_exit import EarlyExit
from alchemy.strategies.early_stopping import EarlyStopping
from alchemy.strategies.pass_at_n import PassAtN
from alchemy.strategies.rejection import Rejection
from alchemy.strategies.self_consistency import SelfConsistency
from alchemy.strategies.short_m_at_n import ShortMAtN
from alchemy.strategies.soft_best_of_n import SoftBestOfN
from alchemy.strategies.weighted_vote import WeightedVote
from alchemy.testtime.bank import Bank
from alchemy.testtime.replay import averaged, by_seed, curve, of_answers, of_problems
from alchemy.testtime.simulated_answers import simulated
from alchemy.testtime.simulated_verifiers import exact, noisy, scored

K = 9
CHOOSERS = [
    SelfConsistency(),
    WeightedVote(score="noisy"),
    BestOfN(score="noisy"),
    SoftBestOfN(score="noisy"),
    PassAtN(),
]
STOPPERS = [
    AdaptiveConsistency(),
    EarlyExit(),
    EarlyStopping(3),
    ShortMAtN(2),
    Rejection(score="noisy", threshold=0.9),
]
STRATEGIES = [Direct(), *CHOOSERS, *STOPPERS]
every_strategy = pytest.mark.parametrize("strategy", STRATEGIES, ids=str)
seeds = st.integers(0, 10_000)


def random_bank(seed: int, seeds: int = 2, n: int = 6, k: int = K) -> Bank:
    """Two or three kinds of answers, chains of different lengths, some without an answer, prompts of different lengths."""
    rng = np.random.default_rng(seed)
    bank = simulated(rng.beta(1, 1, (seeds, n)), k, rng, wrong=2, tokens=(3, 30))
    mute = rng.random(bank.shape) < 0.1
    bank = bank._replace(
        answer=np.where(mute, -1, bank.answer), right=bank.right & ~mute, prompt=rng.integers(2, 9, (seeds, n))
    )
    return scored(bank, noisy=noisy(bank, 1, 0.5, 0.2), exact=exact(bank))


def same(replayed, other, change=lambda values: values):
    """The chances to be right and the bills are the same, the former after a change of their arrays (s, n)."""
    np.testing.assert_allclose(change(replayed[0]), other[0], atol=1e-6)
    for left, right in zip(replayed[1], other[1], strict=True):
        left = left if np.ndim(left) == 0 else change(left)
        np.testing.assert_array_equal(left, right)


@every_strategy
@settings(deadline=None, max_examples=15)
@given(seed=seeds, n=st.integers(0, K))
def test_problems_and_seeds_in_another_order_have_their_results_in_that_order(strategy, seed, n):
    bank, order = random_bank(seed), np.random.default_rng(seed).permutation(6)
    replayed = strategy.replay(bank, n, None)
    same(replayed, strategy.replay(of_problems(bank, order), n, None), lambda values: values[:, order])
    for row, one in enumerate(by_seed(bank)):
        same(replayed, strategy.replay(one, n, None), lambda values, row=row: values[row : row + 1])


@every_strategy
@settings(deadline=None, max_examples=15)
@given(seed=seeds)
def test_a_budget_of_one_is_one_answer_and_its_price(strategy, seed):
    bank = random_bank(seed)
    right, ledger = strategy.replay(bank, 1, None)
    mute = bank.answer[:, :, 0] < 0
    assert (right == bank.right[:, :, 0])[~mute].all() and (right[mute] == 0).all()
    np.testing.assert_array_equal(ledger.written, bank.tokens[:, :, 0])
    np.testing.assert_array_equal(ledger.depth, bank.tokens[:, :, 0])
    np.testing.assert_array_equal(ledger.prompt, bank.prompt)


@pytest.mark.parametrize("strategy", CHOOSERS, ids=str)
@settings(deadline=None, max_examples=15)
@given(seed=seeds, times=st.integers(2, 3))
def test_copies_of_all_answers_change_no_choice_and_cost_their_tokens(strategy, seed, times):
    bank = random_bank(seed)
    copied = of_answers(bank, np.broadcast_to(np.repeat(np.arange(K), times), (2, 6, times * K)))
    right, ledger = strategy.replay(bank, K, None)
    right_of_copies, ledger_of_copies = strategy.replay(copied, times * K, None)
    np.testing.assert_allclose(right_of_copies, right, atol=1e-6)
    np.testing.assert_array_equal(ledger_of_copies.written, times * ledger.written)
    np.testing.assert_array_equal(ledger_of_copies.depth, ledger.depth)
    np.testing.assert_array_equal(ledger_of_copies.prompt, ledger.prompt)


@pytest.mark.parametrize("strategy", CHOOSERS, ids=str)
@settings(deadline=None, max_examples=15)
@given(seed=seeds)
def test_the_order_of_all_answers_and_their_names_change_nothing(strategy, seed):
    bank, rng = random_bank(seed), np.random.default_rng(seed)
    replayed = strategy.replay(bank, K, None)
    shuffled = of_answers(bank, rng.permuted(np.broadcast_to(np.arange(K), bank.shape), axis=2))
    same(replayed, strategy.replay(shuffled, K, None))
    names = rng.permutation(100)
    renamed = bank._replace(answer=np.where(bank.answer < 0, -1, names[bank.answer]))
    same(replayed, strategy.replay(renamed, K, None))
    same(replayed, averaged(strategy, bank, K, seed, draws=3))  # all of them are dealt, whatever the order


@pytest.mark.parametrize("strategy", STOPPERS, ids=str)
@settings(deadline=None, max_examples=15)
@given(seed=seeds, n=st.integers(1, K))
def test_stopping_early_is_never_dearer_than_drawing_all(strategy, seed, n):
    bank = random_bank(seed)
    _, ledger = strategy.replay(bank, n, None)
    _, all_of_them = SelfConsistency().replay(bank, n, None)
    assert (ledger.written <= all_of_them.written).all() and (ledger.prompt == all_of_them.prompt).all()
    assert (ledger.depth <= ledger.written).all()


@settings(deadline=None, max_examples=15)
@given(seed=seeds)
def test_a_curve_between_its_sizes_is_a_mixture_that_costs_its_budget(seed):
    points = curve(SelfConsistency(), random_bank(seed), (1, 2, 4, 8), seed)
    cost, accuracy = points.flops.mean(axis=2), points.right.mean(axis=2)
    for budget in np.linspace(cost.min(axis=1).max(), cost.max(axis=1).min(), 7):
        right, flops = points.at(budget)
        inside = (cost[0] <= budget) & (budget <= cost[-1])
        np.testing.assert_allclose(flops.mean(axis=1)[inside], budget)
        expected = [np.interp(budget, cost[:, row], accuracy[:, row]) for row in range(2)]
        np.testing.assert_allclose(right.mean(axis=1), expected)
    for end, budget in ((0, cost.min() / 2), (-1, 2 * cost.max())):
        np.testing.assert_allclose(points.at(budget), (points.right[end], points.flops[end]))


def test_what_is_not_said_is_the_mean_of_four_deals():
    bank = random_bank(0)
    same(averaged(SelfConsistency(), bank, 3, 5), averaged(SelfConsistency(), bank, 3, 5, draws=4))
    left, right = (curve(SelfConsistency(), bank, (1, 3), 5, **said) for said in ({}, {"draws": 4}))
    np.testing.assert_array_equal(left.right, right.right)


def test_what_is_not_said_of_simulated_answers():
    p = np.full((1, 50), 0.3)
    plain, said = simulated(p, 40, 0), simulated(p, 40, 0, wrong=20, popular=0.35, tokens=(40, 40), facts={})
    np.testing.assert_array_equal(plain.answer, said.answer)
    assert (plain.tokens == 40).all() and not plain.facts
