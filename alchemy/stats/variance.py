"""Where the differences between trained models come from: what was varied, the seeds, or neither alone.

Every seed was trained in every arm, and the arms are all combinations of some factors. Dimension letters: `s` seeds, `a` arms, `p`
values of one factor, `q` of the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, combinations
from typing import NamedTuple

import numpy as np
from scipy.stats import f

from alchemy.errors import UserError

SEEDS, REST = "seeds", "rest"


class Components(NamedTuple):
    """Variances that add up to that of one model of any arm and seed; none is below 0."""

    arms: float
    """Of what arms are expected to score."""
    seeds: float
    """Of what a seed adds in every arm."""
    rest: float
    """Of what a seed adds in an arm, beyond these."""
    share: float
    """Of the arms in arms and rest: the correlation of two seeds' scores of the arms."""
    limits: tuple[float, float]
    """Of the share; exact where all are normal."""


def components(values: np.ndarray, level: float = 0.95) -> Components:
    """The components of scores float (s, a) of two or more seeds and arms, by analysis of variance (McGraw and Wong 1996, case C,1).

    Limits are of that confidence `level`. Scores that are all alike have a share of nan.
    """
    s, a = _checked(values).shape[0], values[0].size
    parts = squares(values.reshape(s, a), ("arms",))
    arms, seeds = parts["arms"] / (a - 1), parts[SEEDS] / (s - 1)
    rest = parts[REST] / ((a - 1) * (s - 1))
    of_arms, of_seeds = max(0.0, (arms - rest) / s), max(0.0, (seeds - rest) / a)
    share = of_arms / (of_arms + rest) if of_arms + rest > 0 else np.nan
    if not rest > 0:
        return Components(of_arms, of_seeds, rest, share, (share, share))
    freedom, tail = (a - 1, (a - 1) * (s - 1)), (1 - level) / 2
    ratios = [arms / rest / f.ppf(quantile, *freedom) for quantile in (1 - tail, tail)]
    low, high = (max(0.0, (ratio - 1) / (ratio + s - 1)) for ratio in ratios)
    return Components(of_arms, of_seeds, rest, float(share), (low, high))


def squares(values: np.ndarray, factors: Sequence[str]) -> dict[str, float]:
    """Sums of squares of scores float (s, p, q, ...) around their mean, by what varies: they add up to the whole.

    Each factor has one, as have two or more of them together ("a x b"), the `seeds`, and the `rest`, which is what seeds do in some
    arms and not in others.
    """
    if _checked(values).ndim != len(factors) + 1:
        raise UserError(f"expected scores by seeds and {', '.join(factors)}, got shape {values.shape}")
    sets = [*chain.from_iterable(combinations(range(1, values.ndim), size) for size in range(1, values.ndim))]
    found = {" x ".join(factors[axis - 1] for axis in axes): _squares(values, axes) for axes in sets}
    found[SEEDS] = _squares(values, (0,))
    whole = float(((values - values.mean()) ** 2).sum())
    return {**found, REST: max(0.0, whole - sum(found.values()))}


def _squares(values: np.ndarray, axes: tuple[int, ...]) -> float:
    """The sum of squares of what some axes do together, beyond what fewer of them do."""
    effect = np.zeros(1)
    for size in range(len(axes) + 1):
        for kept in combinations(axes, size):
            averaged = tuple(axis for axis in range(values.ndim) if axis not in kept)
            effect = effect + (-1) ** (len(axes) - size) * values.mean(axis=averaged, keepdims=True)
    return float((effect**2).sum() * (values.size / effect.size))


def _checked(values: np.ndarray) -> np.ndarray:
    if values.ndim < 2 or len(values) < 2 or values[0].size < 2 or not np.isfinite(values).all():
        raise UserError(f"expected numbers of two or more seeds in two or more arms, got shape {values.shape}")
    return values
