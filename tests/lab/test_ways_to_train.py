"""Curricula, self-training and reinforcement at the lab: made once, seed by seed, and told from one another."""

from __future__ import annotations

from dataclasses import replace

import jax
import numpy as np
import pytest

from alchemy.errors import UserError
from alchemy.lab import lab as bench
from alchemy.lab.lab import Lab
from alchemy.lab.self_training import SelfTraining, self_training
from alchemy.learning.config import Stop, TrainConfig
from alchemy.practice.curriculum import Curriculum
from alchemy.practice.filters import as_written, behind
from alchemy.practice.grpo import GRPO
from alchemy.problem.streams import stream
from alchemy.progress import Progress
from experiments.self_training import learn
from models.transformer import Transformer
from tasks.sums import Sums

TASK = Sums(5, 3)
MODEL = Transformer(width=16, layers=1, heads=2, context=24, tied=False)
CONFIG = TrainConfig(steps=4, batch=8, chunk=2)
HOW = SelfTraining(rounds=2, problems=24, keep="all", temperature=1.0, train=CONFIG)


def new_lab(root):
    return Lab(root, Progress(quiet=True))


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """A lab with two models, trained a little."""
    lab = new_lab(tmp_path_factory.mktemp("lab"))
    return lab, lab.train(MODEL, TASK, CONFIG, seeds=2)


@pytest.fixture
def idle(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("this was done before")

    for name in ("train", "train_promoted", "reinforce"):
        monkeypatch.setattr(bench, name, refuse)


def same(left, right):
    jax.tree.map(np.testing.assert_array_equal, left.trained, right.trained)
    assert left.names == right.names


def test_curricula_are_other_trainings(begun):
    lab, _ = begun
    levels = ("places=2", "places=3")
    every = [
        lab.train(MODEL, TASK, CONFIG, seeds=2, curriculum=Curriculum(levels, order)) for order in ("mix", "rising")
    ]
    plain = lab.train(MODEL, TASK, CONFIG, seeds=2, curriculum=Curriculum())
    assert len({runs.names for runs in (*every, plain)}) == 3
    same(plain, begun[1])


def test_a_stage_goes_on_from_the_one_before_and_may_end_sooner(begun):
    """It sees the same lines at all its steps, so that a rule may end it, as it may a training without levels."""
    lab, first = begun
    config = replace(CONFIG, stop=Stop(below=99.0, over=1, cooldown=0))
    stage = Curriculum(("places=2", "places=3"), "last", rehearsal=0.1)
    runs = lab.train(MODEL, TASK, config, seeds=2, curriculum=stage, start=first, stretch=1)
    assert runs.trained.steps().tolist() == [2, 2] and runs.key["start"] == first.key


def test_what_promotes_says_when(begun):
    lab, _ = begun
    curriculum = Curriculum(("places=2", "places=3"), "promote", threshold=0.0, every=2, problems=4)
    runs = lab.train(MODEL, TASK, CONFIG, seeds=2, curriculum=curriculum)
    assert lab.notes(runs) == [{"levels": [0, 1]}] * 2
    same(runs, new_lab(lab.root).train(MODEL, TASK, CONFIG, seeds=2, curriculum=curriculum))


def test_reinforced_models_are_kept(begun, request):
    lab, runs = begun
    how = GRPO(steps=3, problems=4, group=3, kl=0.1)
    before = lab.tokens
    made = lab.reinforce(runs, how)
    log = lab.log(made)
    assert log.reward.shape == (2, 3)
    np.testing.assert_array_equal(log.read, 4 * TASK.shortest_prompt)
    assert lab.tokens - before == log.read.sum() + log.written.sum() + 2 * 3 * 12 * TASK.max_len
    assert made.names != runs.names
    request.getfixturevalue("idle")
    again = new_lab(lab.root)
    same(made, again.reinforce(runs, how))
    with pytest.raises(AssertionError, match="done before"):
        again.reinforce(runs, replace(how, kl=0.2))


def test_rounds_are_those_of_the_claims(begun):
    """Models of the shared piece have the names, which are hashes of all they depend on, and the bits of what claims use."""
    lab, runs = begun
    room = TASK.max_len - TASK.shortest_prompt

    def everything(samples, seed):
        return behind(*samples.flat())

    one, share = learn(lab, runs, CONFIG, 1, everything, problems=24, room=room, context=TASK.longest_prompt + room)
    first, second = self_training(lab, runs, HOW)
    same(first.runs, one)
    np.testing.assert_array_equal(first.kept, share)
    assert first.number == 1 and second.number == 2 and second.runs.names != one.names


def test_a_round_learns_from_what_is_kept_and_from_gold(begun):
    """The set of the second round: its own lines, those of the first, and gold ones of the trained task."""
    lab, runs = begun
    sets = []
    train = lab.train

    def noted(*args, **options):
        sets.append(options["sets"])
        return train(*args, **options)

    lab.train = noted
    try:
        list(
            self_training(lab, runs, replace(HOW, levels=("places=3", "places=4"), gold=5, earlier=True, onward=False))
        )
    finally:
        lab.train = train
    assert [len(lines.tokens) for lines in sets[1]] == [24 + 24 + 5] * 2
    for seed, lines in zip(runs.seeds, sets[1], strict=True):
        gold = lab.split.sample(TASK, stream("gold beside what is kept", seed, 2, 0), 5, "train")
        np.testing.assert_array_equal(lines.text[-5:, : gold.text.shape[1]], gold.text)
        digits = (lines.text[:, :6] == TASK.vocabulary.index["<think>"]).argmax(axis=1)
        assert digits.tolist() == [4] * 24 + [3] * 24 + [3] * 5


def test_a_seed_with_nothing_to_learn_from_stays(begun, monkeypatch):
    lab, runs = begun
    from alchemy.lab import self_training as module

    def only_first(group, keep, agree):
        rows = np.ones(24, bool) if group[0].batch is written[0].batch else np.zeros(24, bool)
        return as_written(group[0], rows)

    written = lab.practise(runs, TASK, 24, 1, max_new=TASK.max_len - TASK.shortest_prompt)
    monkeypatch.setattr(lab, "practise", lambda *_, **__: written)
    monkeypatch.setattr(module, "kept", only_first)
    [after] = self_training(lab, runs, replace(HOW, rounds=1))
    assert after.kept.tolist() == [1.0, 0.0] and np.isnan(after.right[1])
    assert after.runs.names[1] == runs.names[1] and after.runs.names[0] != runs.names[0]
    for now, before in zip(*map(jax.tree.leaves, (after.runs.trained.params, runs.trained.params)), strict=True):
        np.testing.assert_array_equal(now[1], before[1])


def test_voters_are_given_the_same_problems(begun):
    lab, runs = begun
    apart = lab.practise(runs, TASK, 8, 7)
    first, second = lab.practise(runs, TASK, 8, 7, together=2)
    np.testing.assert_array_equal(first.batch.tokens, second.batch.tokens)
    np.testing.assert_array_equal(first.batch.tokens, apart[0].batch.tokens)
    assert (apart[0].batch.tokens != apart[1].batch.tokens).any()
    [one] = self_training(lab, runs, replace(HOW, rounds=1, keep="vote", voters=2, agree=1))
    assert one.kept.tolist() == [1, 1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"keep": "exat"}, "filter 'exat' is unknown; did you mean 'exact'"),
        ({"rounds": 0}, "rounds must be at least 1, not 0"),
        ({"voters": 3}, "3 voters, but the filter is 'exact'"),
        ({"keep": "vote", "voters": 2, "agree": 3}, "agree 3 is more than the 2 texts that voters write to a problem"),
    ],
)
def test_what_cannot_be(options, message):
    with pytest.raises(UserError, match=message):
        SelfTraining(**options)


def test_what_cannot_be_together(begun):
    lab, runs = begun
    with pytest.raises(UserError, match="2 seeds cannot be divided into groups of 3 voters"):
        next(self_training(lab, runs, replace(HOW, keep="vote", voters=3, agree=2)))
    with pytest.raises(UserError, match="a curriculum has fresh lines"):
        lab.train(MODEL, TASK, CONFIG, seeds=1, limit=8, curriculum=Curriculum(("places=2",)))
