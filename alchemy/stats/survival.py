"""Chains that fail in a step, or go on: the chance to fail in each step, and how likely laws of it make what was seen.

Counts are int (l, n): of the chains of each of n problems, how many are right before a step (`alive`) and how many of
these fail in it (`failed`). Dimension letters: `l` steps, `n` problems.
"""

from __future__ import annotations

import numpy as np

RATES = np.geomspace(1e-4, 3, 400)
"""Rates among which the likeliest is sought."""


def hazard(alive: np.ndarray, failed: np.ndarray) -> np.ndarray:
    """The share of the chains still right that fail in each step, float (l,); nan where none is right."""
    total = alive.sum(axis=1)
    return failed.sum(axis=1) / np.where(total > 0, total, np.nan)


def log_likelihood(alive: np.ndarray, failed: np.ndarray, rate: np.ndarray) -> np.ndarray:
    """Log-likelihood of each problem's chains, float (n,), if step l is right with probability exp(-rate[l])."""
    rate = np.asarray(rate)[:, None]
    return (-(alive - failed) * rate + failed * np.log(-np.expm1(-rate))).sum(axis=0)


def likeliest_rate(alive: np.ndarray, failed: np.ndarray, growth: np.ndarray) -> float:
    """The a, of `RATES`, under which the chains are likeliest if step l is right with probability exp(-a growth[l])."""
    likelihoods = [log_likelihood(alive, failed, rate * growth).sum() for rate in RATES]
    return float(RATES[int(np.argmax(likelihoods))])


def held_out_gain(alive: np.ndarray, failed: np.ndarray, growth: np.ndarray, other: np.ndarray) -> float:
    """Mean log-likelihood of a problem's chains under the law of shape `growth` less that under `other`, both (l,).

    Each law has one free rate, fitted on every other problem and judged on the rest.
    """
    fitted, judged = (alive[:, ::2], failed[:, ::2]), (alive[:, 1::2], failed[:, 1::2])
    first, second = (log_likelihood(*judged, likeliest_rate(*fitted, shape) * shape) for shape in (growth, other))
    return float((first - second).mean())
