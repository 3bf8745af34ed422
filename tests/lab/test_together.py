"""Models of several pieces of work, trained side by side."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from alchemy.errors import UserError
from alchemy.lab.lab import Lab
from alchemy.lab.together import together
from alchemy.learning.config import TrainConfig
from alchemy.progress import Progress
from models.transformer import Transformer
from tasks.symbols import Symbols

MODEL = Transformer(width=16, layers=1, heads=2)
TASKS = [Symbols(compositions=(name,)) for name in ("F1 F2", "F2 F1", "F1 F1")]
CONFIG = TrainConfig(steps=3, batch=4)


def trained(lab: Lab, task: Symbols, seed: int) -> tuple[int, np.ndarray]:
    runs = lab.train(MODEL, task, CONFIG, seeds=(seed,))
    return seed, runs.trained.losses[0]


def test_they_are_those_of_each_alone(tmp_path: Path) -> None:
    works = [partial(trained, task=task, seed=seed) for task in TASKS for seed in (0, 1)]
    alone = Lab(tmp_path / "alone", Progress(quiet=True))
    lab = Lab(tmp_path / "together", Progress(quiet=True))
    for (seed, losses), (same, expected) in zip(together(lab, works), [work(alone) for work in works], strict=True):
        assert seed == same
        np.testing.assert_allclose(losses, expected, rtol=1e-5)
    assert lab.tokens == alone.tokens and lab.flops == alone.flops


def test_what_is_there_is_not_made_again(tmp_path: Path) -> None:
    lab = Lab(tmp_path, Progress(quiet=True))
    first = together(lab, [partial(trained, task=TASKS[0], seed=0)])
    again = together(lab, [partial(trained, task=task, seed=0) for task in TASKS])
    np.testing.assert_array_equal(again[0][1], first[0][1])


def test_a_loss_that_is_no_number_is_told(tmp_path: Path) -> None:
    wild = replace(CONFIG, learning_rate=1e30, clip=0.0)
    lab = Lab(tmp_path, Progress(quiet=True))
    with pytest.raises(UserError, match="is not finite; lower learning_rate"):
        together(lab, [lambda lab: lab.train(MODEL, TASKS[0], wild, seeds=(0,))])
