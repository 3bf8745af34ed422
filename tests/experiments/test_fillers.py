"""Blanks in place of elements: what the lines show and ask for, and that each check can fail."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from alchemy.report.claim import judge
from alchemy.stats.verdict import Verdict
from experiments.theory import fillers as claim
from experiments.theory import last_letter
from tasks.groups import Groups


def seeds(value):
    return np.full(10, float(value))


MEASURED = claim.Measured(
    length=16,
    at_once={1: seeds(0.1), 2: seeds(0.5)},
    blanks={1: seeds(0.12), 2: seeds(0.9)},
    early=seeds(1.0),
    chain=seeds(0.99),
)


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, Verdict.HOLDS),
        ({"blanks": {1: seeds(0.21), 2: seeds(0.5)}}, Verdict.FAILS),
        ({"at_once": {1: seeds(0.9), 2: seeds(0.9)}, "blanks": {1: seeds(0.6), 2: seeds(0.6)}}, Verdict.FAILS),
        ({"chain": seeds(0.94)}, Verdict.FAILS),
        ({"early": seeds(0.9)}, Verdict.UNDECIDED),
        ({"blanks": {1: seeds(0.0), 2: seeds(1.0)}}, Verdict.HOLDS),
    ],
)
def test_each_check_can_fail_and_the_gate_leaves_those_open_that_rest_on_it(changes, verdict):
    assert judge(claim.CLAIM, claim.check(replace(MEASURED, **changes))).verdict == verdict


def test_blanks_stand_where_elements_would_and_are_asked_for_them():
    task = Groups("Z60", 4)
    batch = task.write(task.parse("a b b a <think>"))
    blanked, asked = claim.blanked(task, batch), claim.asked(task, batch)
    decode = task.vocabulary.decode
    assert task.show(batch.tokens[0]) == "a b b a <think> 1 8 15 16 <answer> 16"
    assert task.show(blanked[0]) == "a b b a <think> <think> <think> <think> <think> <answer> 16"
    assert decode(batch.text[asked]) == decode(batch.completions()[0])


def test_all_three_arms_train_on_the_same_words_and_are_asked_the_same_new_ones(tmp_path):
    from alchemy.lab.lab import Lab
    from alchemy.progress import Progress

    config, lab = claim.PRESETS["smoke"], Lab(tmp_path, Progress(quiet=True))
    tested = [lab.held_out(task, 16, [3]).problem["word"] for task in (config.chain, config.at_once)]
    np.testing.assert_array_equal(*tested)
    task = config.at_once
    seen = task.identity({"word": config.words(lab, 3)})
    assert not np.isin(task.identity({"word": tested[0]}), seen).any()
    assert claim.SMALL.chain.max_len <= claim.SMALL.model.context


def test_the_picture_has_every_arm():
    [bars] = claim.figures(MEASURED)
    assert bars.groups == [
        "at once,\n1 layer",
        "at once,\n2 layers",
        "blanks,\n1 layer",
        "blanks,\n2 layers",
        "elements,\n1 layer",
    ]
    assert bars.measured["measured"][0].tolist() == [0.1, 0.5, 0.12, 0.9, 0.99]


def test_what_is_said_at_two_places_of_one_text_is_kept_apart():
    kept = []
    lab = SimpleNamespace(
        keep=lambda kind, model, names, shape, tokens, make, label: kept.append((names, shape, tokens))
    )
    runs = SimpleNamespace(names=["one", "other"], model=None)
    texts = np.zeros((2, 5, 9, 1), np.int32)
    for place in (4, 8):
        last_letter.said(lab, runs, texts, np.array([place]), "two places")
    (first, shape, tokens), (second, *_) = kept
    assert len({*first, *second}) == 4 and shape == (5, 1) and tokens == 5 * 4
