"""Verifiers that compare: what they learn from, what they say of pairs, and that both are done once."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from alchemy.errors import UserError
from alchemy.lab import pair_verifiers
from alchemy.lab.lab import Lab
from alchemy.learning.config import TrainConfig
from alchemy.learning.train import drawn
from alchemy.problem.split import Split
from alchemy.problem.task import EOS, PAD
from alchemy.progress import Progress
from alchemy.testtime import pair_verifier
from alchemy.testtime.answers import Samples
from alchemy.testtime.pair_verifier import Pairs
from alchemy.testtime.thinking_verifier import Format, thoughts
from models.transformer import Transformer
from tasks.symbols import Symbols

LETTERS = Symbols(length=(2,), alphabet="ABCDEFGH", compositions=("F1 F2 F1",), rotate=1)
MODEL = Transformer(width=16, layers=1, heads=2, context=64, positions="rotary", tied=False)
QUESTION = "A C [F1] [F2] [F1] <think>"
GOLD = "B D [F2] [F1] <think> D B [F1] <answer> E C </s>"
CONFIG = TrainConfig(steps=6, batch=8, chunk=3)


def rng():
    return np.random.default_rng(0)


def encoded(*texts):
    rows = [[LETTERS.vocabulary.index[symbol] for symbol in text.split()] for text in texts]
    width = max(map(len, rows))
    return np.array([row + [PAD] * (width - len(row)) for row in rows], np.int32)


def spelled(tokens):
    symbols = [*LETTERS.vocabulary.symbols, "+", "-"]
    return " ".join(symbols[token] for token in tokens if token != PAD)


def learned_from(thought, shows, first, second, better):
    """The line and what is asked of it, as texts; a dot where nothing is."""
    batch = LETTERS.write(LETTERS.parse(QUESTION))
    pairs = Pairs(batch, encoded(first), encoded(second), np.array([better]))
    lines = pair_verifier.labelled(LETTERS, pairs, Format(thought, shows), rng())
    told = np.where(lines.weight[0], lines.target[0], LETTERS.vocabulary.index["[F3]"])
    length = int((lines.tokens[0, :, 0] != PAD).sum())
    return spelled(lines.tokens[0, :, 0]), spelled(told[: length + 1]).replace("[F3]", ".")


def test_lines_of_letters_by_hand():
    wrong = "B D [F2] [F1] <think> A B [F1] <answer> D A </s>"
    prompt, all_good, bad = ". . . . . .", ". + + . . . + + . . + +", "+ + . . . - + . . - -"
    line, told = learned_from("none", "chain", GOLD, wrong, True)
    assert (line, told) == (f"{QUESTION} {GOLD} {wrong}", f"{prompt} {all_good} + {bad} +")
    line, told = learned_from("own", "chain", wrong, GOLD, False)
    assert line == f"{QUESTION} {GOLD} {wrong} {GOLD}"
    assert told == f"{prompt} {GOLD} . {bad} - {all_good[2:]} -", (
        "behind the end of the second: the first is not the better one"
    )
    line, told = learned_from("none", "answer", "B D [F2] [F1] <think> D B [F1]", GOLD, False)
    assert line == f"{QUESTION} </s> <answer> E C </s>", "one that breaks off has an end, which is not good"
    assert told == f"{prompt} . - . + + -"


def test_pairs_have_one_good_completion_each():
    batch = Split().sample(LETTERS, rng(), 60, "train")
    gold = batch.completions()
    texts = np.repeat(gold[:, None], 4, axis=1)
    wrong = rng().random((60, 4)) < 0.5
    letter, first = (gold[0] == EOS).argmax() - 1, LETTERS.letters[0]
    texts[..., letter] = np.where(wrong, first + (texts[..., letter] - first + 1) % 8, texts[..., letter])
    pairs = pair_verifier.pairs_of(Samples(LETTERS, batch, texts[None]), "chain", rng())
    mixed = wrong.any(axis=1) & ~wrong.all(axis=1)
    np.testing.assert_array_equal(pairs.batch.tokens, batch.tokens[mixed])
    judged = [LETTERS.verify(pairs.batch, text) for text in (pairs.first, pairs.second)]
    np.testing.assert_array_equal(judged[0].answer, pairs.better)
    np.testing.assert_array_equal(judged[1].answer, ~pairs.better)
    assert 0.25 < pairs.better.mean() < 0.75
    with pytest.raises(UserError, match="none of 60 problems has a good completion and another one among 2"):
        pair_verifier.pairs_of(Samples(LETTERS, batch, np.repeat(gold[None, :, None], 2, axis=2)), "chain", rng())


def test_a_scripted_verifier_is_believed(monkeypatch):
    """One that likes the first the more, the later its second letter in the alphabet is than that of the other."""
    batch = LETTERS.write(LETTERS.parse(QUESTION))
    texts = encoded("A C </s>", "A H </s>", "A E", "A D </s>")
    thought = np.array([[[5, EOS], [EOS, PAD]]], np.int32)

    def odds(model, params, prompts, completions, *, whole):
        assert whole and completions.shape[:3] == (1, 2, 6)
        assert [spelled(row) for row in completions[0, 0]][1:3] == ["A C </s> A E </s>", "A C </s> A D </s>"]
        said = np.full(completions.shape, 99, np.float32)
        for prompt, row in enumerate(completions[0]):
            for pair, tokens in enumerate(row):
                length = (tokens != PAD).sum()
                said[0, prompt, pair, length - 1] = (tokens[1] - tokens[4]) * (1 + prompt)
        return said

    monkeypatch.setattr(pair_verifier, "log_odds", odds)
    better = pair_verifier.read(MODEL, None, LETTERS, batch, thought, texts[None], Format("none"))
    place = np.array([2, 7, 4, 3])
    for number in range(2):
        expected = 1 / (1 + np.exp(-(1 + number) * (place[:, None] - place).astype(float)))
        np.testing.assert_allclose(better[0, :, :, number], expected, rtol=1e-5)
    alone = pair_verifier.read(MODEL, None, LETTERS, batch, thought, texts[None, :1], Format("none"))
    assert alone.tolist() == [[[[0.5, 0.5]]]]


def test_pairs_are_read_as_they_are_learned():
    """The verdict is read where the line has it, behind both texts and the thought."""
    model = Transformer(len(LETTERS.vocabulary) + 2, width=16, layers=1, heads=2, context=64, positions="rotary")
    params = drawn(model, jax.vmap(jax.random.key)(np.arange(1)))
    batch = LETTERS.sample(rng(), 3)
    first, second = batch.completions(), batch.completions()
    second[:, 5] = second[:, 6]
    form = Format("filler")
    lines = pair_verifier.labelled(LETTERS, Pairs(batch, first, second, np.ones(3, bool)), form, rng())
    logits = np.asarray(model.apply(jax.tree.map(lambda leaf: leaf[0], params), lines.tokens))
    last = (lines.tokens[..., 0] != PAD).sum(axis=1) - 1
    good = len(LETTERS.vocabulary)
    odds = logits[np.arange(3), last, good] - logits[np.arange(3), last, good + 1]
    thought = thoughts(LETTERS, batch, form.thought, rng())[:, None]
    said = pair_verifier.read(model, params, LETTERS, batch, thought, np.stack([first, second], axis=1), form)
    np.testing.assert_allclose(said[:, 0, 1, 0], 1 / (1 + np.exp(-odds)), atol=1e-4)


def test_verifiers_are_trained_and_asked_once(tmp_path):
    def pool(seed):
        batch = Split().sample(LETTERS, np.random.default_rng(seed), 12, "train")
        texts = np.repeat(batch.completions()[:, None], 2, axis=1)
        texts[:, 1, 5] = texts[:, 1, 6] - (texts[:, 1, 6] > LETTERS.letters[0]) + (texts[:, 1, 6] == LETTERS.letters[0])
        return Samples(LETTERS, batch, texts[None])

    def judged(lab):
        policy = lab.train(MODEL, LETTERS, CONFIG, seeds=2)
        verifier = pair_verifiers.fit_to(lab, policy, CONFIG, [pool(0), pool(1)], form=Format())
        samples = lab.sample(policy, LETTERS, 3, 3, max_new=12)
        return verifier, samples, pair_verifiers.compare_samples(lab, verifier, samples, thoughts=2, temperature=1.0)

    lab, again = (Lab(tmp_path, Progress(quiet=True)) for _ in range(2))
    verifier, _, said = judged(lab)
    assert verifier.runs.model.vocabulary == len(LETTERS.vocabulary) + 2
    assert said.better.shape == (2, 3, 3, 3, 2) and (said.tokens >= 2).all()
    np.testing.assert_allclose(said.better + said.better.swapaxes(2, 3), 1, atol=1e-6)
    for left, right in zip(said, judged(again)[2], strict=True):
        np.testing.assert_array_equal(left, right)
    assert again.flops == lab.flops and again.seconds == pytest.approx(lab.seconds)
    with pytest.raises(UserError, match="seed 0: none of 12 problems has a good completion and another one"):
        alike = pool(0)._replace(completions=pool(0).completions[:, :, :1])
        pair_verifiers.fit_to(lab, verifier.runs, CONFIG, [alike, alike], form=Format())
