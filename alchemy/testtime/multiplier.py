"""The effective-compute multiplier: how many times its budget the uniform baseline needs to do as well as an arm.

k = B_uniform(accuracy of the arm) / B_arm, read off the uniform curve made monotone and interpolated in the logarithm of
the budget. Everything is computed inside a seed, from the means over its problems: one number a seed.
Dimension letters: `m` sizes of the uniform baseline, `s` seeds, `n` problems.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import isotonic_regression

from alchemy.errors import UserError
from alchemy.testtime.replay import Curve

CEILING = 0.97
"""Above this nearly any budget buys nearly nothing, and k is only bounded from below."""


def multiplier(uniform: Curve, right: np.ndarray, flops: np.ndarray) -> np.ndarray:
    """k of an arm that is `right` (s, n) at `flops` (s, n): float (s,).

    Infinite where the uniform curve ends below the arm or the arm is above `CEILING`: all that is known there is that k
    is at least `largest_multiplier`. 0 where the arm is below the curve's beginning, nan where the arm pays nothing.
    """
    paid = _paid(uniform, right, flops)
    accuracy, cost = uniform.right.mean(axis=2), uniform.flops.mean(axis=2)
    gained = right.mean(axis=1)
    needed = [_budget(accuracy[:, seed], cost[:, seed], gained[seed]) for seed in range(len(gained))]
    return np.where(gained > CEILING, np.inf, needed) / paid


def largest_multiplier(uniform: Curve, right: np.ndarray, flops: np.ndarray) -> np.ndarray:
    """The largest k of such an arm that the uniform curve can show, float (s,): larger ones count as infinite."""
    paid = _paid(uniform, right, flops)
    accuracy, cost = uniform.right.mean(axis=2), uniform.flops.mean(axis=2)
    ends = [min(_budget(accuracy[:, seed], cost[:, seed], CEILING), cost[-1, seed]) for seed in range(len(paid))]
    return ends / paid


def capture(gain: np.ndarray, oracle: np.ndarray) -> np.ndarray:
    """Which part of what an oracle gains is gained: the quotient of the means of two gains (s, n), float (s,).

    A difference of two arms' gains as `gain` gives the difference of their captures. nan where the oracle gains nothing.
    """
    if gain.shape != oracle.shape:
        raise UserError(f"expected gains of the same seeds and problems, got {gain.shape} and {oracle.shape}")
    whole = oracle.mean(axis=1)
    return gain.mean(axis=1) / np.where(whole > 0, whole, np.nan)


def _paid(uniform: Curve, right: np.ndarray, flops: np.ndarray) -> np.ndarray:
    """FLOPs a problem of the arm, float (s,); nan where it is none."""
    shape = uniform.right.shape[1:]
    if right.shape != shape or flops.shape != shape:
        raise UserError(f"expected an arm of shape {shape} as the baseline has, got {right.shape} and {flops.shape}")
    paid = flops.mean(axis=1)
    return np.where(paid > 0, paid, np.nan)


def _budget(accuracy: np.ndarray, cost: np.ndarray, target: float) -> float:
    """The least budget at which the baseline, (m,) both, is at the target: inf if it never is, 0 if already before."""
    fitted = isotonic_regression(accuracy).x
    if target > fitted[-1] + 1e-12:
        return np.inf
    if target < fitted[0] - 1e-12:
        return 0.0
    after = int(np.searchsorted(fitted, target - 1e-12))
    if after == 0:
        return float(cost[0])
    part = (target - fitted[after - 1]) / (fitted[after] - fitted[after - 1])
    return float(np.exp((1 - part) * np.log(cost[after - 1]) + part * np.log(cost[after])))
