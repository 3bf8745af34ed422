"""Steps tried twice in training: what is compared, how first tries are counted, and that each check can fail."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from alchemy.problem.retries import with_retries
from alchemy.problem.task import PAD
from alchemy.report.claim import judge
from alchemy.stats.verdict import Verdict
from alchemy.testtime.answers import Answers
from experiments.theory import taken_back as claim
from experiments.theory.taken_back import AGAIN, ARMS, LONG, NONE, SMALL, SOME, Measured, Written


def written(right=1.0, wrong=0.0, caught=0.4, dropped=0.3, gate=1.0):
    """Ten seeds that are all alike."""
    return Written(*(np.full(10, value) for value in (right, wrong, caught, dropped, gate)))


def measured(short=None, long=None, sampled=None):
    arms = {name: written(0.05) for name in ARMS} | {NONE: written(0.8), **(short or {})}
    more = {name: written() for name in LONG} | (long or {})
    return Measured(arms, more, {name: written() for name in LONG} | (sampled or {}))


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, Verdict.HOLDS),
        ({"short": {SOME: written(0.7)}}, Verdict.FAILS),
        ({"short": {AGAIN: written(0.9)}}, Verdict.FAILS),
        ({"short": {NONE: written(0.9, gate=0.2), SOME: written(0.9)}}, Verdict.UNDECIDED),
        ({"long": {SOME: written(0.94)}}, Verdict.FAILS),
        ({"long": {SOME: written(wrong=0.03)}}, Verdict.FAILS),
        ({"long": {NONE: written(gate=0.9), SOME: written(0.5)}}, Verdict.UNDECIDED),
        ({"sampled": {SOME: written(caught=0.9, dropped=0.1)}}, Verdict.FAILS),
        ({"long": {SOME: written(gate=0.9)}, "sampled": {SOME: written(caught=0.9)}}, Verdict.UNDECIDED),
    ],
)
def test_each_check_can_fail_and_each_gate_leaves_it_open(changes, verdict):
    assert judge(claim.CLAIM, claim.check(measured(**changes))).verdict == verdict


def test_every_arm_reads_as_many_tokens():
    task = SMALL.task
    lines = task.sample(np.random.default_rng(3), 3000)
    budget = SMALL.train.steps * (lines.text != PAD).sum()
    for retries in ARMS.values():
        longer = with_retries(task, lines, retries, np.random.default_rng(4)) if retries else lines
        for times in (1, claim.TIMES):
            read = SMALL.trained(retries, times).steps * (longer.text != PAD).sum()
            assert abs(read / budget / times - 1) < 0.5 * SMALL.train.chunk / SMALL.trained(retries).steps + 0.01


def test_first_tries_are_counted_by_hand():
    """Four problems, one for the gate; of six first tries behind right steps three are wrong, two of which are taken back."""
    config = replace(SMALL, test=4, steps=3, letters=1)
    task = config.task
    batch = task.sample(np.random.default_rng(0), 4)
    texts = [task.vocabulary.decode(row) for row in batch.completions()]
    steps = [text.replace(" <answer>", " <think>").split(" <think> ") for text in texts]
    marked = task.vocabulary.symbols[2]

    def other(step):
        letter, *rest = step.split()
        return " ".join(["A" if letter != "A" else "B", *rest])

    (a, b, answer) = steps[1]
    completions = [
        texts[0],
        f"{other(a)} <think> {marked} {a} <think> {a} <think> {marked} {b} <answer> {answer}",
        f"{steps[2][0]} <think> {other(steps[2][1])} <answer> {steps[2][2]}",
        texts[3],
    ]
    tokens = task.encoded(completions)
    lab = SimpleNamespace(answer=lambda *_, **__: Answers(task, batch, tokens[None]))
    got = claim._written(config, lab, None, "x")
    assert got.gate == [1.0] and got.right == [1.0]
    assert (got.wrong, got.caught, got.dropped) == ([3 / 6], [2 / 3], [0.0])


def test_pictures_show_all_arms():
    short, longer, known = claim.figures(measured())
    assert len(short.groups) == len(ARMS) and longer.groups == list(LONG)
    assert short.measured["as many tokens"].shape == (10, 6) and known.measured[SOME][0].tolist() == [0.4, 0.3]
