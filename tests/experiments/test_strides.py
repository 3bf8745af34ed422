"""Steps of several letters: what is foretold, that all arms read the same words, and that each check can fail."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from alchemy.lab.lab import Lab
from alchemy.progress import Progress
from alchemy.report.claim import judge
from alchemy.stats.verdict import Verdict
from experiments.theory import strides as claim


def seeds(value):
    return np.full(10, float(value))


def chain(first, right):
    return claim.Chain(seeds(first), seeds(right))


MEASURED = claim.Measured(
    steps=2, at_once=seeds(0.9), short=chain(1.0, 0.95), long=chain(0.95, 0.1), deeper=chain(0.9, 0.8)
)


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, Verdict.HOLDS),
        ({"at_once": seeds(0.75)}, Verdict.FAILS),
        ({"short": chain(1.0, 0.75)}, Verdict.FAILS),
        ({"long": chain(0.95, 0.42)}, Verdict.FAILS),
        ({"long": chain(0.75, 0.42)}, Verdict.UNDECIDED),
        ({"deeper": chain(0.0, 0.0)}, Verdict.HOLDS),
    ],
)
def test_each_check_can_fail_and_the_gate_leaves_that_open_that_rests_on_it(changes, verdict):
    assert judge(claim.CLAIM, claim.check(replace(MEASURED, **changes))).verdict == verdict


def test_two_steps_that_are_right_as_often_as_a_word_are_right_as_often_as_its_square():
    np.testing.assert_allclose(MEASURED.foretold, 0.81)
    assert len(claim.SMALL.chain(claim.SMALL.tested[0]).shown) == 2


@pytest.mark.parametrize("config", claim.PRESETS.values(), ids=claim.PRESETS)
def test_no_training_word_begins_with_a_tested_one_and_every_line_fits(config, tmp_path):
    lab = Lab(tmp_path, Progress(quiet=True))
    config = replace(config, train=replace(config.train, steps=8))
    words, asked = config.words(lab, 3), replace(config.at_once, length=config.tested[0])
    begins = asked.identity({"word": words[:, : asked.length]})
    assert not np.isin(asked.identity(lab.held_out(asked, 8, [3]).problem), begins).any()
    assert config.tested[-1] % config.short == config.tested[-1] % config.tested[0] == 0
    assert max(config.chain(config.short).max_len, config.at_once.max_len) <= config.model.context


def test_the_picture_has_every_arm():
    [bars] = claim.figures(MEASURED)
    assert bars.measured["measured"][0].tolist() == [0.9, 0.95, 0.1, 0.8]
    assert bars.theory["measured"][2:] == pytest.approx([0.81, 0.81])
