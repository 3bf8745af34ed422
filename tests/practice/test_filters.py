"""What is kept of lines that were written, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from alchemy.practice.filters import behind, kept
from alchemy.problem.task import EOS, PAD, Batch, Field
from alchemy.testtime.answers import Samples
from tasks.multiplication import Multiplication


@pytest.fixture
def written(task):
    """Gold lines of three problems; with another first step; cut short; and one letter too long: samples (1, 3, 4, m)."""
    batch = task.sample(np.random.default_rng(0), 3)
    gold = np.pad(batch.completions(), ((0, 0), (0, 1)))
    step = (batch.completion_fields() == Field.STEP).argmax(axis=1)
    wrong = gold.copy()
    for row, place in enumerate(step):
        wrong[row, place] = next(letter for letter in task.letters if letter != gold[row, place])
    end = (gold == EOS).argmax(axis=1)
    cut = np.where(np.arange(gold.shape[1]) < end[:, None] - 1, gold, PAD)
    longer = gold.copy()
    longer[np.arange(3), end] = task.letters[0]
    longer[np.arange(3), end + 1] = EOS
    return Samples(task, batch, np.stack([gold, wrong, cut, longer], axis=1)[None])


@pytest.mark.parametrize(
    ("keep", "columns"), [("all", [0, 1, 2, 3]), ("length", [0, 1]), ("answer", [0, 1]), ("exact", [0])]
)
def test_filters(written, keep, columns):
    lines = kept([written], keep)
    expected = written.completions[0][:, columns].reshape(-1, written.completions.shape[3])
    np.testing.assert_array_equal(lines.completions()[:, : expected.shape[1]], expected)
    prompts = np.repeat(written.batch.prompts(), len(columns), axis=0)
    np.testing.assert_array_equal(lines.prompts(), prompts)


def test_votes(task):
    """Three voters on four problems: all agree, two agree, each says another thing, two agree on something else."""
    batch = task.sample(np.random.default_rng(0), 4)
    gold = batch.completions()

    def other(row, letter):
        text = gold[row].copy()
        text[0] = task.letters[letter]
        return text

    first, second, third = gold.copy(), gold.copy(), gold.copy()
    third[1] = other(1, 0)
    first[2], second[2], third[2] = (other(2, letter) for letter in range(3))
    first[3] = second[3] = other(3, 4)
    voters = [Samples(task, batch, texts[None, :, None]) for texts in (first, second, third)]
    for agree, problems in ((1, [0, 1, 2, 3]), (2, [0, 1, 3]), (3, [0])):
        lines = kept(voters, "vote", agree)
        np.testing.assert_array_equal(lines.completions(), first[problems])  # of a tie the first voter's
        np.testing.assert_array_equal(lines.prompts(), batch.prompts()[problems])


def test_a_model_votes_with_itself(task):
    """Three samples of each of three problems: two are the same, all differ, all are the same."""
    batch = task.sample(np.random.default_rng(0), 3)
    texts = np.repeat(batch.completions()[:, None], 3, axis=1)
    texts[0, 0, 0] = texts[1, 1, 0] = task.letters[0]
    texts[1, 2, 0] = task.letters[1]
    written = Samples(task, batch, texts[None])
    np.testing.assert_array_equal(kept([written], "vote", 2).completions(), texts[[0, 2], 1])
    np.testing.assert_array_equal(kept([written], "vote", 3).completions(), texts[[2], 0])


def test_a_line_goes_on_right_behind_its_prompt():
    """Prompts of two and of four tokens."""
    tokens = np.array([[5, 6, 9, 9], [5, 6, 7, 8]], np.int32)[..., None]
    batch = Batch(tokens, np.array([2, 4], np.int32), np.zeros((2, 4), np.int8), {})
    lines = behind(batch, np.array([[3, 4, EOS], [4, 4, EOS]], np.int32))
    np.testing.assert_array_equal(lines.text, [[5, 6, 3, 4, EOS, PAD, PAD], [5, 6, 7, 8, 4, 4, EOS]])
    np.testing.assert_array_equal(lines.completions(), [[3, 4, EOS, PAD, PAD], [4, 4, EOS, PAD, PAD]])
    assert lines.field.shape == lines.text.shape


def test_other_ids_of_a_position_stay_with_the_prompt():
    task = Multiplication()
    batch = task.sample(np.random.default_rng(0), 4)
    lines = behind(batch, batch.completions())
    np.testing.assert_array_equal(lines.prompts(), batch.prompts())
    np.testing.assert_array_equal(lines.text[:, : batch.text.shape[1]], batch.text)
