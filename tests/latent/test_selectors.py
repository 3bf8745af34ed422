"""Selectors on trajectories written by hand."""

from __future__ import annotations

import numpy as np
import pytest

from alchemy.latent import selectors

SOLVED = np.array(  # (problems, trajectories, steps)
    [
        [[False, True, False], [False, False, True], [False, False, False]],
        [[False, False, False], [True, False, False], [False, False, False]],
    ]
)


def test_checks_look_at_the_end_or_after_every_step():
    assert selectors.checked(SOLVED).tolist() == [True, False]
    assert selectors.checked(SOLVED, every_step=True).tolist() == [True, True]


def test_majority_takes_the_board_most_agree_on_and_of_equals_the_first():
    filled = np.zeros((2, 3, 3, 2), int)
    filled[0, :, -1] = [[1, 2], [0, 1], [0, 1]]
    filled[1, :, -1] = [[3, 0], [2, 0], [1, 0]]
    assert selectors.majority(filled, SOLVED).tolist() == [True, False]
    filled[0, :, -1] = [[1, 2], [0, 1], [0, 2]]  # the first, which is wrong
    assert selectors.majority(filled, SOLVED).tolist() == [False, False]


@pytest.mark.parametrize(("scores", "right"), [([0, 2, 1], True), ([3, 2, 1], False)])
def test_the_highest_score_at_the_end_counts(scores, right):
    score = np.zeros(SOLVED.shape)
    score[0, :, 0], score[0, :, -1] = [9, 0, 0], scores
    assert selectors.highest(score, SOLVED)[0] == right


def test_the_first_to_halt_is_taken_where_it_halts():
    halt = np.full(SOLVED.shape, -1.0)
    halt[0, 0, 1], halt[0, 1, 2] = 1.0, 9.0
    halt[1, 1, 0] = 0.1
    assert selectors.first_to_halt(halt, SOLVED).tolist() == [True, True]
    halt[0, 2, 1] = 2.0  # surer at the same step
    assert not selectors.first_to_halt(halt, SOLVED)[0]
    never = np.full(SOLVED.shape, -2.0)
    never[0, 1, -1] = -1.0
    assert selectors.first_to_halt(never, SOLVED).tolist() == [True, False]


def test_the_share_of_failures_that_selection_is_to_blame_for():
    found = np.array([[True, True, False, True], [True, True, True, True]])
    chosen = np.array([[True, False, False, False], [True, True, True, True]])
    np.testing.assert_allclose(selectors.missed_by_selection(found, chosen), [2 / 3, np.nan])


def test_coverage_is_the_share_of_solutions_found():
    solution = np.array([[5, 5, -1, 8], [-1, -1, -1, -1], [1, 2, 3, 4]])
    np.testing.assert_allclose(selectors.coverage(solution, np.array([2, 3, 8])), [1.0, 0.0, 0.5])


def test_each_selector_board_by_board():
    """Arrays (seeds, problems, trajectories, steps) of more sizes than one, against plain loops."""
    rng = np.random.default_rng(0)
    shape = s, n, w, t = 3, 40, 4, 5
    solved, filled = rng.random(shape) < 0.2, rng.integers(0, 2, (*shape, 2))
    score, solution, count = (
        rng.integers(-3, 2, shape).astype(float),
        rng.integers(-1, 3, shape),
        rng.integers(3, 6, (s, n)),
    )
    chosen = {
        "end": selectors.checked(solved),
        "ever": selectors.checked(solved, every_step=True),
        "majority": selectors.majority(filled, solved),
        "highest": selectors.highest(score, solved),
        "first": selectors.first_to_halt(score, solved),
    }
    found = selectors.coverage(solution[..., -1], count)
    for place in np.ndindex(s, n):
        right, said, boards = solved[place], score[place], [tuple(board) for board in filled[place][:, -1]]
        done = [(step, -said[row, step], row) for row in range(w) for step in range(t) if said[row, step] > 0]
        last = [(t - 1, -said[row, -1], row) for row in range(w)]
        step, _, row = min(done or last)
        by_hand = {
            "end": any(right[:, -1]),
            "ever": right.any(),
            "majority": right[max(range(w), key=lambda row, boards=boards: (boards.count(boards[row]), -row)), -1],
            "highest": right[max(range(w), key=lambda row, said=said: (said[row, -1], -row)), -1],
            "first": right[row, step],
        }
        assert {name: bool(values[place]) for name, values in chosen.items()} == by_hand
        assert found[place] == len({id for id in solution[place][:, -1] if id >= 0}) / count[place]
