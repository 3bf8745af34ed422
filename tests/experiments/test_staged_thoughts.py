"""Staged thoughts: what a stage leaves out and what stands in its place, and that each check can fail."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from alchemy.report.claim import judge
from alchemy.stats.verdict import Verdict
from experiments.theory import staged_thoughts as claim
from models.continuous import ContinuousThoughts


def seeds(*values):
    return np.tile(np.array(values, float), (10, 1)) if len(values) > 1 else np.full(10, values[0], float)


def shares(right, other):
    return claim.Answers(seeds(right), seeds(other))


def by_depth(*values):
    return claim.Right(seeds(*values), seeds(*values))


GIVEN = {kind: shares(0.98, 0.02) for kind in claim.KINDS} | {claim.EXCHANGED: shares(0.02, 0.98)}
MEASURED = claim.Measured(
    depths=(1, 2, 3),
    stages={name: seeds(0.9, 0.8, 0.7, 0.6) for name in claim.ARMS},
    first=by_depth(0.95, 0.95, 0.8),
    right={name: by_depth(1.0, 0.6, 0.5) for name in claim.LOSING} | {claim.THOUGHTS: by_depth(1.0, 1.0, 0.98)},
    longer={name: by_depth(1.0, 0.6, 0.55) for name in claim.LOSING},
    held=claim.Held(seeds(0.95), seeds(0.2), seeds(0.2)),
    given=GIVEN,
)


def right(name, *values):
    return {"right": {**MEASURED.right, name: by_depth(*values)}}


def longer(name, *values):
    return {"longer": {**MEASURED.longer, name: by_depth(*values)}}


def given(kind, *values):
    return {"given": {**GIVEN, kind: shares(*values)}}


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, Verdict.HOLDS),
        (right(claim.THOUGHTS, 1.0, 1.0, 0.78), Verdict.FAILS),
        *((right(name, 1.0, 1.0, 0.8) | longer(name, 1.0, 1.0, 0.8), Verdict.FAILS) for name in claim.LOSING),
        ({"held": claim.Held(seeds(0.6), seeds(0.2), seeds(0.2))}, Verdict.FAILS),
        (given(claim.EXCHANGED, 0.6, 0.4), Verdict.FAILS),
        (given(claim.OTHER_ORDER, 0.9, 0.1), Verdict.FAILS),
        (right(claim.THOUGHTS, 1.0, 0.5, 0.5) | {"first": by_depth(0.95, 0.5, 0.5)}, Verdict.UNDECIDED),
        *((right(name, 0.8, 0.5, 0.5), Verdict.UNDECIDED) for name in claim.LOSING),
        *((longer(name, 1.0, 0.9, 0.7), Verdict.UNDECIDED) for name in claim.LOSING),
    ],
)
def test_each_check_can_fail_and_gates_leave_those_open_that_rest_on_them(changes, verdict):
    assert judge(claim.CLAIM, claim.check(replace(MEASURED, **changes))).verdict == verdict


def test_a_stage_leaves_a_step_more_out_and_rehearses_those_before():
    config = claim.SMALL
    levels = {name: [config.levels(arm, stage) for stage in (1, 3, 4)] for name, arm in claim.ARMS.items()}
    marks = [f"thoughts={steps}+left_out={steps}" for steps in range(4)]
    assert levels[claim.THOUGHTS] == levels[claim.PAUSES] == [tuple(marks[:2]), tuple(marks), tuple(marks)]
    assert levels[claim.NOTHING][1] == tuple(f"left_out={steps}" for steps in range(4))


def test_all_arms_begin_with_a_path_and_end_without_one():
    config, full = claim.SMALL, claim.PRESETS["full"]
    problem = config.task.draw(np.random.default_rng(0), 20)
    written = config.task.write(problem).completions()
    for name, arm in claim.ARMS.items():
        first, last = config.of(arm, 0), config.of(arm, config.stages)
        assert first == config.task and first.chain_len == 3 and not last.chain_len
        answers = config.task.answer_ids(last.write(problem).completions())
        np.testing.assert_array_equal(answers, config.task.answer_ids(written))
        assert last.thoughts == (0 if name == claim.NOTHING else 3)
        assert isinstance(config.model_of(arm), ContinuousThoughts) == (name == claim.THOUGHTS)
        assert max(full.of(arm, stage).clean_len for stage in range(full.stages + 1)) <= full.model.context
    without = config.thinking.of(claim.WITHOUT_STAGES[claim.END_TO_END])
    last = config.of(claim.ARMS[claim.THOUGHTS], config.stages)
    np.testing.assert_array_equal(without.write(problem).tokens, last.write(problem).tokens)


def test_pictures_have_every_arm_and_every_kind_of_thoughts():
    curves, bars = claim.figures(MEASURED)
    assert set(curves.measured) == set(claim.ARMS) and list(curves.x) == [0, 1, 2, 3]
    assert len(bars.groups) == len(claim.KINDS)
    place = claim.KINDS.index(claim.EXCHANGED)
    assert bars.measured["the other candidate"][0, place] == 0.98
