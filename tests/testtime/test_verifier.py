"""Learned verifiers: labels where they belong, nothing read that comes later, and good told from bad."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alchemy.decoding.generate import Drawn
from alchemy.errors import UserError
from alchemy.lab import verifiers
from alchemy.lab.lab import Lab
from alchemy.learning.config import TrainConfig
from alchemy.learning.data import (
    Examples,
    Finite,
    examples,
    joined,
)
from alchemy.learning.train import train
from alchemy.problem.split import Split
from alchemy.problem.task import EOS, PAD
from alchemy.progress import Progress
from alchemy.testtime import learned_verifier
from alchemy.testtime.answers import Samples
from models.transformer import Transformer
from tasks.connectivity import Connectivity
from tasks.symbols import Symbols

CONFIG = TrainConfig(steps=8, batch=8, chunk=4)
LETTERS = Symbols(length=(2,), alphabet="ABCDEFGH", compositions=("F1 F2 F1",))
BRIDGES = Connectivity(trace="path")
every_task = pytest.mark.parametrize("task", [LETTERS, BRIDGES], ids=["symbols", "connectivity"])


def new_lab(root):
    return Lab(root, Progress(quiet=True))


def two_seeds(model):
    """Fresh parameters with a seed axis."""
    return jax.jit(jax.vmap(lambda seed: model.init(jax.random.key(seed))))(np.arange(2))


def of_each_seed(model):
    """Logits (s, n, t, v) of the same text by parameters with a seed axis."""
    return jax.jit(jax.vmap(model.apply, (0, None)))


def gold(task, n=6, part="test"):
    batch = Split().sample(task, np.random.default_rng(0), n, part)
    return batch, batch.completions()


def corrupted(task, n, part, seed=0, extra=0):
    """Gold completions, half of them with another token of the same kind in one place of the answer: Samples (1, n, 1, m)."""
    batch, written = gold(task, n, part)
    rng = np.random.default_rng(seed)
    place = (written == EOS).argmax(axis=1) - 1
    rows = np.flatnonzero(rng.random(n) < 0.5)
    first = int(task.letters[0]) if isinstance(task, Symbols) else task.step_delimiters[0]
    old = written[rows, place[rows]]
    size = len(task.vocabulary) - first
    written[rows, place[rows]] = first + (old - first + rng.integers(1, size, len(rows))) % size
    written = np.pad(written, ((0, 0), (0, extra)))
    return Samples(task, batch, written[None, :, None])


def test_labels_of_bridges_by_hand():
    """A path whose third node hangs in the air, one that decides wrongly, and one that is right and goes on after its end."""
    batch, written = gold(BRIDGES, 3)
    node, decide = BRIDGES.step_delimiters[0], BRIDGES.vocabulary.index["decision"]
    written = np.pad(written, ((0, 0), (0, 3)))
    ended = (written == EOS).argmax(axis=1)
    away = batch.problem["targets"][0, 1 - batch.problem["right"][0]] + node
    written[0, 2] = away
    written[1, ended[1] - 1] = batch.problem["targets"][1, 1 - batch.problem["right"][1]] + node
    written[2, ended[2] + 1] = decide
    good, bad = len(BRIDGES.vocabulary), len(BRIDGES.vocabulary) + 1
    samples = Samples(BRIDGES, batch, written[None, :, None])
    outcome, process = learned_verifier.labelled(samples, "outcome"), learned_verifier.labelled(samples, "process")
    for labels in (outcome, process):
        assert labels.tokens.max() < good, "no verdict is ever read"
        for row, length in enumerate(batch.prompt_len):
            line = labels.tokens[row, length : length + ended[row] + 1, 0]
            np.testing.assert_array_equal(line, written[row, : ended[row] + 1])
            assert (labels.tokens[row, length + ended[row] + 1 :] == PAD).all()
            assert np.isin(labels.target[row], (good, bad)).tolist() == labels.weight[row].tolist()
    behind = batch.prompt_len + ended + 1
    assert (outcome.weight.sum(axis=1) == 1).all() and outcome.weight[np.arange(3), behind].all()
    assert outcome.target[np.arange(3), behind].tolist() == [good, bad, good], "the answer alone, whatever led to it"
    verdicts = [process.target[row][process.weight[row]].tolist() for row in range(3)]
    nodes = ended - 2
    assert verdicts[0] == [good, good, *[bad] * nodes[0]]
    assert verdicts[1] == [*[good] * nodes[1], bad, bad]
    assert verdicts[2] == [good] * (nodes[2] + 2)
    places = [np.flatnonzero(process.weight[row]) - batch.prompt_len[row] - 1 for row in range(3)]
    assert places[2].tolist() == [*range(nodes[2]), nodes[2] + 1, nodes[2] + 2], (
        "nodes, the decision, the end; not its mark"
    )


def test_labels_of_letters_by_hand():
    batch, written = gold(LETTERS, 2)
    mark, first = LETTERS.step_delimiters[1], int(LETTERS.letters[0])
    at = np.flatnonzero(written[0] == mark)[0]
    written[0, at - 2] = first + (written[0, at - 2] - first + 1) % 8
    process = learned_verifier.labelled(Samples(LETTERS, batch, written[None, :, None]), "process")
    good, bad = len(LETTERS.vocabulary), len(LETTERS.vocabulary) + 1
    assert process.target[0][process.weight[0]].tolist() == [good, bad, bad]
    assert process.target[1][process.weight[1]].tolist() == [good, good, good]


@every_task
def test_what_has_no_end_is_judged_where_it_breaks_off(task):
    batch, written = gold(task, 2)
    written[0, 2:] = PAD
    written[1] = PAD
    due = learned_verifier.ends(task, written, "outcome")
    assert np.flatnonzero(due[0]).tolist() == [1] and not due[1].any()
    assert learned_verifier.labelled(Samples(task, batch, written[None, :, None]), "outcome").weight.sum() == 1
    assert not learned_verifier.ends(task, written[:, :0], "process").any()


@every_task
def test_scores_of_a_token_are_those_of_a_plain_reading_and_know_nothing_later(task):
    batch, written = gold(task, 5)
    model = Transformer(
        len(task.vocabulary) + 2, width=16, layers=2, heads=2, context=96, block="llama", positions="rotary"
    )
    params = two_seeds(model)
    other = written.copy()
    other[:, 3:] = np.where(other[:, 3:] > 2, 4, other[:, 3:])
    pool = np.stack([np.stack([written, other], axis=1)] * 2)
    odds = learned_verifier.log_odds(model, params, batch.prompts(), pool, rows=4)
    assert odds.shape == pool.shape and odds.dtype == np.float32
    np.testing.assert_array_equal(odds[:, :, 0, :3], odds[:, :, 1, :3])
    assert (odds[:, :, 0, 3] != odds[:, :, 1, 3]).any()
    logits = np.asarray(of_each_seed(model)(params, learned_verifier.lines(batch, written)))
    read = logits[:, np.arange(5), batch.prompt_len + 1]  # behind the second token
    np.testing.assert_allclose(odds[:, :, 0, 1], read[..., -2] - read[..., -1], atol=1e-4)


@pytest.mark.parametrize("kind", ["outcome", "process"])
def test_good_is_told_from_bad(kind, tmp_path):
    """On held-out problems, after training on others."""
    task = Symbols(length=(2,), alphabet="ABCDEFGHIJ", compositions=("F1 F1",))
    model = Transformer(width=32, layers=2, heads=2, context=24, tied=False)
    config = TrainConfig(steps=150, batch=64, chunk=50)
    lab = new_lab(tmp_path)
    labels = [learned_verifier.labelled(corrupted(task, 4000, "train"), kind)]
    verifier = learned_verifier.Verifier(lab.train(model, task, config, seeds=1, labels=labels), kind)
    test = corrupted(task, 200, "test", seed=1)
    scores = verifiers.score_samples(lab, verifier, test)[0, :, 0]
    scores = scores if kind == "outcome" else learned_verifier.aggregated(scores, "last")
    right = task.verify(test.batch, test.completions[0, :, 0]).answer
    above = (scores[right][:, None] > scores[~right]).mean()
    assert 50 < right.sum() < 150 and above > 0.9


def test_targets_that_are_the_tokens_change_no_bit(task, model):
    batch = Split().distinct(task, np.random.default_rng(0), 24, "train")
    plain = examples(batch)
    named = plain._replace(target=batch.text.copy())
    without_targets, with_targets = (train(model, Finite(rows, (0,)), CONFIG, seeds=(0,)) for rows in (plain, named))
    for left, right in zip(jax.tree.leaves(without_targets), jax.tree.leaves(with_targets), strict=True):
        np.testing.assert_array_equal(left, right)
    swapped = named._replace(target=np.where(named.weight, 3, named.target))
    assert (train(model, Finite(swapped, (0,)), CONFIG, seeds=(0,)).losses != without_targets.losses).any()


def test_sets_are_joined_at_the_longest_width():
    sets = [
        Examples(np.ones((2, 3, 1), np.int32), np.ones((2, 3), bool)),
        Examples(np.ones((1, 5, 1), np.int32), np.ones((1, 5), bool)),
    ]
    whole = joined(sets)
    assert whole.tokens.shape == (3, 5, 1) and whole.weight.sum() == 11 and whole.target is None


def test_a_verifier_is_fitted_to_what_its_policy_writes(model, task, tmp_path):
    lab = new_lab(tmp_path)
    policy = lab.train(model, task, CONFIG, seeds=2)
    verifier = verifiers.fit(lab, policy, CONFIG, problems=12, samples=2, max_new=6)
    assert verifier.runs.model.vocabulary == len(task.vocabulary) + 2 and verifier.runs.key["start"] == policy.key
    old, new = policy.trained.params["token"]["embedding"], verifier.runs.trained.params["token"]["embedding"]
    assert new.shape[1] == old.shape[1] + 2
    pool = lab.sample(policy, task, 7, 3, max_new=6)
    scores = verifiers.score_samples(lab, verifier, pool)
    assert scores.shape == (2, 7, 3) and not np.isnan(scores).any()
    spent = lab.flops
    again = new_lab(tmp_path)
    refitted = verifiers.fit(
        again, again.train(model, task, CONFIG, seeds=2), CONFIG, problems=12, samples=2, max_new=6
    )
    np.testing.assert_array_equal(
        verifiers.score_samples(again, refitted, again.sample(policy, task, 7, 3, max_new=6)), scores
    )
    assert again.flops == spent and again.seconds == pytest.approx(lab.seconds)
    with pytest.raises(UserError, match="2 verifiers for the completions of 1 models"):
        verifiers.score_samples(lab, verifier, pool._replace(completions=pool.completions[:1]))


def test_every_seed_needs_labels_of_its_own(model, task, tmp_path):
    label = learned_verifier.labelled(corrupted(task, 6, "train"), "outcome")
    with pytest.raises(UserError, match="1 training sets for 2 seeds"):
        new_lab(tmp_path).train(model, task, CONFIG, seeds=2, labels=[label])


def test_weights_of_the_policy_are_kept_where_they_were(model, task):
    small = two_seeds(model)
    wide = Transformer(len(task.vocabulary) + 2, width=16, layers=1, heads=2, context=24)
    widened = learned_verifier.widened(small, two_seeds(wide))
    size = len(task.vocabulary)
    np.testing.assert_array_equal(widened["token"]["embedding"][:, :size], small["token"]["embedding"])
    text = task.sample(np.random.default_rng(0), 3).tokens
    of_policy, of_verifier = of_each_seed(model)(small, text), of_each_seed(wide)(widened, text)
    np.testing.assert_allclose(of_policy, of_verifier[..., :size], atol=1e-5)


def test_roll_outs_label_a_step_by_where_it_leads(monkeypatch):
    """A policy that always writes the gold rest: before the mistake all is well, behind it nothing is."""
    batch, written = gold(LETTERS, 4)
    right = written.copy()
    mark = LETTERS.step_delimiters[1]
    at = (written == mark).argmax(axis=1)
    first = int(LETTERS.letters[0])
    written[:2, at[0] - 2] = first + (written[:2, at[0] - 2] - first + 1) % 8

    calls = []

    def write(_, __, prompts, *, samples, max_new, seed):
        calls.append((prompts.shape[1], max_new, seed))
        rest = np.zeros((1, len(prompts), samples, max_new), np.int32)
        for row, prompt in enumerate(prompts[..., 0]):
            place = next(i for i in range(4) if (batch.prompts()[i, :, 0] == prompt[: batch.prompt_len[i]]).all())
            done = int((prompt != PAD).sum()) - batch.prompt_len[place]
            clean = (prompt[batch.prompt_len[place] :][:done] == right[place, :done]).all()
            gold_rest = right[place, done:][:max_new]
            rest[0, row, -1, : len(gold_rest)] = gold_rest if clean else 3
        return Drawn(rest, np.zeros(rest.shape[:3]))

    monkeypatch.setattr(learned_verifier, "draw", write)
    model = Transformer(len(LETTERS.vocabulary), width=16, layers=1, heads=2, context=48)
    labels = learned_verifier.rolled_out(model, None, Samples(LETTERS, batch, written[None, :, None]), 2)
    due = learned_verifier.ends(LETTERS, written, "process")
    assert [labels[row][due[row]].tolist() for row in range(4)] == [[1, 0, 1], [1, 0, 1], [1, 1, 1], [1, 1, 1]]
    cut, m = np.isin(written, LETTERS.step_delimiters), written.shape[1]
    longest = int((batch.prompt_len + m - cut[:, ::-1].argmax(axis=1)).max())
    tight = Transformer(len(LETTERS.vocabulary), width=16, layers=1, heads=2, context=longest + 3)
    learned_verifier.rolled_out(tight, None, Samples(LETTERS, batch, written[None, :, None]), 1, seed=7)
    assert calls == [(longest, m, 0), (longest, 3, 7)], "as long as completions are, if the context has room"


def test_roll_outs_are_kept(model, task, tmp_path):
    lab = new_lab(tmp_path)
    policy = lab.train(model, task, CONFIG, seeds=2)
    how = {"kind": "process", "problems": 6, "max_new": 6, "rollouts": 2, "fresh": True}
    verifier = verifiers.fit(lab, policy, CONFIG, **how)
    assert verifier.runs.key["start"] is None
    again = new_lab(tmp_path)
    assert verifiers.fit(again, policy, CONFIG, **how).runs.names == verifier.runs.names and again.seconds > 0
    assert verifiers.score_samples(lab, verifier, lab.sample(policy, task, 7, 3, max_new=6)).shape[:3] == (2, 7, 3)


def test_steps_come_to_one_score():
    steps = np.array([[0.0, np.nan, np.nan, np.nan], [2.0, -1.0, 4.0, np.nan], [np.nan] * 4])
    for how, expected in (("last", [0, 4]), ("min", [0, -1]), ("mean", [0.5, None]), ("product", [np.log(0.5), None])):
        scores = learned_verifier.aggregated(steps, how)
        assert scores[0] == pytest.approx(expected[0]) and scores[2] == -np.inf
        assert expected[1] is None or scores[1] == expected[1]
    p = 1 / (1 + np.exp(-steps[1, :3]))
    assert learned_verifier.aggregated(steps, "mean")[1] == pytest.approx(p.mean())
    assert learned_verifier.aggregated(steps, "product")[1] == pytest.approx(np.log(p.prod()))
    with pytest.raises(UserError, match="'lest' is unknown; did you mean 'last'"):
        learned_verifier.aggregated(steps, "lest")


@given(st.integers(0, 1000))
def test_verdicts_move_to_the_left_in_order(seed):
    rng = np.random.default_rng(seed)
    due, odds = rng.random((4, 7)) < 0.4, rng.normal(size=(4, 7)).astype(np.float32)
    steps = learned_verifier.by_step(odds, due)
    for row in range(4):
        np.testing.assert_array_equal(steps[row][~np.isnan(steps[row])], odds[row][due[row]])
