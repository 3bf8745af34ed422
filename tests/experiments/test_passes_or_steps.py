"""Passes through one layer: how many are enough, which words are asked for, and that each check can fail."""

from __future__ import annotations

from dataclasses import replace
from math import inf

import numpy as np
import pytest

from alchemy.lab.lab import Lab
from alchemy.progress import Progress
from alchemy.report.claim import judge
from alchemy.stats.verdict import Verdict
from experiments.theory import passes_or_steps as claim
from experiments.theory import state_tracking

SEEDS = 10


def measured(short=(0.5, 1.0, 1.0, 1.0), long=(0.1, 0.3, 0.7, 0.8), gate=0.8, chain=0.9):
    right = np.tile(np.stack([short, short, long], axis=1), (SEEDS, 1, 1))
    return claim.Measured((8, 12, 16), (1, 2, 3, 4), right, np.full(SEEDS, gate), np.full(SEEDS, chain))


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, Verdict.HOLDS),
        ({"long": (0.1, 0.6, 0.8, 1.0)}, Verdict.FAILS),  # 2.75 passes, and 1.5 for half the letters
        ({"short": (0.1, 0.3, 0.8, 1.0)}, Verdict.FAILS),
        ({"chain": 0.7}, Verdict.FAILS),
        ({"gate": 0.7}, Verdict.UNDECIDED),
        ({"short": (0.1, 0.2, 0.3, 0.4)}, Verdict.UNDECIDED),  # short words are never right: there is no ratio
    ],
)
def test_each_check_can_fail_and_the_gate_leaves_open_what_rests_on_it(changes, verdict):
    assert judge(claim.CLAIM, claim.check(measured(**changes))).verdict == verdict


def test_passes_that_are_enough_lie_on_the_line_between_whole_ones():
    """Of .5 and 1.0 at one pass and two it is .75 half way; where one is enough it is one, and where none is, none."""
    right = np.array([[0.5, 1.0, 1.0], [0.8, 0.7, 1.0], [0.1, 0.2, 0.3], [0.0, 0.0, 0.75], [0.15, 0.35, 0.85]])
    needed = claim.needed(np.array([1.0, 2.0, 4.0]), right)
    np.testing.assert_allclose(needed, [1.5, 1.0, inf, 4.0, 3.6])


def test_words_and_the_model_passed_once_are_those_of_state_tracking(tmp_path):
    """So that they are trained once."""
    lab, own, other = Lab(tmp_path, Progress(quiet=True)), claim.SMALL, state_tracking.SMALL
    own, other = (replace(config, train=replace(config.train, steps=2)) for config in (own, other))
    np.testing.assert_array_equal(own.words(lab, 3), other.words(lab, 3, other.train))
    assert own.looped(1) == replace(other.model, layers=1) and claim.SMALL.train == state_tracking.SMALL.train
    assert own.at_once == other.at_once("A5")
    assert own.looped(3).passes == 3 and own.looped(3).inject


def test_the_picture_has_a_curve_for_each_length():
    [curves] = claim.figures(measured())
    assert list(curves.measured) == ["8 letters", "12 letters", "16 letters"]
    assert curves.measured["16 letters"][0].tolist() == [0.1, 0.3, 0.7, 0.8]
