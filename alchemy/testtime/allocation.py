"""A budget divided between problems: how many answers each gets, from an estimate of how hard it is.

Any estimate will do: a regression on features of a problem, a probe, a few first answers, the truth. From the other half
of the problems follows the accuracy to expect at an estimate and a number of answers, and the budget goes where the next
answer gains most. Source: Damani et al., arXiv:2410.04707 (its offline variant).
Dimension letters: `s` seeds, `n` problems, `m` sizes.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.special import logit

from alchemy.errors import UserError
from alchemy.stats.regression import Regression

BINS = 12
"""Quantiles of the estimate in which problems are grouped, at most."""


def success(p: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Chance that one of so many answers is right: float (..., m) of p (...); the j-th answer gains p (1 - p)^(j - 1)."""
    return 1 - (1 - np.asarray(p)[..., None]) ** np.asarray(sizes)


def spend(values: np.ndarray, sizes: np.ndarray, mean: float) -> np.ndarray:
    """How many answers each problem gets, int (n,), to maximise the sum of their values (n, m) at `sizes` (m,).

    At most `mean` answers a problem are spent. The best choice at a price per answer, and the price that uses up the
    budget: the greedy choice by marginal gains where gains diminish, and the best mixture of sizes where they do not.
    """
    sizes = np.asarray(sizes)
    if values.shape[1:] != sizes.shape or not (np.diff(sizes) > 0).all():
        raise UserError(f"expected values at increasing sizes, got {values.shape} at {sizes.tolist()}")
    if mean < sizes[0]:
        raise UserError(f"a budget of {mean:g} answers a problem is less than the least size, {sizes[0]}")

    def chosen(price: float) -> np.ndarray:
        return (values - price * sizes).argmax(axis=1)

    low, high = 0.0, float(np.ptp(values, axis=1).max(initial=0.0)) + 1.0
    if sizes[chosen(low)].mean() <= mean:
        return sizes[chosen(low)]
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if sizes[chosen(middle)].mean() > mean else (low, middle)
    few, many = chosen(high), chosen(low)
    extra = sizes[many] - sizes[few]
    upgraded = np.cumsum(extra) <= mean * len(values) - sizes[few].sum()
    return sizes[np.where(upgraded, many, few)]


def expected(estimate: np.ndarray, known: np.ndarray, curves: np.ndarray, bins: int = BINS) -> np.ndarray:
    """Accuracy to expect of problems with an `estimate` (n,), float (n, m).

    The mean of the `curves` (i, m) of other problems with a `known` estimate (i,) in the same quantile.
    """
    edges = np.unique(np.quantile(known, np.arange(1, bins) / bins))
    kind, kinds = np.searchsorted(edges, known, side="right"), len(edges) + 1
    count = np.bincount(kind, minlength=kinds)
    total = np.zeros((kinds, curves.shape[1]))
    np.add.at(total, kind, curves)
    mean = (total + curves.mean(axis=0)) / (count + 1)[:, None]  # an empty group gets the mean of all
    return mean[np.searchsorted(edges, estimate, side="right")]


def folds(n: int) -> np.ndarray:
    """Which of two halves each problem is in, bool (n,): every second one."""
    return np.arange(n) % 2 == 0


def allocated(
    estimate: np.ndarray,
    curves: np.ndarray,
    sizes: np.ndarray,
    mean: float,
    *,
    known: np.ndarray | None = None,
    known_curves: np.ndarray | None = None,
    bins: int = BINS,
) -> np.ndarray:
    """How many answers each problem gets, int (s, n), from estimates (s, n) of how hard they are.

    The accuracy to expect at an estimate is learned from `curves` (m, s, n) of the other half of the problems, or, where they are
    given, from `known` estimates (s, i) and `known_curves` (m, s, i) of other problems altogether; for all seeds at once.
    """
    seeds, n = estimate.shape
    values = np.empty((seeds, n, len(sizes)))
    for half in (folds(n), ~folds(n)) if known is None else (np.ones(n, bool),):
        if known is None:
            others, other_curves = estimate[:, ~half], curves[:, :, ~half]
        else:
            others, other_curves = known, known_curves
        accuracy = expected(estimate[:, half].ravel(), others.ravel(), other_curves.reshape(len(sizes), -1).T, bins)
        values[:, half] = accuracy.reshape(seeds, -1, len(sizes))
    return np.stack([spend(seed_values, sizes, mean) for seed_values in values])


Facts = Mapping[str, np.ndarray]
"""Features of each seed's problems, by name: numbers (s, n) or vectors (s, n, d)."""


def guessed(facts: Facts, share: np.ndarray) -> np.ndarray:
    """Shares of right answers expected from facts, float (s, n), each half by a regression on the other half."""
    seeds, n = share.shape
    predicted = np.empty(share.shape)
    for seed, seed_facts in enumerate(_by_seed(facts, seeds)):
        for half in (folds(n), ~folds(n)):
            others = {name: fact[~half] for name, fact in seed_facts.items()}
            regression = Regression.fit(others, share[seed, ~half])
            predicted[seed, half] = regression.guess({name: fact[half] for name, fact in seed_facts.items()})
    return predicted


def carried(facts: Facts, share: np.ndarray, shifted: Facts) -> np.ndarray:
    """Shares expected of other problems from their facts, float (s, i), by a regression on all of these."""
    seeds = len(share)
    by_seed = zip(_by_seed(facts, seeds), share, _by_seed(shifted, seeds), strict=True)
    return np.stack([Regression.fit(known, known_share).guess(other) for known, known_share, other in by_seed])


def _by_seed(facts: Facts, seeds: int) -> list[dict[str, np.ndarray]]:
    return [{name: values[seed] for name, values in facts.items()} for seed in range(seeds)]


def explained(guess: np.ndarray, right: np.ndarray, pool: int) -> float:
    """R squared of the logit of the share of right answers, counts `right` (s, n) of `pool`; the mean over seeds.

    Half an answer of each kind is added to the counts, so that none and all have a logit.
    """
    truth = logit((right + 0.5) / (pool + 1))
    predicted = logit(np.clip(guess, 0.5 / (pool + 1), 1 - 0.5 / (pool + 1)))
    rest = ((truth - predicted) ** 2).mean(axis=1)
    return float((1 - rest / np.maximum(truth.var(axis=1), 1e-12)).mean())
