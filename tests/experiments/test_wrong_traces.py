"""Lines with wrong traces and lines cut anywhere are what they are said to be; each check can hold and can fail."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from alchemy.problem.split import Split
from alchemy.problem.task import EOS, NOISE, Field
from alchemy.report.claim import judge
from alchemy.stats.verdict import Verdict
from experiments.trace import commitment, wrong_traces
from experiments.trace.compositions import STEPS, Setting

SEEDS = 10
SETTING = Setting(many=16)
TASK = SETTING.task("many", 7)
LINES = Split().sample(TASK, np.random.default_rng(0), 300, "train")
INSIDE = LINES.field >= Field.STEP


def seeds(value: float, m: int = 0) -> np.ndarray:
    """The same number for each seed, float (s,) or (s, m)."""
    return np.full((SEEDS, m) if m else SEEDS, value)


def traces(lines):
    return [tuple(row[inside].tolist()) for row, inside in zip(lines.text, INSIDE, strict=True)]


@pytest.mark.parametrize("trace", wrong_traces.TRACES)
def test_only_the_steps_are_rewritten(trace):
    text = wrong_traces.rewritten(LINES, trace, np.random.default_rng(1)).text
    assert text.shape == LINES.text.shape
    assert (text[~INSIDE] == LINES.text[~INSIDE]).all()


def test_swapped_traces_are_each_of_another_line():
    swapped = wrong_traces.rewritten(LINES, "swapped", np.random.default_rng(1))
    assert sorted(traces(swapped)) == sorted(traces(LINES))


def test_shuffled_traces_say_their_own_states_in_another_order():
    shuffled = wrong_traces.rewritten(LINES, "shuffled", np.random.default_rng(1))
    own, moved = np.array(traces(LINES)), np.array(traces(shuffled))
    assert (np.sort(own, axis=1) == np.sort(moved, axis=1)).all()
    assert ((own != moved).any(axis=1)).mean() > 0.9, "two states may be equal"


def test_filler_says_nothing():
    filler = wrong_traces.rewritten(LINES, "filler", np.random.default_rng(1))
    assert (filler.text[INSIDE] == NOISE).all()


def test_a_cut_line_is_the_beginning_of_the_chain_and_the_right_answer():
    kept = set()
    for text, whole in zip(
        commitment.cut_anywhere(TASK, LINES, 7).text, TASK.vocabulary.decode_all(LINES.text), strict=True
    ):
        assert (text == EOS).sum() == 1
        before, answer = TASK.vocabulary.decode(text).split(" <answer> ")
        steps = whole.split(" <answer> ")[0].split(" <think> ")
        assert answer == whole.split(" <answer> ")[1]
        assert before.split(" <think> ") == steps[: len(before.split(" <think> "))]
        kept.add(len(before.split(" <think> ")) - 1)
    assert kept == set(range(STEPS))


def test_one_and_many_functions_differ_by_seed():
    assert len(SETTING.task("one", 3).compositions) == 1
    assert len(set(SETTING.task("many", 3).compositions)) == 16
    assert SETTING.task("many", 3) != SETTING.task("many", 4)


def test_the_place_of_the_last_change():
    moved = np.array([[False, False], [True, False], [False, True], [True, True]])
    assert commitment.last(moved) == (0 + 0.5 + 1 + 1) / 4
    assert np.isnan(commitment.last(moved[:0]))


def arms(**right):
    arm = wrong_traces.Arm(*map(seeds, (0.0, 0.0, 0.1, 0.1, 0.5, 0.5)))
    return {trace: replace(arm, right=seeds(value), gate=seeds(value)) for trace, value in right.items()}


ONE = arms(right=1.0, swapped=0.98, shuffled=0.99, filler=1.0, none=1.0)
MANY = arms(right=0.99, swapped=0.01, shuffled=0.3, filler=0.02, none=0.01)


@pytest.mark.parametrize(
    ("changes", "refuted"),
    [
        ({}, None),
        ({"one": {"swapped": seeds(0.1)}}, "right - swapped: many - one"),
        ({"one": {"swapped": seeds(0.85)}}, "one: right - swapped"),
        ({"many": {"swapped": seeds(0.3)}}, "many: swapped - answers alone"),
    ],
)
def test_wrong_traces_checks(changes, refuted):
    measured = {"one": dict(ONE), "many": dict(MANY)}
    for functions, values in changes.items():
        for trace, right in values.items():
            measured[functions][trace] = replace(measured[functions][trace], right=right)
    measured = wrong_traces.Measured(measured)
    judged = judge(wrong_traces.CLAIM, wrong_traces.check(measured))
    assert judged.verdict == (Verdict.FAILS if refuted else Verdict.HOLDS)
    failed = [
        check.name for check, one in zip(judged.checks, judged.outcomes, strict=True) if one.verdict == Verdict.FAILS
    ]
    assert refuted is None or refuted in failed


def trained(edits, asked):
    changed = commitment.Edits(seeds(edits), *(seeds(0.5, STEPS - 1) for _ in range(5)))
    return commitment.Trained(seeds(1.0), changed, commitment.Asked(seeds(asked), seeds(0.5, STEPS)))


@pytest.mark.parametrize(
    ("measure", "functions", "decided", "refuted"),
    [
        ("edits", "many", 1.0, None),
        ("edits", "one", 0.7, "by edits"),
        ("asked", "many", 0.3, "asked early"),
    ],
)
def test_commitment_checks(measure, functions, decided, refuted):
    numbers = {"one": {"edits": 0.0, "asked": 0.0}, "many": {"edits": 1.0, "asked": 1.0}}
    numbers[functions][measure] = decided
    models = {name: dict.fromkeys(commitment.LINES, trained(**values)) for name, values in numbers.items()}
    judged = judge(commitment.CLAIM, commitment.check(commitment.Measured(models, {})))
    assert judged.verdict == (Verdict.FAILS if refuted else Verdict.HOLDS)
    for check, outcome in zip(judged.checks, judged.outcomes, strict=True):
        assert (outcome.verdict == Verdict.FAILS) == bool(refuted and check.name.startswith(refuted))
