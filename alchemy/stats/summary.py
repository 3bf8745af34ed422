"""Numbers a seed from curves a seed.

Dimension letters: `s` seeds, `m` values of a dial.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from alchemy.errors import UserError


def crossing(x: np.ndarray, curve: np.ndarray, level: float, *, falling: bool | None = None) -> np.ndarray:
    """Where along the dial x (m,) each seed's curve (s, m) first reaches `level`, interpolated in log x: float (s,).

    A curve that never gets there counts as inf, one that is already there at x[0] as 0: for all the dial shows, it
    crossed before. One with a missing value (nan) has no crossing (nan). `falling` says from which side the level is
    reached; by default the ends of the median curve tell.
    """
    x, curve = np.asarray(x, float), np.asarray(curve, float)
    if x.ndim != 1 or len(x) < 2 or not (x > 0).all() or not (np.diff(x) > 0).all():
        raise UserError(f"expected a dial of two or more positive, increasing values, got {x.tolist()}")
    if curve.ndim != 2 or curve.shape[1] != len(x):
        raise UserError(f"expected curves (s, {len(x)}), a value for each of the dial, got shape {curve.shape}")
    if falling is None:
        falling = bool(np.nanmedian(curve[:, 0]) > np.nanmedian(curve[:, -1]))
    gap = level - curve if falling else curve - level
    there = gap >= 0
    right = np.maximum(there.argmax(axis=1), 1)
    row = np.arange(len(curve))
    before, after = gap[row, right - 1], gap[row, right]
    part = (before / np.where(before == after, 1.0, before - after)).clip(0, 1)  # unused where it never gets there
    place = np.exp(np.log(x[right - 1]) + part * (np.log(x[right]) - np.log(x[right - 1])))
    reached = np.where(there[:, 0], 0.0, np.where(there.any(axis=1), place, np.inf))
    return np.where(np.isnan(curve).any(axis=1), np.nan, reached)


def largest_deviation(values: np.ndarray, law: Sequence[float]) -> np.ndarray:
    """Each seed's largest deviation of k measured values (k, s) from what a law says of each (k,): float (s,).

    A maximum over noisy values is positive even where the law is true, so its bound must leave room for that.
    """
    measured, predicted = np.asarray(values, float), np.asarray(law, float)
    if measured.ndim != 2 or predicted.shape != measured.shape[:1]:
        raise UserError(f"expected values (k, s) and a law (k,), got shapes {measured.shape} and {predicted.shape}")
    deviation: np.ndarray = np.abs(measured - predicted[:, None]).max(axis=0)
    return deviation
