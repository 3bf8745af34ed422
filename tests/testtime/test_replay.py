"""Replayed strategies: every bill is that of the answers really used, counted by hand, and closed forms come out."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from alchemy import discover
from alchemy.errors import UserError
from alchemy.stats.voting import any_at, majority_at
from alchemy.strategies.adaptive_consistency import AdaptiveConsistency, leader_confidence
from alchemy.strategies.allocate import Allocate
from alchemy.strategies.bandit import Bandit
from alchemy.strategies.best_of_n import BestOfN
from alchemy.strategies.direct import Direct
from alchemy.strategies.early_exit import EarlyExit
from alchemy.strategies.early_stopping import EarlyStopping
from alchemy.strategies.pass_at_n import PassAtN
from alchemy.strategies.pilot import Pilot
from alchemy.strategies.rejection import Rejection
from alchemy.strategies.self_consistency import SelfConsistency
from alchemy.strategies.short_m_at_n import ShortMAtN
from alchemy.strategies.soft_best_of_n import SoftBestOfN, tuned
from alchemy.strategies.tournament import Tournament
from alchemy.strategies.weighted_vote import WeightedVote
from alchemy.testtime.replay import (
    averaged,
    best_scored,
    bill,
    curve,
    deal,
    leading_votes,
    of_answers,
    of_problems,
    vote,
)
from alchemy.testtime.simulated_answers import PARAMETERS, simulated
from alchemy.testtime.simulated_verifiers import (
    auc,
    exact,
    logprob,
    noisy,
    scored,
)

K, CHECKER = 12, 7
CHECKED = {"score": "noisy", "checker": CHECKER}
STRATEGIES = [
    Direct(),
    SelfConsistency(),
    WeightedVote(**CHECKED),
    WeightedVote(**CHECKED, temperature=0.5),
    BestOfN(**CHECKED),
    SoftBestOfN(**CHECKED),
    PassAtN(),
    ShortMAtN(),
    ShortMAtN(3),
    Rejection(**CHECKED, threshold=0.9),
    Rejection(**CHECKED, threshold=0.9, guess=False),
    AdaptiveConsistency(),
    EarlyStopping(3),
    EarlyExit(),
]


def random_bank(seed=0, seeds=2, n=40, k=K):
    """Few kinds of answers, chains of different lengths, some without an answer, scores that tie."""
    rng = np.random.default_rng(seed)
    answers = simulated(rng.beta(1, 1, (seeds, n)), k, rng, wrong=4, tokens=(3, 30))
    mute = rng.random(answers.shape) < 0.1
    answers = answers._replace(
        answer=np.where(mute, -1, answers.answer),
        right=answers.right & ~mute,
        prompt=rng.integers(2, 9, answers.prompt.shape),
    )
    return scored(answers, noisy=np.round(noisy(answers, 1, 0.5, 0.2), 1), exact=exact(answers))


def plain_vote(answers, right, weight=None):
    """The vote of one problem, by counting."""
    totals = Counter()
    for place, answer in enumerate(answers):
        if answer >= 0:
            totals[answer] += 1 if weight is None else float(weight[place])
    if not totals:
        return 0.0
    top = [answer for answer, total in totals.items() if np.isclose(total, max(totals.values()), rtol=1e-5)]
    return np.mean([bool(right[list(answers).index(answer)]) for answer in top])


def by_hand(strategy, answers, right, tokens, score, n):
    """What the strategy does with the first `n` answers of one problem as they lie: right, tokens written, depth, used.

    Written out draw by draw, with no code of the library.
    """
    answers, right, tokens, score = (list(values[:n]) for values in (answers, right, tokens, score))
    if not n:
        return 0.0, 0, 0, 0
    parallel = (sum(tokens), max(tokens), n)
    match strategy:
        case Direct():
            return float(right[0]), tokens[0], tokens[0], 1
        case SelfConsistency():
            return plain_vote(answers, right), *parallel
        case WeightedVote():
            temperature = strategy.temperature
            return plain_vote(
                answers, right, np.exp(np.array(score) / temperature) if temperature else score
            ), *parallel
        case BestOfN():
            return np.mean([good for good, value in zip(right, score, strict=True) if value == max(score)]), *parallel
        case SoftBestOfN():
            weight = np.exp(np.array(score, float) / strategy.temperature)
            return float((weight * right).sum() / weight.sum()), *parallel
        case PassAtN():
            return float(any(right)), *parallel
        case ShortMAtN():
            order = sorted(range(n), key=lambda i: tokens[i])[: strategy.first]
            last = tokens[order[-1]]
            voted = plain_vote([answers[i] for i in order], [right[i] for i in order])
            return voted, sum(min(length, last) for length in tokens), last, n
    count = n
    for drawn in range(1, n + 1):
        votes = sorted(Counter(a for a in answers[:drawn] if a >= 0).values(), reverse=True) + [0, 0]
        if isinstance(strategy, Rejection) and score[drawn - 1] >= strategy.threshold:
            return float(right[drawn - 1]), sum(tokens[:drawn]), sum(tokens[:drawn]), drawn
        if isinstance(strategy, AdaptiveConsistency) and stats.beta(votes[0] + 1, votes[1] + 1).sf(0.5) >= 0.95:
            count = drawn
            break
        if isinstance(strategy, EarlyExit) and votes[0] > votes[1] + n - drawn:
            count = drawn
            break
        if isinstance(strategy, EarlyStopping) and drawn % strategy.window == 0:
            window = set(answers[drawn - strategy.window : drawn])
            if len(window) == 1 and window != {-1}:
                count = drawn
                break
    wide = strategy.window if isinstance(strategy, EarlyStopping) else 1
    depth = sum(max(tokens[at : min(at + wide, count)]) for at in range(0, count, wide))
    if isinstance(strategy, Rejection):
        top = [good for good, value in zip(right, score, strict=True) if value == max(score)]
        return (float(np.mean(top)) if strategy.guess else 0.0), sum(tokens), sum(tokens), n
    return plain_vote(answers[:count], right[:count]), sum(tokens[:count]), depth, count


@pytest.mark.parametrize("strategy", STRATEGIES, ids=str)
@pytest.mark.parametrize("n", [1, 5, K, "uneven"])
def test_right_and_bill_are_those_of_the_answers_used(strategy, n):
    bank = random_bank()
    counts = (
        np.random.default_rng(5).integers(0, K + 1, bank.shape[:2]) if n == "uneven" else np.full(bank.shape[:2], n)
    )
    right, ledger = strategy.replay(bank, counts if n == "uneven" else n, None)
    for s, i in np.ndindex(bank.shape[:2]):
        row = (bank.answer[s, i], bank.right[s, i], bank.tokens[s, i], bank.scores["noisy"][s, i])
        expected, written, depth, used = by_hand(strategy, *row, counts[s, i])
        assert right[s, i] == pytest.approx(expected, abs=1e-5)
        assert (ledger.written[s, i], ledger.depth[s, i]) == (written, depth)
        prompt = bank.prompt[s, i]
        assert ledger.prompt[s, i] == prompt * (used > 0)
        checks = used if hasattr(strategy, "checker") else 0
        assert ledger.calls[s, i] == checks
        assert ledger.checked[s, i] == (prompt * used + written if checks else 0)
        assert ledger.flops[s, i] == 2 * (PARAMETERS * (prompt * (used > 0) + written) + CHECKER * ledger.checked[s, i])


@pytest.mark.parametrize("score", ["", "exact"])
@pytest.mark.parametrize("n", [2, 5, K])
def test_a_bandit_stays_within_the_shared_budget_and_bills_what_it_used(score, n):
    bank = random_bank(n=60)
    right, ledger = Bandit(score=score, round_size=5).replay(bank, n, np.random.default_rng(0))
    one_token_each = simulated(np.ones((2, 60)), K, 0, tokens=(1, 1))
    _, count = Bandit(score=score, round_size=5).replay(
        bank._replace(tokens=one_token_each.tokens), n, np.random.default_rng(0)
    )
    assert (count.written.sum(axis=1) <= n * 60).all()
    assert set(np.unique(count.written)) <= {0, 5, 10, 12}
    if n == K:  # enough for all: who stops is sure, and who is not has drawn everything
        assert (right <= 1).all() and count.written.min() == 5
    if n == 2:
        assert (count.written.sum(axis=1) == 120).all() and (right[count.written == 0] == 0).all()
    assert (count.depth == np.ceil(count.written / 5)).all()
    assert (ledger.written >= 3 * count.written).all() and (ledger.written <= 30 * count.written).all()


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 10_000), st.integers(1, 9))
def test_a_vote_is_that_of_counting(seed, m):
    rng = np.random.default_rng(seed)
    answer = rng.integers(-1, 4, (2, 5, m))
    right, voters = answer == 2, rng.random(answer.shape) < 0.8
    weight = rng.integers(-2, 4, answer.shape).astype(float)
    for weights in (None, weight):
        voted = vote(answer, right, voters, weights)
        for s, i in np.ndindex(2, 5):
            voting = voters[s, i]
            assert voted[s, i] == plain_vote(
                answer[s, i, voting], right[s, i, voting], None if weights is None else weights[s, i, voting]
            )
    first, second = leading_votes(answer)
    for s, i, j in np.ndindex(answer.shape):
        votes = sorted(Counter(a for a in answer[s, i, : j + 1] if a >= 0).values(), reverse=True) + [0, 0]
        assert [first[s, i, j], second[s, i, j]] == votes[:2]


def test_a_random_subset_has_the_exact_mean_over_all_subsets():
    """Against the closed forms of a vote between two answers and of any."""
    bank = simulated(np.full((1, 4000), 0.45), 9, 0, wrong=1)
    rights = bank.right[0].sum(axis=1)
    for size in (1, 4, 7):
        accuracy = averaged(SelfConsistency(), bank, size, 1, draws=8)[0].mean()
        assert accuracy == pytest.approx(majority_at(bank.right[0].astype(int), size).mean(), abs=0.01)
        accuracy = averaged(PassAtN(), bank, size, 1, draws=8)[0].mean()
        assert accuracy == pytest.approx(any_at(rights, 9, size).mean(), abs=0.01)


def test_early_exit_is_the_vote_of_all_for_less():
    bank = random_bank(n=200)
    for n in (3, 8, K):
        full_vote, full_ledger = SelfConsistency().replay(bank, n, np.random.default_rng(3))
        early_vote, early_ledger = EarlyExit().replay(bank, n, np.random.default_rng(3))
        np.testing.assert_array_equal(early_vote, full_vote)
        assert early_ledger.written.sum() < full_ledger.written.sum()


def test_soft_best_of_n_lies_between_any_chain_and_the_best():
    bank = random_bank(n=300)
    cold, hot = (SoftBestOfN("noisy", temperature).replay(bank, 8, None)[0] for temperature in (1e-4, 1e6))
    np.testing.assert_allclose(cold, BestOfN("noisy").replay(bank, 8, None)[0], atol=1e-9)
    np.testing.assert_allclose(hot, bank.right[..., :8].mean(axis=2), atol=1e-5)
    tuned_strategy = tuned(bank, 8, "noisy", 0)
    mean = averaged(tuned_strategy, bank, 8, 0)[0].mean()
    for temperature in np.geomspace(0.01, 10, 13):
        assert averaged(SoftBestOfN("noisy", temperature), bank, 8, 0)[0].mean() <= mean + 0.01


def test_the_temperature_is_tuned_in_units_of_the_scores():
    """A verifier that is always wrong is best not listened to, one that is right is followed, whatever the unit."""
    bank = random_bank(n=100)
    for unit in (1.0, 1e4):
        rated = scored(bank, wrong=-unit * bank.right, right=unit * bank.right)
        deviation = float(rated.scores["right"][..., :8].std())
        assert tuned(rated, 8, "wrong", 0).temperature > 80 * deviation
        assert tuned(rated, 8, "right", 0).temperature < deviation


def test_a_right_verifier_is_followed_as_far_as_temperatures_go():
    """What tells chains apart is a hundredth of the scores' deviation, so that colder is better down to the bound."""
    bank = random_bank(n=100)
    offset = np.random.default_rng(0).normal(size=(*bank.shape[:2], 1))
    rated = scored(bank, right=offset + 0.01 * bank.right)
    deviation = float(rated.scores["right"][..., :8].std())
    assert tuned(rated, 8, "right", 0).temperature == pytest.approx(0.01 * deviation, rel=0.06)


@pytest.mark.parametrize("shift", [-1e4, 1e4])
def test_weights_of_a_softmax_do_not_depend_on_where_scores_begin(shift):
    bank = random_bank()
    bank = scored(bank, moved=bank.scores["exact"] + shift)
    expected, _ = WeightedVote("exact", temperature=0.5).replay(bank, 8, None)
    np.testing.assert_allclose(WeightedVote("moved", temperature=0.5).replay(bank, 8, None)[0], expected)


def test_the_beta_rule_wants_four_of_one_mind():
    assert leader_confidence(np.array([3, 4]), np.array([0, 0])) == pytest.approx([1 - 0.5**4, 1 - 0.5**5])
    assert leader_confidence(np.array([9]), np.array([4])) == pytest.approx(stats.beta(10, 5).sf(0.5))


PI, APART = 0.3, 1.2
"""Share of right answers, and by how much a verifier's unit Gaussian is higher for them: the note of the lab's plan."""


@pytest.fixture(scope="module")
def roc():
    """One kind of problem, and a verifier whose ROC is known."""
    bank = simulated(np.full((1, 6000), PI), 128, 0)
    noise = np.random.default_rng(1).standard_normal(bank.shape)
    return scored(bank, known=APART * bank.right + noise)


def best_of_formula(n):
    """1 - n (1 - pi) int psi(F)^(n-1) dF: the chance that no wrong answer tops the others (ROC-n-Reroll)."""
    false = np.linspace(0, 1, 200_001)
    true = stats.norm.sf(stats.norm.isf(false) - APART)
    psi = (1 - PI) * (1 - false) + PI * (1 - true)
    return 1 - n * (1 - PI) * np.trapezoid(psi ** (n - 1), false)


@pytest.mark.parametrize(("n", "expected"), [(2, 0.427), (8, 0.674), (32, 0.834)])
def test_best_of_n_follows_the_roc(roc, n, expected):
    assert best_of_formula(n) == pytest.approx(expected, abs=5e-4)
    assert averaged(BestOfN("known"), roc, n, 0, draws=2)[0].mean() == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize(("n", "expected"), [(2, 0.484), (8, 0.747), (32, 0.874)])
def test_rejection_follows_the_roc_and_beats_best_of_n_at_equal_cost(roc, n, expected):
    """T pi / (T pi + F (1 - pi)) at a mean cost of 1 / (T pi + F (1 - pi)) answers."""
    from scipy.optimize import brentq

    threshold = brentq(lambda t: PI * stats.norm.sf(t - APART) + (1 - PI) * stats.norm.sf(t) - 1 / n, -5, 8)
    limit = PI * stats.norm.sf(threshold - APART) * n
    assert limit == pytest.approx(expected, abs=5e-4)
    right, ledger = Rejection("known", threshold).replay(roc, 128, np.random.default_rng(0))
    assert right.mean() == pytest.approx(limit, abs=0.02)
    assert ledger.calls.mean() == pytest.approx(n, rel=0.05)
    assert limit > best_of_formula(n)


@pytest.mark.parametrize(
    ("pool", "adaptive", "early"), [((3, 1), 4.1, 2.3), ((1.2, 2), 1.7, 1.2), (0.45, 1.7, 1.1)], ids=str
)
def test_what_stopping_early_saves(pool, adaptive, early):
    """The note's simulation: 20 wrong answers, one with .35 of them, against a vote of 40."""
    rng = np.random.default_rng(0)
    p = np.full((1, 8000), pool) if isinstance(pool, float) else rng.beta(*pool, (1, 8000))
    bank = simulated(p, 40, rng)
    right, full_ledger = SelfConsistency().replay(bank, 40, rng)
    for strategy, saving in ((AdaptiveConsistency(), adaptive), (EarlyStopping(), early)):
        stopped_right, ledger = strategy.replay(bank, 40, rng)
        assert full_ledger.written.mean() / ledger.written.mean() == pytest.approx(saving, rel=0.08)
        assert abs(stopped_right.mean() - right.mean()) < 0.005


def test_a_chain_that_is_checked_again_and_again_ends_at_its_fixed_point():
    """Answers of a problem in a row, each a re-check of the last, which mends with chance c and breaks with e.

    Read off the bank, the k-th is right with chance pi + (p - pi) (1 - c - e)^k, pi = c / (c + e).
    """
    rng, c, e, p = np.random.default_rng(0), 0.2, 0.1, np.array([[0.95], [0.1]])
    right = np.empty((2, 8000, 41), bool)
    right[..., 0] = rng.random((2, 8000)) < p
    for k in range(1, 41):
        chance = np.where(right[..., k - 1], 1 - e, c)
        right[..., k] = rng.random((2, 8000)) < chance
    chain = simulated(np.ones((2, 8000)), 41, 0)._replace(right=right)
    pi = c / (c + e)
    for k in (0, 1, 4, 40):
        replayed, _ = Direct().replay(of_answers(chain, slice(k, k + 1)), 1, rng)
        np.testing.assert_allclose(replayed.mean(axis=1), (pi + (p - pi) * (1 - c - e) ** k)[:, 0], atol=0.02)


@pytest.mark.parametrize(
    ("sigma", "loved", "expected"),
    [
        (0, 0, (0.97, 0.65, 0.83)),
        (0.6, 0, (0.87, 0.65, 0.83)),
        (2, 0, (0.57, 0.65, 0.66)),
        (0, 0.05, (0.59, 0.64, 0.81)),
        (0.3, 0.3, (0.34, 0.62, 0.73)),
        (2, 0.3, (0.46, 0.66, 0.58)),
    ],
)
def test_every_selector_wins_somewhere(sigma, loved, expected):
    """The note's simulation of best-of-32, majority and weighted vote on p ~ Beta(1.2, 2)."""
    rng = np.random.default_rng(0)
    bank = simulated(rng.beta(1.2, 2, (1, 6000)), 32, rng)
    bank = scored(bank, dial=noisy(bank, 1, sigma, loved))
    selectors = (BestOfN("dial"), SelfConsistency(), WeightedVote("dial", temperature=1.0))
    np.testing.assert_allclose(
        [selector.replay(bank, 32, None)[0].mean() for selector in selectors], expected, atol=0.05
    )


def love(problem, answer):
    """The number in [0, 1) of a wrong answer, in whole numbers: SplitMix64 of the problem, the answer mixed in half-way."""
    word = (int(problem) + 1) * 0x9E3779B97F4A7C15 % 2**64
    word = (word ^ word >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    word ^= int(answer) * 0xD6E8FEB86659FD93 % 2**64
    word = (word ^ word >> 27) * 0x94D049BB133111EB % 2**64
    return ((word ^ word >> 31) >> 11) / 2**53


def test_the_same_wrong_answers_are_always_loved():
    """Which ones is pinned: stored results rely on it."""
    bank = simulated(np.full((3, 50), 0.3), 12, 0)
    loved = np.vectorize(love)(np.arange(50)[:, None], bank.answer)
    for share in (0.0, 0.25, 1.0, float(loved[0, 0, 0]), float(np.nextafter(loved[0, 0, 0], 1))):
        expected = np.where(bank.right, 1, np.where(loved < share, np.float32(1.3), 0))
        np.testing.assert_array_equal(noisy(bank, 0, 0.0, share), expected)
    assert (loved < 0.25).mean() == pytest.approx(0.25, abs=0.05)
    noise = np.random.default_rng(7).standard_normal(bank.shape, np.float32)
    np.testing.assert_allclose(noisy(bank, 7, 0.5, 0.0), bank.right + noise / 2, atol=1e-6)


def test_simulated_answers_have_the_shares_that_they_should():
    bank = simulated([[0.0, 0.4, 1.0]], 20_000, 0, wrong=5, popular=0.3, tokens=(3, 6))
    shares = bank.right.mean(axis=2)[0]
    assert (shares[0], shares[2]) == (0, 1) and shares[1] == pytest.approx(0.4, abs=0.015)
    for problem in (0, 1):
        wrong = bank.answer[0, problem][~bank.right[0, problem]]
        np.testing.assert_allclose(np.bincount(wrong) / wrong.size, [0, 0.3, *[0.7 / 4] * 4], atol=0.015)
    np.testing.assert_allclose(np.bincount(bank.tokens.ravel()) / bank.tokens.size, [0] * 3 + [1 / 4] * 4, atol=0.01)
    assert (bank.answer[bank.right] == 0).all() and (bank.logprob == np.where(bank.right, -1, -2)).all()
    alone = simulated([0.0], 100, 0, wrong=1, tokens=(7, 7))
    assert (alone.answer == 1).all() and (alone.tokens == 7).all() and alone.shape == (1, 1, 100)
    for p in (-0.1, 1.1):
        with pytest.raises(UserError, match="expected probabilities from 0 to 1"):
            simulated([[0.5, p]], 2, 0)


def test_unless_told_a_bill_is_of_one_round_and_of_a_verifier_without_weights():
    bank = simulated([[1.0]], 3, 0)._replace(tokens=np.array([[[9, 2, 3]]], np.int32))
    ledger = bill(deal(bank, 3, None), np.ones((1, 1, 3), bool), score="exact")
    assert (ledger.depth.item(), ledger.calls.item(), ledger.checked.item()) == (9, 3, 3 * 10 + 14)
    assert ledger.flops.item() == 2 * bank.parameters * (10 + 14)


def test_what_the_truth_and_the_model_itself_say_of_answers():
    bank = simulated(np.full((1, 1), 0.5), 4, 0)
    bank = bank._replace(tokens=np.array([[[0, 1, 2, 4]]]), logprob=np.array([[[0.0, -3.0, -3.0, -2.0]]]))
    assert logprob(bank).tolist() == [[[0.0, -3.0, -1.5, -0.5]]] and logprob(bank).dtype == np.float32
    np.testing.assert_array_equal(exact(bank), bank.right)


def test_a_curve_is_read_between_its_sizes():
    bank = random_bank(n=400)
    coverage = curve(PassAtN(), bank, (1, 4, K), 0)
    middle = 0.5 * (coverage.flops[0].mean(axis=1) + coverage.flops[1].mean(axis=1))
    right, flops = coverage.at(middle)
    np.testing.assert_allclose(flops.mean(axis=1), middle)
    np.testing.assert_allclose(right, 0.5 * (coverage.right[0] + coverage.right[1]))
    budgets = np.array([coverage.flops[0, 0].mean(), coverage.flops[-1, 1].mean()])
    np.testing.assert_allclose(coverage.at(budgets)[0], [coverage.right[0, 0], coverage.right[-1, 1]])
    np.testing.assert_array_equal(coverage.at(1e18)[0], coverage.right[-1])
    np.testing.assert_array_equal(coverage.at(0.0)[0], coverage.right[0])


def test_parts_of_a_bank():
    bank = random_bank()
    part = of_answers(of_problems(bank, np.arange(5)), slice(2, 6))
    assert (
        part.shape == (2, 5, 4) and part.scores["exact"].shape == part.shape and part.prompt.shape == (part.shape[0], 5)
    )
    np.testing.assert_array_equal(part.tokens, bank.tokens[:, :5, 2:6])
    hand = deal(bank, 3, np.random.default_rng(0))
    np.testing.assert_array_equal(of_answers(bank, hand.place).answer, hand.of(bank.answer))
    assert best_scored(np.zeros((1, 1, 2)), np.array([[[True, False]]]), np.array([[[True, True]]])) == 0.5


def test_a_curve_of_one_size_is_that_size_at_any_budget():
    bank = random_bank()
    alone = curve(PassAtN(), bank, (3,), 0)
    for budget in (0.0, float(alone.flops.mean()), 1e18):
        np.testing.assert_array_equal(alone.at(budget), [alone.right[0], alone.flops[0]])


def test_an_answer_that_nobody_votes_for_does_not_win():
    """However little the votes of others weigh."""
    answer, right = np.array([[[4, 9]]]), np.array([[[True, False]]])
    voters, weight = np.array([[[True, False]]]), np.array([[[-3.0, 5.0]]])
    assert vote(answer, right, voters, weight).tolist() == [[1.0]]
    assert vote(answer, ~right, voters, weight).tolist() == [[0.0]]
    assert vote(answer, right, np.zeros_like(voters), weight).tolist() == [[0.0]]


def test_a_verifier_without_error_is_the_truth_and_one_with_every_error_prefers_every_mistake():
    bank = random_bank()
    np.testing.assert_array_equal(noisy(bank, 0, 0.0, 0.0), bank.right.astype(np.float32))
    fooled = noisy(bank, 0, 0.0, 1.0)
    assert (fooled[bank.right] == 1).all() and (fooled[~bank.right] > 1).all()
    for sigma, share in ((-0.1, 0.5), (0.5, -0.1), (0.5, 1.1)):
        with pytest.raises(UserError, match=f"got {sigma} and {share}"):
            noisy(bank, 0, sigma, share)


@pytest.mark.parametrize("right", [True, False])
def test_there_is_no_area_under_the_curve_where_all_are_alike(right):
    assert np.isnan(auc(np.arange(4.0), np.full(4, right)))


def test_bad_input_is_one_clear_line():
    bank = random_bank()
    for call, message in [
        (lambda: SelfConsistency().replay(bank, K + 1, None), "bank of 12"),
        (lambda: deal(bank, np.where(np.arange(bank.shape[1]) == 3, K + 1, 2), None), "bank of 12"),
        (lambda: deal(bank, np.where(np.arange(bank.shape[1]) == 3, -1, 2), None), "cannot draw -1 to 2"),
        (lambda: BestOfN("nosy").replay(bank, 2, None), "did you mean 'noisy'"),
        (lambda: ShortMAtN(0).replay(bank, 2, None), "at least 1"),
        (lambda: Bandit(round_size=0).replay(bank, 2, None), "at least 1"),
        (lambda: scored(bank, bad=np.zeros((1, 2, 3))), "has shape"),
        (lambda: noisy(bank, 0, -1.0, 0.0), "sigma"),
        (lambda: simulated(np.array([[1.5]]), 2, 0), "probabilities"),
    ]:
        with pytest.raises(UserError, match=message):
            call()


def test_every_strategy_is_found_by_the_name_of_its_file():
    entries = discover.entries("strategy")
    kinds = {type(strategy) for strategy in STRATEGIES} | {Allocate, Bandit, Pilot, Tournament}
    assert {entry.symbol for entry in entries.values() if hasattr(discover.find("strategy", entry.name), "replay")} == {
        kind.__name__ for kind in kinds
    }
    for name, entry in entries.items():
        assert entry.symbol.lower() == name.replace("_", "") and entry.sentence and discover.find("strategy", name)


def test_a_completion_that_no_verifier_could_read_is_the_worst():
    bank = random_bank()
    score = np.where(bank.answer == 1, -np.inf, bank.scores["noisy"]).astype(np.float32)
    bank = scored(bank, holes=score, floor=np.where(np.isneginf(score), score[np.isfinite(score)].min(), score))
    unread = deal(scored(bank, holes=np.where(bank.answer == 1, -np.inf, 2 + bank.right)), K, None).score("holes")
    np.testing.assert_array_equal(unread, np.where(bank.answer == 1, 0, 2 + bank.right))
    for kind in (BestOfN, SoftBestOfN, Rejection):
        np.testing.assert_allclose(
            kind("holes").replay(bank, K, None)[0], kind("floor").replay(bank, K, None)[0], atol=1e-6
        )


@pytest.mark.parametrize("shape", [(9,), (30, 9), (3, 10, 9)], ids=str)
def test_the_area_under_the_curve_is_that_of_every_pair(shape):
    rng = np.random.default_rng(0)
    score, right = rng.integers(0, 4, shape).astype(float), rng.random(shape) < 0.4
    area = auc(score, right)
    assert area.shape == shape[:-1]
    for row in np.ndindex(area.shape):
        pairs = score[row][right[row]][:, None] - score[row][~right[row]]
        assert (
            area[row] == pytest.approx(((pairs > 0) + (pairs == 0) / 2).mean()) if pairs.size else np.isnan(area[row])
        )
    assert np.isnan(auc(score, np.ones(shape, bool))).all() and np.isnan(auc(score, np.zeros(shape, bool))).all()
