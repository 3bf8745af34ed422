"""Reasoners at the lab: nothing is made twice, and what is read off is judged by the task."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from alchemy.lab.lab import Lab
from alchemy.lab.reasoners import SEEN, diagnose, fit, reason
from alchemy.lab.stored_models import stored
from alchemy.lab.trainings import Looking, Watch
from alchemy.learning.config import TrainConfig
from alchemy.progress import Progress
from models.recursive import Recursive
from tasks.boards import Boards

TASK = Boards("sudoku", blanks=(4,), solutions=(1, 2))
MODEL = Recursive(width=8, layers=1, inner=1, transitions=1, supervision=2, guide="posterior")
TRAIN = TrainConfig(steps=4, batch=8, chunk=2)


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    return Lab(tmp_path_factory.mktemp("lab"), Progress(quiet=True), first_seed=3)


@pytest.fixture(scope="module")
def runs(lab):
    return fit(lab, MODEL, TASK, TRAIN, seeds=2, limit=16)


def test_models_are_sized_by_the_task_and_kept(lab, runs):
    assert (runs.model.cells, runs.model.values, runs.model.vocabulary) == (16, 4, TASK.board_vocabulary)
    assert runs.trained.losses.shape == (2, 4)
    again = fit(Lab(lab.root, Progress(quiet=True), first_seed=3), MODEL, TASK, TRAIN, seeds=3, limit=16)
    np.testing.assert_array_equal(again.trained.losses[:2], runs.trained.losses)
    assert again.names[:2] == runs.names
    assert not stored(lab.root), "those who write are asked by `alchemy solve`; these do not"
    assert not lab.trainings


def test_models_that_were_taught_something_else_are_others(lab, runs, monkeypatch):
    [as_now] = lab.plan(runs.model, TASK, TRAIN, seeds=[3], loss="board", limit=16).homes
    assert as_now.name == runs.names[0]
    monkeypatch.setattr(Recursive, "taught", ("board", "halt"))  # as before there was a value head
    [before] = lab.plan(runs.model, TASK, TRAIN, seeds=[3], loss="board", limit=16).homes
    assert before.name != as_now.name and before.parent != as_now.parent


def test_trajectories_are_kept_and_judged(lab, runs):
    reasoned = reason(lab, runs, TASK, 5, width=3, depth=4, label="three of four")
    assert reasoned.solution.shape == (2, 5, 3, 4)
    assert reasoned.rollout.filled.shape == (2, 5, 3, 4, 16)
    problem = lab.held_out(TASK, 5, runs.seeds).problem
    given = problem["given"].reshape(2, 5, 1, 1, 16)
    assert ((reasoned.rollout.filled == given) | (given < 0)).all()
    for place in np.ndindex(reasoned.solution.shape):
        one = {name: rows.reshape(2, 5, *rows.shape[1:])[place[:2]][None] for name, rows in problem.items()}
        assert reasoned.solved[place] == (TASK.conflicts(one, reasoned.rollout.filled[place][None])[0] == 0)
    np.testing.assert_array_equal(reasoned.count, TASK.solution_count(problem).reshape(2, 5))
    before = lab.seconds
    other = Lab(lab.root, Progress(quiet=True), first_seed=3)
    again = reason(other, fit(other, MODEL, TASK, TRAIN, seeds=2, limit=16), TASK, 5, width=3, depth=4)
    np.testing.assert_array_equal(again.rollout.filled, reasoned.rollout.filled)
    assert other.seconds > 0 and lab.seconds == before
    [shown] = [test for test in lab.journal.plain()["tests"] if test["label"] == "three of four"]
    one = next(iter(shown["outcomes"].values()))[0]
    assert len(one["steps"]) == 4 and one["picture"].count("<g ") == 4
    assert [step[0] == "solved" for step in one["steps"]] == [step[1] == "ok" for step in one["steps"]]
    narrow = reasoned.part(2, 1)
    assert narrow.solution.shape == (2, 5, 2, 1)
    assert narrow.bill().written[0, 0] == 2


def test_relabelled_copies_come_back_as_boards_of_the_problem(lab, runs):
    reasoned = reason(lab, runs, TASK, 5, width=4, depth=1, relabelled=True)
    given = lab.held_out(TASK, 5, runs.seeds).problem["given"].reshape(2, 5, 1, 1, 16)
    assert ((reasoned.rollout.filled == given) | (given < 0)).all()
    plain = reason(lab, runs, TASK, 5, width=1, depth=1)
    np.testing.assert_array_equal(reasoned.rollout.filled[:, :, :1], plain.rollout.filled)


def test_noise_is_told_by_seed(lab, runs):
    noise = diagnose(lab, runs, TASK, 6)
    assert all(values.shape == (2,) for values in noise)
    assert (noise.divergence >= 0).all() and (noise.prior_size > 0).all()


def test_fresh_boards_at_every_step_without_a_limit(lab):
    runs = fit(lab, MODEL, TASK, TRAIN, seeds=1)
    assert np.isfinite(runs.trained.losses).all()


def test_what_noise_does_while_reasoners_are_trained_is_in_the_journal(lab, runs):
    """At each chunk's end; the last is what the trained models do on the same boards, and a model that was there says it again."""
    again = Lab(lab.root, Progress(quiet=True), first_seed=3)
    fit(again, MODEL, TASK, TRAIN, seeds=2, limit=16)
    curves = again.journal.plain()["watched"]
    assert curves == lab.journal.plain()["watched"] != []
    assert {tuple(curve["steps"]) for curve in curves} == {(2, 4)}
    at_the_end = [[own[-1] for own in curve["losses"]] for curve in curves]
    np.testing.assert_allclose(at_the_end, np.array(diagnose(lab, runs, TASK, SEEN)), atol=1e-4)
    fit(again, replace(MODEL, guide="none"), TASK, TRAIN, seeds=1, limit=16)
    assert again.journal.plain()["watched"] == curves, "nothing is learned of noise where there is none"


def test_what_was_measured_before_an_interruption_is_there_after_it(tmp_path):
    """Looked at twenty times of sixty steps, and at the last; a second process goes on from the state of the first."""
    seen = []

    def measure(params, seeds):
        seen.append(params)
        return np.array([[seed + params, params] for seed in seeds], float)

    for steps in (range(1, 31), range(28, 61)):  # some steps are done again, as their weights were not kept
        look = Looking(Watch(("a", "b"), measure), (7, 8), 60, tmp_path)
        for step in steps:
            look(step, lambda step=step: step)
    first, second = (note["watched"] for note in look.notes)
    assert first["steps"] == second["steps"] == [*range(3, 61, 3)] and len(seen) == 20 + 1
    assert first["values"] == [[7.0 + step, step] for step in first["steps"]]
    assert second["values"][-1] == [68.0, 60.0]
