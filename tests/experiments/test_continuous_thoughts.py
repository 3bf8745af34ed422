"""Continuous thoughts: what lines ask for at marks, what arms have in common, and that each check can fail."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from alchemy.report.claim import judge
from alchemy.stats.verdict import Verdict
from experiments.theory import continuous_thoughts as claim
from models.continuous import ContinuousThoughts
from tasks.reachability import Reachability


def seeds(*values):
    return np.tile(np.array(values, float), (10, 1)) if len(values) > 1 else np.full(10, values[0], float)


def shares(right, other):
    return claim.Answers(seeds(right), seeds(other))


def by_depth(*values):
    return claim.Right(seeds(*values), seeds(*values))


GIVEN = {kind: shares(0.98, 0.02) for kind in claim.KINDS} | {claim.EXCHANGED: shares(0.02, 0.98)}
MEASURED = claim.Measured(
    depths=(1, 2, 3),
    begun=by_depth(1.0, 0.5, 0.5),
    right={name: by_depth(1.0, 0.9, 0.5) for name in (claim.AT_ONCE, *claim.LOSING)}
    | {name: by_depth(1.0, 1.0, 0.98) for name in (claim.TOLD, claim.PATH, claim.FRONTIERS)},
    longer={name: by_depth(1.0, 0.9, 0.55) for name in claim.LOSING},
    held={
        claim.TOLD: claim.Held(seeds(0.99), seeds(0.1), seeds(0.2)),
        claim.END_TO_END: claim.Held(seeds(0.3), seeds(0.2), seeds(0.2)),
    },
    given={claim.TOLD: GIVEN, claim.END_TO_END: GIVEN},
)


def right(name, *values):
    return {"right": {**MEASURED.right, name: by_depth(*values)}}


def given(kind, *values):
    return {"given": {**MEASURED.given, claim.TOLD: {**GIVEN, kind: shares(*values)}}}


def held(name, members):
    return {"held": {**MEASURED.held, name: claim.Held(seeds(members), seeds(0.1), seeds(0.2))}}


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, Verdict.HOLDS),
        (right(claim.TOLD, 1.0, 1.0, 0.75), Verdict.FAILS),
        (right(claim.PAUSES, 1.0, 1.0, 0.9) | {"longer": {**MEASURED.longer, claim.PAUSES: by_depth(1.0, 1.0, 0.9)}}, Verdict.FAILS),
        ({"longer": {**MEASURED.longer, claim.END_TO_END: by_depth(1.0, 0.9, 0.7)}, **right(claim.END_TO_END, 1.0, 0.9, 0.7)}, Verdict.FAILS),
        (held(claim.END_TO_END, 0.9), Verdict.FAILS),
        (given(claim.EXCHANGED, 0.6, 0.4), Verdict.FAILS),
        (given(claim.OTHER_ORDER, 0.9, 0.1), Verdict.FAILS),
        (right(claim.FRONTIERS, 1.0, 1.0, 0.9), Verdict.FAILS),
        (right(claim.TOLD, 0.8, 0.8, 0.7), Verdict.UNDECIDED),
        (right(claim.PAUSES, 0.8, 0.5, 0.5), Verdict.UNDECIDED),
        ({"longer": {**MEASURED.longer, claim.PAUSES: by_depth(1.0, 0.9, 0.7)}}, Verdict.UNDECIDED),
        ({"longer": {**MEASURED.longer, claim.END_TO_END: by_depth(1.0, 0.9, 0.7)}}, Verdict.UNDECIDED),
    ],
)  # fmt: skip
def test_each_check_can_fail_and_gates_leave_those_open_that_rest_on_them(changes, verdict):
    assert judge(claim.CLAIM, claim.check(replace(MEASURED, **changes))).verdict == verdict


def test_marks_are_asked_for_nodes_at_their_distance_and_the_rest_for_what_follows():
    config = claim.SMALL
    arm = claim.ARMS[claim.TOLD]
    task = config.of(arm)
    problem = task.draw(np.random.default_rng(0), 4000)
    told, plain = (claim.lines(task, each, problem, 3) for each in (arm, claim.ARMS[claim.END_TO_END]))
    places = claim.marks(task)
    assert (told.tokens[:, places, 0] == task.thought_id).all()
    np.testing.assert_array_equal(told.tokens, plain.tokens)
    asked = (told.target != plain.target) | (told.weight != plain.weight)
    assert not np.delete(asked, places + 1, axis=1).any() and told.weight[:, places + 1].all()
    assert not plain.weight[:, : task.longest_prompt].any()
    np.testing.assert_array_equal(plain.target, plain.tokens[..., 0])
    frontiers = task.frontiers(problem)
    for number, place in enumerate(places):
        node = task.node(told.target[:, place + 1])
        assert frontiers[np.arange(4000), number, node].all()
        first = node == frontiers[:, number].argmax(axis=1)
        assert first.mean() == pytest.approx(1 / task.widths[number], abs=0.03), "any of them alike"


def test_arms_read_the_same_graphs_and_begin_alike(tmp_path):
    from alchemy.lab.lab import Lab
    from alchemy.progress import Progress

    config, lab = claim.PRESETS["smoke"], Lab(tmp_path, Progress(quiet=True))
    tests = [lab.held_out(replace(config.of(arm), depths=(3,)), 16, [3]).problem for arm in claim.ARMS.values()]
    seen = Reachability().identity(config.graphs(lab, 1, 3))
    for problem in tests:
        for name, values in problem.items():
            np.testing.assert_array_equal(values, tests[0][name])
        assert not np.isin(Reachability().identity(problem), seen).any()
    models = {name: claim.SMALL.model_of(arm) for name, arm in claim.ARMS.items()}
    assert [name for name, model in models.items() if isinstance(model, ContinuousThoughts)] == list(claim.THINKERS)
    assert models[claim.TOLD] == models[claim.END_TO_END]
    assert all(config.of(arm).max_len <= claim.SMALL.model.context for arm in claim.ARMS.values())
    full = claim.PRESETS["full"]
    assert all(full.of(arm).clean_len - full.task.edges <= full.model.context for arm in claim.ARMS.values())


def test_pictures_have_every_arm_and_every_kind_of_thoughts():
    curves, bars = claim.figures(MEASURED)
    assert set(curves.measured) == set(claim.ARMS) and list(curves.x) == [1, 2, 3]
    assert len(bars.groups) == len(claim.KINDS)
    place = claim.KINDS.index(claim.EXCHANGED)
    assert bars.measured["the other candidate"][0, place] == 0.98
