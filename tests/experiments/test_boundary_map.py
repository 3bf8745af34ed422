"""The map: what is held out is held out, budgets are spent and equal, floors are exact, and each check can fail."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from alchemy.problem.split import Split
from alchemy.report.claim import judge
from alchemy.stats.verdict import Verdict
from experiments.boundary.boundary_map import (
    AGAIN,
    AXES,
    BASE,
    BLIND,
    CEILING,
    CLAIM,
    FEW,
    FORMAT,
    LENGTH,
    PAIRS,
    REWARDED,
    SMALL,
    SOME,
    STEPS,
    TASK,
    TAUGHT,
    THERE,
    Budget,
    Cell,
    Measured,
    check,
    completion,
    figures,
    floors,
    repeated,
    world,
)


def images(task, composition):
    """What a composition makes of every pair of letters, by the task's own text."""
    pairs = np.array(list(product(range(len(task.alphabet)), repeat=2)), np.uint8)
    ops = np.repeat(task.ops_of((composition,)), len(pairs), axis=0)
    return task.machine.intermediates(ops, pairs)[:, -1]


@pytest.mark.parametrize("seed", [0, 900])
def test_no_arm_but_that_of_examples_sees_the_function_of_a_pair_that_is_held_out(seed):
    where = world(SMALL, seed)
    seen = {images(where.base, name).tobytes() for name in where.base.compositions + where.diverse.compositions}
    held_out = {images(where.base, name).tobytes() for name in where.axes[TASK].compositions}
    assert not seen & held_out and len(where.axes[TASK].compositions) == SMALL.held_out
    assert set(where.base.compositions) < set(where.diverse.compositions)
    assert where.base != world(SMALL, seed + 1).base


def test_each_axis_is_left_on_one_side_alone():
    where = world(SMALL, 0)
    assert all(task.length == (4,) for axis, task in where.axes.items() if axis != LENGTH)
    assert all((task.noise is None) == (axis != FORMAT) for axis, task in where.axes.items())
    pairs = where.trained.compositions
    assert all(where.axes[axis].compositions == pairs for axis in (LENGTH, FORMAT)) and where.axes[LENGTH].length == (
        5,
    )
    again = {" ".join([*pair.split(), pair.split()[0]]) for pair in pairs}
    assert set(where.axes[STEPS].compositions) == again


def test_a_budget_is_spent_by_every_arm_and_passed_by_none():
    """Tokens that pass once through the parameters, counted by hand: 400 steps of 64 lines of 26 tokens, three times each."""
    where = world(SMALL, 0)
    budget = Budget(SMALL, where.width)
    assert where.width == 26 and budget.whole == 3 * 400 * 64 * 26 == 1_996_800
    hinted = budget.steps(width=30) * 3 * 64 * 30
    looped = budget.steps(loops=2) * 3 * 64 * 26 * 2
    rounds = 3 * (1_024 * 26 + budget.steps(0.5 / 3, spent=1_024 * 26) * 3 * 64 * 26)
    rewarded = [budget.grpo_steps(task.max_len) * 16 * 8 * 5 * task.max_len for task in where.axes.values()]
    wholes = [budget.steps() * 3 * 64 * 26, hinted, looped]
    halves = [budget.steps(0.5) * 3 * 64 * 26, rounds, *rewarded]
    assert all(0.98 * budget.whole < spent <= budget.whole for spent in wholes)
    assert all(0.98 * budget.whole < 2 * spent <= budget.whole for spent in halves)


def test_a_right_completion_fits_what_is_written_on_each_axis():
    where = world(SMALL, 0)
    for task in where.axes.values():
        batch = Split().sample(task, np.random.default_rng(0), 200, "train")
        longest = (batch.completions() != 0).sum(axis=1).max()
        assert longest == completion(task) and task.max_len == completion(task) + batch.prompt_len.max()


def test_floors_are_what_the_nearest_trained_composition_scores():
    """Of every element of two letters, for the best trained composition of each that is asked; and chance elsewhere."""
    where = world(SMALL, 3)
    exact = floors(SMALL, where)
    known = [images(where.base, name) for name in where.base.compositions]
    for axis in (TASK, STEPS):
        of_two = [
            max((images(where.base, name) == one).all(axis=1).mean() for one in known)
            for name in where.axes[axis].compositions
        ]
        assert exact[axis] == pytest.approx(np.mean(np.array(of_two) ** 2))  # of four letters
    assert exact[LENGTH] == 1 / 12**5 and exact[FORMAT] == 1 / 12**4


def test_lines_are_repeated_in_turn():
    batch = Split().sample(world(SMALL, 0).base, np.random.default_rng(0), 3, "train")
    again = repeated(batch, 7)
    assert (again.tokens == batch.tokens[[0, 1, 2, 0, 1, 2, 0]]).all() and (
        repeated(batch, 2).tokens == batch.tokens[:2]
    ).all()


def measured(**changes):
    """Five seeds as the prediction has them; `changes` are right answers by arm and axis."""
    seeds = 5
    right = {(arm, axis): 0.02 if axis != TASK else 0.15 for arm in BLIND for axis in AXES}
    right |= {
        (PAIRS, TASK): 0.9,
        (TAUGHT, TASK): 0.6,
        (REWARDED, TASK): 0.6,
        (SOME, STEPS): 0.85,
        (FEW, LENGTH): 0.1,
        (FEW, STEPS): 0.1,
    }
    right |= {(arm, axis): 0.0 for arm in (TAUGHT, REWARDED) for axis in AXES if axis != TASK}
    right |= {(arm, axis): right.get((arm, axis), 0.9) for arm in THERE for axis in AXES}
    right |= {tuple(name.split("/")): value for name, value in changes.items()}
    cells = {}
    for (arm, axis), value in right.items():
        full = np.full(seeds, float(value))
        follow = np.full(seeds, 0.9 if arm == SOME else 0.0)
        cells.setdefault(arm, {})[axis] = Cell(full, full, full, follow, np.ones(seeds))
    return Measured(cells, {axis: np.full(seeds, 0.01) for axis in AXES})


def verdict(**changes):
    return judge(CLAIM, check(measured(**changes))).verdict


@pytest.mark.parametrize(
    "changes",
    [
        {f"{PAIRS}/{TASK}": 0.3},
        {f"{BASE}/{LENGTH}": 0.2},
        {f"{TAUGHT}/{TASK}": 0.15},
        {f"{REWARDED}/{STEPS}": 0.3},
        {f"{FEW}/{TASK}": 0.3},
        {f"{FEW}/{STEPS}": 0.5},
        {f"{SOME}/{LENGTH}": 0.2},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_each_check_can_fail(changes):
    assert verdict() == Verdict.HOLDS
    outcomes = judge(CLAIM, check(measured(**changes))).outcomes
    assert [outcome.satisfied for outcome in outcomes].count(0) == 1


def test_what_cannot_be_reached_at_this_budget_is_not_judged():
    assert verdict(**{f"{CEILING}/{STEPS}": 0.5}) == Verdict.UNDECIDED
    shares = measured().share(AGAIN, TASK)
    np.testing.assert_allclose(shares, (0.15 - 0.01) / (0.9 - 0.01))


def test_the_map_has_a_row_for_each_arm_and_a_column_for_each_axis():
    share, follow = figures(measured())
    assert (
        len(share.rows) == len(BLIND) + len(THERE) == 14
        and len(share.columns) == 4
        and share.measured.shape == (5, 14, 4)
    )
    assert share.rows[-1] == BASE and follow.measured.max() == 0.9
