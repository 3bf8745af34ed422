"""Shapes of trees: what is told at each bracket, what is compared, and that each check can fail."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from alchemy.report.claim import judge
from alchemy.stats.verdict import Verdict
from experiments.boundary import tree_shapes as claim
from experiments.boundary.tree_shapes import SMALL, Arm, Measured
from tasks.trees import Trees, laws
from tasks.trees.draw import trees


def arm(few, more):
    """Ten models alike: shares of left, bent, right and balanced trees, of few operators and of one more."""
    right = np.tile(np.array([few, more]), (10, 1, 1))
    return Arm(right, right)


ALL, AT_ONCE = (1.0, 1.0, 1.0, 1.0), ((0.7, 0.5, 0.2, 0.9), (0.3, 0.2, 0.2, 0.3))
MEASURED = Measured(
    arm(ALL, (1.0, 1.0, 0.3, 0.3)),
    arm(*AT_ONCE),
    arm((1.0, 0.2, 0.2, 0.2), (1.0, 0.2, 0.2, 0.2)),
    (3, 4),
    np.full((2, 4), 0.2),
)


@pytest.mark.parametrize(
    ("changes", "verdict", "broken"),
    [
        ({}, Verdict.HOLDS, 0),
        ({"chain": arm(ALL, (0.85, 1.0, 0.2, 0.2))}, Verdict.FAILS, 1),
        ({"chain": arm(ALL, (1.0, 0.8, 0.3, 0.3))}, Verdict.FAILS, 1),
        ({"chain": arm(ALL, (1.0, 1.0, 0.7, 0.3))}, Verdict.FAILS, 2),
        ({"chain": arm(ALL, (1.0, 1.0, 0.3, 0.7))}, Verdict.FAILS, 1),
        ({"at_once": arm((0.3, 0.5, 0.2, 0.9), AT_ONCE[1])}, Verdict.FAILS, 1),
        (
            {
                "chain": arm((1.0, 1.0, 1.0, 0.93), (1.0, 1.0, 0.3, 0.3)),
                "at_once": arm((0.7, 0.5, 0.2, 1.0), AT_ONCE[1]),
            },
            Verdict.FAILS,
            1,
        ),
        ({"at_once": arm(AT_ONCE[0], (0.3, 0.6, 0.2, 0.3))}, Verdict.FAILS, 1),
        ({"alone": arm(ALL, (1.0, 0.5, 0.2, 0.2))}, Verdict.FAILS, 1),
        ({"chain": arm((1.0, 0.8, 1.0, 1.0), (1.0, 1.0, 0.3, 0.3))}, Verdict.UNDECIDED, 0),
        ({"alone": arm(ALL, (0.5, 0.2, 0.2, 0.2))}, Verdict.UNDECIDED, 0),
    ],
)
def test_each_check_can_fail_and_each_gate_leaves_it_open(changes, verdict, broken):
    checks = claim.check(replace(MEASURED, **changes))
    violated = [check for check in checks if ((check.values < check.low) | (check.values > check.high)).all()]
    assert judge(claim.CLAIM, checks).verdict == verdict and len(violated) == broken


def test_a_bracket_that_closes_is_told_its_value():
    task = Trees(operators=(1, 3), shapes=("any",))
    lines = [task.parse(f"{line} <think>") for line in ("( 3 - ( ( 1 + 2 ) x 5 ) )", "( 6 x 2 )")]
    wide = {
        name: np.concatenate(
            [
                np.pad(
                    line[name],
                    ((0, 0), (0, lines[0][name].shape[1] - line[name].shape[1])),
                    constant_values=0 if name == "leaves" else -1,
                )
                for line in lines
            ]
        )
        for name in lines[0]
    }
    told = claim.told(task, task.write(wide))
    said = [task.vocabulary.decode(target[weight]) for target, weight in zip(told.target, told.weight, strict=True)]
    assert said == ["3 1 2", "5"]
    before = [
        [task.vocabulary.symbols[token] for token in line[:-1][weight[1:]]]
        for line, weight in zip(told.tokens[..., 0], told.weight, strict=True)
    ]
    assert before == [[")"] * 3, [")"]]


def test_the_last_bracket_is_told_the_answer():
    task = SMALL.task("any")
    batch = replace(task, operators=(4,), cot=False).sample(np.random.default_rng(0), 200)
    told = claim.told(task, batch)
    np.testing.assert_array_equal(told.target[:, -1], batch.completions()[:, 1])
    assert told.weight[:, -1].all() and (told.weight.sum(axis=1) == 4).all()
    assert task.max_len <= SMALL.model.context


def test_of_few_operators_the_shapes_are_all_trees_and_of_one_more_those_that_are_deep_and_one():
    few, more = SMALL.operators
    assert sum(len(trees(kind, few)) for kind in claim.KINDS) == len(trees("any", few)) == 5
    assert [len(trees(kind, more)) for kind in claim.KINDS] == [1, 6, 1, 1] and len(trees("any", more)) == 14
    guess = [laws.guess(SMALL.task("any"), trees("any", operators)) for operators in SMALL.operators]
    assert guess == pytest.approx([0.207, 0.213], abs=5e-3)


def test_the_picture_has_a_group_for_each_shape_and_number():
    [bars] = claim.figures(MEASURED)
    assert len(bars.groups) == 8 and all(np.shape(values) == (10, 8) for values in bars.measured.values())
