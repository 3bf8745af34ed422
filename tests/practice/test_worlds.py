"""Models that learn from episodes: what an environment writes is read, charged and not learned."""

from __future__ import annotations

import json
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from alchemy.cli.main import main
from alchemy.errors import UserError
from alchemy.lab.compare import Comparison
from alchemy.lab.lab import Lab
from alchemy.lab.self_training import SelfTraining, self_training
from alchemy.learning.config import TrainConfig
from alchemy.practice.grpo import GRPO, reinforce, reward
from alchemy.practice.policy import likeliest
from alchemy.problem.task import EOS, PAD
from alchemy.progress import Progress
from alchemy.testtime.answers import Samples
from models.transformer import Transformer
from tasks.search import Search
from tasks.symbols import Symbols

TASK = Search(entities=4, relations=4, hops=(1, 2), budgets=(1, 2), joins="any", announced=False)
MODEL = Transformer(vocabulary=len(TASK.vocabulary), width=16, layers=1, heads=2, context=32)


def reinforced(steps, rewarded, learning_rate=0.03):
    how = GRPO(steps=steps, problems=4, group=8, learning_rate=learning_rate, warmup=0.0)
    init = jax.vmap(MODEL.init)(jax.random.split(jax.random.key(1), 1))
    return reinforce(
        MODEL,
        init,
        how,
        seeds=[7],
        ask=lambda seed, step: TASK.sample(np.random.default_rng([seed, step]), 4),
        rewarded=rewarded,
        room=0,
        world=TASK,
    )


def test_rewards_rise_on_episodes():
    """Paid for requests that begin with an even token, as half of them do by chance."""
    log = reinforced(20, lambda batch, completions: (completions[:, 0] % 2 == 0).astype(float), 0.1).log
    assert log.reward[0, :2].mean() < 0.65 and log.reward[0, -4:].mean() > 0.8


def test_only_what_models_draw_is_learned_and_all_that_is_read_is_charged():
    """Of texts by hand: of each turn of five tokens three are the model's; an answer that is asked for is not, one that is given is."""
    seen = []
    log = reinforced(1, lambda batch, completions: seen.append((batch, completions)) or np.zeros(len(completions))).log
    [(batch, completions)] = seen
    own, told, mark = 0, int(batch.prompt_len[::8].sum()), TASK.vocabulary.index["<answer>"]
    for row, budget in zip(completions.tolist(), batch.problem["budget"], strict=True):
        end = row.index(EOS) + 1
        text, turns = row[:end], 0
        assert not any(row[end:])
        while text and text[0] != mark:
            turn, text, turns = text[:5], text[5:], turns + 1
            own, told = own + len(turn[:3]), told + len(turn[3:])
        assert turns <= budget
        asked = turns == budget
        own, told = own + (0 if asked else len(text[:2])), told + (len(text) if asked else len(text[2:]))
    assert (log.written[0, 0], log.read[0, 0]) == (own, told)
    assert log.ledger(MODEL).prompt[0, 0] == told


def test_the_oracle_rewards_whole_episodes():
    batch = TASK.sample(np.random.default_rng(0), 20)
    assert (
        reward(TASK, "chain")(batch, TASK.solve(batch.problem)) == TASK.verify(batch, TASK.solve(batch.problem)).answer
    ).all()


def test_the_likeliest_chain_is_that_of_whole_passes():
    batch, rng = TASK.sample(np.random.default_rng(0), 6), np.random.default_rng(1)
    gold = TASK.solve(batch.problem)
    changed = TASK.other_state(batch, gold, 0, rng)
    still = np.zeros_like(gold)
    still[:, :3] = [TASK.vocabulary.index["<answer>"], TASK.first_entity, EOS]
    cut = np.where(np.arange(gold.shape[1]) < 4, gold, PAD)
    samples = Samples(TASK, batch, np.stack([changed, gold, cut, still], axis=1)[None])
    params = jax.vmap(MODEL.init)(jax.random.split(jax.random.key(1), 1))
    params = jax.tree.map(lambda leaf: leaf * 20, params)
    lines = likeliest(MODEL, params, samples)
    own, mark = jax.tree.map(lambda leaf: leaf[0], params), TASK.vocabulary.index["<answer>"]
    whole = jax.jit(MODEL.apply)
    for row in range(6):
        right, scores, texts = gold[row, gold[row].tolist().index(mark) + 1], [], []
        for text in samples.completions[0, row].tolist():
            if mark not in text:
                continue
            before = [*batch.prompts()[row, : batch.prompt_len[row], 0].tolist(), *text[: text.index(mark) + 1]]
            padded = np.pad(np.array(before, np.int32), (0, 32 - len(before)))
            logits = whole(own, jnp.asarray(padded)[None, :, None])[0, len(before) - 1].at[PAD].set(-1e30)
            scores.append(float(jax.nn.log_softmax(logits)[right]))
            texts.append([*before, right, EOS])
        best = texts[int(np.argmax(scores))]
        assert lines.text[row, : len(best)].tolist() == best and not lines.text[row, len(best) :].any()
        told = [place % 5 >= 3 for place in range(len(best) - 3 - batch.prompt_len[row])]
        assert lines.told[row, batch.prompt_len[row] :][: len(told)].tolist() == told


def test_answers_of_several_tokens_go_into_no_chain():
    task = Symbols()
    batch = task.sample(np.random.default_rng(0), 2)
    samples = Samples(task, batch, batch.completions()[None, :, None])
    with pytest.raises(UserError, match="not one token"):
        likeliest(MODEL, {}, samples)


@pytest.mark.parametrize("keep", ["likeliest", "all"])
def test_rounds_of_self_training_play_episodes(tmp_path, keep):
    lab = Lab(tmp_path, Progress(True))
    config = TrainConfig(steps=2, batch=8, chunk=2)
    runs = lab.train(MODEL, TASK, config, seeds=1)
    how = SelfTraining(rounds=1, keep=keep, problems=8, samples=3, train=config, gold=4)
    [made] = self_training(lab, runs, how)
    assert made.kept[0] == (1 / 3 if keep == "likeliest" else 1.0)
    [again] = self_training(lab, runs, how)
    assert jax.tree.all(jax.tree.map(np.array_equal, made.runs.trained.params, again.runs.trained.params))


def test_held_out_questions_are_answered_in_episodes(tmp_path):
    """What environments write stands in the texts, whatever a model would have written there, and budgets are kept."""
    lab = Lab(tmp_path, Progress(True))
    runs = lab.train(MODEL, TASK, TrainConfig(steps=2, batch=8, chunk=2), seeds=2)
    answers = lab.answer(runs, TASK, 12)
    again = lab.answer(runs, TASK, 12)
    np.testing.assert_array_equal(answers.completions, again.completions)
    texts = answers.completions.reshape(24, -1)
    worlds, budget = TASK.episodes(answers.batch.problem), answers.batch.problem["budget"]
    turns = 0
    for turn in range(max(TASK.budgets)):
        part = texts[:, 5 * turn : 5 * turn + 5]
        whole = (part != PAD).all(axis=1) & (texts[:, : 5 * turn + 5] != EOS).all(axis=1) & (turn < budget)
        whole &= (texts[:, : 5 * turn + 1 : 5] != TASK.environment.asks).all(axis=1)
        told = TASK.environment.tell(worlds, turn, part[:, :3])
        np.testing.assert_array_equal(part[whole, 3:], told[whole])
        turns += whole.sum()
    assert turns > 0 and (texts == EOS).any(axis=1).all()
    with_none = replace(TASK, budgets=(0,))
    assert (lab.answer(runs, with_none, 4).completions[:, :, 0] == TASK.environment.asks).all()


def test_a_model_is_asked_in_an_episode(tmp_path, capsys):
    """The same text as that of the answer to this question, told by the environment."""
    lab, task = Lab(tmp_path, Progress(True)), replace(TASK, announced=True)
    runs = lab.train(MODEL, task, TrainConfig(steps=2, batch=8, chunk=2), seeds=2)
    answers = lab.answer(runs, task, 4)
    prompt = task.show(answers.batch.tokens[0, : answers.batch.prompt_len[0]])
    assert main(["ask", prompt, "--out", str(tmp_path), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)["seeds"]["0"]
    assert " ".join(step["text"] for step in said) == task.vocabulary.decode(answers.completions[0, 0])


def test_no_bank_is_made_of_a_world(tmp_path):
    lab = Lab(tmp_path, Progress(True))
    runs = lab.train(MODEL, TASK, TrainConfig(steps=2, batch=8, chunk=2), seeds=1)
    for make in (lambda: lab.bank(runs, TASK, 4, 2), lambda: Comparison(lab, runs, TASK, 4, 2)):
        with pytest.raises(UserError, match="Search is a world, and answered in episodes"):
            make()
