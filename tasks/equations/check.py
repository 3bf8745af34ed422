"""Answers of `Equations` put into the equations, one after the other: what is written to check them, and whether they hold.

For each equation, from its first unknown to its last: the coefficient times the value and, from the second on, the sum so far.
x1 = 4, x2 = 2 in 3 1 = 0 modulo 7 is written 5 2 0: 3 * 4 = 5, 1 * 2 = 2, 5 + 2 = 0, which is the right-hand side.

Dimension letters: `n` problems, `k` unknowns, `m` tokens of a completion.
"""

from __future__ import annotations

import numpy as np

from alchemy.errors import UserError
from alchemy.problem import gold
from alchemy.problem.checks import Parts
from alchemy.problem.task import PAD, Problem
from tasks.equations.spec import TEXT_FORMAT, Spec


def part_shape(spec: Spec) -> tuple[int, int]:
    """Equations, and numbers that are written of each; raises `UserError` where one unknown alone is asked for."""
    if spec.asked != "all":
        raise UserError(
            f"asked {spec.asked!r} leaves unknowns open, and the equations cannot be checked; expected 'all'"
        )
    return spec.unknowns, 2 * spec.unknowns - 1


def parts(spec: Spec, problem: Problem, completion: np.ndarray) -> Parts:
    """The checks of the answers in completions int32 (n, m): text int32 (n, k, 2 k - 1), padding where an answer is none."""
    count, width = part_shape(spec)
    _, answer = gold.parts(completion, spec.vocabulary.index[TEXT_FORMAT.answer_mark])
    answer = np.pad(answer, ((0, 0), (0, count + 1)))
    values = spec.numbers(answer[:, :count])
    is_answer = (values >= 0).all(axis=1) & (answer[:, count] == PAD)
    products = problem["matrix"] * values[:, None] % spec.modulus
    sums = products.cumsum(axis=2) % spec.modulus
    text = np.empty((len(values), count, width), np.int32)
    text[..., 0] = products[..., 0]
    text[..., 1::2], text[..., 2::2] = products[..., 1:], sums[..., 1:]
    text = np.where(is_answer[:, None, None], text + spec.zero, PAD)
    return Parts(text, is_answer[:, None] & (sums[..., -1] == problem["right"]))
