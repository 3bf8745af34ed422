"""What models are trained on: the training part of a task, or sets of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, cast

import numpy as np

from alchemy.errors import UserError
from alchemy.learning.data import Data, Examples, Finite, Loss, Padding, Stream, examples, joined
from alchemy.practice.curriculum import Course, Staged
from alchemy.problem.documents import Document, written_as
from alchemy.problem.retries import Retries, widest, with_retries
from alchemy.problem.split import Split, join, train_chunk
from alchemy.problem.streams import stream
from alchemy.problem.task import PAD, Batch, Field, Task

Scored = Loss | Literal["board"]
"""What a loss is taken of: tokens of a text, or the blanks of boards that are read whole (`alchemy.problem.boards`)."""


def training_data(
    task: Task,
    split: Split,
    seeds: Sequence[int],
    loss: Scored = "completion",
    padding: Padding = "none",
    context: int = 0,
    *,
    limit: int = 0,
    sets: Sequence[Batch] = (),
    labels: Sequence[Examples] = (),
    document: Document = "thought first",
    course: Course | None = None,
    retries: Retries | None = None,
) -> Data:
    """Fresh problems at every step; or `limit` problems a seed; or a set, or labelled examples, for each seed.

    Problems of the task are written as the `document` says; sets and examples are as they are. With a `course` problems are of
    its levels. With `retries` steps of problems and sets are tried twice.
    """
    if course is not None:
        return _staged(course, task, split, loss, document)
    if loss == "board":
        return _boards(task, split, seeds, limit)
    unscored = task.shortest_prompt if loss == "completion" and padding != "group" else 0
    sets = _tried(task, sets, retries, seeds) if retries and sets else sets
    if sets or labels:
        sizes = tuple(len(rows.tokens) for rows in (sets or labels))
        if not all(sizes):
            raise UserError(f"training sets of {list(sizes)} lines; none may be empty")
        rows = joined(labels) if labels else examples(join(list(sets)), loss, padding, context)
        first_predicted = int(rows.weight.any(axis=0).argmax())  # sets need not be of this task
        return Finite(rows, tuple(seeds), sizes, min(unscored, first_predicted))
    if limit:
        kept = {seed: split.distinct(task, stream("training set", seed), limit, "train") for seed in seeds}
        written = [_written(rows, document, stream("documents", seed)) for seed, rows in kept.items()]
        batch = join(_tried(task, written, retries, seeds) if retries else written)
        return Finite(examples(batch, loss, padding, context), tuple(seeds), unscored=unscored)
    shortest = _shortest_line(task) if padding == "group" else 0

    def draw(seed: int, step: int, n: int) -> Examples:
        lines = -(-n * context // shortest) + 1 if padding == "group" else n
        rows = _written(train_chunk(task, split, seed, step, lines), document, stream("documents", seed, step))
        if retries:
            tried = with_retries(task, rows, retries, stream("retries", seed, step))
            rows = tried if padding != "none" else _wider(tried, widest(task))
        batch = examples(rows, loss, padding, context)
        return Examples(batch.tokens[:n], batch.weight[:n])

    return Stream(draw, unscored)


def _staged(course: Course, task: Task, split: Split, loss: Scored, document: Document) -> Staged:
    """Fresh problems of the levels of a course, in lines of one width."""
    levels = course.curriculum.tasks(task)
    width, scored = max(level.max_len for level in levels), cast(Loss, loss)

    def draw(level: int, seed: int, number: int, n: int) -> Examples:
        chunk = number * len(levels) + level  # two levels never share numbers
        rows = _written(train_chunk(levels[level], split, seed, chunk, n), document, stream("documents", seed, chunk))
        return examples(rows, scored, "pad", width)

    return Staged(course, draw, min(level.shortest_prompt for level in levels) if loss == "completion" else 0)


def _boards(task: Any, split: Split, seeds: Sequence[int], limit: int) -> Data:
    """Boards with one solution of each, of a `BoardTask`."""

    def read(batch: Batch) -> Examples:
        board = task.board(batch.problem)
        return Examples(board.tokens, board.blank, board.target)

    if limit:
        sets = [read(split.distinct(task, stream("training set", seed), limit, "train")) for seed in seeds]
        return Finite(joined(sets), tuple(seeds))
    return Stream(lambda seed, step, n: read(train_chunk(task, split, seed, step, n)))


def _written(lines: Batch, document: Document, rng: np.random.Generator) -> Batch:
    """Lines as documents, as wide as they were, so that all chunks of a training have one shape."""
    return _wider(written_as(lines, document, rng), lines.text.shape[1])


def _tried(task: Task, sets: Sequence[Batch], retries: Retries, seeds: Sequence[int]) -> list[Batch]:
    """Sets of lines, one for each seed, with steps that are tried twice, all as wide as the widest."""
    tried = [
        with_retries(task, lines, retries, stream("retries", seed)) for lines, seed in zip(sets, seeds, strict=True)
    ]
    width = max((lines.text.shape[1] for lines in tried), default=0)
    return [_wider(lines, width) for lines in tried]


def _wider(lines: Batch, width: int) -> Batch:
    """Lines that are padded to so many tokens, where they are not as wide."""
    extra = max(0, width - lines.text.shape[1])
    if not extra:
        return lines
    tokens = np.pad(lines.tokens, ((0, 0), (0, extra), (0, 0)))
    field = np.pad(lines.field, ((0, 0), (0, extra)), constant_values=np.int8(Field.PADDING))
    told = None if lines.told is None else np.pad(lines.told, ((0, 0), (0, extra)))
    return lines._replace(tokens=tokens, field=field, told=told)


def _shortest_line(task: Task) -> int:
    """Tokens of a short line, to know how many lines fill a block."""
    text = task.sample(np.random.default_rng(0), 512).text
    return max(1, int((text != PAD).sum(axis=1).min()))
