"""Problems of `Multiplication` as tokens, and what follows from a running sum that was changed.

Dimension letters: `n` problems, `d` digits of a factor, `s` products, `k` columns, `w` tokens of a completion.
"""

from __future__ import annotations

import numpy as np

from alchemy.problem.task import EOS, PAD, Batch, Field, Problem
from tasks.multiplication.columns import ends, most, product, running
from tasks.multiplication.spec import THINK, TIMES, Spec


def write(spec: Spec, problem: Problem) -> Batch:
    """Whole lines: the factors, the running sums that the task shows, and the product."""
    left, right, n, p, d = problem["left"], problem["right"], len(problem["left"]), spec.longest_prompt, spec.digits
    tokens, index = np.empty((n, spec.clean_len), np.int32), spec.vocabulary.index
    tokens[:, :d], tokens[:, d + 1 : p - 1] = (_in_order(spec, factor) for factor in (left, right))
    tokens[:, d], tokens[:, p - 1] = index[TIMES], index[THINK]
    tokens[:, p:] = completions(spec, shown(spec, running(left, right, spec.base)), columns(spec, problem))
    steps = Field.STEP + np.arange(spec.chain_len)
    field = np.array([*[0] * d, *[1] * (d + 1), 2, *steps, *[Field.ANSWER] * (2 * d + 1), Field.END], np.int8)
    return Batch(tokens[..., None], np.full(n, p, np.int32), np.tile(field, (n, 1)), problem)


def columns(spec: Spec, problem: Problem) -> np.ndarray:
    """The running sum at the end of each column, int16 (n, k)."""
    return running(problem["left"], problem["right"], spec.base)[:, ends(problem["left"].shape[1])]


def shown(spec: Spec, sums: np.ndarray) -> np.ndarray:
    """Those of the running sums (n, s) that a line has."""
    if spec.trace == "columns":
        return sums[:, ends(spec.digits)]
    return sums[:, : spec.chain_len]


def completions(spec: Spec, trace: np.ndarray, totals: np.ndarray) -> np.ndarray:
    """Traces int16 (n, chain_len), and the products that the sums of columns int16 (n, k) make: int32 (n, w)."""
    c = spec.chain_len
    tokens = np.empty((len(totals), c + 2 * spec.digits + 2), np.int32)
    tokens[:, :c], tokens[:, c], tokens[:, -1] = trace + np.int32(spec.zero), spec.answer_mark_id, EOS
    tokens[:, c + 1 : -1] = _in_order(spec, product(totals, spec.base))
    return tokens


def _in_order(spec: Spec, digits: np.ndarray) -> np.ndarray:
    """Digits int (n, d), the lowest first, as ids in the order in which they are written."""
    ids = digits + np.int32(spec.zero)
    return ids if spec.first == "low" else ids[:, ::-1]


def step_places(spec: Spec) -> np.ndarray:
    """Which of all products each step of a line stands behind: int (chain_len,)."""
    return shown(spec, np.arange(spec.digits**2)[None])[0]


def follow(spec: Spec, problem: Problem, completion: np.ndarray, step: int) -> np.ndarray:
    """Completions int32 (n, w) that begin as the given ones up to and with a step, with the sums and the product that follow from
    it; padding where it says no number, or one that no factors have there."""
    written, at = read(spec, completion, step + 1), step_places(spec)[: step + 1]
    sums = running(problem["left"], problem["right"], spec.base)
    before = sums[:, : at[-1] + 1].copy()  # sums that a line of columns does not show are as they should be
    before[:, at] = written
    sums = running(problem["left"], problem["right"], spec.base, before)
    followed = completions(spec, shown(spec, sums), sums[:, ends(spec.digits)])
    followed[((written < 0) | (written > most(spec.base, spec.digits)[at])).any(axis=1)] = PAD
    return followed


def read(spec: Spec, completion: np.ndarray, steps: int) -> np.ndarray:
    """The first numbers of completions int32 (n, w), int16 (n, steps); -1 for what is none."""
    given = completion[:, :steps]
    return spec.numbers(np.pad(given, ((0, 0), (0, steps - given.shape[1])), constant_values=PAD))


def other_state(spec: Spec, completion: np.ndarray, step: int, rng: np.random.Generator) -> np.ndarray:
    """Completions int32 (n, w) whose step is any other sum that factors can have there or below."""
    room = int(most(spec.base, spec.digits)[step_places(spec)[step]]) + 1
    changed, offset = completion.copy(), rng.integers(1, room, len(completion))
    changed[:, step] = (completion[:, step] - spec.zero + offset) % room + spec.zero
    return changed
