"""Verifiers that check chains step by step: what they learn from, what they write, and what their marks say."""

from __future__ import annotations

from functools import cache

import jax
import numpy as np
import pytest

from alchemy.errors import UserError
from alchemy.lab import step_verifiers, verifiers
from alchemy.lab.lab import Lab
from alchemy.learning.config import TrainConfig
from alchemy.learning.kept import Kept
from alchemy.learning.train import drawn
from alchemy.problem.task import EOS, PAD
from alchemy.progress import Progress
from alchemy.testtime import step_verifier
from alchemy.testtime.answers import Samples
from alchemy.testtime.learned_verifier import log_likelihood
from models.transformer import Transformer
from tasks.connectivity import Connectivity
from tasks.groups import Groups
from tasks.modular import Modular
from tasks.symbols import Symbols

LETTERS = Symbols(length=(2,), alphabet="ABCDEFGH", compositions=("F1 F2 F1",), rotate=1)
TASKS = {
    "symbols": LETTERS,
    "mixed symbols": Symbols(length=(1, 3), alphabet="ABCDE", compositions=("F1", "F2 F1"), dialect="uniform"),
    "modular": Modular(),
    "groups": Groups("Z60", 5),
}
QUESTION = "A C [F1] [F2] [F1] <think>"
SLIPPED = "B D [F2] [F1] <think> A B [F1] <answer> E C </s>"
"""The second step should say D B; F1 of A B is B C, and of D B what the answer says."""


def of_text(task, question, text):
    """A problem, and a completion int32 (1, m) spelled out."""
    index = {symbol: token for token, symbol in enumerate(task.vocabulary.symbols)}
    return task.write(task.parse(question)), np.array([[index[word] for word in text.split()]], np.int32)


def spelled(tokens):
    symbols = [*LETTERS.vocabulary.symbols, "+", "-"]
    return " ".join(symbols[token] for token in tokens if token != PAD)


def lines_of(text, writes):
    """A line to learn from, and what is asked of it, with a dot where nothing is."""
    lines = step_verifier.labelled(LETTERS, *of_text(LETTERS, QUESTION, text), writes=writes)
    asked = [
        spelled([token]) if counts else "." for token, counts in zip(lines.target[0], lines.weight[0], strict=True)
    ]
    length = int((lines.tokens[0, :, 0] != PAD).sum())
    return spelled(lines.tokens[0, :, 0]), " ".join(asked[: length + 1])


def test_lines_by_hand():
    """Marks are local: the answer is the right one, and does not follow from the step before it."""
    own = ("B D [F2] [F1] <think>", "D B [F1] <answer>", "B C </s>")
    shown = ("B D [F2] [F1] <think>", "A B [F1] <answer>", "E C </s>")
    marks = (". + + . .", ". - + .", ". - + -")  # each one token behind its letter
    line, told = lines_of(SLIPPED, writes=True)
    assert line == " ".join([QUESTION, *(part for pair in zip(own, shown, strict=True) for part in pair)])
    learned = " ".join(part for pair in zip(own, marks, strict=True) for part in pair)
    assert told == f". . . . . . {learned}"
    line, told = lines_of(SLIPPED, writes=False)
    assert (line, told) == (f"{QUESTION} {SLIPPED}", ". . . . . . . + + . . . - + . . - + -")


def test_what_breaks_off_is_checked_as_far_as_it_goes():
    line, told = lines_of("B D [F2] [F1] <think> D", writes=True)
    assert line == f"{QUESTION} B D [F2] [F1] <think> B D [F2] [F1] <think> D B [F1] <answer> D"
    assert told == f"{'. ' * 6}B D [F2] [F1] <think> . + + . . D B [F1] <answer> . +"


def letters_changed(task, n, seed=0):
    """Right completions, half of them with another letter in one place: (batch, int32 (n, m))."""
    random = np.random.default_rng(seed)
    batch = task.sample(random, n)
    text = batch.completions()
    for row in np.flatnonzero(random.random(n) < 0.5):
        place = random.choice(np.flatnonzero(np.isin(text[row], task.state_tokens)))
        text[row, place] = random.choice([token for token in task.state_tokens if token != text[row, place]])
    return batch, text


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_a_chain_whose_letters_all_follow_is_a_right_one(task):
    batch, text = letters_changed(task, 40)
    lines = step_verifier.labelled(task, batch, text, writes=False)
    bad = lines.weight & (lines.target == len(task.vocabulary) + 1)
    good = lines.weight & (lines.target == len(task.vocabulary))
    judged = task.verify(batch, text)
    right = judged.answer & judged.trace
    assert 0 < right.sum() < len(right)
    np.testing.assert_array_equal(~bad.any(axis=1), right)
    assert ((good | bad).sum(axis=1) == (np.isin(text, task.state_tokens) | (text == EOS)).sum(axis=1)).all()


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_steps_end_to_end_are_the_completion(task):
    _, text = letters_changed(task, 10)
    steps = step_verifier.in_steps(task, text)
    for row, completion in zip(steps, text, strict=True):
        assert [token for step in row for token in step if token != PAD] == [
            token for token in completion if token != PAD
        ]
    assert steps.shape[1] == np.isin(text, task.step_delimiters).sum(axis=1).max() + 1


@cache
def fresh():
    """A verifier of letters that was not trained, one seed."""
    model = Transformer(len(LETTERS.vocabulary) + 2, width=16, layers=1, heads=2, context=64, positions="rotary")
    return model, drawn(model, jax.vmap(jax.random.key)(np.arange(1)))


def logits_behind(tokens):
    """Of the fresh verifier, behind each token of one line: float (t, v)."""
    model, params = fresh()
    whole = np.zeros((1, model.context, 1), np.int32)
    whole[0, : len(tokens), 0] = tokens
    return np.asarray(Kept(model.apply, model)(jax.tree.map(lambda leaf: np.asarray(leaf)[0], params), whole))[0]


@pytest.mark.parametrize("writes", [True, False])
def test_what_is_checked_is_what_a_plain_loop_says(writes):
    """Token by token: the likeliest next one until a step ends or is as long as the shown one, then the shown step is read."""
    batch, completions = letters_changed(LETTERS, 6, seed=3)
    completions[5, 7:] = PAD
    said = step_verifier.check(*fresh(), LETTERS, batch, completions[:, None], writes=writes)
    good = len(LETTERS.vocabulary)
    for row, text in enumerate(completions):
        line, score, written, step = batch.prompts()[row, :, 0].tolist(), 0.0, 0, []
        for place, token in enumerate(text):
            if token == PAD:
                break
            if place == 0 or text[place - 1] in LETTERS.step_delimiters:
                longest, step = 5, []
                while writes and len(step) < longest and (not step or step[-1] not in (*LETTERS.step_delimiters, EOS)):
                    logits = logits_behind(line)[len(line) - 1].copy()
                    logits[PAD] = -np.inf
                    step.append(int(logits.argmax()))
                    line.append(step[-1])
                written += len(step)
            line.append(int(token))
            if token in LETTERS.state_tokens or token == EOS:
                odds = logits_behind(line)[len(line) - 1]
                score -= np.logaddexp(0, odds[good + 1] - odds[good])
        assert said.tokens[row, 0] == written
        assert said.marks[row, 0] == pytest.approx(score, abs=1e-3)


def test_an_empty_completion_is_not_believed():
    batch, text = of_text(LETTERS, QUESTION, SLIPPED)
    both = np.stack([text, np.zeros_like(text)], axis=1)
    said = step_verifier.check(*fresh(), LETTERS, batch, both, writes=True)
    assert np.isneginf(said.marks).tolist() == [[False, True]] and said.tokens[0, 1] == 0


def test_a_likelihood_is_that_of_a_plain_reading():
    """The sum of the log-probabilities of the tokens up to the end, two completions of each of two problems."""
    batch, completions = letters_changed(LETTERS, 4, seed=1)
    completions[1, 9:] = PAD
    prompts = batch.prompts()[::2]
    said = log_likelihood(*fresh(), prompts, completions.reshape(1, 2, 2, -1))
    for row, text in enumerate(completions):
        text = [token for token in text if token != PAD]
        line = [*prompts[row // 2, :, 0], *text]
        logits = logits_behind(line)[len(line) - len(text) - 1 : len(line) - 1].astype(float)
        each = logits[np.arange(len(text)), text] - np.log(np.exp(logits).sum(axis=1))
        assert said.reshape(-1)[row] == pytest.approx(each.sum(), abs=1e-3)


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (Connectivity(trace="none"), "Connectivity has no steps that say a state"),
        (TASKS["groups"], "steps of Groups end in a state"),
    ],
    ids=["connectivity", "groups"],
)
def test_tasks_whose_steps_cannot_be_checked_are_named(task, message):
    batch = task.sample(np.random.default_rng(0), 2)
    with pytest.raises(UserError, match=message):
        step_verifier.labelled(task, batch, batch.completions(), writes=True)


def test_wrong_steps_are_told_from_right_ones_at_the_lab(tmp_path):
    """Held-out chains, half of them with a wrong letter, after a training of seconds; a likelihood tells them apart, too."""
    task = Symbols(length=(2,), alphabet="ABCDEFGHIJ", compositions=("F1 F1",), dialect="uniform")
    model = Transformer(block="llama", positions="rotary", tied=False, width=32, layers=2, heads=2, context=64)
    lab = Lab(tmp_path, Progress(quiet=True))
    recipe = TrainConfig(steps=200, batch=32, optimizer="muon", learning_rate=6e-3)
    policy = lab.train(model, task, recipe, seeds=1)
    batch, text = letters_changed(task, 6400)
    verifier = step_verifiers.fit_to(lab, policy, recipe, [Samples(task, batch, text[None, :, None])], writes=True)
    batch, text = letters_changed(task, 200, seed=9)
    asked = Samples(task, batch, text[None, :, None])
    right = asked.verify().answer[0, :, 0] & asked.verify().trace[0, :, 0]
    said = step_verifiers.check_samples(lab, verifier, asked)
    assert said.tokens.shape == (1, 200, 1) and (said.tokens == 7).mean() > 0.9, "as many as the chain has"
    for score in (said.marks[0, :, 0], verifiers.likelihoods(lab, policy, asked)[0, :, 0]):
        assert (score[right][:, None] > score[~right]).mean() > 0.95
