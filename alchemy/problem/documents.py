"""Lines to train on as documents: where the thought stands, or what stands in its place, beside the same questions and answers.

| document | a line |
|---|---|
| `thought first` | question, thought, answer: as the task writes it |
| `thought last` | question, answer, thought (Wang et al., arXiv:2509.20186) |
| `answer` | question, answer |
| `filler` | question, as many noise symbols as the thought has tokens, answer |
| `swapped` | question, the thought about another question whose line has the same parts, answer |
| `paraphrase` | question, answer, and both again with the parts of the question in another order, as many tokens as the thought has |
| `cleaned` | question without the noise symbols that a task's noise wrote, answer |

A training writes its lines as one of these (`Lab.train(..., document=...)`, `alchemy train --document`). Thoughts that somebody
else wrote, with errors, take the place of right ones by `with_thoughts`; a trained model's by `alchemy.lab.teachers`. The last two are what three times the data efficiency has to beat:
rephrasing (Maini et al., arXiv:2401.16380) and cleaning that only deletes (Zhou et al., arXiv:2409.17115).

Dimension letters: `n` lines, `t` tokens, `c` ids a position carries.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from alchemy.errors import UserError, nearest
from alchemy.problem.task import EOS, NOISE, PAD, Batch, Field, Task

Document = Literal["thought first", "thought last", "answer", "filler", "swapped", "paraphrase", "cleaned"]
DOCUMENTS: tuple[Document, ...] = get_args(Document)
LOOKED_AT = 16
"""Lines by which a task is judged whether its questions can be paraphrased."""


def check_document(name: str, task: Task | None = None) -> None:
    """Raises `UserError` unless there is a document of that name, and lines of the task, if one is given, can be written so."""
    if name not in DOCUMENTS:
        raise UserError(f"document {name!r} is unknown{nearest(name, DOCUMENTS)}")
    noise = getattr(task, "noise", None)
    if task is not None and name == "cleaned" and (noise is None or noise.mode == "delete"):
        raise UserError(f"lines of {type(task).__name__} have no noise symbols to delete: expected document 'answer'")
    if task is not None and name == "paraphrase":
        rng = np.random.default_rng(0)
        try:
            written_as(task.sample(rng, LOOKED_AT), name, rng)
        except UserError as error:
            raise UserError(f"{type(task).__name__} cannot be paraphrased: {error}") from None


def written_as(lines: Batch, document: Document, rng: np.random.Generator) -> Batch:
    """Lines of a task as documents of that kind; `rng` says whose thoughts are swapped, and the order of what is paraphrased.

    Raises `UserError` if there is no such document, or a question has no parts whose order could be another.
    """
    check_document(document)
    thought, tokens = lines.field >= Field.STEP, lines.tokens
    if document == "filler":
        tokens = tokens.copy()
        tokens[thought, 0] = NOISE
    elif document == "swapped":
        partner = another(lines.field, rng)
        tokens = np.where(thought[..., None], tokens[partner], tokens)
        if lines.told is not None:
            lines = lines._replace(told=np.where(thought, lines.told[partner], lines.told))
    elif document == "answer":
        return _ordered(lines, np.where(thought, 3, 0))
    elif document == "cleaned":
        noise = (lines.text == NOISE) & _question(lines)
        shorter = lines._replace(prompt_len=(lines.prompt_len - noise.sum(axis=1)).astype(np.int32))
        return _ordered(shorter, np.where(thought | noise | (lines.field == Field.PADDING), 3, 0))
    elif document in ("thought last", "paraphrase"):
        lines = _said_again(lines, rng) if document == "paraphrase" else lines
        return _ordered(lines, np.where(lines.field == Field.PADDING, 3, thought | (lines.field == Field.END)))
    return lines._replace(tokens=tokens)


def _question(lines: Batch) -> np.ndarray:
    """Which positions are of the question, bool (n, t)."""
    return (lines.field >= 0) & (lines.field < Field.ANSWER)


def _said_again(lines: Batch, rng: np.random.Generator) -> Batch:
    """Lines in whose thoughts question and answer are said again, and again, until the thought's tokens are used up.

    Each time the parts of the question stand in an order drawn from all but the first one; its last part, which asks for the chain,
    stays behind them.
    """
    question, thought = _question(lines), lines.field >= Field.STEP
    rows, last = np.arange(len(lines.field)), lines.prompt_len - 1
    parts = np.arange(int(np.where(question, lines.field, 0).max(initial=0)) + 1)
    present = (question[..., None] & (lines.field[..., None] == parts)).any(axis=1)
    present[rows, lines.field[rows, last]] = False
    if (present.sum(axis=1) < 2).any():
        raise UserError("a question has one part beside what asks for the chain, and no other order")
    answer = lines.field == Field.ANSWER
    once = question.sum(axis=1) + answer.sum(axis=1)  # tokens of saying it once
    number = np.maximum(np.cumsum(thought, axis=1) - 1, 0)  # of a token of the thought
    time, token = np.divmod(number, once[:, None])
    keys = rng.random((len(rows), int(time.max(initial=0)) + 1, len(parts)))
    named = np.where(present[:, None], keys, -1.0)
    as_before = (~present[:, None] | (named == np.maximum.accumulate(named, axis=2))).all(axis=2)
    keys = np.where(as_before[..., None], 1 - keys, keys)
    keys[rows, :, lines.field[rows, last]] = 2
    kind = np.where(question, lines.field, 0)
    rank = np.where(question[:, None], np.take_along_axis(keys, kind[:, None].astype(int), axis=2), 4.0)
    order = np.argsort(np.where(answer[:, None], 3.0, rank), axis=2, kind="stable")
    source = np.where(thought, order[rows[:, None], time, token], np.arange(thought.shape[1]))
    told = None if lines.told is None else np.take_along_axis(lines.told, source, axis=1)
    return lines._replace(tokens=np.take_along_axis(lines.tokens, source[..., None], axis=1), told=told)


def with_thoughts(task: Task, lines: Batch, texts: np.ndarray) -> Batch:
    """Lines of a task whose thoughts are those of texts int32 (n, m), completions by anybody: all that stands before the last words
    that ask for the answer, or before the end where there are none. Questions and answers stay. Raises `UserError` if the task has
    no such words, or if an environment wrote part of the thought.
    """
    name = type(task).__name__
    if not task.answer_opening:
        raise UserError(f"{name} has nothing between thought and answer: the thought cannot be changed")
    if lines.told is not None:
        raise UserError(f"part of a thought of {name} is written by its environment: the thought cannot be changed")
    gold, thought = lines.completions(), np.where(np.cumsum(texts == EOS, axis=1) > 0, PAD, texts)
    answer = np.where(_opened(gold, task.answer_opening), gold, PAD)
    thought = np.where(_opened(thought, task.answer_opening), PAD, thought)
    prompts = lines.prompts()
    inside = np.arange(prompts.shape[1]) < lines.prompt_len[:, None]
    fields = (
        np.where(inside, lines.field[:, : prompts.shape[1]], Field.PADDING),
        np.where(thought != PAD, Field.STEP, Field.PADDING),
        np.where(answer != PAD, lines.completion_fields(), Field.PADDING),
    )
    field = (
        end_to_end(*(part.astype(np.int32) - Field.PADDING for part in fields)) + Field.PADDING
    )  # padding is 0 in a text
    return lines._replace(tokens=end_to_end(prompts, thought, answer), field=field.astype(np.int8))


def _opened(text: np.ndarray, opening: tuple[int, ...]) -> np.ndarray:
    """Which tokens of texts (n, m) stand in the last `opening` or behind it, bool (n, m)."""
    padded = np.pad(text, ((0, 0), (0, len(opening) - 1)), constant_values=PAD)
    begins = (np.lib.stride_tricks.sliding_window_view(padded, len(opening), axis=1) == opening).all(axis=2)
    still = np.cumsum(begins[:, ::-1], axis=1)[:, ::-1]  # openings that begin here or later
    return begins.any(axis=1)[:, None] & ((still == 0) | (still == 1) & begins)


def end_to_end(*texts: np.ndarray) -> np.ndarray:
    """Texts int32 (n, t) or (n, t, c) end to end without the padding between, left-aligned, as wide as the widest needs."""
    ids = max((text.shape[2] for text in texts if text.ndim == 3), default=0)
    wide = [
        np.pad(text[..., None], ((0, 0), (0, 0), (0, ids - 1))) if ids and text.ndim == 2 else text for text in texts
    ]
    whole = np.concatenate(wide, axis=1).astype(np.int32)
    real = (whole[..., 0] if ids else whole) != PAD
    order = np.argsort(~real, axis=1, kind="stable")[:, : max(1, int(real.sum(axis=1).max(initial=0)))]
    return np.take_along_axis(whole, order[..., None] if ids else order, axis=1)


def another(field: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """For each line another one with the same fields int8 (n, t), each named once: int (n,); itself where it is the only one."""
    partner = np.arange(len(field))
    _, form = np.unique(field, axis=0, return_inverse=True)
    for number in range(form.max(initial=-1) + 1):
        rows = rng.permutation(np.flatnonzero(form.ravel() == number))
        partner[rows] = np.roll(rows, 1)
    return partner


def _ordered(lines: Batch, rank: np.ndarray) -> Batch:
    """Positions in the order of their rank int (n, t), as before where it is the same; 3 is left out."""
    order = np.argsort(rank, axis=1, kind="stable")
    width = int((rank < 3).sum(axis=1).max(initial=1))
    order, kept = order[:, :width], np.take_along_axis(rank < 3, order, axis=1)[:, :width]
    tokens = np.where(kept[..., None], np.take_along_axis(lines.tokens, order[..., None], axis=1), PAD)
    field = np.where(kept, np.take_along_axis(lines.field, order, axis=1), np.int8(Field.PADDING))
    told = None if lines.told is None else kept & np.take_along_axis(lines.told, order, axis=1)
    return lines._replace(tokens=tokens, field=field, told=told)
