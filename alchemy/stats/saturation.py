"""How far more of the same goes: the plateau of a saturating power law through accuracies at growing budgets.

Dimension letters: `r` curves, `m` budgets.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from alchemy.errors import UserError

RATES = np.geomspace(0.05, 4.0, 100)
"""Exponents that are tried: slower than the first, no pool tells a plateau from none."""


class Saturation(NamedTuple):
    """accuracy = plateau - drop (budget / first budget)^-rate, each float (r,)."""

    plateau: np.ndarray
    drop: np.ndarray
    rate: np.ndarray

    def at(self, growth: np.ndarray) -> np.ndarray:
        """Accuracies (r, m) at budgets (m,) in units of the first."""
        return self.plateau[:, None] - self.drop[:, None] * np.asarray(growth, float) ** -self.rate[:, None]


def saturation(budget: np.ndarray, curves: np.ndarray) -> Saturation:
    """The least squares fit to each of the curves (r, m), with the plateau within [0, 1] and no negative drop.

    Given the rate the law is linear in the rest, so that the bounded fit is exact; the rate is the best of `RATES`. What
    shows no sign of bending gets a plateau of 1: the data do not exclude it.
    """
    budget, curves = np.asarray(budget, float), np.atleast_2d(np.asarray(curves, float))
    if len(budget) < 3 or not (budget > 0).all() or not (np.diff(budget) > 0).all():
        raise UserError(f"expected three or more positive, increasing budgets, got {budget.tolist()}")
    if curves.shape[1] != len(budget):
        raise UserError(f"expected accuracies at {len(budget)} budgets, got shape {curves.shape}")
    z = (budget / budget[0]) ** -RATES[:, None]  # (rates, m)
    centred = z - z.mean(axis=1, keepdims=True)
    mean = curves.mean(axis=1)
    drop = -(curves @ centred.T / (centred**2).sum(axis=1)).T  # (rates, r)
    plateau = mean + drop * z.mean(axis=1)[:, None]
    above, rising = plateau > 1, drop < 0
    drop = np.where(above, ((1 - curves) @ z.T / (z**2).sum(axis=1)).T, drop)
    drop, plateau = np.where(rising, 0.0, drop), np.where(rising, mean, np.minimum(plateau, 1.0))
    missed = curves - (plateau[..., None] - drop[..., None] * z[:, None])  # (rates, r, m)
    best, row = (missed**2).sum(axis=2).argmin(axis=0), np.arange(len(curves))
    return Saturation(plateau[best, row], drop[best, row], RATES[best])
