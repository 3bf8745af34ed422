"""What completions of `Boards` are worth: any solution counts as an answer, and a step is right if what was filled in up to it
is part of one.

Dimension letters: `n` problems, `k` cells, `b` blanks at most, `m` tokens of a completion.
"""

from __future__ import annotations

import numpy as np

from alchemy.problem import gold
from alchemy.problem.task import PAD, Batch, Judgement, Problem
from tasks.boards.constraints import conflicts
from tasks.boards.sets import Solutions, blocks, solutions
from tasks.boards.spec import TEXT_FORMAT, Spec
from tasks.boards.write import blank_cells, write


def verify(spec: Spec, batch: Batch, completion: np.ndarray) -> Judgement:
    """Judge completions int32 (n, m)."""
    problem, mark = batch.problem, spec.vocabulary.index[TEXT_FORMAT.answer_mark]
    kinds = np.arange(len(spec.vocabulary))
    kinds[list(spec.state_tokens)] = spec.first_value
    formed = gold.judge(gold.of(write(spec, problem), mark), completion, kinds, mark).well_formed
    reasoning, answer = gold.parts(completion, mark)
    right = _is_solution(spec, problem, answer)
    if not spec.cot:
        return Judgement(right, np.ones(len(right), bool), right.astype(np.int32), formed)
    cells = blank_cells(problem["given"])
    ok = right_steps(spec, problem, cells, _filled_in(spec, cells, reasoning))
    count = (cells >= 0).sum(axis=1)
    trace = ok == count
    return Judgement(right, trace, np.where(trace, count + right, ok).astype(np.int32), formed)


def _is_solution(spec: Spec, problem: Problem, answer: np.ndarray) -> np.ndarray:
    """Whether answers int32 (n, m) are boards that solve the problems, bool (n,)."""
    k = spec.cells
    answer = np.pad(answer, ((0, 0), (0, k)))
    return (conflicts(spec, problem, answer[:, :k] - spec.first_value) == 0) & ~answer[:, k:].any(axis=1)


def _filled_in(spec: Spec, cells: np.ndarray, reasoning: np.ndarray) -> np.ndarray:
    """The value that each step of a chain int32 (n, m) says for its blank, int (n, b), -1 where that is no value or its mark is
    missing; a chain that goes on too long has no last step."""
    b, states = cells.shape[1], spec.state_tokens
    tokens = np.pad(reasoning, ((0, 0), (0, 2 * b + 1)))
    said, then = tokens[:, : 2 * b : 2], tokens[:, 1 : 2 * b : 2]
    is_last = np.arange(b) == (cells >= 0).sum(axis=1, keepdims=True) - 1
    ended = then == np.where(is_last, PAD, spec.vocabulary.index[TEXT_FORMAT.step_mark])
    return np.where((cells >= 0) & ended & np.isin(said, states), said - spec.first_value, -1)


def right_steps(spec: Spec, problem: Problem, cells: np.ndarray, value: np.ndarray) -> np.ndarray:
    """How many values int (n, b) for cells int (n, b) are filled in before one that no solution has beside those before it,
    int (n,)."""
    right = (value >= 0) & (value == np.take_along_axis(problem["filled"], np.maximum(cells, 0), axis=1))
    several = np.flatnonzero((problem["solutions"] > 1) & ~(right | (cells < 0)).all(axis=1))
    for rows, part in blocks(spec, {name: values[several] for name, values in problem.items()}):
        here = several[rows]
        left = solutions(spec, part)
        for place in range(cells.shape[1]):
            said = value[here, place]
            left = left.where(np.maximum(cells[here, place], 0), np.where(cells[here, place] < 0, -1, said))
            right[here, place] = (said >= 0) & (left.sets != 0).any(axis=1)
    return np.logical_and.accumulate(right, axis=1).sum(axis=1)


def follow(spec: Spec, problem: Problem, completion: np.ndarray, step: int) -> np.ndarray:
    """Completions int32 (n, w) that begin as the given ones up to and with a step, go on as a solution does that has what they
    filled in as far as any has, the recorded one if it is such, and answer with what was filled in; padding where the step says
    no value, or where there is no such step."""
    cells, states = blank_cells(problem["given"]), spec.state_tokens
    completion = np.pad(completion, ((0, 0), (0, 2 * step + 1)), constant_values=PAD)[:, : 2 * step + 1]
    said = completion[:, ::2]
    value = np.where(np.isin(said, states), said - spec.first_value, -1).astype(np.int8)
    there = (value[:, step] >= 0) & ((cells >= 0).sum(axis=1) * spec.cot > step)
    cells = cells[:, : step + 1]
    value = np.where(cells < 0, np.int8(-1), value[:, : cells.shape[1]])
    filled = np.empty_like(problem["filled"])
    for rows, part in blocks(spec, problem):
        filled[rows] = _closest(spec, part, cells[rows], value[rows])
    row, place = np.nonzero(value >= 0)
    filled[row, cells[row, place]] = value[row, place]
    followed = write(spec, {**problem, "filled": filled}).completions()
    followed[there, : 2 * step + 1] = completion[there]
    followed[~there] = PAD
    return followed


def _closest(spec: Spec, problem: Problem, cells: np.ndarray, value: np.ndarray) -> np.ndarray:
    """A solution that has values int (n, b) in cells int (n, b), each kept that can be beside those before it, int8 (n, k)."""
    left, is_recorded = solutions(spec, problem), np.ones(len(cells), bool)
    for place in range(cells.shape[1]):
        cell, said = np.maximum(cells[:, place], 0), value[:, place]
        now = left.where(cell, said)
        kept = (now.sets != 0).any(axis=1)
        is_recorded &= ~kept | (said < 0) | (problem["filled"][np.arange(len(cell)), cell] == said)
        left = Solutions(left.boards, np.where(kept[:, None], now.sets, left.sets))
    first = left.nth(np.zeros(len(cells), int))
    return np.where(is_recorded[:, None], problem["filled"], first)
