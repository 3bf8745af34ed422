"""Problems of `Boards` as tokens: edges, ends, the board with its blanks, their values one after the other, and the whole board.

Dimension letters: `n` problems, `k` cells, `b` blanks at most, `t` tokens.
"""

from __future__ import annotations

import numpy as np

from alchemy.problem.arrays import flat
from alchemy.problem.split import hash_rows
from alchemy.problem.task import EOS, PAD, Batch, Field, Problem
from tasks.boards.constraints import adjacent, by_fewest
from tasks.boards.spec import BLANK, TEXT_FORMAT, THINK, Spec

GRAPH, ENDS, BOARD, INSTRUCTION = range(4)


def write(spec: Spec, problem: Problem, first: np.ndarray | None = None) -> Batch:
    """Whole lines, as wide as the task's longest; their chains begin with the cells `first` int (n, b), -1 for any."""
    edges, ends, board = prompts(spec, problem)
    n, index = len(board), spec.vocabulary.index
    think, mark = (np.full((n, 1), index[symbol], np.int32) for symbol in (THINK, TEXT_FORMAT.answer_mark))
    chain, answer = _chain(spec, problem, first), problem["filled"] + np.int32(spec.first_value)
    parts = [edges, ends, board, think, chain, mark, answer, np.full((n, 1), EOS, np.int32)]
    steps = Field.STEP + np.arange(chain.shape[1]) // spec.step_width
    codes = [GRAPH, ENDS, BOARD, INSTRUCTION, steps, Field.ANSWER, Field.ANSWER, Field.END]
    tokens = np.concatenate(parts, axis=1)
    field = np.concatenate([np.zeros(part.shape[1], int) + code for part, code in zip(parts, codes, strict=True)])
    prompt_len = (tokens[:, : sum(part.shape[1] for part in parts[:4])] != PAD).sum(axis=1, dtype=np.int32)
    written = tokens != PAD
    width = max(spec.clean_len, int(written.sum(axis=1).max(initial=0)))
    order = np.argsort(~written, axis=1, kind="stable")[:, :width]
    tokens = np.take_along_axis(tokens, order, axis=1)
    field = np.where(tokens == PAD, Field.PADDING, field[order]).astype(np.int8)
    return Batch(tokens[..., None], prompt_len, field, problem)


def prompts(spec: Spec, problem: Problem) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Edges as pairs of nodes, with padding for those that are not there, ends and boards: ids int32 (n, t) each."""
    given = problem["given"]
    n, k = given.shape
    board = np.where(given < 0, spec.vocabulary.index[BLANK], given + np.int32(spec.first_value)).astype(np.int32)
    edges, ends = np.zeros((n, 0), np.int32), np.zeros((n, 0), np.int32)
    if spec.is_graph:
        pair = np.stack(np.triu_indices(k, 1), axis=1)
        there = adjacent(problem["graph"])[:, pair[:, 0], pair[:, 1]]
        edges = flat(np.where(there[:, :, None], pair + spec.first_node, PAD)).astype(np.int32)
    if spec.kind == "paths":
        ends = problem["ends"] + np.int32(spec.first_node)
    return edges, ends, board


def identity(spec: Spec, problem: Problem) -> np.ndarray:
    """Hash of what a prompt says, uint64 (n,)."""
    codes = np.concatenate(prompts(spec, problem), axis=1)
    return hash_rows(codes, codes != PAD)


def surface(batch: Batch) -> np.ndarray:
    """The same hash of what prompts say, noise and all."""
    width = int(batch.prompt_len.max(initial=0))
    field = batch.field[:, :width]
    return hash_rows(batch.text[:, :width], (field >= GRAPH) & (field < INSTRUCTION))


def blank_cells(given: np.ndarray) -> np.ndarray:
    """The blanks of boards int (n, k) in the order of cells, int (n, b), padded with -1."""
    blank = given < 0
    count = blank.sum(axis=1)
    cells = np.argsort(~blank, axis=1, kind="stable")[:, : int(count.max(initial=0))]
    return np.where(np.arange(cells.shape[1]) < count[:, None], cells, -1)


def _chain(spec: Spec, problem: Problem, first: np.ndarray | None) -> np.ndarray:
    """The values of blanks, behind their names where these are said, with marks between them: int32 (n, t), padded."""
    if not spec.cot:
        return np.zeros((len(problem["given"]), 0), np.int32)
    cells = blank_cells(problem["given"]) if spec.order == "cells" else by_fewest(spec, problem, first)
    n, b = cells.shape
    chain = np.zeros((n, b, spec.step_width), np.int32)
    if spec.order == "fewest":
        chain[:, :, 0] = np.array(spec.cell_tokens)[cells]
    chain[:, :, -2] = np.take_along_axis(problem["filled"], np.maximum(cells, 0), axis=1) + np.int32(spec.first_value)
    chain[:, :, -1] = spec.vocabulary.index[TEXT_FORMAT.step_mark]
    there = np.repeat(cells >= 0, spec.step_width, axis=1)
    line = np.where(there, flat(chain), PAD)
    ends = np.flatnonzero(there.any(axis=1))
    line[ends, there[ends].sum(axis=1) - 1] = PAD
    return np.pad(line, ((0, 0), (0, max(0, spec.longest_chain - line.shape[1]))), constant_values=PAD)
