"""Models measured at several steps of training: the last is what they answer in the end, and the best is chosen blindly."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from alchemy.errors import UserError
from alchemy.lab.checkpoints import Checkpoints, seen, watching
from alchemy.lab.lab import Lab
from alchemy.learning.config import TrainConfig
from alchemy.progress import Progress
from models.transformer import Transformer
from tasks.sums import Sums

TESTS = {f"{digits} digits": Sums(4, digits, traced=0.0) for digits in (4, 5)}
MODEL = Transformer(width=16, layers=1, heads=2, context=32, positions="none", tied=False)
CONFIG = TrainConfig(steps=90, batch=32, chunk=30, optimizer="muon")


def test_the_last_step_is_what_trained_models_answer_and_a_second_lab_sees_the_same(tmp_path):
    lab = Lab(tmp_path, Progress(quiet=True), first_seed=5)
    watch = watching(lab, MODEL, TESTS, 10)
    runs = lab.train(MODEL, TESTS["4 digits"], CONFIG, seeds=2, watch=watch)
    found = seen(lab, runs, [*TESTS], 10)
    assert found.steps == (30, 60, 90) and found.reported.shape == found.selected.shape == (2, 3, 2)
    for place, task in enumerate(TESTS.values()):
        answers = lab.answer(runs, task, 20)
        right = answers.values("answer") * answers.values("trace")
        np.testing.assert_allclose(found.selected[:, -1, place], right[:, :10].mean(axis=1))
        np.testing.assert_allclose(found.last[:, place], right[:, 10:].mean(axis=1))
    assert (found.reported > 0).any(), "some guesses are right, or the test says little"
    other = Lab(tmp_path, Progress(quiet=True), first_seed=5)
    again = other.train(MODEL, TESTS["4 digits"], CONFIG, seeds=2, watch=watching(other, MODEL, TESTS, 10))
    np.testing.assert_array_equal(seen(other, again, [*TESTS], 10).reported, found.reported)
    with pytest.raises(UserError, match="while other tests than 4 digits were watched"):
        seen(lab, runs, ["4 digits"], 10)
    with pytest.raises(UserError, match="were watched; expected another folder"):
        seen(lab, runs, [*TESTS], 11)
    alone = lab.train(MODEL, TESTS["4 digits"], replace(CONFIG, steps=30), seeds=1)
    with pytest.raises(UserError, match="were watched"):
        seen(lab, alone, [*TESTS], 10)


def test_the_best_step_is_chosen_on_one_half_and_reported_on_the_other():
    selected = np.array([[[0.2, 0.5], [0.9, 0.5], [0.4, 0.5]]])
    reported = np.array([[[0.3, 0.9], [0.6, 0.8], [0.5, 0.1]]])
    found = Checkpoints((1, 2, 3), selected, reported)
    assert found.best.tolist() == [[0.6, 0.1]], "of equal steps the last"
    assert found.last.tolist() == [[0.5, 0.1]]
    np.testing.assert_allclose(found.erosion, [[0.1, 0.0]])


def test_chance_alone_is_no_erosion():
    """Every step of a thousand models is as good as any other."""
    rng = np.random.default_rng(0)
    halves = rng.binomial(50, 0.5, (2, 1000, 8, 1)) / 50
    found = Checkpoints(tuple(range(8)), *halves)
    assert abs(found.erosion.mean()) < 0.01
    assert (found.selected.max(axis=1) - found.selected[:, -1]).mean() > 0.05, (
        "chosen and reported on the same it would be"
    )
