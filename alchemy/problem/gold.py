"""How a completion is judged where a problem has one right chain of thought and one right answer: token by token."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from alchemy.problem.split import hash_rows
from alchemy.problem.task import EOS, PAD, Batch, Field, Judgement

NO_MARK = -1
"""In place of the id of an answer mark where a task has none."""


class Gold(NamedTuple):
    """Correct completions and how to read them."""

    tokens: np.ndarray  # int32 (n, m)
    field: np.ndarray  # int8 (n, m)
    steps: np.ndarray  # int (n,): steps of the problem, the answer counted
    direct: np.ndarray  # bool (n,): the answer starts at once, without a mark


def of(lines: Batch, answer_mark: int) -> Gold:
    """The gold completions of written problems, read by their fields; `answer_mark` is an id or `NO_MARK`."""
    tokens, field = lines.completions(), lines.completion_fields()
    last = (field.astype(int) - Field.STEP).max(axis=1, initial=-1)  # what is in no step has a lower code
    first = np.pad(tokens, ((0, 0), (0, 1)), constant_values=PAD)[:, 0]
    direct = (np.pad(field, ((0, 0), (0, 1)))[:, 0] == Field.ANSWER) & (first != answer_mark)
    return Gold(tokens, field, last + 2, direct)


def judge(gold: Gold, completion: np.ndarray, kinds: np.ndarray, answer_mark: int) -> Judgement:
    """Compare completions int32 (n, m) with the gold ones.

    kinds int (v,): equal for two ids where the format makes no difference between them, as between two letters. Ids from v on, as a
    model has that was taught labels beside the vocabulary, are of no kind of the format.
    """
    width = max(gold.tokens.shape[1], completion.shape[1])
    right, given = _widen(gold.tokens, width), _until_end(_widen(completion, width))
    right_reasoning, right_answer = _parts(right, gold.direct, answer_mark)
    given_reasoning, given_answer = _parts(given, gold.direct, answer_mark)

    answer = (right_answer == given_answer).all(axis=1)
    differs = right_reasoning != given_reasoning
    reasons = (right_reasoning != PAD).any(axis=1)
    trace = ~differs.any(axis=1) | ~reasons
    code = np.take_along_axis(_widen(gold.field, width), differs.argmax(axis=1)[:, None], axis=1)[:, 0]
    step = np.where(code >= Field.STEP, code - Field.STEP, gold.steps - 2)  # beyond the last step: it went on too long
    first_wrong = np.where(trace, gold.steps - ~answer, step).astype(np.int32)
    known = given < len(kinds)
    well_formed = (known & (kinds[right] == kinds[np.where(known, given, PAD)])).all(axis=1)
    return Judgement(answer, trace, first_wrong, well_formed)


def answer_hashes(completion: np.ndarray, direct: bool, answer_mark: int) -> np.ndarray:
    """A hash of the answer in completions int32 (n, m), -1 where there is none: int64 (n,)."""
    given = _until_end(_widen(completion, max(1, completion.shape[1])))
    _, answer = _parts(given, np.full(len(given), direct), answer_mark)
    hashed = (hash_rows(answer, answer != PAD) >> np.uint64(1)).astype(np.int64)
    return np.where((answer != PAD).any(axis=1), hashed, -1)


def parts(completion: np.ndarray, answer_mark: int) -> tuple[np.ndarray, np.ndarray]:
    """What completions int32 (n, m) say before and behind the last answer mark, int32 (n, m) each, left-aligned and without EOS."""
    given = _until_end(_widen(completion, max(1, completion.shape[1])))
    return _parts(given, np.zeros(len(given), bool), answer_mark)


def _widen(rows: np.ndarray, width: int) -> np.ndarray:
    """Rows (n, m) padded with PAD to (n, width)."""
    return np.pad(rows, ((0, 0), (0, width - rows.shape[1])), constant_values=PAD)


def _until_end(tokens: np.ndarray) -> np.ndarray:
    """Tokens (n, m) with everything behind the first EOS or PAD blanked."""
    over = np.cumsum((tokens == EOS) | (tokens == PAD), axis=1, dtype=np.int16)
    return np.where((over == 0) | ((over == 1) & (tokens == EOS)), tokens, PAD)


def _parts(tokens: np.ndarray, direct: np.ndarray, answer_mark: int) -> tuple[np.ndarray, np.ndarray]:
    """(reasoning, answer) int32 (n, m) each, left-aligned: before and behind the last answer mark, without EOS.

    A completion without the mark is all answer where the prompt already held it, else all reasoning.
    """
    place = np.arange(tokens.shape[1])
    text = np.where(tokens == EOS, PAD, tokens)
    mark = np.where(text == answer_mark, place, -1).max(axis=1)
    stop = np.where(mark >= 0, mark, np.where(direct, 0, len(place)))[:, None]
    start = np.where((mark < 0) & direct, 0, stop[:, 0] + 1)[:, None]
    index = start + place
    answer = np.take_along_axis(text, np.minimum(index, len(place) - 1), axis=1)
    return np.where(place < stop, text, PAD), np.where(index < len(place), answer, PAD)
