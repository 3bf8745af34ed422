"""How hard a problem is, predicted from its features: ridge logistic regression of a share on facts.

Dimension letters: `n` problems, `d` features.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from scipy.special import expit, logit

from alchemy.errors import UserError

LEVELS = 12
"""A number with so many values or fewer also gets an indicator for each."""


class _Column(NamedTuple):
    """How one fact becomes features: a scaled number, indicators of its known values, or both."""

    centre: np.ndarray | None
    scale: np.ndarray | None
    levels: np.ndarray

    @classmethod
    def of(cls, fact: np.ndarray) -> _Column:
        levels = np.unique(fact, axis=0) if fact.ndim == 1 else np.empty(0)
        if not np.issubdtype(fact.dtype, np.number) and fact.dtype != bool:
            return cls(None, None, levels)
        spread = fact.astype(float).std(axis=0)
        return cls(
            fact.mean(axis=0), np.where(spread > 0, spread, 1.0), levels if len(levels) <= LEVELS else levels[:0]
        )

    def numbers(self, fact: np.ndarray) -> list[np.ndarray]:
        if self.centre is None:
            return []
        return list(np.atleast_2d(((fact - self.centre) / self.scale).T))

    def indicators(self, fact: np.ndarray) -> list[np.ndarray]:
        return [(fact == level).astype(float) for level in self.levels]


class Regression(NamedTuple):
    """A fitted regression; values it was not fitted on, as after a shift, are extrapolated by the quadratic part."""

    columns: Mapping[str, _Column]
    weight: np.ndarray  # float (d,)

    @classmethod
    def fit(cls, facts: Mapping[str, np.ndarray], share: np.ndarray, ridge: float = 1.0) -> Regression:
        """The regression that fits shares in [0, 1], float (n,), best; facts (n,), or (n, d) for vectors such as a probe's."""
        if not facts:
            raise UserError("no facts to guess from; expected at least one")
        columns = {name: _Column.of(np.asarray(fact)) for name, fact in facts.items()}
        x = _features(columns, facts)
        penalty = ridge * np.eye(x.shape[1])
        penalty[0, 0] = 1e-6  # the constant is free
        weight = np.zeros(x.shape[1])
        weight[0] = logit(np.clip(share.mean(), 1e-3, 1 - 1e-3))
        for _ in range(25):  # Newton's steps
            p = expit(x @ weight)
            slope = x.T @ (share - p) - penalty @ weight
            step = np.linalg.solve((x * (p * (1 - p))[:, None]).T @ x + penalty, slope)
            weight = weight + step * min(1.0, 4.0 / max(np.abs(step).max(), 1e-12))
            if np.abs(step).max() < 1e-4:
                break
        return cls(columns, weight)

    def guess(self, facts: Mapping[str, np.ndarray]) -> np.ndarray:
        """The share expected of problems with these facts, float (n,)."""
        if set(facts) != set(self.columns):
            raise UserError(f"facts {sorted(facts)} differ from those fitted, {sorted(self.columns)}")
        return expit(_features(self.columns, facts) @ self.weight)


def _features(columns: Mapping[str, _Column], facts: Mapping[str, np.ndarray]) -> np.ndarray:
    """One, scaled numbers, products of two single facts, and indicators: float (n, d)."""
    facts = {name: np.asarray(facts[name]) for name in columns}
    single: list[np.ndarray] = []
    vectors: list[np.ndarray] = []
    indicators: list[np.ndarray] = []
    for name, column in columns.items():
        (single if facts[name].ndim == 1 else vectors).extend(column.numbers(facts[name]))
        indicators += column.indicators(facts[name])
    products = [left * right for i, left in enumerate(single) for right in single[i:]]
    ones = np.ones(len(next(iter(facts.values()))))
    return np.stack([ones, *single, *vectors, *products, *indicators], axis=1)
