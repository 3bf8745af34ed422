"""Votes and pools against every subset counted one by one, and the rules by hand."""

from collections import Counter
from itertools import combinations, product

import numpy as np
import pytest

from alchemy.errors import UserError
from alchemy.stats.voting import (
    Vote,
    any_at,
    best_scored_at,
    majority,
    majority_at,
    plurality_at,
    reach,
    tally,
)

RIGHT, WRONG, OTHER, NONE = Vote


def vote(answers):
    """One vote by the rules of arXiv:2505.21825, written out."""
    if all(answer == NONE for answer in answers):
        return 0.0
    right, wrong = answers.count(RIGHT), answers.count(WRONG)
    return 0.5 if right == wrong else float(right > wrong)


@pytest.mark.parametrize(
    ("answers", "accuracy"),
    [
        ([RIGHT, RIGHT, WRONG], 1.0),
        ([RIGHT, WRONG, WRONG], 0.0),
        ([RIGHT, WRONG, OTHER], 0.5),
        ([OTHER, NONE, NONE], 0.5),
        ([NONE, NONE, NONE], 0.0),
        ([RIGHT, OTHER, OTHER], 1.0),
        ([WRONG, NONE, NONE], 0.0),
    ],
)
def test_rules_of_the_vote(answers, accuracy):
    decisions = np.array([answers], np.int8)
    assert vote(answers) == accuracy
    assert majority(*tally(decisions)).tolist() == [accuracy]
    assert majority_at(decisions, 3) == pytest.approx([accuracy], abs=1e-12)


def test_majority_of_all_subsets():
    pools = np.array(list(product(Vote, repeat=5)), np.int8)[::3]
    for size in range(1, 6):
        subsets = list(combinations(range(5), size))
        expected = np.mean([[vote(pool[list(subset)].tolist()) for subset in subsets] for pool in pools], axis=1)
        assert majority_at(pools, size) == pytest.approx(expected, abs=1e-12)


def test_majority_of_a_prefix_is_right_on_average():
    rng = np.random.default_rng(0)
    pool = rng.choice(list(Vote), 40, p=[0.4, 0.3, 0.2, 0.1]).astype(np.int8)
    orders = rng.permuted(np.tile(pool, (20_000, 1)), axis=1)
    assert majority(*tally(orders[:, :9])).mean() == pytest.approx(majority_at(pool[None], 9)[0], abs=0.012)


def test_large_pools_keep_their_precision():
    decisions = np.full((3, 1000), RIGHT, np.int8)
    decisions[1, :500] = WRONG
    decisions[2, 0] = WRONG
    for size in (1, 2, 501, 1000):
        one_wrong = 1 - (size <= 2) / 1000  # alone it decides, against one it ties, against more it is lost
        assert majority_at(decisions, size) == pytest.approx([1, 0.5, one_wrong], abs=1e-10)


def test_many_problems_at_once():
    rng = np.random.default_rng(1)
    decisions = rng.choice(list(Vote), (5000, 128), p=[0.4, 0.3, 0.2, 0.1]).astype(np.int8)
    accuracy = [majority_at(decisions, size).mean() for size in (1, 8, 64, 128)]
    assert accuracy == sorted(accuracy)
    assert accuracy[0] == pytest.approx((decisions == RIGHT).mean() + (decisions == OTHER).mean() / 2, abs=1e-12)
    assert accuracy[-1] == pytest.approx(majority(*tally(decisions)).mean(), abs=1e-12)


def test_any_of_all_subsets():
    pool = 7
    for size in range(1, pool + 1):
        subsets = [set(subset) for subset in combinations(range(pool), size)]
        expected = [np.mean([bool(subset & set(range(valid))) for subset in subsets]) for valid in range(pool + 1)]
        assert any_at(np.arange(pool + 1), pool, size) == pytest.approx(expected, abs=1e-12)


def test_reach():
    sizes = np.array([1, 2, 4, 8])
    vote_curve, any_curve = np.array([0.5, 0.6, 0.8, 0.9]), np.array([0.2, 0.9, 0.95, 1.0])
    assert reach(sizes, vote_curve) == 8
    assert reach(sizes, any_curve) == 2
    assert reach(sizes, vote_curve, any_curve) == 2
    assert reach(sizes, vote_curve, target=0.95) == np.inf
    assert reach(sizes, np.array([0.95, 0.8, 0.9, 0.9])) == 1


@pytest.mark.parametrize(
    "bad",
    [
        lambda: majority_at(np.zeros((2, 3), np.int8), 4),
        lambda: majority_at(np.zeros((2, 3), np.int8), 0),
        lambda: majority_at(np.full((2, 3), 2, np.int8), 1),
        lambda: any_at(np.array([-1]), 3, 1),
        lambda: any_at(np.array([4]), 3, 1),
        lambda: any_at(np.array([1, 4]), 3, 1),
        lambda: reach(np.arange(3), np.zeros(4)),
    ],
)
def test_bad_input_is_one_line(bad):
    with pytest.raises(UserError) as error:
        bad()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("size", range(1, 6))
def test_the_best_scored_of_every_subset(size):
    """Of a pool of five, with ties, of which any may be taken, and chains that no verifier wants."""
    rng = np.random.default_rng(0)
    worth, score = rng.random((20, 5)), rng.integers(0, 3, (20, 5)).astype(float)
    score[:5, 0] = -np.inf
    score[10:] = rng.random((10, 5))
    expected = []
    for row in range(20):
        subsets = [list(subset) for subset in combinations(range(5), size)]
        tops = [[i for i in subset if score[row, i] == score[row, subset].max()] for subset in subsets]
        expected.append(np.mean([worth[row, top].mean() for top in tops]))
    np.testing.assert_allclose(best_scored_at(worth, score, size), expected)
    with pytest.raises(UserError, match="cannot draw 6"):
        best_scored_at(worth, score, 6)


def test_pools_of_several_seeds_at_once():
    rng = np.random.default_rng(0)
    votes = rng.choice(list(Vote), (3, 7, 5)).astype(np.int8)
    np.testing.assert_array_equal(majority_at(votes, 3), [majority_at(pools, 3) for pools in votes])
    worth, score = rng.random((2, 3, 7, 5))
    pairs = zip(worth, score, strict=True)
    np.testing.assert_array_equal(best_scored_at(worth, score, 3), [best_scored_at(*pools, 3) for pools in pairs])


@pytest.mark.parametrize(
    ("right", "others", "mute"),
    [(2, (2, 1), 1), (1, (1, 1, 1), 0), (0, (3,), 2), (4, (), 0), (3, (3, 2), 0), (1, (), 4)],
)
def test_plurality_is_the_mean_over_all_choices(right, others, mute):
    pool = ["right"] * right + [f"wrong {i}" for i, count in enumerate(others) for _ in range(count)] + [None] * mute
    for size in range(1, len(pool) + 1):
        won = []
        for chosen in combinations(pool, size):
            votes = Counter(answer for answer in chosen if answer)
            leaders = [answer for answer, count in votes.items() if count == max(votes.values())]
            won.append(("right" in leaders) / max(len(leaders), 1))
        assert plurality_at(right, others, mute, size) == pytest.approx(np.mean(won))


def test_plurality_of_two_answers_is_the_majority():
    votes = np.array([[Vote.RIGHT] * 5 + [Vote.WRONG] * 3])
    for size in range(1, 9):
        assert plurality_at(5, (3,), 0, size) == pytest.approx(majority_at(votes, size)[0])
    with pytest.raises(UserError, match="cannot draw 9 completions from a pool of 8"):
        plurality_at(5, (3,), 0, 9)
