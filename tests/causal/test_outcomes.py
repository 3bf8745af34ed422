"""Rates of following and ignoring, counted problem by problem; and how texts of several steps go on together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import TASK

from alchemy.causal.continuing import continued
from alchemy.causal.outcomes import NOTHING, outcomes

S, N, K = 2, 7, 3


def drawn(seed, nothing=0.2):
    rng = np.random.default_rng(seed)
    numbers = rng.integers(0, 3, (3, S, N, K))
    numbers[rng.random(numbers.shape) < nothing] = NOTHING
    return (*numbers, rng.random((S, N, K)) < 0.8)


def judged(edited, before, target, made, leading):
    """counted, follows, ignores, coincide of one problem at one step, by the definitions."""
    if not made or before == NOTHING:
        return False, False, False, False
    if not leading:
        return True, False, edited == before, False
    if target == before:
        return False, False, False, True
    if target == NOTHING:
        return False, False, False, False
    return True, edited == target, edited == before, False


def mean(values):
    return np.mean(values) if len(values) else np.nan


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 10_000), leading=st.booleans())
def test_every_number_is_that_of_counting(seed, leading):
    edited, before, target, made = drawn(seed)
    result = outcomes(edited, before, target, made, leading)
    cells = {
        at: judged(*(values[at] for values in (edited, before, target, made)), leading) for at in np.ndindex(S, N, K)
    }
    for place, name in enumerate(("counted", "follows", "ignores", "coincide")):
        assert {at: bool(getattr(result, name)[at]) for at in cells} == {at: cell[place] for at, cell in cells.items()}
    for s, i, k in cells:
        others = [before[s, j, k] for j in range(N) if j != i and cells[s, j, k][0]]
        counted = cells[s, i, k][0] and others
        follows = np.mean([other == target[s, i, k] for other in others]) if counted and leading else 0
        ignores = np.mean([other == before[s, i, k] for other in others]) if counted else 0
        assert result.chance_follows[s, i, k] == pytest.approx(follows)
        assert result.chance_ignores[s, i, k] == pytest.approx(ignores)
    values = np.random.default_rng(seed).random((S, N, K))
    for s in range(S):
        for k, rates, floors, by_step in (
            *((k, result.rates_by_step, result.floors_by_step, True) for k in range(K)),
            (None, result.rates, result.floors, False),
        ):
            rows = [at for at in cells if cells[at][0] and at[0] == s and k in (None, at[2])]
            at = (s, k) if by_step else s
            follow, ignore = mean([cells[row][1] for row in rows]), mean([cells[row][2] for row in rows])
            np.testing.assert_allclose([part[at] for part in rates], [follow, ignore, 1 - follow - ignore], atol=1e-12)
            chances = [mean([chance[row] for row in rows]) for chance in (result.chance_follows, result.chance_ignores)]
            np.testing.assert_allclose([part[at] for part in floors], chances, atol=1e-12)
            if by_step:
                np.testing.assert_allclose(result.mean_by_step(values)[at], mean([values[row] for row in rows]))


def test_nothing_is_the_number_that_tasks_give_to_no_answer():
    assert TASK.answer_ids(np.zeros((1, 4), np.int32)).tolist() == [NOTHING] == [-1]


def test_where_nothing_is_counted_there_is_no_rate_and_a_lone_problem_has_no_chance():
    edited, before, target, made = drawn(0, nothing=0)
    none = outcomes(edited, before, target, np.zeros_like(made), True)
    assert np.isnan(none.rates).all() and np.isnan(none.floors_by_step).all()
    lone = outcomes(*(np.array([[[number]]]) for number in (1, 0, 1, True)), leading=True)
    assert lone.rates.follow.tolist() == [1] and lone.floors == ([0], [0])
    two = outcomes(*(np.array([[[a], [b]]]) for a, b in ((1, 1), (0, 1), (1, 0), (True, True))), leading=True)
    assert two.floors == ([1], [0]), "each one's answer is what would follow for the other"


@pytest.mark.parametrize("problems", [slice(1, 4), np.array([5, 0])], ids=["slice", "places"])
def test_some_problems(problems):
    result = outcomes(*drawn(0), leading=True)
    for name, values in vars(result.of(problems)).items():
        np.testing.assert_array_equal(values, getattr(result, name)[:, problems])


def test_texts_that_leave_room_go_on_together_and_each_other_alone():
    """Lengths 2, 8, 5, 9 of a context of 12: ten more fit behind the first alone, four behind three, three behind all."""
    lengths, calls = (2, 8, 5, 9), []
    texts = [np.full((2, 3, length, 1), number + 1) for number, length in enumerate(lengths)]

    def write(numbers, prompts):
        calls.append((numbers, prompts.shape))
        for at, number in enumerate(numbers):
            own = prompts[:, 3 * at : 3 * at + 3, :, 0]
            assert (own[..., : lengths[number]] == number + 1).all() and not own[..., lengths[number] :].any()
        return np.stack([np.arange(prompts.shape[1])] * 2)[..., None] + 100 * len(calls) * np.ones((2, 1, 1))

    for most, groups in (
        (3, [[0, 1, 2, 3]]),
        (4, [[0, 1, 2], [3]]),
        (9, [[0], [1], [2], [3]]),
        (10, [[0], [1], [2], [3]]),
    ):
        calls.clear()
        written = continued(texts, most, 12, write)
        assert [numbers for numbers, _ in calls] == groups
        for call, group in enumerate(groups, 1):
            assert calls[call - 1][1] == (2, 3 * len(group), max(lengths[k] for k in group), 1)
            for at, k in enumerate(group):
                assert written[k][:, :, 0].tolist() == [[100 * call + 3 * at + row for row in range(3)]] * 2
