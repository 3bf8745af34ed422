"""The policies that move a budget, each against its definition written out, on banks of a few problems."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest

from alchemy.errors import UserError
from alchemy.strategies.adaptive_consistency import AdaptiveConsistency
from alchemy.strategies.allocate import Allocate
from alchemy.strategies.bandit import Bandit
from alchemy.strategies.best_of_n import BestOfN
from alchemy.strategies.early_exit import EarlyExit
from alchemy.strategies.pilot import GRID, Pilot
from alchemy.strategies.rejection import Rejection
from alchemy.strategies.self_consistency import SelfConsistency
from alchemy.testtime.allocation import allocated, guessed
from alchemy.testtime.replay import of_answers
from alchemy.testtime.simulated_answers import simulated
from alchemy.testtime.simulated_verifiers import exact, scored

K, N = 12, 10
SCORES = ["", "exact"]
CHECKER = 5


def bank(k=K, tokens=(3, 9), p=None):
    rng = np.random.default_rng(0)
    p = rng.beta(1, 1, (2, N)) if p is None else np.full((2, N), p)
    drawn = simulated(p, k, rng, wrong=3, tokens=tokens, facts={"p": p})
    return scored(drawn, exact=exact(drawn))


def plain(score):
    return BestOfN(score, checker=CHECKER) if score else SelfConsistency()


def same(left, right):
    np.testing.assert_allclose(left[0], right[0])
    for ours, theirs in zip(left[1], right[1], strict=True):
        np.testing.assert_array_equal(np.broadcast_to(ours, (2, N)), np.broadcast_to(theirs, (2, N)))


def given_to_problems(whole, estimate, mean, score):
    """The plain strategy at as many answers as an estimate says, of 0 and the grid's."""
    sizes = np.array([0] + [size for size in GRID if size <= whole.shape[2]])
    curves = [np.zeros((2, N))] + [plain(score).replay(whole, size, None)[0] for size in sizes[1:]]
    return plain(score).replay(whole, allocated(estimate, np.array(curves), sizes, mean), None)


def test_the_grid_is_that_of_thirds_of_doublings_rounded_down():
    assert GRID[:12].tolist() == [1, 2, 3, 4, 5, 6, 7, 10, 12, 16, 20, 25] and GRID[-1] == 4096


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("mean", [2, 4])
def test_policies_are_the_strategies_that_they_name(score, mean):
    whole, others = bank(), {"checker": CHECKER}
    for policy, strategy in (
        ("uniform", plain(score)),
        ("probe", Pilot(score, 2, **others)),
        ("online", Bandit(score, round_size=2, **others)),
    ):
        same(Allocate(policy, score, 2, CHECKER).replay(whole, mean, None), strategy.replay(whole, mean, None))
    ease = guessed(whole.facts, whole.right.mean(axis=2))
    same(Allocate("metadata", score, 2, CHECKER).replay(whole, mean, None), given_to_problems(whole, ease, mean, score))
    first, rest = of_answers(whole, slice(0, 6)), of_answers(whole, slice(6, 12))
    expected = given_to_problems(rest, first.right.mean(axis=2), mean, score)
    same(Allocate("oracle", score, 2, CHECKER).replay(whole, mean, None), expected)


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("k", [1, 2, K])
def test_a_blind_limit_is_the_largest_that_costs_no_more(score, k):
    whole = bank(k)
    strategy = Rejection(score, checker=CHECKER) if score else EarlyExit()
    costs = [strategy.replay(whole, limit, None)[1].written.mean() for limit in range(1, k + 1)]
    for mean in (0.5, 1, 2.3, 4, 7, 12):
        fits = [limit for limit, cost in enumerate(costs, 1) if cost <= mean * whole.tokens.mean()]
        expected = strategy.replay(whole, max(fits, default=1), None)
        same(Allocate("blind", score, checker=CHECKER).replay(whole, mean, None), expected)
    never = bank(tokens=(4, 4), p=0.0)
    spent = Allocate("blind", "exact").replay(never, 7, None)[1].written
    assert (spent == 28).all(), "a limit that costs the budget exactly is within it"


def test_a_mean_budget_is_the_mean_of_the_budgets():
    whole, counts = bank(), np.random.default_rng(1).integers(1, 8, (2, N))
    for policy in ("metadata", "oracle", "blind", "probe"):
        same(
            Allocate(policy, first=1).replay(whole, counts, None),
            Allocate(policy, first=1).replay(whole, counts.mean(), None),
        )


def test_confidence_that_is_just_reached_stops_a_vote():
    """Four of one mind are sure to 1 - .5^5."""
    alike = bank(p=1.0, tokens=(1, 1))
    for confidence, drawn in ((1 - 0.5**5, 4), (1 - 0.5**5 + 1e-9, 5), (0.5, 1), (0.75, 1)):
        assert (AdaptiveConsistency(confidence).replay(alike, K, None)[1].written == drawn).all()
        closed = Bandit(confidence=confidence, round_size=1).replay(alike, K, None)[1].written
        assert (closed == drawn).all()


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("round_size", [1, 4, 5])
@pytest.mark.parametrize("n", [1, 3, 12])
def test_rounds_of_a_bandit(score, round_size, n):
    """Random problems of those that are open are served while the budget lasts, by the ranks of the same random numbers."""
    whole, strategy = bank(), Bandit(score, threshold=1.0, round_size=round_size, checker=CHECKER)
    rng, left = np.random.default_rng(0), np.full(2, n * N)
    drawn, is_open, depth = np.zeros((2, N), int), np.ones((2, N), bool), np.zeros((2, N))
    for start in range(0, K, round_size):
        size = min(round_size, K - start)
        numbers = rng.random((2, N))
        for seed in range(2):
            queue = sorted(np.flatnonzero(is_open[seed]), key=lambda problem, seed=seed: numbers[seed, problem])
            served = queue[: left[seed] // size]
            is_open[seed] = False
            for problem in served:
                drawn[seed, problem] += size
                left[seed] -= size
                depth[seed, problem] += whole.tokens[seed, problem, start : start + size].max()
                votes = np.bincount(whole.answer[seed, problem, : start + size], minlength=2)
                confident = sure(*np.sort(votes)[::-1][:2]) >= 0.95
                passed = whole.right[seed, problem, : start + size].any()
                is_open[seed, problem] = not (passed if score else confident)
    right, bill = strategy.replay(whole, n, None)
    expected, paid = plain(score).replay(whole, drawn, None)
    np.testing.assert_allclose(right, expected)
    np.testing.assert_array_equal(bill.depth, depth)
    same((right, paid._replace(depth=depth)), (right, bill))
    same((right, bill), strategy.replay(whole, np.full((2, N), n), None))


def sure(first, second):
    """P(Beta(first + 1, second + 1) > 1/2): of first + second + 1 coins at most `first` are heads."""
    coins = int(first + second + 1)
    return sum(comb(coins, heads) for heads in range(int(first) + 1)) / 2**coins


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("then", ["reused", "discarded", "free"])
@pytest.mark.parametrize(("first", "mean"), [(1, 1), (2, 4), (4, 6), (11, 12)])
def test_a_pilot_in_two_rounds(score, then, first, mean):
    whole = bank()
    right, bill = Pilot(score, first, then, CHECKER).replay(whole, mean, None)
    if score:
        ease = whole.scores[score][..., :first].mean(axis=2)
    else:
        leader = [np.bincount(row).max() for row in whole.answer[..., :first].reshape(2 * N, first)]
        ease = np.reshape(leader, (2, N)) / first
    begin, least = (0, first) if then == "reused" else (first, 0)
    rest = of_answers(whole, slice(begin, None))
    sizes = np.array([least] + [size for size in GRID if least < size <= K - begin])
    curves = np.array([plain(score).replay(rest, size, None)[0] for size in sizes])
    counts = allocated(ease, curves, sizes, mean if then != "discarded" else mean - first)
    np.testing.assert_allclose(right, plain(score).replay(rest, counts, None)[0])
    paid = 0 if then == "free" else first
    for seed, problem in np.ndindex(2, N):
        tokens, count = whole.tokens[seed, problem], counts[seed, problem]
        early, late = tokens[:paid], tokens[first : begin + count]
        assert bill.written[seed, problem] == early.sum() + late.sum()
        assert bill.depth[seed, problem] == early.max(initial=0) + late.max(initial=0)
        assert bill.calls[seed, problem] == (len(early) + len(late) if score else 0)
        read = whole.prompt[seed, problem] * bill.calls[seed, problem] + bill.written[seed, problem]
        assert bill.checked[seed, problem] == (read if score else 0)
        policy = 200_000 * (bill.prompt[seed, problem] + bill.written[seed, problem])
        assert bill.flops[seed, problem] == policy + 2 * CHECKER * bill.checked[seed, problem]


def test_what_a_pilot_cannot_be():
    for first, n in ((0, 4), (K, K), (3, 2)):
        with pytest.raises(UserError, match="expected fewer"):
            Pilot(first=first).replay(bank(), n, None)
    for n in (0, 1):
        assert Pilot("exact", 2, "free").replay(bank(), n, None)[1].written.mean() <= n * 9
    with pytest.raises(UserError, match="expected fewer"):
        Pilot(first=3, then="discarded").replay(bank(), 2.5, None)
    assert (Pilot(first=3).replay(bank(tokens=(1, 1)), 3, None)[1].written == 3).all()
