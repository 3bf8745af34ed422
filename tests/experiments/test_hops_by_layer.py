"""Hops by layer: that each check can fail, and that what is exchanged and read off is where it should be."""

from __future__ import annotations

import numpy as np
import pytest

from alchemy.report.claim import judge
from alchemy.stats.verdict import Verdict
from experiments.theory import hops_by_layer as claim
from experiments.theory.hops_by_layer import Measured

SEEDS = 10
TEXT = (0.2, 0.35, 0.2, 0.25)
"""What the text says of the letters after one to four hops."""
HELD = {2: (1.0, 0.35, 0.3, 0.25), 3: (1.0, 1.0, 0.9, 0.3), 4: (1.0, 1.0, 1.0, 1.0)}
"""What is read off behind each layer."""


def measured(right=1.0, **changes):
    layers = [TEXT, TEXT, *(changes.get(f"layer_{layer}", held) for layer, held in HELD.items())]
    decoded = np.tile(np.array(layers, float), (SEEDS, 1, 1))
    return Measured(np.full(SEEDS, right), decoded, np.tile(TEXT, (SEEDS, 1)), np.ones((SEEDS, 4)))


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, Verdict.HOLDS),
        ({"layer_2": (0.8, 0.35, 0.3, 0.25)}, Verdict.FAILS),
        ({"layer_2": (1.0, 0.6, 0.3, 0.25)}, Verdict.FAILS),
        ({"layer_3": (1.0, 0.8, 0.3, 0.3)}, Verdict.FAILS),
        ({"layer_3": (1.0, 1.0, 0.9, 0.5)}, Verdict.FAILS),
        ({"right": 0.5}, Verdict.UNDECIDED),
    ],
)
def test_each_check_can_fail(changes, verdict):
    assert judge(claim.CLAIM, claim.check(measured(**changes))).verdict == verdict
