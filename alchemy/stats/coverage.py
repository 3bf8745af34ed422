"""Coverage far beyond the pool: what pass@k will be at a k that nobody can pay for yet.

Dimension letters: `n` problems, each with `right` of `pool` answers right.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import betaln

from alchemy.errors import UserError
from alchemy.stats.voting import any_at


class PowerLaw(NamedTuple):
    """pass@k = exp(a k^b), a < 0 and b < 0: Brown et al., arXiv:2407.21787, section 3.1."""

    a: float
    b: float

    def at(self, k: np.ndarray) -> np.ndarray:
        return np.exp(self.a * np.asarray(k, float) ** self.b)


class BetaLaw(NamedTuple):
    """pass@k where problems' chances of success are Beta(alpha, beta): a power law of exponent -alpha at large k.

    Source: Schaeffer et al., arXiv:2502.17578.
    """

    alpha: float
    beta: float

    def at(self, k: np.ndarray) -> np.ndarray:
        return 1 - np.exp(betaln(self.alpha, self.beta + np.asarray(k, float)) - betaln(self.alpha, self.beta))


def power_law(right: np.ndarray, pool: int) -> PowerLaw:
    """The law through unbiased pass@k at k = 1, 2, 4, ... up to the pool, by least squares on log(-log)."""
    k = 2 ** np.arange(pool.bit_length())
    covered = np.array([any_at(right, pool, int(size)).mean() for size in k])
    inside = (covered > 0) & (covered < 1)
    if inside.sum() < 2:
        raise UserError(f"cannot fit coverage {covered.tolist()}; expected two or more values between 0 and 1")
    b, log_a = np.polyfit(np.log(k[inside]), np.log(-np.log(covered[inside])), 1)
    return PowerLaw(-float(np.exp(log_a)), float(b))


def beta_law(right: np.ndarray, pool: int) -> BetaLaw:
    """The Beta distribution of the chances of success under which the counts `right` int (n,) are likeliest."""
    counts, times = np.unique(right, return_counts=True)

    def cost(logs: np.ndarray) -> float:
        alpha, beta = np.exp(logs)
        return -float((times * (betaln(counts + alpha, pool - counts + beta) - betaln(alpha, beta))).sum())

    optimum = minimize(cost, np.zeros(2), method="Nelder-Mead", bounds=[(-7, 9)] * 2)
    return BetaLaw(*np.exp(optimum.x).tolist())
