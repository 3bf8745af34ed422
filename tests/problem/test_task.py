"""Batches and verdicts of a few tokens, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from alchemy.problem import gold
from alchemy.problem.task import EOS, PAD, Batch, Field, Vocabulary

A, B, C, MARK = 3, 4, 5, 6
END, STEP, ANSWER, NONE = Field.END, Field.STEP, Field.ANSWER, Field.PADDING
LINES = Batch(
    np.array([[A, B, C, C, EOS], [A, C, MARK, B, EOS], [C, B, EOS, PAD, PAD]], np.int32)[..., None],
    np.array([3, 1, 1], np.int32),
    np.array([[0, 0, 1, ANSWER, END], [0, STEP, ANSWER, ANSWER, END], [0, ANSWER, END, NONE, NONE]], np.int8),
    {"number": np.arange(3)},
)


def test_prompts_and_what_stands_behind_them():
    assert LINES.prompts()[..., 0].tolist() == [[A, B, C], [A, PAD, PAD], [C, PAD, PAD]]
    behind = [[C, EOS, PAD, PAD], [C, MARK, B, EOS], [B, EOS, PAD, PAD]]
    field = [[ANSWER, END, NONE, NONE], [STEP, ANSWER, ANSWER, END], [ANSWER, END, NONE, NONE]]
    assert LINES.completions().tolist() == behind and LINES.completions().dtype == np.int32
    assert LINES.completion_fields().tolist() == field and LINES.completion_fields().dtype == np.int8
    two = LINES.rows(np.array([2, 0]))
    assert two.problem["number"].tolist() == [2, 0] and two.completions().tolist() == [behind[2], behind[0]]
    nobody = LINES.rows(slice(0))
    assert nobody.prompts().shape == (0, 0, 1) and nobody.completions().shape == (0, 5)


@pytest.mark.parametrize(("mark", "direct"), [(MARK, [True, False, True]), (gold.NO_MARK, [True, False, True])])
def test_how_gold_lines_are_read(mark, direct):
    """With a mark the answer of the second line opens with it; a line that is all answer starts it at once."""
    read = gold.of(LINES, mark)
    assert read.direct.tolist() == direct and read.steps.tolist() == [1, 2, 1]
    opened = LINES._replace(prompt_len=np.array([3, 2, 1], np.int32))  # the second completion is its mark and answer
    assert gold.of(opened, mark).direct.tolist() == [True, mark != MARK, True]
    nothing = gold.of(LINES._replace(prompt_len=np.array([5, 5, 5], np.int32)), mark)
    assert nothing.direct.tolist() == [False] * 3 and nothing.tokens.shape == (3, 0)


@pytest.mark.parametrize(
    ("row", "completion", "verdict"),
    [
        (0, [C, EOS], (True, True, 1, True)),
        (0, [B, EOS], (False, True, 0, False)),
        (0, [A, MARK, C, EOS], (True, True, 1, False)),  # no chain of thought was asked for
        (0, [C, C, EOS], (False, True, 0, False)),
        (1, [C, MARK, B, EOS], (True, True, 2, True)),
        (1, [C, MARK, C, EOS], (False, True, 1, False)),
        (1, [A, MARK, B, EOS], (True, False, 0, False)),
        (1, [C, C, MARK, B, EOS], (True, False, 0, False)),
        (1, [MARK, B, EOS], (True, False, 0, False)),
        (1, [C, B, EOS], (False, False, 0, False)),
        (1, [C, MARK, A, MARK, B, EOS], (True, False, 0, False)),
        (1, [C, MARK, B], (True, True, 2, False)),
        (1, [C, MARK, B, PAD, EOS], (True, True, 2, False)),
        (1, [C, MARK, B, EOS, A, A], (True, True, 2, True)),
    ],
)
def test_verdicts_token_by_token(row, completion, verdict):
    """Every token is of a kind of its own here, so well formed is what is the gold text."""
    judged = gold.judge(gold.of(LINES.rows([row]), MARK), np.array([completion], np.int32), np.arange(7), MARK)
    assert tuple(values[0].item() for values in judged) == verdict


def test_texts_of_ids_that_no_symbol_has_say_their_numbers():
    """Models that are taught verdicts can write them in place of words."""
    vocabulary = Vocabulary.of(("a", "b"))
    assert vocabulary.decode_all(np.array([[3, PAD, 4, EOS, 3], [6, 4, 5, PAD, PAD]])) == ["a b", "<id 6> b <id 5>"]
