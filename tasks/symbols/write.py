"""Problems of `Symbols` as tokens: the prompt, every intermediate element, the answer."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from alchemy.problem.arrays import flat
from alchemy.problem.split import hash_rows
from alchemy.problem.task import EOS, PAD, Field, Problem
from tasks.symbols.layout import HINTS, groups, layout
from tasks.symbols.spec import Spec


class Lines(NamedTuple):
    """Written problems, or their completions alone."""

    tokens: np.ndarray  # int32 (n, t)
    field: np.ndarray  # int8 (n, t)
    prompt_len: np.ndarray  # int32 (n,)
    direct: np.ndarray  # bool (n,): the prompt already holds `<answer>`


def write(spec: Spec, problem: Problem, prompt: bool = True, apply: bool = True) -> Lines:
    """Whole lines, or completions if not `prompt`; if not `apply`, no step changes the element."""
    blocks = list(groups(problem))
    layouts = [layout(length, steps, spec.cot, spec.dialect) for _, length, steps in blocks]
    starts = [0 if prompt else form.prompt_len for form in layouts]
    sizes = [form.cells.size - start for form, start in zip(layouts, starts, strict=True)]
    n, width = len(problem["element"]), max([*sizes, spec.clean_len if prompt else 1])
    tokens, field = np.full((n, width), PAD, np.int32), np.full((n, width), Field.PADDING, np.int8)
    prompt_len, direct = np.zeros(n, np.int32), np.zeros(n, bool)
    for (rows, length, steps), form, start, size in zip(blocks, layouts, starts, sizes, strict=True):
        element, ops = problem["element"][rows, :length].astype(np.uint8), problem["ops"][rows, :steps]
        states = spec.machine.intermediates(ops, element) if apply else np.repeat(element[:, None], steps + 1, 1)
        tokens[rows, :size] = np.take(_cells(spec, states, ops, element), form.cells[start:], axis=1)
        field[rows, :size] = form.field[start:]
        prompt_len[rows], direct[rows] = form.prompt_len, form.direct
    return Lines(tokens, field, prompt_len, direct)


def elements_written(spec: Spec, problem: Problem) -> np.ndarray:
    """Hashes uint64 (elements,) of all elements that the gold completions have, as `Symbols.identity` has of a question."""
    hashes = [np.zeros(0, np.uint64)]
    for rows, length, steps in groups(problem):
        states = spec.machine.intermediates(
            problem["ops"][rows, :steps], problem["element"][rows, :length].astype(np.uint8)
        )
        written = states[:, 1 if spec.cot else -1 :].reshape(-1, length)
        hashes.append(hash_rows(written, np.ones(written.shape, bool)))
    return np.concatenate(hashes)


def _cells(spec: Spec, states: np.ndarray, ops: np.ndarray, element: np.ndarray) -> np.ndarray:
    """What `Layout.cells` chooses from, ids (n, cells) in the smallest type that holds them.

    states uint8 (n, k + 1, l) letter numbers, ops int16 (n, k), element uint8 (n, l) the question.
    """
    small = np.min_scalar_type(len(spec.vocabulary))
    marks = np.array([spec.think_id, spec.answer_mark_id, EOS]).astype(small)
    hints = [_hints(spec, element).astype(small)] if spec.dialect == "hinted" else []
    return np.concatenate(
        [
            flat(states).astype(small) + small.type(spec.letters[0]),
            (ops + np.int16(3)).astype(small),  # primitives come first in the vocabulary, behind the three shared ids
            np.broadcast_to(marks, (len(states), len(marks))),
            *hints,
        ],
        axis=1,
    )


def _hints(spec: Spec, element: np.ndarray) -> np.ndarray:
    """The marks of the places of elements uint8 (n, l): ids int32 (n, l) in a row, the first one by a hash of the letters."""
    length = element.shape[1]
    start = hash_rows(element, np.ones(element.shape, bool)) % np.uint64(HINTS - length + 1)
    return spec.first_hint + start.astype(np.int32)[:, None] + np.arange(length, dtype=np.int32)
