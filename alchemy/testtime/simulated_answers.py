"""A simulated model: answers drawn from known probabilities, so that a pipeline can be tested against closed forms.

Dimension letters: `s` seeds, `n` problems, `k` answers.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from alchemy.errors import UserError
from alchemy.testtime.bank import Bank

PARAMETERS = 100_000


def simulated(
    p: np.ndarray,
    k: int,
    rng: np.random.Generator | int,
    *,
    wrong: int = 20,
    popular: float = 0.35,
    tokens: tuple[int, int] = (40, 40),
    facts: Mapping[str, np.ndarray] | None = None,
) -> Bank:
    """A bank whose answers are right with probability `p` (s, n), and otherwise one of `wrong` different wrong answers.

    One wrong answer has the share `popular` of all wrong ones, the others are equally frequent. The length of a chain is
    uniform between the two of `tokens`, independent of its answer.
    """
    p, rng = np.atleast_2d(np.asarray(p, float)), np.random.default_rng(rng)
    if not ((p >= 0) & (p <= 1)).all():
        raise UserError(f"expected probabilities from 0 to 1, got {p.min()} to {p.max()}")
    shape = (*p.shape, k)
    right = rng.random(shape) < p[..., None]
    other = np.where(rng.random(shape) < popular, 1, rng.integers(2, max(wrong, 2) + 1, shape)) if wrong > 1 else 1
    return Bank(
        answer=np.where(right, 0, other).astype(np.int64),
        right=right,
        trace=right,
        first_wrong=np.zeros(shape, np.int32),
        tokens=rng.integers(tokens[0], tokens[1] + 1, shape, dtype=np.int32),
        logprob=np.where(right, -1.0, -2.0).astype(np.float32),
        scores={},
        prompt=np.full(p.shape, 10, np.int32),
        facts={name: np.broadcast_to(values, p.shape) for name, values in (facts or {}).items()},
        parameters=PARAMETERS,
        readers={},
    )
