"""Problems of `Equations` as tokens, and the tokens of a chain read as equations.

Dimension letters: `n` problems, `k` unknowns, `s` steps, `m` tokens of a completion.
"""

from __future__ import annotations

import numpy as np

from alchemy.problem.arrays import flat
from alchemy.problem.task import EOS, PAD, Batch, Field, Problem
from tasks.equations.eliminate import eliminate, solution
from tasks.equations.spec import ALL, COMMA, EQUALS, TEXT_FORMAT, THINK, Spec


def system(problem: Problem) -> np.ndarray:
    """Coefficients and right-hand sides, int16 (n, k, k + 1)."""
    return np.concatenate([problem["matrix"], problem["right"][:, :, None]], axis=2)


def write(spec: Spec, problem: Problem) -> Batch:
    """Whole lines: equations, what is asked for, the elimination and the answer."""
    index, n = spec.vocabulary.index, len(problem["asked"])
    tokens = np.empty((n, spec.clean_len), np.int32)
    prompt, stop = spec.longest_prompt, spec.longest_prompt + spec.chain_len
    tokens[:, : prompt - 2] = _equations(spec, system(problem))
    tokens[:, prompt - 2] = problem["asked"] + 1 + index[ALL]
    tokens[:, prompt - 1] = index[THINK]
    if spec.cot:
        tokens[:, prompt:stop] = _equations(spec, eliminate(system(problem), spec.modulus)[0])[:, :-1]
    tokens[:, stop] = index[TEXT_FORMAT.answer_mark]
    tokens[:, stop + 1 : -1] = _answer(spec, problem, problem["solution"])
    tokens[:, -1] = EOS
    return Batch(tokens[..., None], np.full(n, prompt, np.int32), np.tile(_fields(spec), (n, 1)), problem)


def _equations(spec: Spec, rows: np.ndarray) -> np.ndarray:
    """Equations int (n, s, k + 1), each with a comma behind it, as ids (n, s * row_len)."""
    n, s, k = len(rows), rows.shape[1], spec.unknowns
    tokens = np.empty((n, s, spec.row_len), np.int32)
    tokens[:, :, :k] = rows[:, :, :k] + spec.zero
    tokens[:, :, k] = spec.vocabulary.index[EQUALS]
    tokens[:, :, k + 1] = rows[:, :, k] + spec.zero
    tokens[:, :, k + 2] = spec.vocabulary.index[COMMA]
    return flat(tokens)


def _answer(spec: Spec, problem: Problem, solved: np.ndarray) -> np.ndarray:
    """The unknowns int (n, k) that are asked for, as ids (n, answer_len)."""
    if spec.asked == "one":
        solved = np.take_along_axis(solved, problem["asked"][:, None].astype(np.intp), axis=1)
    return solved + spec.zero


def _fields(spec: Spec) -> np.ndarray:
    """The field of each token of a line, int8 (t,)."""
    prompt = [0] * (spec.longest_prompt - 2) + [1, 2]
    chain = [Field.STEP + place // spec.row_len for place in range(spec.chain_len)]
    return np.array([*prompt, *chain, *[Field.ANSWER] * (spec.answer_len + 1), Field.END], np.int8)


def read(spec: Spec, completion: np.ndarray, steps: int) -> np.ndarray:
    """The first steps of well formed completions int32 (n, m) as equations int16 (n, steps, k + 1); -1 for what is no number."""
    rows = completion[:, : steps * spec.row_len]
    rows = np.pad(rows, ((0, 0), (0, steps * spec.row_len - rows.shape[1])), constant_values=PAD)
    rows = rows.reshape(len(rows), steps, spec.row_len)
    return spec.numbers(np.delete(rows[:, :, : spec.unknowns + 2], spec.unknowns, axis=2))


def right_hand_side(spec: Spec, step: int) -> int:
    """Where in a completion the right-hand side of a step stands."""
    return step * spec.row_len + spec.unknowns + 1


def follow(spec: Spec, problem: Problem, gold: np.ndarray, completion: np.ndarray, step: int) -> np.ndarray:
    """Completions int32 (n, m) that begin as the given ones up to and with a step, with the elimination and the answer that
    follow from it; padding where it says no equation, or where a pivot is 0."""
    written = read(spec, completion, step + 1)
    rows, possible = eliminate(system(problem), spec.modulus, np.maximum(written, 0))
    followed = gold.copy()
    followed[:, : spec.chain_len] = _equations(spec, rows)[:, :-1]
    followed[:, spec.chain_len + 1 : spec.chain_len + 1 + spec.answer_len] = _answer(spec, problem, solution(rows))
    followed[~possible | (written < 0).any(axis=(1, 2))] = PAD
    return followed
