"""Every training whose task has chains is measured once, beside what a claim judges."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from alchemy.lab.following import following
from alchemy.lab.lab import Lab
from alchemy.learning.config import TrainConfig
from alchemy.progress import Progress
from tasks.symbols import Symbols

CONFIG = TrainConfig(steps=4, batch=8, chunk=4)
CHAINED = Symbols(length=(3,), alphabet="ABCDEFGHIJKL")


@pytest.fixture
def lab(tmp_path):
    return Lab(tmp_path, Progress(quiet=True))


def test_shares_of_each_training_add_up_to_one(lab, model):
    lab.train(model, CHAINED, CONFIG, seeds=2, label="pairs")
    lab.train(model, CHAINED, CONFIG, seeds=2, label="asked for again")
    lab.train(model, Symbols(compositions=("F1",)), CONFIG, seeds=2, label="one step: nothing to edit")
    lab.train(model, replace(CHAINED, length=(2,)), CONFIG, seeds=2, label="18 problems are held out, too few")
    [pairs] = following(lab)
    assert pairs.trained == "pairs"
    rates = np.stack([pairs.follow, pairs.ignore, pairs.neither])
    assert rates.shape == (3, 2)
    np.testing.assert_allclose(rates[:, np.isfinite(rates).all(axis=0)].sum(axis=0), 1)


def test_trainings_of_a_seed_each_are_shown_together_and_others_apart(lab, model):
    for seed in (3, 4):
        lab.train(model, CHAINED, CONFIG, seeds=(seed,), label=f"own pairs, seed {seed}")
    longer = TrainConfig(steps=8, batch=8, chunk=4)
    lab.train(model, CHAINED, longer, seeds=(3,), label="own pairs, seed 3")
    shown = following(lab)
    assert [(training.trained, len(training.follow)) for training in shown] == [
        ("own pairs", 2),
        ("own pairs (again)", 1),
    ]
