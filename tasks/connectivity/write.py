"""Connectivity problems as tokens, in two encodings.

| encoding | prompt | completion |
|---|---|---|
| flat | `<s> graph : [ 4 7 0 4 ] task : 4 to 2 or 9 /` | `work : [ 4 0 7 2 ] decision : [ 2 ] </s>` |
| edges | `4+7 0+4 4 2 9 /`, an edge one position of two ids | `4 0 7 2 decision 2 </s>` |

The flat one is the word-level layout of the code of arXiv:2505.21825. Lines are as wide as the problem's arrays ask for,
whatever is in them, so that every batch of a task has one shape. Letters beside the project's: `m` edges of a graph,
`k` nodes of the longest chain of thought, `p` positions of a graph, `w` of a completion.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from alchemy.errors import UserError
from alchemy.problem.task import (
    NOISE,
    PAD,
    Field,
    Problem,
    Vocabulary,
)

BLOCK = 1 << 12  # rows written at once, so that they stay in the cache
LAST_STEP = 100  # field codes are int8

Lines = tuple[np.ndarray, np.ndarray, np.ndarray]
"""tokens int32 (n, t, c), prompt_len int32 (n,), field int8 (n, t), as a `Batch` has them."""


class Layout(NamedTuple):
    """The words around a graph, a question, a chain of thought and a decision; the noise symbol where a node goes."""

    opening: str
    closing: str
    question: str
    work: str
    decision: str


FLAT = Layout("<s> graph : [", "]", "task : <unk> to <unk> or <unk> /", "work : [", "] decision : [ <unk> ] </s>")
EDGES = Layout("", "", "<unk> <unk> <unk> /", "", "decision <unk> </s>")


def write_edges(problem: Problem, vocabulary: Vocabulary) -> Lines:
    """Problems with an edge, two ids, at one position (c = 2, PAD beside a single id); raises `UserError` for a node
    without a token."""
    return _write(problem, vocabulary, EDGES, lambda edges: edges)


def write_flat(problem: Problem, vocabulary: Vocabulary, separator: bool = False) -> Lines:
    """Problems in the paper's words (c = 1), with a comma between edges if `separator`; raises `UserError` for a node
    without a token."""

    def graph(edges: np.ndarray) -> np.ndarray:
        cells = np.full((*edges.shape[:2], 2 + separator), vocabulary.index[","])
        cells[..., :2] = edges
        cells = cells.reshape(len(edges), cells.shape[1] * cells.shape[2], 1)
        return cells[:, :-1] if separator else cells

    return _write(problem, vocabulary, FLAT, graph)


def _write(
    problem: Problem, vocabulary: Vocabulary, layout: Layout, graph: Callable[[np.ndarray], np.ndarray]
) -> Lines:
    """Lines; `graph` turns the ids of edges, int (n, m, 2), into tokens, int (n, p, c)."""
    words = Layout(*(np.array(vocabulary.encode(part), np.int32) for part in layout))
    first, (n, longest) = _first(problem, vocabulary), problem["trace"].shape
    _, span, c = graph(problem["edges"][:0]).shape
    width = span + longest + sum(map(len, words))
    tokens, field = np.full((n, width, c), PAD, np.int32), np.full((n, width), Field.PADDING, np.int8)
    prompt_len = np.zeros(n, np.int32)
    for rows, size in _equal((problem["edges"][..., 0] >= 0).sum(axis=1)):
        part = {name: problem[name][rows] for name in ("edges", "start", "targets", "right", "trace")}
        body = graph(part["edges"][:, :size].astype(np.int32) + first)
        prompt = np.concatenate([words.opening, np.zeros(body.shape[1], np.int32), words.closing, words.question])
        line, code = tokens[rows], field[rows]  # views of a block, or copies of some of its rows
        line[:, : len(prompt), 0] = prompt
        line[:, len(words.opening) : len(words.opening) + body.shape[1]] = body
        question = np.concatenate([part["start"][:, None], part["targets"]], axis=1)
        line[:, np.flatnonzero(prompt == NOISE), 0] = question.astype(np.int32) + first
        code[:, : len(prompt)] = 0
        code[:, len(prompt) - len(words.question) : len(prompt)] = 1
        code[:, len(prompt) - 1] = 2
        _complete(line[:, len(prompt) :, 0], code[:, len(prompt) :], part, words, first)
        tokens[rows], field[rows], prompt_len[rows] = line, code, len(prompt)
    return tokens, prompt_len, field


def _first(problem: Problem, vocabulary: Vocabulary) -> int:
    """The token of node 0; raises `UserError` if a node has none."""
    first = vocabulary.index["0"]
    highest = max(int(problem[name].max(initial=0)) for name in ("edges", "start", "targets", "trace"))
    if highest >= len(vocabulary) - first:
        raise UserError(f"node {highest} has no name among the {len(vocabulary) - first} of the task; raise ids")
    return first


def _equal(count: np.ndarray) -> Iterator[tuple[np.ndarray | slice, int]]:
    """Rows of equal `count` int (n,), a block at most: (rows, count)."""
    for start in range(0, len(count), BLOCK):
        block = count[start : start + BLOCK]
        for value in np.unique(block).tolist():
            rows = start + np.flatnonzero(block == value)
            yield (slice(start, start + BLOCK) if len(rows) == len(block) else rows), value


def _complete(text: np.ndarray, field: np.ndarray, problem: Problem, words: Layout, first: int) -> None:
    """Write chain of thought and decision into ids int (n, w) and codes int8 (n, w)."""
    start, listed = len(words.work), problem["trace"] >= 0
    stop = start + listed.shape[1]
    text[:, :start], field[:, :start] = words.work, Field.STEP
    text[:, start:stop] = np.where(listed, problem["trace"] + np.int32(first), PAD)
    step = Field.STEP + np.minimum(np.arange(listed.shape[1]), LAST_STEP)
    field[:, start:stop] = np.where(listed, step, Field.PADDING)
    length = listed.sum(axis=1)
    target = problem["targets"][np.arange(len(listed)), problem["right"]].astype(np.int32) + first
    code = np.full((len(listed), len(words.decision)), Field.ANSWER, np.int8)
    code[:, -1] = Field.END
    if start:  # the bracket that closes the list belongs to its last node
        code[:, 0] = Field.STEP + np.clip(length - 1, 0, LAST_STEP)
    place = start + length[:, None] + np.arange(len(words.decision))
    np.put_along_axis(text, place, np.where(words.decision == NOISE, target[:, None], words.decision), axis=1)
    np.put_along_axis(field, place, code, axis=1)
