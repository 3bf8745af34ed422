"""Verdicts at any budget of steps: what is ranked, when it settles, and what would refute the claim."""

import numpy as np
import pytest

from alchemy.report.claim import judge
from alchemy.stats.verdict import Verdict
from experiments.thinking import thinking_budget as claim


def test_ties_are_halves():
    assert claim.above(np.array([[[1.0, 0.0, 1.0]], [[0.0, 0.0, 0.0]]])).tolist() == [0.75, 0.5]


def test_after_all_its_steps_a_problem_stays_as_it_is():
    scores = np.array([[0.0, 1.0], [1.0, 0.0]])[None, None]  # of two candidates, after no step and after one
    assert claim.curve(scores).tolist() == [[0.0, 1.0, 1.0, 1.0, 1.0]]


def test_a_choice_settles_where_it_is_the_last_one_from_then_on():
    first, second = [1.0, 0.0, 1.0, 1.0], [0.0, 1.0, 0.0, 0.0]
    scores = np.array([[[first, second], [first, np.zeros(4)], [second[::-1], first[::-1]]]])
    by_hand = [[2, 0, 0]]
    for problem in range(3):  # beside a plain reading
        best = [int(np.argmax(scores[0, problem, :, budget])) for budget in range(4)]
        by_hand[0][problem] = min(budget for budget in range(4) if len(set(best[budget:])) == 1)
    assert claim.settled(scores).tolist() == by_hand and by_hand[0][0] == 2


def measured(
    four=(0.5, 0.5, 0.5, 0.6, 1.0), two=(0.5, 0.6, 1.0, 1.0, 1.0), settles=(0.8, 1.6, 3.6), votes=0.98, gate=1.0
):
    """Ten equal seeds as promised, but for what is changed."""
    curves = {1: (0.55, 1.0, 1.0, 1.0, 1.0), 2: two, 4: four}
    ranked = {steps: np.tile(curve, (10, 1)) for steps, curve in curves.items()}
    times = {steps: np.full(10, time) for steps, time in zip(claim.STEPS, settles, strict=True)}
    voted = claim.Voted(np.full(10, 1.0), np.full(10, 0.8), np.full(10, votes), np.full(10, 0.4))
    return claim.Measured(np.full(10, gate), ranked, times, voted)


@pytest.mark.parametrize(
    ("changes", "broken"),
    [
        ({}, []),
        ({"four": (0.5, 0.5, 0.7, 0.7, 1.0)}, [0]),
        ({"four": (0.5, 0.5, 0.6, 0.8, 1.0)}, [1]),
        ({"two": (0.5, 1.0, 1.0, 1.0, 1.0)}, [2]),
        ({"settles": (0.8, 1.6, 2.0)}, [3]),
        ({"votes": 0.82}, [4, 5]),
        ({"votes": 0.9}, [5]),
    ],
)
def test_what_refutes_it(changes, broken):
    judged = judge(claim.CLAIM, claim.check(measured(**changes)))
    assert [place for place, outcome in enumerate(judged.outcomes) if outcome.verdict is not Verdict.HOLDS] == broken


def test_verifiers_that_do_not_compare_are_not_judged():
    assert not any(check.passed.any() for check in claim.check(measured(gate=0.8)))
