"""Tournaments of which the winner and the comparisons are known, and what they cost on a bank."""

from __future__ import annotations

from math import ceil, log2

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alchemy.errors import UserError
from alchemy.strategies.tournament import Tournament
from alchemy.testtime.bank import Reader
from alchemy.testtime.replay import by_seed, of_answers, of_problems
from alchemy.testtime.simulated_answers import PARAMETERS, simulated
from alchemy.testtime.simulated_verifiers import scored
from alchemy.testtime.tournament import knockout, round_robin


def ordered(strength):
    """A verifier that knows an order, strengths (..., m)."""
    return (strength[..., :, None] > strength[..., None, :]).astype(float)


@settings(max_examples=60, deadline=None)
@given(order=st.permutations(range(9)), count=st.integers(1, 9))
def test_a_known_order_is_found_with_as_many_comparisons_as_it_takes(order, count):
    """Of the first few of nine; by the bracket, round by round, and by counting pairs."""
    better, plays = ordered(np.array(order)), np.arange(9) < count
    best = int(np.argmax(order[:count]))
    one = knockout(better, plays)
    assert one.chance.tolist() == [float(place == best) for place in range(9)]
    left, met, rounds = list(range(count)), [], 0
    while len(left) > 1:
        pairs = list(zip(left[::2], left[1::2], strict=False))
        met += pairs
        left = [max(pair, key=lambda place: order[place]) for pair in pairs] + left[2 * len(pairs) :]
        rounds += 1
    assert sorted(map(tuple, np.argwhere(one.compared).tolist())) == sorted(met)
    assert len(met) == count - 1 and rounds == (ceil(log2(count)) if count > 1 else 0)
    every = round_robin(better, plays)
    np.testing.assert_array_equal(every.chance, one.chance)
    pairs = [[i, j] for i in range(count) for j in range(i + 1, count)]
    assert np.argwhere(every.compared).tolist() == pairs and len(pairs) == count * (count - 1) // 2


def test_what_is_not_decided():
    """A circle, equals, and nobody; problems do not meet one another."""
    circle = np.array([[0.5, 0.9, 0.2], [0.1, 0.5, 0.8], [0.8, 0.2, 0.5]])
    equal = np.full((3, 3), 0.5)
    plays = np.array([[True] * 3, [True] * 3, [False] * 3])
    every = round_robin(np.stack([circle, equal, circle]), plays)
    np.testing.assert_allclose(every.chance, [[1 / 3] * 3, [1 / 3] * 3, [0] * 3])
    assert every.compared.sum(axis=(1, 2)).tolist() == [3, 3, 0]
    one = knockout(np.stack([circle, equal, circle]), plays)
    assert one.chance.tolist() == [[0, 0, 1], [1, 0, 0], [0, 0, 0]], (
        "0 beats 1, and is beaten by 2; equals go on as they came"
    )
    assert one.compared.sum(axis=(1, 2)).tolist() == [2, 2, 0]
    half = np.array([[0.5, 0.5, 0.0], [0.5, 0.5, 0.9], [1.0, 0.1, 0.5]])
    assert round_robin(half, np.ones(3, bool)).chance.tolist() == [0, 1, 0], "one win and a half is more than one"


def bank(seeds=2, n=5, k=6):
    rng = np.random.default_rng(0)
    answers = simulated(rng.beta(2, 2, (seeds, n)), k, rng, wrong=4, tokens=(3, 30))
    answers = answers._replace(prompt=rng.integers(2, 9, answers.prompt.shape))
    return scored(answers, strength=rng.random(answers.shape))


def test_every_comparison_is_charged_the_prompt_and_both_answers():
    """By hand, problem by problem, of a verifier that thinks twice about each."""
    answers = bank()
    strength = answers.scores["strength"]
    thought = np.arange(10.0).reshape(2, 5)
    answers = answers._replace(pairs={"pairs": ordered(strength)}, readers={"pairs": Reader(7, thought, readings=2)})
    for how in ("knockout", "round_robin"):
        right, ledger = Tournament("pairs", how).replay(answers, 4, None)
        for at in np.ndindex(2, 5):
            values, tokens = strength[at][:4], answers.tokens[at][:4]
            assert right[at] == answers.right[at][np.argmax(values)]
            winners = [int(np.argmax(values[:2])), 2 + int(np.argmax(values[2:]))]
            met = [(0, 1), (2, 3), tuple(winners)]
            if how == "round_robin":
                met = [(i, j) for i in range(4) for j in range(i + 1, 4)]
            read = sum(answers.prompt[at] + tokens[i] + tokens[j] for i, j in met)
            assert ledger.checked[at] == 2 * read + thought[at] and ledger.calls[at] == len(met)
            assert ledger.written[at] == tokens.sum() and ledger.depth[at] == tokens.max()
        np.testing.assert_allclose(
            ledger.flops, 2 * (PARAMETERS * (ledger.prompt + ledger.written) + 7 * ledger.checked)
        )
    _, ledger = Tournament("pairs").replay(answers, 1, None)
    assert not ledger.checked.any() and not ledger.calls.any(), "one alone wins without a word"


def test_scores_are_compared_and_pairs_go_with_their_answers():
    answers = bank()
    paired = answers._replace(pairs={"pairs": ordered(answers.scores["strength"])})
    for how in ("knockout", "round_robin"):
        by_score, _ = Tournament("strength", how, checker=3).replay(answers, 5, np.random.default_rng(1))
        by_pairs, _ = Tournament("pairs", how).replay(paired, 5, np.random.default_rng(1))
        np.testing.assert_array_equal(by_score, by_pairs)
    place = np.random.default_rng(2).permuted(np.broadcast_to(np.arange(6), (2, 5, 6)), axis=2)[..., :4]
    for part in (
        of_answers(paired, place),
        of_answers(paired, slice(1, 4)),
        of_problems(paired, np.array([3, 1])),
        by_seed(paired)[1],
    ):
        np.testing.assert_array_equal(part.pairs["pairs"], ordered(part.scores["strength"]))
    with pytest.raises(UserError, match="'strenght' is not in the bank; did you mean 'strength'"):
        Tournament("strenght").replay(answers, 2, None)
    with pytest.raises(UserError, match="did you mean 'knockout'"):
        Tournament(how="knock_out")
