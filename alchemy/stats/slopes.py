"""Slopes of a curve against a budget, a length or a dose, a number a seed.

Dimension letters: `s` seeds, `n` problems, `k` chains of each, `m` budgets.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from scipy.stats import rankdata


def pairwise_slope(x: np.ndarray, curves: np.ndarray) -> np.ndarray:
    """The mean slope over all pairs of budgets x (m,), float (s,) of curves (s, m): "scaling" of s1, arXiv:2501.19393,
    section 3.2."""
    pairs = combinations(range(len(x)), 2)
    return np.mean([(curves[:, b] - curves[:, a]) / (x[b] - x[a]) for a, b in pairs], axis=0)


def slope(x: np.ndarray, curves: np.ndarray) -> np.ndarray:
    """The slope of curves (s, m) against x (m,) by least squares, float (s,)."""
    centred = np.asarray(x, float) - np.mean(x)
    return curves @ centred / (centred**2).sum()


def rank_correlation(x: np.ndarray, curves: np.ndarray) -> np.ndarray:
    """Spearman's rank correlation of curves (s, m) with x (m,), equal values at their mean rank: float (s,).

    nan for a curve that does not vary.
    """
    centred = [ranks - ranks.mean(axis=-1, keepdims=True) for ranks in (rankdata(x), rankdata(curves, axis=1))]
    spread = np.sqrt((centred[0] ** 2).sum() * (centred[1] ** 2).sum(axis=1))
    return centred[1] @ centred[0] / np.where(spread > 0, spread, np.nan)


def slope_within_problems(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The slope of y against x, both (s, n, k), with an intercept for each problem: float (s,).

    What differs between problems, such as how hard they are, is no part of it. nan where x never varies within a problem.
    """
    x, y = (values - values.mean(axis=2, keepdims=True) for values in (np.asarray(x, float), np.asarray(y, float)))
    spread = (x * x).sum(axis=(1, 2))
    return (x * y).sum(axis=(1, 2)) / np.where(spread > 0, spread, np.nan)
