"""Which letters are probed, and where from."""

from __future__ import annotations

import numpy as np
import pytest

from alchemy.causal.probes import Probe
from experiments.trace.compositions import SMOKE, Setting
from experiments.trace.just_in_time import LAGS, by_lag, letters


def test_letters_of_all_states_but_the_first_are_probed() -> None:
    task = Setting(many=SMOKE["many"]).task("many", 0)
    batch = task.sample(np.random.default_rng(0), 3)
    symbols = task.show(batch.tokens[0]).split()
    written = [place for place in letters(task, batch) if symbols[place] in task.alphabet]
    last_think, answer = len(symbols) - 1 - symbols[::-1].index("<think>"), symbols.index("<answer>")
    assert written == [*range(last_think + 1, last_think + 5), *range(answer + 1, answer + 5)]


def test_each_letter_is_read_at_its_own_positions_before() -> None:
    t, places = 30, np.array([9, 24])
    accuracy = np.zeros((1, 2, t))
    accuracy[0, 1, 8], accuracy[0, 1, 23], accuracy[0, 0, 22] = 1.0, 0.5, 0.25
    flat = np.full((1, t), 0.125)
    probe = Probe(accuracy, np.zeros((1, 2, t)), np.zeros((1, 2, t)), flat, flat / 2)
    measured = by_lag([probe, probe], places, np.float64(1))
    assert measured.decoded[:2] == pytest.approx([0.75, 0.125]) and not measured.decoded[2:].any()
    assert measured.text == pytest.approx(np.full(len(LAGS), 0.125))
