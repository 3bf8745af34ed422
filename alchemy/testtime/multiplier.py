"""The effective-compute multiplier: how many times its budget the uniform baseline needs to do as well as an arm.

k = B_uniform(accuracy of the arm) / B_arm, read off the uniform curve made monotone and interpolated in the logarithm of
the budget. Dimension letters: `m` sizes of the uniform baseline, `s` seeds, `n` problems, `r` resamples.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import isotonic_regression

from alchemy.errors import UserError
from alchemy.stats.measure import Interval, resampled
from alchemy.testtime.replay import Curve

CEILING = 0.97
"""Above this nearly any budget buys nearly nothing, and k is only bounded from below."""


def multiplier(
    uniform: Curve, right: np.ndarray, flops: np.ndarray, rng: np.random.Generator | int, resamples: int = 1000
) -> Interval:
    """k of an arm that is `right` (s, n) at `flops` (s, n), with its 95 % interval over seeds and problems.

    Both are resampled, the same for the arm and for the baseline. The mean or a limit is infinite where the uniform curve
    ends below the arm or the arm is above `CEILING`, which leaves a lower limit, and 0 where the arm is below the curve's
    beginning.
    """
    shape = uniform.right.shape[1:]
    if right.shape != shape or flops.shape != shape:
        raise UserError(f"expected an arm of shape {shape} as the baseline has, got {right.shape} and {flops.shape}")
    seeds, n = shape
    problem, seed = resampled(rng, seeds, n, resamples)
    problem = np.concatenate([np.ones((1, n)), problem])
    seed = np.concatenate([np.full((1, seeds), 1 / seeds), seed / seed.sum(axis=1, keepdims=True)])

    def means(values: np.ndarray) -> np.ndarray:
        """Resampled means (r,) of values (s, n); the first is the plain one."""
        return np.einsum("rs,rs->r", problem @ values.T, seed) / n

    accuracy, cost = (np.stack([means(one) for one in part], axis=1) for part in (uniform.right, uniform.flops))
    gained, paid = means(right), means(flops)
    if not paid.all():
        raise UserError("an arm that pays nothing has no multiplier")
    low = np.array([_budget(*each) for each in zip(accuracy, cost, gained.clip(max=CEILING), strict=True)]) / paid
    high = np.where(gained > CEILING, np.inf, low)
    bottom = np.quantile(low[1:], 0.025, method="lower")
    top = np.quantile(high[1:], 0.975, method="higher")
    return Interval(float(high[0]), float(min(bottom, low[0])), float(max(top, high[0])), n, seeds)


def capture(gain: np.ndarray, oracle: np.ndarray, rng: np.random.Generator | int, resamples: int = 1000) -> Interval:
    """Which part of what an oracle gains is gained: the quotient of the means of two gains (s, n), 95 % interval.

    A difference of two arms' gains as `gain` gives the difference of their captures. Where the oracle may gain nothing
    the limits are infinite.
    """
    if gain.shape != oracle.shape:
        raise UserError(f"expected gains of the same seeds and problems, got {gain.shape} and {oracle.shape}")
    seeds, n = gain.shape
    problem, seed = resampled(rng, seeds, n, resamples)
    top, base = (np.einsum("rs,rs->r", problem @ one.T, seed) / n for one in (gain, oracle))
    if np.mean(base <= 0) > 0.025 or oracle.mean() <= 0:
        return Interval(np.nan if oracle.mean() <= 0 else float(gain.mean() / oracle.mean()), -np.inf, np.inf, n, seeds)
    part, mean = top / np.where(base > 0, base, np.nan), float(gain.mean() / oracle.mean())
    low, high = np.nanquantile(part, [0.025, 0.975])
    return Interval(mean, min(float(low), mean), max(float(high), mean), n, seeds)


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
