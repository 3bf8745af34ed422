"""Every training whose task has chains is measured once, beside what a claim judges."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from alchemy.causal.interventions import intervene
from alchemy.lab.following import following
from alchemy.lab.lab import Lab
from alchemy.learning.config import TrainConfig
from alchemy.learning.data import examples
from alchemy.learning.train import Runs
from alchemy.progress import Progress
from tasks.sums import Sums
from tasks.symbols import Symbols

CONFIG = TrainConfig(steps=4, batch=8, chunk=4)
CHAINED = Symbols(length=(3,), alphabet="ABCDEFGHIJKL")


@pytest.fixture
def lab(tmp_path):
    return Lab(tmp_path, Progress(quiet=True))


def test_shares_of_each_training_add_up_to_one(lab, model):
    lab.train(model, CHAINED, CONFIG, seeds=2, label="pairs")
    lab.train(model, CHAINED, CONFIG, seeds=2, label="asked for again")
    lab.train(model, replace(CHAINED, compositions=("F1",)), CONFIG, seeds=2, label="one step: nothing to edit")
    lab.train(model, replace(CHAINED, length=(2,)), CONFIG, seeds=2, label="18 problems are held out, too few")
    [pairs] = following(lab)
    assert pairs.trained == "pairs"
    rates = np.stack([pairs.follow, pairs.ignore, pairs.neither])
    assert rates.shape == (3, 2)
    np.testing.assert_allclose(rates[:, np.isfinite(rates).all(axis=0)].sum(axis=0), 1)


def test_models_of_labelled_lines_are_measured_if_they_write(lab, model):
    rng = np.random.default_rng(0)
    lines = [examples(CHAINED.sample(rng, 16)) for _ in range(2)]
    lab.train(model, CHAINED, CONFIG, seeds=2, labels=lines, label="verdicts")
    assert not following(lab)
    lab.train(model, CHAINED, CONFIG, seeds=2, labels=lines, writes=True, label="texts")
    assert [row.trained for row in following(lab)] == ["texts"]


def test_lines_are_edited_with_their_chains_where_only_some_have_one(lab, model):
    some, none = Sums(modulus=5, places=5, traced=0.3), Sums(modulus=5, places=5, traced=0.0)
    asked = []
    intervene = lab.intervene
    lab.intervene = lambda runs, task, *args, **how: asked.append(task) or intervene(runs, task, *args, **how)
    lab.train(model, some, CONFIG, seeds=2, label="some with a chain")
    lab.train(model, none, CONFIG, seeds=2, label="a sum at once is no step")
    assert [row.trained for row in following(lab)] == ["some with a chain"]
    assert asked == [replace(some, traced=1.0)]


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


def test_edited_chains_are_shown_by_what_became_of_the_answer(lab):
    n, seeds = 30, 2
    batch = CHAINED.sample(np.random.default_rng(0), n * seeds)
    chains = batch.completions()
    rngs = [np.random.default_rng(seed) for seed in range(seeds)]

    def write(kind, texts):
        """The first seed's model derives its answer from the edited step, the second's takes it from the prompt."""
        prompt = int(batch.prompt_len[0])
        given = np.where(np.arange(chains.shape[1]) < texts[0].shape[2] - prompt, 1, 0)
        edited = np.pad(texts[0][..., prompt:, 0].reshape(n * seeds, -1), ((0, 0), (0, int((given == 0).sum()))))
        derived = CHAINED.follow(batch, np.where(given, edited, chains), 0)
        whole = np.where(np.arange(n * seeds)[:, None] < n, derived, chains)
        return [whole[:, given == 0].reshape(seeds, n, -1)]

    edits = intervene(CHAINED, batch, chains.reshape(seeds, n, -1), "state", rngs, write, (0,))
    runs = Runs(None, CHAINED, {}, (5, 7), ("", ""), None)
    lab.journal.add_edits("scripted", runs, batch, edits)
    [test] = lab.journal.plain()["tests"]
    assert test["label"] == "scripted > step 1 edited"
    seen = {name: {row["seed"] for row in rows} for name, rows in test["outcomes"].items()}
    assert seen == {"answer follows the edit": {5}, "answer as before the edit": {7}}
    for name, mark in {"answer follows the edit": "follows", "answer as before the edit": "wrong after"}.items():
        for row in test["outcomes"][name]:
            assert row["steps"][0][1] == "wrong" and row["steps"][0][0] != row["gold"][0]
            assert row["steps"][-1][1] == mark
