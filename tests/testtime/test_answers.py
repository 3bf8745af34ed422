"""Answers of several models to problems of their own: what is said of all at once is what is said of each by itself."""

from __future__ import annotations

import numpy as np
import pytest

from alchemy.problem import floors
from alchemy.problem.task import PAD
from alchemy.scoring import metrics
from alchemy.testtime.answers import Answers, Samples, trimmed
from alchemy.testtime.bank import fill
from tasks.symbols import Symbols

TASK = Symbols(length=(2,), alphabet="ABCDEFGH")
SEEDS, N = 2, 3
BATCH = TASK.sample(np.random.default_rng(0), SEEDS * N)
GOLD = BATCH.completions()
RIGHT = [[True, True, False], [False, False, True]]
TRACE = [[True, False, True], [False, False, True]]


def written():
    """Of the first seed all right, a step wrong, an answer wrong; of the second both wrong, nothing written, all right."""
    texts, letters = GOLD.copy(), TASK.letters
    step, answer = 0, GOLD.shape[1] - 2
    for row, place in ((1, step), (2, answer), (3, step), (3, answer)):
        texts[row, place] = letters[(np.flatnonzero(letters == texts[row, place])[0] + 1) % len(letters)]
    texts[4] = PAD
    return texts


ANSWERS = Answers(TASK, BATCH, written().reshape(SEEDS, N, -1))


def test_verdicts_of_each_answer():
    assert ANSWERS.seeds == SEEDS
    assert ANSWERS.judgement.answer.tolist() == RIGHT and ANSWERS.judgement.trace.tolist() == TRACE
    np.testing.assert_array_equal(ANSWERS.values("answer"), RIGHT)
    np.testing.assert_array_equal(ANSWERS.values("trace"), TRACE)
    assert ANSWERS.values("unfaithful").tolist() == [[0, 1, 0], [0, 0, 0]]
    np.testing.assert_allclose(ANSWERS.mean("answer"), [2 / 3, 1 / 3])


@pytest.mark.parametrize("part", metrics.PARTS)
def test_texts_are_compared_each_with_its_own_gold_text(part):
    decode, split = TASK.vocabulary.decode, TASK.text_format.split_answer

    def texts(rows):
        whole = [decode(row) for row in rows]
        return whole if part == "full" else [split(text)[part == "answer"] for text in whole]

    predicted, gold = texts(written()), texts(GOLD)
    for name in ("exact_match", "edit_distance"):
        scores = [
            float(getattr(metrics, name)([left], [right])[0]) for left, right in zip(predicted, gold, strict=True)
        ]
        np.testing.assert_allclose(ANSWERS.values(name, part), np.reshape(scores, (SEEDS, N)))
    assert ANSWERS.values("exact_match")[0].tolist() == [1, 0, 0]
    by_seed = [metrics.corpus_bleu(predicted[at : at + N], gold[at : at + N]) for at in (0, N)]
    np.testing.assert_allclose(ANSWERS.corpus_bleu(part), by_seed)


def test_floors_are_the_means_of_each_seeds_guesses():
    trained = Symbols(length=(2,), alphabet="ABCDEFGH", compositions=("F1 F1",))
    guesses = floors.guesses(TASK, BATCH, np.random.default_rng(0), trained)
    assert guesses.keys() == ANSWERS.floors(trained).keys() == {"chance", "copy", "replay"}
    for name, scores in ANSWERS.floors(trained).items():
        assert scores.keys() == {f"{metric} {part}" for metric in ("exact", "distance") for part in metrics.PARTS}
        texts = TASK.vocabulary.decode_all(guesses[name]), TASK.vocabulary.decode_all(GOLD)
        for key, metric in (("exact", metrics.exact_match), ("distance", metrics.edit_distance)):
            np.testing.assert_allclose(scores[f"{key} full"], metric(*texts).reshape(SEEDS, N).mean(axis=1))
    assert ANSWERS.floors().keys() == {"chance", "copy"}


SAMPLES = Samples(TASK, BATCH, np.stack([written(), GOLD], axis=1).reshape(SEEDS, N, 2, -1))


def test_samples_lie_beside_their_problems():
    judged = SAMPLES.verify()
    np.testing.assert_array_equal(judged.answer, np.stack([RIGHT, np.ones((SEEDS, N))], axis=2))
    np.testing.assert_array_equal(judged.trace, np.stack([TRACE, np.ones((SEEDS, N))], axis=2))
    np.testing.assert_array_equal(SAMPLES.prompts().reshape(SEEDS * N, -1), BATCH.prompts()[..., 0])
    batch, completions = SAMPLES.flat()
    np.testing.assert_array_equal(batch.completions(), np.repeat(GOLD, 2, axis=0))
    np.testing.assert_array_equal(completions[::2], written())
    np.testing.assert_array_equal(completions[1::2], GOLD)


@pytest.mark.parametrize("problems", [slice(1, None), np.array([2, 0])], ids=["slice", "places"])
def test_some_problems_of_each_seed(problems):
    part, rows = SAMPLES.of(problems), np.arange(SEEDS * N).reshape(SEEDS, N)[:, problems]
    assert part.completions.shape[:3] == (SEEDS, rows.shape[1], 2)
    np.testing.assert_array_equal(part.verify().answer, SAMPLES.verify().answer[:, problems])
    np.testing.assert_array_equal(part.batch.completions(), GOLD[rows.ravel()])


def test_columns_of_padding_alone_are_cut():
    rows = np.array([[5, 6, 7, 0, 0], [3, 0, 0, 0, 0]])
    assert trimmed(rows).tolist() == [[5, 6, 7], [3, 0, 0]]
    both = np.stack([rows, rows + 1], axis=2)
    np.testing.assert_array_equal(trimmed(both), both[:, :3], "the first id of a position tells")
    assert trimmed(np.zeros((2, 3), int)).shape == (2, 0)


def test_a_bank_has_what_was_written_and_what_the_oracle_says():
    logprob = np.random.default_rng(0).random((SEEDS, N, 2), np.float32)
    bank, judged = fill(SAMPLES, logprob, 77), SAMPLES.verify()
    assert bank.shape == (SEEDS, N, 2) and bank.parameters == 77 and bank.scores == {}
    for field, values in (("right", judged.answer), ("trace", judged.trace), ("first_wrong", judged.first_wrong_step)):
        np.testing.assert_array_equal(getattr(bank, field), values)
    np.testing.assert_array_equal(bank.logprob, logprob)
    length = (GOLD != PAD).sum(axis=1).reshape(SEEDS, N)
    assert (bank.tokens[..., 1] == length).all() and bank.tokens[1, 1, 0] == 0
    assert (bank.prompt == BATCH.prompt_len.reshape(SEEDS, N)).all()
    same = bank.answer[..., 0] == bank.answer[..., 1]
    np.testing.assert_array_equal(same, RIGHT)
    assert bank.answer[1, 1, 0] == -1
    for name, values in TASK.features(BATCH.problem).items():
        np.testing.assert_array_equal(bank.facts[name], values.reshape(SEEDS, N, *values.shape[1:]))
