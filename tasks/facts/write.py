"""Problems of `Facts` as tokens, and what follows from a step of a chain.

Dimension letters: `n` problems, `k` facts of a question at most, `m` tokens of a completion.
"""

from __future__ import annotations

import numpy as np

from alchemy.problem.task import EOS, PAD, Batch, Field, Problem
from tasks.facts.questions import NONE, hops, walk
from tasks.facts.spec import COMMA, TEXT_FORMAT, THINK, Spec

STEP = 4
"""Tokens of a step: a fact and the comma behind it."""


def write(spec: Spec, problem: Problem) -> Batch:
    """Whole lines: an entity and relations, the facts on the way, and the answer."""
    head, path = problem["head"], problem["path"]
    think = np.full(len(head), spec.vocabulary.index[THINK])
    prompt = np.column_stack([head + np.int32(spec.first_entity), _relations(spec, path), think])
    tokens, field = _parts(spec, path, walk(spec, head, path))
    fields = np.broadcast_to([0, *[1] * path.shape[1], 2], prompt.shape)
    line = _closed_up(np.hstack([prompt, tokens]), np.hstack([fields, field]), spec.clean_len)
    return Batch(line[0][..., None], (2 + hops(problem)).astype(np.int32), line[1], problem)


def _relations(spec: Spec, path: np.ndarray) -> np.ndarray:
    """Ids of relations int8 (n, k), padding where there is none."""
    return np.where(path == NONE, PAD, path + np.int32(spec.first_relation)).astype(np.int32)


def _parts(spec: Spec, path: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Chains along relations int8 (n, k) through entities int (n, k + 1), and the answers at their ends, with padding where a
    question has no more facts: ids and fields int32 (n, m)."""
    index, (n, k) = spec.vocabulary.index, path.shape
    entity, there = at + np.int32(spec.first_entity), path != NONE
    onward = np.pad(there[:, 1:], ((0, 0), (0, 1)))
    comma = np.where(onward, index[COMMA], PAD)
    facts = np.stack([entity[:, :-1], _relations(spec, path), entity[:, 1:], comma], axis=2)
    chain = np.where(there[..., None] & spec.cot, facts, PAD).reshape(n, STEP * k)
    end = np.column_stack([np.full(n, index[TEXT_FORMAT.answer_mark]), entity[:, -1], np.full(n, EOS)])
    fields = [*(Field.STEP + np.arange(k)).repeat(STEP), Field.ANSWER, Field.ANSWER, Field.END]
    return np.hstack([chain, end]), np.broadcast_to(fields, (n, len(fields)))


def _closed_up(tokens: np.ndarray, field: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Ids and fields (n, m) with padding behind all else, as int32 and int8 (n, width)."""
    order = np.argsort(tokens == PAD, axis=1, kind="stable")[:, :width]
    tokens = np.take_along_axis(tokens, order, axis=1)
    field = np.where(tokens == PAD, Field.PADDING, np.take_along_axis(field, order, axis=1))
    return tokens.astype(np.int32), field.astype(np.int8)


def completions(spec: Spec, path: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Chains along relations int8 (n, k) through entities int (n, k + 1), and the answers at their ends: int32 (n, m)."""
    tokens, field = _parts(spec, path, at)
    return _closed_up(tokens, field, spec.clean_len - min(spec.hops) - len(("E1", THINK)))[0]


def follow(spec: Spec, problem: Problem, completion: np.ndarray, step: int) -> np.ndarray:
    """Completions int32 (n, m) that begin as the given ones up to and with a step, with the facts and the answer that follow from the
    entity it ends with; padding where it ends with none, or where the chain has no such step."""
    path, end = problem["path"], STEP * step + len(("E1", "R1", "E2"))
    given = np.pad(completion, ((0, 0), (0, end)), constant_values=PAD)[:, :end]
    said = given[:, -1] - spec.first_entity
    known = (said >= 0) & (said < spec.entities) & (hops(problem) * spec.cot > step)
    at = np.zeros((len(path), path.shape[1] + 1), np.int16)
    at[:, step + 1 :] = walk(spec, np.where(known, said, 0), path[:, step + 1 :])
    followed = completions(spec, path, at)
    followed[:, :end] = given[:, : followed.shape[1]]
    followed[~known] = PAD
    return followed


def other_state(
    spec: Spec, problem: Problem, completion: np.ndarray, step: int, rng: np.random.Generator
) -> np.ndarray:
    """Completions int32 (n, m) whose step ends with another entity, any other alike."""
    changed, place = completion.copy(), STEP * step + STEP - 2
    row = np.flatnonzero(hops(problem) * spec.cot > step)
    offset = rng.integers(1, spec.entities, len(row))
    said = completion[row, place] - spec.first_entity if len(row) else np.zeros(0, int)
    changed[row, place] = (said + offset) % spec.entities + spec.first_entity
    return changed
