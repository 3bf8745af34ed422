"""Hops by layer: that each check can fail, and that what is exchanged and read off is where it should be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from alchemy.causal.readout import Readout
from alchemy.lab.lab import Lab
from alchemy.progress import Progress
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


def test_answers_are_lost_where_the_activation_at_the_place_after_a_hop_is_exchanged(tmp_path, monkeypatch):
    """Whoever loses an answer by the exchange of one token alone loses it at the place that stands for that token."""
    config = replace(claim.PRESETS["smoke"], seeds=2)
    lab = Lab(tmp_path, Progress(quiet=True))
    how = replace(config.hops, seeds=2)
    runs = claim.trained(how, lab, how.at_once, config.layers, "models")
    changed = []

    def read(model, params, texts, places, changes, source, progress):
        """Lose the answers of texts whose letter after one hop is exchanged."""
        t = texts.shape[3]
        words = [[one_hop(config.asked.show(text[0, :, 0]).split()) for text in own] for own in texts]
        lost = changes.residual_at[:, config.layers - 1][:, np.array(words)]  # (m, s, n)
        assert changes.residual_at[0].sum() == 0 and (changes.residual_at[1:].sum(axis=(1, 2)) == 1).all()
        assert (source != texts).any() and t == places[0] + 1
        changed.append(lost)
        written = ~lost.swapaxes(0, 1)[..., None]
        return Readout(written[..., None], written[..., None].astype(np.float32))

    monkeypatch.setattr(claim, "read_out", read)
    right, stays = claim.answers_kept(config, lab, runs)
    assert changed and (right == 1).all()
    np.testing.assert_array_equal(stays, [[0.0, 1.0]] * 2)


def one_hop(words):
    """The place in a line `2 B A C ... answer` that one hop from the last letter leads to."""
    last = len(words) - 2
    before = max(place for place in range(1, last) if words[place] == words[last])
    return before + 1
