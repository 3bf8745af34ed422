"""Chains with mistakes that are taken back: what is written, what the reader keeps of it, and how first tries are judged."""

from __future__ import annotations

import numpy as np
import pytest

from alchemy.errors import UserError
from alchemy.problem.retries import BACK, Retries, read, widest, with_retries
from alchemy.problem.task import EOS, PAD, Field
from tasks.boards import Boards
from tasks.equations import Equations
from tasks.groups import Groups
from tasks.hops import Hops
from tasks.multiplication import Multiplication
from tasks.origins import Origins
from tasks.search import Search
from tasks.sums import Sums
from tasks.symbols import Symbols

WORD = Groups("A5", 4)
TASKS = {
    "groups": Groups("A5", 6),
    "signposts": Groups("A5", 5, trace="signposts"),
    "sums": Sums(),
    "symbols": Symbols(length=(2, 4), compositions=("F1 F2 F1", "F2 F2")),
    "hops": Hops(hops=(3,)),
    "multiplication": Multiplication(),
    "equations": Equations(),
    "boards": Boards(),
}
each_task = pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)


def tried_twice(task, retries, n=40, seed=0):
    lines = task.sample(np.random.default_rng(seed), n)
    return lines, with_retries(task, lines, retries, np.random.default_rng(seed + 1))


def wide(rows, width):
    return np.pad(rows, ((0, 0), (0, width - rows.shape[1])))


def of_word(*texts):
    """The line of the word a b b a, whose chain is 16 25 1 17, as often as there are texts, and these read."""
    lines = WORD.write({"word": np.tile(np.array([[0, 1, 1, 0]], np.int8), (len(texts), 1))})
    assert WORD.show(lines.tokens[0]) == "a b b a <think> 16 25 1 17 <answer> 17"
    return read(WORD, lines, WORD.encoded(texts))


def test_texts_are_read_by_hand():
    texts = [
        "16 30 <unk> 25 1 17 <answer> 17",
        "16 25 30 <unk> <unk> 25 1 17 <answer> 17",
        "<unk> 16 25 <unk> 25 1 17 <answer> 9 <unk> <answer> 17",
        "30 25 1 17 <answer> 17",
        "16 25 1 17",
    ]
    kept, (made, wrong, back) = of_word(*texts)
    assert WORD.vocabulary.decode_all(kept) == [
        "16 25 1 17 <answer> 17",
        "16 25 1 17 <answer> 17",
        "16 25 1 17 <answer> 17",
        "30 25 1 17 <answer> 17",
        "16 25 1 17",
    ]
    assert made.tolist() == [[True] * 4, [True] * 4, [True] * 4, [True, False, False, False], [True] * 4]
    assert [np.flatnonzero(row).tolist() for row in wrong] == [[1], [2], [], [0], []]
    assert [np.flatnonzero(row).tolist() for row in back] == [[1], [2], [1], [], []]


def test_a_second_wrong_try_is_no_first_one_and_what_stands_behind_the_end_is_not_read():
    kept, (made, wrong, back) = of_word("16 30 <unk> 18 <unk> 25 1 17 <answer> 17 </s> <unk> 16")
    assert WORD.vocabulary.decode(kept[0]) == "16 25 1 17 <answer> 17"
    assert made.sum() == 4 and wrong.sum() == back.sum() == 1


@each_task
@pytest.mark.parametrize("tried", ["wrong", "right"])
def test_what_is_kept_is_the_lines_own_completion_and_first_tries_are_what_was_written(task, tried):
    lines, twice = tried_twice(task, Retries(0.5, tried))
    kept, (made, wrong, back) = read(task, twice, twice.completions())
    width = max(kept.shape[1], lines.completions().shape[1])
    np.testing.assert_array_equal(wide(kept, width), wide(lines.completions(), width))
    steps = (lines.completion_fields()[:, :, None] == Field.STEP + np.arange(made.shape[1])).any(axis=1)
    assert (made == steps).all()
    np.testing.assert_array_equal(back.sum(axis=1), (twice.completions() == BACK).sum(axis=1))
    assert 0.35 < back[steps].mean() < 0.65
    np.testing.assert_array_equal(wrong, back if tried == "wrong" else np.zeros_like(back))
    np.testing.assert_array_equal(lines.prompts(), twice.prompts())


@each_task
def test_steps_are_tried_never_or_always(task):
    lines, never = tried_twice(task, Retries(0.0))
    np.testing.assert_array_equal(never.text, lines.text[:, : never.text.shape[1]])
    np.testing.assert_array_equal(never.field, lines.field[:, : never.text.shape[1]])
    lines, always = tried_twice(task, Retries(1.0))
    steps = (lines.field >= Field.STEP).sum(axis=1)
    numbers = [np.unique(row[row >= Field.STEP]).size for row in lines.field]
    np.testing.assert_array_equal((always.text != PAD).sum(axis=1), (lines.text != PAD).sum(axis=1) + steps + numbers)
    assert always.text.shape[1] <= widest(task)


@each_task
def test_what_is_not_learned_is_the_first_tries_and_nothing_else(task):
    lines, learned = tried_twice(task, Retries(0.5))
    _, masked = tried_twice(task, Retries(0.5, learned=False))
    assert learned.told is None
    np.testing.assert_array_equal(learned.tokens, masked.tokens)
    told = masked.told
    rest = [row[~mask & (row != PAD) & (row != BACK)].tolist() for row, mask in zip(masked.text, told, strict=True)]
    assert rest == [row[row != PAD].tolist() for row in lines.text], (
        "without first tries and marks lines are as they were"
    )
    assert not told[masked.text == BACK].any() and not (told & (masked.field < Field.STEP)).any()
    ends = told & ~np.pad(told[:, 1:], ((0, 0), (0, 1)))
    np.testing.assert_array_equal(np.argwhere(ends) + [0, 1], np.argwhere(masked.text == BACK))


def test_a_line_by_hand():
    task = Symbols(length=(2,), alphabet="ABCDEFGH", compositions=("F1 F2 F1",), rotate=1)
    lines = task.write(task.parse("A C [F1] [F2] [F1] <think>"))
    twice = with_retries(task, lines, Retries(1.0, "right"), np.random.default_rng(0))
    first, second = "B D [F2] [F1] <think>", "D B [F1]"
    assert task.show(twice.tokens[0]) == (
        f"A C [F1] [F2] [F1] <think> {first} <unk> {first} {second} <unk> {second} <answer> E C"
    )
    assert twice.text[0, -1] == EOS


def test_what_cannot_be_is_said():
    with pytest.raises(UserError, match=r"rate 1.5 is outside \[0, 1\]"):
        Retries(1.5)
    with pytest.raises(UserError, match="tried 'wrnog' is unknown; did you mean 'wrong'"):
        Retries(0.1, "wrnog")
    for task in (Search(), Origins(), Symbols(cot=False), Groups(cot=False)):
        with pytest.raises(UserError, match="expected a task with chains"):
            tried_twice(task, Retries(0.3))
