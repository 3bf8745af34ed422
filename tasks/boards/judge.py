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
    for alike in (spec.state_tokens, spec.cell_tokens):
        kinds[list(alike)] = alike[:1]
    formed = gold.judge(gold.of(write(spec, problem), mark), completion, kinds, mark).well_formed
    reasoning, answer = gold.parts(completion, mark)
    right = _is_solution(spec, problem, answer)
    if not spec.cot:
        return Judgement(right, np.ones(len(right), bool), right.astype(np.int32), formed)
    count = (problem["given"] < 0).sum(axis=1)
    ok = right_steps(spec, problem, *_filled_in(spec, problem, reasoning, int(count.max(initial=0)), marked=True))
    trace = ok == count
    return Judgement(right, trace, np.where(trace, count + right, ok).astype(np.int32), formed)


def _is_solution(spec: Spec, problem: Problem, answer: np.ndarray) -> np.ndarray:
    """Whether answers int32 (n, m) are boards that solve the problems, bool (n,)."""
    k = spec.cells
    answer = np.pad(answer, ((0, 0), (0, k)))
    return (conflicts(spec, problem, answer[:, :k] - spec.first_value) == 0) & ~answer[:, k:].any(axis=1)


def _filled_in(
    spec: Spec, problem: Problem, chain: np.ndarray, steps: int, marked: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """The blank that each of the first steps of chains int32 (n, m) fills in, and its value, int (n, b) each, -1 where it says
    none, or one that was filled in before; with `marked` the value is -1 as well where the mark behind the step is missing, or a
    step behind the last."""
    width, index = spec.step_width, spec.vocabulary.index
    tokens = np.pad(chain, ((0, 0), (0, width * steps)), constant_values=PAD)[:, : width * steps].reshape(
        len(chain), steps, width
    )
    said, then, count = tokens[:, :, -2], tokens[:, :, -1], (problem["given"] < 0).sum(axis=1, keepdims=True)
    cells = blank_cells(problem["given"])[:, :steps]
    cells = np.pad(cells, ((0, 0), (0, steps - cells.shape[1])), constant_values=-1)
    if spec.order == "fewest":
        cells = _named(spec, problem, tokens[:, :, 0])
    there = (cells >= 0) & np.isin(said, spec.state_tokens)
    if marked:
        there &= then == np.where(np.arange(steps) == count - 1, PAD, index[TEXT_FORMAT.step_mark])
    return cells, np.where(there, said - spec.first_value, -1).astype(np.int8)


def _named(spec: Spec, problem: Problem, names: np.ndarray) -> np.ndarray:
    """The blanks that ids int32 (n, b) name, -1 where they name none, or one that was named before: int (n, b)."""
    number = np.full(len(spec.vocabulary), -1)
    number[list(spec.cell_tokens)] = np.arange(spec.cells)
    return fresh(problem["given"], number[names])


def fresh(given: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Cells int (n, b), -1 for none, without those that are no blanks of boards int8 (n, k) or stand there before."""
    open_, rows, kept = given < 0, np.arange(len(given)), np.full(cells.shape, -1)
    for place, cell in enumerate(cells.T):
        ok = (cell >= 0) & open_[rows, cell]
        kept[ok, place] = cell[ok]
        open_[rows[ok], cell[ok]] = False
    return kept


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
    begin = spec.step_width * (step + 1) - 1
    completion = np.pad(completion, ((0, 0), (0, begin)), constant_values=PAD)[:, :begin]
    cells, value = _filled_in(spec, problem, completion, step + 1)
    there = (value[:, step] >= 0) & (np.array(spec.order == "cells") | (cells >= 0).all(axis=1)) & spec.cot
    filled = np.empty_like(problem["filled"])
    for rows, part in blocks(spec, problem):
        filled[rows] = _closest(spec, part, cells[rows], value[rows])
    row, place = np.nonzero(value >= 0)
    filled[row, cells[row, place]] = value[row, place]
    followed = write(spec, {**problem, "filled": filled}, cells).completions()
    begin = min(begin, followed.shape[1])
    followed[there, :begin] = completion[there, :begin]
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
