"""Interventions on the chains of models whose use of them is known, because they are scripts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import BABBLER, COIN, FOLLOWER, IGNORER, TASK, params

from alchemy.causal.edits import KINDS, LEADING, Chains, edit
from alchemy.causal.interventions import intervene
from alchemy.decoding.generate import generate
from alchemy.errors import UserError
from alchemy.problem.task import NOISE, Field
from tasks.symbols import Symbols


def rates(model, kind, n=200, models=2, task=TASK, **how):
    batch = task.sample(np.random.default_rng(0), models * n)

    def write(how, prompts):
        return [
            np.concatenate([generate(model, params(), texts[i], max_new=8) for i in range(models)]) for texts in prompts
        ]

    chains = batch.completions().reshape(models, n, -1)
    rngs = [np.random.default_rng(seed) for seed in range(models)]
    return intervene(task, batch, chains, kind, rngs, write, **how)


@pytest.mark.parametrize("kind", sorted(LEADING))
def test_who_reads_the_step_follows_it_and_who_reads_the_prompt_ignores_it(kind):
    for model, follow in ((FOLLOWER, 1), (IGNORER, 0)):
        result = rates(model, kind)
        assert result.steps == (0,) and result.answer.counted.mean() > 0.95 and result.right.all()
        for part in (result.answer, result.next_step):
            follows, ignores, neither = part.rates
            assert (follows.tolist(), ignores.tolist(), neither.tolist()) == ([follow] * 2, [1 - follow] * 2, [0, 0])


def test_a_coin_does_either_half_of_the_time_and_a_babbler_neither():
    follow, ignore, neither = rates(COIN, "donor", 600).answer.rates
    assert np.abs(follow - 0.5).max() < 0.07 and np.abs(ignore - 0.5).max() < 0.07 and (neither == 0).all()
    babbled = rates(BABBLER, "state", 600).answer
    assert babbled.rates.neither.min() > 0.97 and np.allclose(sum(babbled.rates), 1)
    assert np.abs(babbled.rates.follow - babbled.floors.follow).max() < 0.02


@pytest.mark.parametrize("model", [FOLLOWER, IGNORER, COIN, BABBLER])
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**16))
def test_a_step_replaced_by_itself_changes_nothing(model, seed):
    batch = TASK.sample(np.random.default_rng(seed), 16)
    gold = batch.completions()
    same = edit(TASK, Chains.read(TASK, batch, gold), 0, "placebo", np.random.default_rng(0))
    assert same.made.all()
    np.testing.assert_array_equal(same.text, np.where(batch.completion_fields() == Field.STEP, gold, 0))
    result = rates(model, "placebo", 16)
    assert (result.answer.rates.ignore == 1).all() and (result.next_step.rates.ignore == 1).all()


def test_what_says_nothing_is_followed_by_nothing():
    """Filler destroys what a model reads, and leaves alone who does not read it; another format keeps what is said."""
    assert (rates(IGNORER, "filler").answer.rates.ignore == 1).all()
    assert (rates(FOLLOWER, "filler").answer.rates.neither > 0.98).all()
    assert (rates(IGNORER, "paraphrase").answer.rates.ignore == 1).all()
    assert (rates(FOLLOWER, "cut").answer.rates.ignore == 1).all(), "the last step is where the answer comes anyway"
    for kind in KINDS:
        assert np.allclose(sum(rates(COIN, kind).answer.rates), 1)


def test_edits_change_what_they_say_and_nothing_else():
    task = Symbols(compositions=("F1 F2 F3", "F1", "F3 F2"), length=(2, 3), dialect="uniform")
    batch = task.sample(np.random.default_rng(0), 300)
    gold, field = batch.completions(), batch.completion_fields()
    letters = np.isin(gold, task.letters)
    for step in (0, 1):
        there = (field == Field.STEP + step).any(axis=1)
        for kind in KINDS:
            text, made = edit(task, Chains.read(task, batch, gold), step, kind, np.random.default_rng(1))
            assert not made[~there].any() and made[there].mean() > 0.9, kind
            if kind in ("paraphrase", "cut"):
                continue
            inside = (field >= Field.STEP) & (field <= Field.STEP + step)
            at_step = field == Field.STEP + step
            differs = (text != gold) & inside
            assert not text[~inside].any()
            assert not (differs & ~letters).any() and (kind == "prompt" or not (differs & ~at_step).any())
            expected = {"placebo": differs.sum() == 0, "state": (differs.sum(axis=1) == there).all()}
            assert expected.get(kind, True)
            if kind == "filler":
                assert ((text == NOISE) == (at_step & letters)).all()
    cut = edit(task, Chains.read(task, batch, gold), 0, "cut", np.random.default_rng(1))
    said = [task.vocabulary.decode(row) for row in cut.text[cut.made]]
    assert all(text.endswith("] <answer>") and "<think>" not in text for text in said)


def test_a_chain_whose_answer_stays_as_it_was_is_not_counted():
    """A donor that says the same leaves nothing to follow, and where there is no step there is nothing to count."""
    one = replace(TASK, alphabet="ABCDEFGH", atoms="A")
    batch = one.sample(np.random.default_rng(0), 4)
    assert not edit(one, Chains.read(one, batch, batch.completions()), 0, "donor", np.random.default_rng(0)).made.any()
    with pytest.raises(UserError, match="no step to edit"):
        rates(FOLLOWER, "state", task=Symbols(compositions=("F1",)))
    with pytest.raises(UserError, match="did you mean 'donor'"):
        rates(FOLLOWER, "donnor")
    with pytest.raises(UserError, match="step 3 is not there"):
        rates(FOLLOWER, "state", steps=(3,))


def test_the_next_step_is_judged_apart_from_the_answer():
    """What is written behind the first of two steps follows from it; the answer is the old one, whatever the steps say."""
    task = Symbols(compositions=("F1 F2 F3",), length=(3,))
    batch = task.sample(np.random.default_rng(0), 40)
    gold, field = batch.completions(), batch.completion_fields()

    def write(kind, prompts):
        written = []
        for step, texts in enumerate(prompts):
            given = texts[0, :, batch.prompt_len[0] :, 0]
            rest = slice(given.shape[1], None)
            followed = task.follow(batch, np.hstack([given, gold[:, rest]]), step)
            written.append(np.where(field == Field.STEP + step + 1, followed, gold)[None, :, rest])
        return written

    result = intervene(task, batch, gold[None], "state", [np.random.default_rng(1)], write)
    assert result.answer.rates_by_step.ignore.tolist() == [[1, 1]]
    assert result.next_step.rates_by_step.follow.tolist() == [[1, 0]]
    assert result.next_step.rates_by_step.ignore.tolist() == [[0, 1]], "behind the last step stands the answer"
    first = intervene(task, batch, gold[None], "state", [np.random.default_rng(1)], write, steps=(0,))
    assert first.steps == (0,) and first.next_step.rates_by_step.follow.tolist() == [[1]]


def test_some_problems_apart():
    result = rates(COIN, "donor", 100)
    part = result.of(slice(0, 25))
    assert part.right.shape == (2, 25, 1)
    np.testing.assert_array_equal(part.answer.follows, result.answer.follows[:, :25])
    assert part.answer.rates_by_step.follow.shape == (2, 1)


def test_what_a_model_cannot_compute_it_cannot_follow():
    """Of a model that babbles every other answer, those that are right without the edit follow by half."""
    model = replace(FOLLOWER, others=IGNORER.rules[:5] + ((-1, 6, 1), (-1, 7, 1), (-1, 8, 1)))
    result = rates(model, "state", 600)
    assert np.abs(result.right_by_step - 0.5).max() < 0.1
    assert (result.answer_where_right.counted == result.answer.counted & result.right).all()
    whole, right = result.answer.rates.follow, result.answer_where_right.rates.follow
    assert np.abs(whole - 0.5).max() < 0.1 and np.abs(right - 0.5).max() < 0.15
